/**
 * A cursor over a sorted array of entries, as strict as the contract allows: the bytes it lent are
 * overwritten at its next move, a move in a state that the contract forbids throws, and the array
 * may grow while the cursor stands, as a memtable does.
 * @module
 */
import { compareKeys, sharedPrefixLength } from '../../src/bytes/compare.ts';
import { VarveError } from '../../src/errors.ts';
import type { Cursor, MergeInput } from '../../src/key/cursor.ts';
import { NO_ENTRY_CHECKSUM } from '../../src/key/entry-checksum.ts';

export interface Entry {
  key: Uint8Array;
  seqno: number;
  kind: number;
  value: Uint8Array;
  /** Stored with the entry; none if absent. */
  checksum?: number;
}

/** Internal order. */
export function compareEntry(a: Entry, b: Entry): number {
  return compareKeys(a.key, b.key) || b.seqno - a.seqno;
}

/** Where an entry stands, or would stand, in sorted entries. */
export function placeOf(entries: Entry[], entry: Entry): number {
  let place = 0;
  while (place < entries.length && compareEntry(entries[place]!, entry) < 0) place++;
  return place;
}

const SCRIBBLE = 0xcc;
const NOTHING = new Uint8Array(0);

export class ArrayCursor implements Cursor, MergeInput {
  valid = false;
  keyBuf: Uint8Array = NOTHING;
  keyOff = 0;
  keyLen = 0;
  seqno = 0;
  kind = 0;
  valBuf: Uint8Array = NOTHING;
  valOff = 0;
  valLen = 0;
  knownShared = 0;
  closed = 0;
  /** Moves that the cursor still makes before it throws CORRUPTION, once. */
  movesLeft = Number.POSITIVE_INFINITY;
  moves = 0;
  readonly #entries: Entry[];
  readonly #keepsValues: boolean;
  #isKept = false;
  #current: Entry | undefined;

  /** @param entries sorted, shared with the test, which may insert into it */
  constructor(entries: Entry[], keepsValues = false) {
    this.#entries = entries;
    this.#keepsValues = keepsValues;
  }

  first(): boolean {
    return this.#stand(0);
  }

  last(): boolean {
    return this.#stand(this.#entries.length - 1);
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const key = buf.slice(off, off + len);
    return this.#stand(placeOf(this.#entries, { key, seqno, kind: 0, value: NOTHING }));
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const target = { key: buf.slice(off, off + len), seqno, kind: 0, value: NOTHING };
    const place = placeOf(this.#entries, target);
    const found = this.#entries[place];
    return this.#stand(
      found !== undefined && compareEntry(found, target) === 0 ? place : place - 1,
    );
  }

  /** It knows all, some or nothing of what two keys share, by turns. */
  next(): boolean {
    const place = this.#place() + 1;
    const [before, key] = [this.#entries[place - 1]!.key, this.#entries[place]?.key];
    const shared = sharedPrefixLength(before, 0, before.length, key ?? before, 0, key?.length ?? 0);
    this.knownShared = Math.floor((shared * (place % 3)) / 2);
    return this.#stand(place);
  }

  prev(): boolean {
    return this.#stand(this.#place() - 1);
  }

  keepValue(): boolean {
    if (!this.valid) throw new Error('asked while invalid');
    this.#isKept = this.#keepsValues;
    return this.#isKept;
  }

  entryChecksum(): number {
    if (!this.valid) throw new Error('asked while invalid');
    return this.#current?.checksum ?? NO_ENTRY_CHECKSUM;
  }

  close(): void {
    this.closed++;
    this.valid = false;
  }

  #place(): number {
    if (!this.valid || this.#current === undefined) throw new Error('moved while invalid');
    return placeOf(this.#entries, this.#current);
  }

  #stand(place: number): boolean {
    if (this.closed > 0) throw new Error('used after close');
    this.moves++;
    this.keyBuf.fill(SCRIBBLE);
    if (this.#isKept) this.valBuf = new Uint8Array(0);
    else this.valBuf.fill(SCRIBBLE);
    this.#isKept = false;
    this.valid = false;
    if (this.movesLeft-- === 0) throw new VarveError('CORRUPTION', 'planned');
    const entry = this.#entries[place];
    this.#current = entry;
    if (entry === undefined) return false;
    this.keyOff = (place % 3) + 1;
    this.keyLen = entry.key.length;
    this.keyBuf = new Uint8Array(this.keyOff + this.keyLen + 1);
    this.keyBuf.set(entry.key, this.keyOff);
    this.valOff = place % 5;
    this.valLen = entry.value.length;
    this.valBuf = new Uint8Array(this.valOff + this.valLen + 1);
    this.valBuf.set(entry.value, this.valOff);
    this.seqno = entry.seqno;
    this.kind = entry.kind;
    this.valid = true;
    return true;
  }
}

/** The key of a cursor, as text with one character a byte. */
export function shownKey(cursor: { keyBuf: Uint8Array; keyOff: number; keyLen: number }): string {
  return text(cursor.keyBuf.subarray(cursor.keyOff, cursor.keyOff + cursor.keyLen));
}

/** The value of a cursor, as text with one character a byte. */
export function shownValue(cursor: { valBuf: Uint8Array; valOff: number; valLen: number }): string {
  return text(cursor.valBuf.subarray(cursor.valOff, cursor.valOff + cursor.valLen));
}

export function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

export function bytesOf(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}
