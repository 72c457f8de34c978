/**
 * Where the tables that a merge writes end: at their target size, or where the level below them
 * suggests it, because a table is brought down together with all that it overlaps there.
 * @module
 */
import { GRANDPARENT_TABLES_MAX } from '../compaction/level-limits.ts';
import type { KeyRangeSweep } from './key-range-sweep.ts';

/**
 * It ends before a gap between two keys that passes so many tables of the level below, all but the
 * first of which lie in it wholly, if they are as large as one output: who brings the table down
 * has no business with them. A queue has such a gap between what it takes out and what it puts in.
 */
const GAP_TABLES_MIN = 2;
/** But not below this share of the target size, lest outputs be crumbs. */
const GAP_OUTPUT_SHARE_MIN = 1 / 64;

/** See the module head; for one merge. */
export class OutputBounds {
  private readonly grandparents: KeyRangeSweep | undefined;
  private readonly targetTableBytes: number;
  /** What the sweep had passed before the current table, and before the last key. */
  private passedAtBegin: number;
  private passedBytes: number;
  private passedTables: number;

  /** @param grandparents over the level below the output, if that is to be looked at */
  constructor(grandparents: KeyRangeSweep | undefined, targetTableBytes: number) {
    this.grandparents = grandparents;
    this.targetTableBytes = targetTableBytes;
    this.passedAtBegin = 0;
    this.passedBytes = 0;
    this.passedTables = 0;
  }

  /**
   * Whether the table that is being written ends before a key. Keys ascend; borrows `buf`.
   * @param sizeBytes of that table; 0 if the key begins a table in any case
   */
  endsBefore(buf: Uint8Array, off: number, len: number, sizeBytes: number): boolean {
    const { grandparents } = this;
    const hasPassed = grandparents?.advance(buf, off, len) === true;
    const ends =
      sizeBytes >= this.targetTableBytes || (hasPassed && this.endsAt(grandparents!, sizeBytes));
    if (hasPassed) {
      this.passedBytes = grandparents!.passedBytes;
      this.passedTables = grandparents!.passedTables;
    }
    if (ends || sizeBytes === 0) this.passedAtBegin = this.passedBytes;
    return ends && sizeBytes > 0;
  }

  private endsAt({ passedBytes, passedTables }: KeyRangeSweep, sizeBytes: number): boolean {
    const { targetTableBytes } = this;
    const metBytes = passedBytes - this.passedAtBegin;
    if (metBytes > GRANDPARENT_TABLES_MAX * targetTableBytes) return true;
    if (sizeBytes < GAP_OUTPUT_SHARE_MIN * targetTableBytes) return false;
    const gapTables = passedTables - this.passedTables;
    return gapTables >= GAP_TABLES_MIN && passedBytes - this.passedBytes >= targetTableBytes;
  }
}
