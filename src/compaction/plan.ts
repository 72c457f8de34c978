/**
 * What a compaction policy returns, and questions about tables that policies share.
 *
 * L0 holds whole flushes, newest first, and its tables may overlap. L1 and below are sorted and
 * disjoint. Of two versions of a key the newer one stands in a higher level, or in the same table,
 * or in a newer table of L0: whatever a plan does, this must hold after it.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import { lowerBound } from '../manifest/family-version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** Tables by level; L0 newest first, deeper levels by smallest key. */
export type Levels = readonly (readonly TableMeta[])[];

/** The tables of one level that take part. */
export interface LevelInputs {
  readonly level: number;
  readonly tables: readonly TableMeta[];
}

/**
 * Why there is a plan:
 *
 * - `l0-count`, `l0-size` L0 has too many tables, or too many bytes
 * - `level-size` a deeper level is over its limit
 * - `run-count`, `space-amplification` there are too many sorted runs, or too much above the last
 * - `small-tables` young tables of a FIFO family become one
 * - `fifo-size`, `fifo-age` a FIFO family is too large, or its tables are too old
 * - `heal`, `outdated`, `tombstones`, `seeks`, `periodic` a table asks for it: see `upkeep.ts`
 * - `manual` the user asks for it
 */
export type CompactionReason =
  | 'l0-count'
  | 'l0-size'
  | 'level-size'
  | 'run-count'
  | 'space-amplification'
  | 'small-tables'
  | 'fifo-size'
  | 'fifo-age'
  | 'heal'
  | 'outdated'
  | 'tombstones'
  | 'seeks'
  | 'periodic'
  | 'manual';

/**
 * What is done with the inputs:
 *
 * - `merge` they are read and merged into new tables of the output level. What goes to L0 becomes
 *   one table and keeps its tombstones and seqnos, for older tables of L0 may lie below.
 * - `move` they change their level and nothing else
 * - `drop` they go away with all they hold
 */
export type CompactionKind = 'merge' | 'move' | 'drop';

/** A table that cannot be read, and its level; see `around.ts`. */
export interface Obstacle {
  readonly level: number;
  readonly table: TableMeta;
}

/** One compaction; plain data. */
export interface CompactionPlan {
  readonly kind: CompactionKind;
  /** From the topmost level down; of a merge, the last one may be the output level itself. */
  readonly inputs: readonly LevelInputs[];
  /** Of a drop: the level of the last inputs. */
  readonly outputLevel: number;
  readonly reason: CompactionReason;
  /** Of a merge: tables between its levels that it has to step around; absent: none. */
  readonly around?: readonly Obstacle[];
}

/** Smallest and largest user key of some tables, both inclusive. */
export interface KeyRange {
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** Bytes of all tables together. */
export function totalBytes(tables: readonly TableMeta[]): number {
  let sum = 0;
  for (const table of tables) sum += table.sizeBytes;
  return sum;
}

/** Bytes that a plan reads, moves or drops. */
export function planBytes(plan: CompactionPlan): number {
  let sum = 0;
  for (const input of plan.inputs) sum += totalBytes(input.tables);
  return sum;
}

/** All tables of a plan, from the topmost level down; fresh. */
export function planTables(plan: CompactionPlan): TableMeta[] {
  return plan.inputs.flatMap((input) => input.tables);
}

/** The range of one table. */
export function rangeOf({ smallestKey, largestKey }: TableMeta): KeyRange {
  return { smallest: smallestKey, largest: largestKey };
}

/** The range of at least one table. */
export function keyRange(tables: readonly TableMeta[]): KeyRange {
  let smallest = tables[0]!.smallestKey;
  let largest = tables[0]!.largestKey;
  for (const table of tables) {
    if (compareKeys(table.smallestKey, smallest) < 0) smallest = table.smallestKey;
    if (compareKeys(table.largestKey, largest) > 0) largest = table.largestKey;
  }
  return { smallest, largest };
}

/** True when two ranges have a key in common. */
export function meets(a: KeyRange, b: KeyRange): boolean {
  return compareKeys(a.smallest, b.largest) <= 0 && compareKeys(a.largest, b.smallest) >= 0;
}

/** True when a range lies in another. */
export function isWithin(inner: KeyRange, outer: KeyRange): boolean {
  return (
    compareKeys(inner.smallest, outer.smallest) >= 0 &&
    compareKeys(inner.largest, outer.largest) <= 0
  );
}

/** Tables whose key range meets `[from, to]`; undefined stands for no bound. Keeps the order. */
export function overlapping(
  tables: readonly TableMeta[],
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): TableMeta[] {
  return tables.filter(
    (table) =>
      (from === undefined || compareKeys(table.largestKey, from) >= 0) &&
      (to === undefined || compareKeys(table.smallestKey, to) <= 0),
  );
}

/** Tables of a sorted, disjoint level that meet a range; fresh. */
export function overlapsInLevel(tables: readonly TableMeta[], range: KeyRange): TableMeta[] {
  const { smallest, largest } = range;
  const first = lowerBound(tables, smallest, 0, smallest.length);
  let end = first;
  while (end < tables.length && compareKeys(tables[end]!.smallestKey, largest) <= 0) end++;
  return tables.slice(first, end);
}

/** True when no two of the tables have a key in common. */
export function areDisjoint(tables: readonly TableMeta[]): boolean {
  const sorted = tables.toSorted((a, b) => compareKeys(a.smallestKey, b.smallestKey));
  return sorted.every(
    (table, i) => i === 0 || compareKeys(sorted[i - 1]!.largestKey, table.smallestKey) < 0,
  );
}
