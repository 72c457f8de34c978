/**
 * Questions about the key ranges of tables, asked with ascending keys: each answer continues where
 * the last one stopped.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** A forward sweep over sorted, disjoint levels. */
export class KeyRangeSweep {
  readonly #levels: readonly (readonly TableMeta[])[];
  /** Per level, the first table that does not lie wholly before the last key asked about. */
  readonly #next: number[];
  /** Tables that end before the last key asked about, and their bytes. */
  passedTables: number;
  passedBytes: number;

  /** @param levels each sorted by key and disjoint; L0 is not allowed here */
  constructor(levels: readonly (readonly TableMeta[])[]) {
    this.#levels = levels;
    this.#next = levels.map(() => 0);
    this.passedTables = 0;
    this.passedBytes = 0;
  }

  /** True when a table's range covers the key; keys come in ascending order. Borrows `buf`. */
  mayHold(buf: Uint8Array, off: number, len: number): boolean {
    this.advance(buf, off, len);
    for (let level = 0; level < this.#levels.length; level++) {
      const table = this.#levels[level]![this.#next[level]!];
      if (table === undefined) continue;
      const smallest = table.smallestKey;
      if (compareBytes(smallest, 0, smallest.length, buf, off, len) <= 0) return true;
    }
    return false;
  }

  /**
   * Moves past the tables that end before the key; borrows `buf`.
   * @returns true if there were any
   */
  advance(buf: Uint8Array, off: number, len: number): boolean {
    const passedBefore = this.passedTables;
    for (let level = 0; level < this.#levels.length; level++) {
      const tables = this.#levels[level]!;
      let at = this.#next[level]!;
      while (at < tables.length) {
        const largest = tables[at]!.largestKey;
        if (compareBytes(largest, 0, largest.length, buf, off, len) >= 0) break;
        this.passedBytes += tables[at]!.sizeBytes;
        this.passedTables++;
        at++;
      }
      this.#next[level] = at;
    }
    return this.passedTables > passedBefore;
  }
}
