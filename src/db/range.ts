/**
 * The ranges that users ask for, as bounds.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { KeyRange } from '../iterator/user-cursor.ts';
import type { TableCursorOptions } from '../sstable/table-cursor.ts';
import type { ColumnFamily } from './column-family.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { type Bytes, keyInput } from './input.ts';
import type { Snapshot } from './snapshot.ts';

/** Which keys, seen as of when. At most one lower and one upper bound count besides the prefix. */
export interface RangeOptions {
  /** Keys at or after this one. */
  readonly gte?: Bytes;
  /** Keys after this one. */
  readonly gt?: Bytes;
  /** Keys at or before this one. */
  readonly lte?: Bytes;
  /** Keys before this one. */
  readonly lt?: Bytes;
  /** Only keys that begin with these bytes. */
  readonly prefix?: Bytes;
  /** Read as of this snapshot; as of the call if absent. */
  readonly snapshot?: Snapshot;
  /** The family to read, or its name; the default one if absent. */
  readonly columnFamily?: ColumnFamily | string;
  /** Keep the blocks that are read in the cache; true if absent. */
  readonly fillCache?: boolean;
  /**
   * Bytes of a table to read at once, where `fillCache` is false: 0 to 16 MiB; 0, a block at a
   * time, if absent. A long scan is faster with some 256 KiB, for each table that it stands on.
   */
  readonly readAheadBytes?: number;
  /**
   * What becomes of keys that cannot be read for damage. `throw`, if absent: the move that would
   * come to them throws `CORRUPTION`. `skip`: they are left out, unless something newer than the
   * damaged table holds them, and `lostRanges` tells which. No older version is ever shown instead.
   */
  readonly onDamage?: 'throw' | 'skip';
}

const READ_AHEAD_BYTES_MAX = 0x100_0000;

/**
 * How the tables of a range are read.
 * @throws TypeError, RangeError for a `readAheadBytes` that cannot be
 */
export function tableCursorOptions({
  fillCache,
  readAheadBytes,
}: RangeOptions): TableCursorOptions {
  if (readAheadBytes !== undefined) {
    if (typeof readAheadBytes !== 'number') throw new TypeError('readAheadBytes must be a number');
    const isInRange = readAheadBytes >= 0 && readAheadBytes <= READ_AHEAD_BYTES_MAX;
    if (!Number.isInteger(readAheadBytes) || !isInRange) {
      throw new RangeError(`readAheadBytes must be an integer of 0 to ${READ_AHEAD_BYTES_MAX}`);
    }
  }
  return { fillCache: fillCache !== false, readAheadBytes };
}

/**
 * The bounds of a range; fresh copies of the user's bytes. Of two bounds on one side the tighter
 * one counts.
 * @throws TypeError, RangeError for bounds that are no keys
 */
export function keyRangeOf(options: RangeOptions): KeyRange {
  const range = new RangeBuilder();
  if (options.prefix !== undefined) range.prefix(keyBytes(options.prefix));
  if (options.gte !== undefined) range.lower(keyBytes(options.gte), false);
  if (options.gt !== undefined) range.lower(keyBytes(options.gt), true);
  if (options.lte !== undefined) range.upper(keyBytes(options.lte), false);
  if (options.lt !== undefined) range.upper(keyBytes(options.lt), true);
  return range.finish();
}

/** A fresh copy of a key that a user passed. */
export function keyBytes(key: Bytes): Uint8Array {
  const input = keyInput();
  input.set(key);
  // Not slice: that of a Buffer is a view.
  return new Uint8Array(input.buf.subarray(0, input.len));
}

/** The first key behind all keys with the prefix; undefined when there is none. Fresh. */
function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = prefix.slice(0, length);
  end[length - 1]!++;
  return end;
}

class RangeBuilder {
  #lower: Uint8Array | undefined;
  #lowerExclusive: boolean;
  #upper: Uint8Array | undefined;
  #upperExclusive: boolean;

  constructor() {
    this.#lower = undefined;
    this.#lowerExclusive = false;
    this.#upper = undefined;
    this.#upperExclusive = false;
  }

  lower(key: Uint8Array, exclusive: boolean): void {
    const order = this.#lower === undefined ? 1 : compareKeys(key, this.#lower);
    if (order > 0 || (order === 0 && exclusive)) {
      this.#lower = key;
      this.#lowerExclusive = exclusive;
    }
  }

  upper(key: Uint8Array, exclusive: boolean): void {
    const order = this.#upper === undefined ? -1 : compareKeys(key, this.#upper);
    if (order < 0 || (order === 0 && exclusive)) {
      this.#upper = key;
      this.#upperExclusive = exclusive;
    }
  }

  prefix(prefix: Uint8Array): void {
    this.lower(prefix, false);
    const end = prefixEnd(prefix);
    if (end !== undefined) this.upper(end, true);
  }

  finish(): KeyRange {
    return {
      lower: this.#lower,
      lowerExclusive: this.#lowerExclusive,
      upper: this.#upper,
      upperExclusive: this.#upperExclusive,
    };
  }
}

/** About how many table bytes a range of a family takes. */
export function approximateSize(core: DbCore, family: Family, range: KeyRange): number {
  const { lower, upper } = range;
  let total = 0;
  for (const slot of family.view.levels.flat()) {
    const { smallestKey, largestKey, sizeBytes } = slot.meta;
    if (lower !== undefined && compareKeys(largestKey, lower) < 0) continue;
    if (upper !== undefined && compareKeys(smallestKey, upper) > 0) continue;
    const isFromStart = lower === undefined || compareKeys(lower, smallestKey) <= 0;
    const isToEnd = upper === undefined || compareKeys(upper, largestKey) > 0;
    const table = isFromStart && isToEnd ? undefined : core.tables.open(slot);
    const begin = isFromStart ? 0 : table!.approximateOffset(lower, 0, lower.length);
    const end = isToEnd ? sizeBytes : table!.approximateOffset(upper, 0, upper.length);
    total += Math.max(0, end - begin);
  }
  return total;
}
