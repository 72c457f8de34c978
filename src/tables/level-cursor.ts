/**
 * A cursor over one sorted, disjoint level. It opens tables as it reaches them and holds one at a
 * time.
 * @module
 */
import type { Cursor } from '../key/cursor.ts';
import { lowerBound } from '../manifest/family-version.ts';

import type { Table } from '../sstable/table.ts';
import type { TableCursor, TableCursorOptions } from '../sstable/table-cursor.ts';
import type { LostPart } from './lost-parts.ts';
import { lostKeysOf, type TableCache, type TableSlot } from './table-cache.ts';

/** See the module head. */
export class LevelCursor implements Cursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  readonly #slots: readonly TableSlot[];
  readonly #tables: TableCache;
  readonly #options: TableCursorOptions;
  #index: number;
  #slot: TableSlot | undefined;
  #cursor: TableCursor | undefined;

  /** @param slots sorted by key and disjoint; borrowed, must not change */
  constructor(slots: readonly TableSlot[], tables: TableCache, options: TableCursorOptions) {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = 0;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
    this.#slots = slots;
    this.#tables = tables;
    this.#options = options;
    this.#index = -1;
    this.#slot = undefined;
    this.#cursor = undefined;
  }

  first(): boolean {
    return this.#enter(0) ? this.#settleForward(this.#cursor!.first()) : this.#leave();
  }

  last(): boolean {
    const lastIndex = this.#slots.length - 1;
    return this.#enter(lastIndex) ? this.#settleBackward(this.#cursor!.last()) : this.#leave();
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const index = lowerBound(this.#slots, buf, off, len);
    if (!this.#enter(index)) return this.#leave();
    return this.#settleForward(this.#cursor!.seek(buf, off, len, seqno));
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const found = lowerBound(this.#slots, buf, off, len);
    const index = Math.min(found, this.#slots.length - 1);
    if (!this.#enter(index)) return this.#leave();
    return this.#settleBackward(this.#cursor!.seekForPrev(buf, off, len, seqno));
  }

  next(): boolean {
    // Cleared first, so that a table that throws leaves this cursor invalid.
    this.valid = false;
    return this.#settleForward(this.#cursor!.next());
  }

  prev(): boolean {
    this.valid = false;
    return this.#settleBackward(this.#cursor!.prev());
  }

  keepValue(): boolean {
    return this.#cursor!.keepValue();
  }

  entryChecksum(): number {
    return this.#cursor!.entryChecksum();
  }

  close(): void {
    this.valid = false;
    this.#release();
  }

  /** After a move that threw: what cannot be read. */
  lostPart(): Omit<LostPart, 'rank' | 'error'> {
    const slot = this.#slots[this.#index]!;
    const { table } = slot;
    if (this.#slot !== slot || table === undefined) {
      return { slot, ordinal: undefined, continuedSeqno: 0, ...lostKeysOf(slot.meta) };
    }
    return partOf(slot, table, this.#cursor!.lostOrdinal);
  }

  /**
   * Reads the blocks that hold newer versions of the current key, for who meets the older ones
   * first.
   * @param onLost told of each that cannot be read
   */
  probeNewer(onLost: (part: Omit<LostPart, 'rank' | 'error'>, error: unknown) => void): void {
    const slot = this.#slot!;
    const table = slot.table!;
    for (const ordinal of this.#cursor!.blocksWithNewer()) {
      try {
        table.blocks.at(ordinal);
      } catch (error) {
        onLost(partOf(slot, table, ordinal), error);
      }
    }
  }

  /** After a move that threw: to the first entry behind that, or the last one before it. */
  pass(backwards: boolean): boolean {
    const isOpen = this.#slot === this.#slots[this.#index];
    const found = isOpen && this.#cursor!.pass(backwards);
    return backwards ? this.#settleBackward(found) : this.#settleForward(found);
  }

  #settleForward(isValid: boolean): boolean {
    let found = isValid;
    while (!found) {
      if (!this.#enter(this.#index + 1)) return this.#leave();
      found = this.#cursor!.first();
    }
    return this.#show();
  }

  #settleBackward(isValid: boolean): boolean {
    let found = isValid;
    while (!found) {
      if (!this.#enter(this.#index - 1)) return this.#leave();
      found = this.#cursor!.last();
    }
    return this.#show();
  }

  /** Makes the table at `index` current; false when there is none. */
  #enter(index: number): boolean {
    this.valid = false;
    const slot = this.#slots[index];
    if (slot === undefined) return false;
    this.#index = index;
    if (this.#slot !== slot) {
      this.#release();
      this.#cursor = this.#tables.open(slot).cursor(this.#options);
      slot.pins++;
      this.#slot = slot;
    }
    return true;
  }

  #leave(): boolean {
    this.valid = false;
    return false;
  }

  #release(): void {
    if (this.#slot === undefined) return;
    this.#cursor!.close();
    this.#slot.pins--;
    this.#slot = undefined;
    this.#cursor = undefined;
  }

  #show(): boolean {
    const cursor = this.#cursor!;
    this.keyBuf = cursor.keyBuf;
    this.keyOff = cursor.keyOff;
    this.keyLen = cursor.keyLen;
    this.seqno = cursor.seqno;
    this.kind = cursor.kind;
    this.valBuf = cursor.valBuf;
    this.valOff = cursor.valOff;
    this.valLen = cursor.valLen;
    this.valid = true;
    return true;
  }
}

function partOf(slot: TableSlot, table: Table, ordinal: number): Omit<LostPart, 'rank' | 'error'> {
  const continuedSeqno = table.continuedSeqno(ordinal);
  return { slot, ordinal, continuedSeqno, ...table.lostKeys(ordinal) };
}

const NO_BYTES = new Uint8Array(0);
