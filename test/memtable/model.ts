/**
 * A plain sorted list of entries, as slow and as obvious as can be, to compare a memtable with.
 * @module
 */
import assert from 'node:assert/strict';
import { hash32 } from '../../src/bytes/hash32.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Memtable } from '../../src/memtable/memtable.ts';

export interface Entry {
  readonly key: Uint8Array;
  readonly seqno: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

/** Internal order: user key ascending bytewise, then seqno descending. */
export function compareEntries(a: Entry, b: Entry): number {
  return Buffer.compare(a.key, b.key) || b.seqno - a.seqno;
}

export class Model {
  /** In internal order. */
  readonly entries: Entry[];

  constructor() {
    this.entries = [];
  }

  put(entry: Entry): void {
    this.entries.splice(this.indexFrom(entry), 0, entry);
  }

  /** Index of the first entry at or after the given place in internal order. */
  indexFrom(place: Pick<Entry, 'key' | 'seqno'>): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareEntries(this.entries[middle]!, place as Entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The newest version of a key up to a seqno. */
  get(key: Uint8Array, seqno: number): Entry | undefined {
    const entry = this.entries[this.indexFrom({ key, seqno })];
    return entry !== undefined && Buffer.compare(entry.key, key) === 0 ? entry : undefined;
  }
}

/** Puts an entry whose key and value lie inside larger buffers. */
export function putEntry(table: Memtable, entry: Entry): void {
  const { key, value } = entry;
  const buf = new Uint8Array(key.length + value.length + 5).fill(0xee);
  buf.set(key, 2);
  buf.set(value, key.length + 3);
  const hash = hash32(key, 0, key.length);
  const valOff = key.length + 3;
  table.put(buf, 2, key.length, hash, entry.seqno, entry.kind, buf, valOff, value.length);
  // The table must have copied both.
  buf.fill(0xdd);
}

export function getEntry(table: Memtable, key: Uint8Array, seqno: number): Entry | undefined {
  const out = new Lookup();
  if (!table.get(key, 0, key.length, hash32(key, 0, key.length), seqno, out)) return undefined;
  const value = out.valBuf.slice(out.valOff, out.valOff + out.valLen);
  return { key, seqno: out.seqno, kind: out.kind, value };
}

/** The entry on which a cursor stands, copied. */
export function entryAt(cursor: Cursor): Entry {
  assert.equal(cursor.valid, true);
  return {
    key: cursor.keyBuf.slice(cursor.keyOff, cursor.keyOff + cursor.keyLen),
    seqno: cursor.seqno,
    kind: cursor.kind,
    value: cursor.valBuf.slice(cursor.valOff, cursor.valOff + cursor.valLen),
  };
}

/** Asserts that two entries are the same, or both absent. */
export function assertSameEntry(actual: Entry | undefined, expected: Entry | undefined): void {
  assert.deepEqual(plain(actual), plain(expected));
}

/** Asserts that a cursor stands on the expected entry, or on none if that is undefined. */
export function assertStandsOn(cursor: Cursor, moved: boolean, expected: Entry | undefined): void {
  assert.equal(moved, cursor.valid);
  assert.equal(moved, expected !== undefined);
  if (moved) assertSameEntry(entryAt(cursor), expected);
}

/** Asserts that a fresh cursor yields all entries of the model in both directions. */
export function assertSameContents(table: Memtable, model: Model): void {
  const cursor = table.cursor();
  let index = 0;
  for (let valid = cursor.first(); valid; valid = cursor.next()) {
    assertSameEntry(entryAt(cursor), model.entries[index++]);
  }
  assert.equal(index, model.entries.length);
  for (let valid = cursor.last(); valid; valid = cursor.prev()) {
    assertSameEntry(entryAt(cursor), model.entries[--index]);
  }
  assert.equal(index, 0);
  assert.equal(cursor.valid, false);
  cursor.close();
}

function plain(entry: Entry | undefined): unknown {
  if (entry === undefined) return undefined;
  const { key, seqno, kind, value } = entry;
  const shown = value.length > 64 ? hash32(value, 0, value.length) : hex(value);
  return { key: hex(key), seqno, kind, length: value.length, value: shown };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
