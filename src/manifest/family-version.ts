/**
 * The tables of one column family at one moment, and how to find among them.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** Names the column family that exists in every database and cannot be dropped. */
export const DEFAULT_FAMILY_NAME = 'default';
export const DEFAULT_FAMILY_ID = 0;

/** Levels of every family: L0 to L6. */
export const LEVEL_COUNT = 7;

/** Immutable; versions share the unchanged ones. */
export class FamilyVersion {
  readonly id: number;
  readonly name: string;
  /** All writes to the family in logs below this number are in its tables. */
  readonly logNumber: number;
  /**
   * `LEVEL_COUNT` lists. L0: newest first, by largest seqno, then by file number; key ranges may
   * overlap. Deeper levels: ascending by smallest key, key ranges disjoint.
   */
  readonly levels: readonly (readonly TableMeta[])[];

  constructor(
    id: number,
    name: string,
    logNumber: number,
    levels: readonly (readonly TableMeta[])[],
  ) {
    this.id = id;
    this.name = name;
    this.logNumber = logNumber;
    this.levels = levels;
  }

  /** A family without tables. */
  static empty(id: number, name: string): FamilyVersion {
    return new FamilyVersion(id, name, 0, EMPTY_LEVELS);
  }
}

const EMPTY_LEVELS: readonly (readonly TableMeta[])[] = Array.from(
  { length: LEVEL_COUNT },
  () => [],
);

/**
 * Index of the first table whose largest key is not below the given one, in a sorted, disjoint
 * level: the only one that can hold the key. `tables.length` when the key lies behind all of them.
 * Borrows the buffer.
 */
export function lowerBound(
  tables: readonly { readonly largestKey: Uint8Array }[],
  keyBuf: Uint8Array,
  keyOff: number,
  keyLen: number,
): number {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { largestKey } = tables[middle]!;
    if (compareBytes(largestKey, 0, largestKey.length, keyBuf, keyOff, keyLen) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
