/**
 * What tombstones will free. A tombstone weighs as much as the entry that it deletes, which lies in
 * a level below and is taken for one of mean size.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import { type Levels, totalBytes } from './plan.ts';

/** For each level, the bytes of an entry in those below it, about; 0 where there is none. */
export function entryBytesBelow(levels: Levels): number[] {
  const result = levels.map(() => 0);
  let bytes = 0;
  let entries = 0;
  for (let level = levels.length - 1; level >= 0; level--) {
    if (entries > 0) result[level] = bytes / entries;
    for (const { sizeBytes, entryCount, tombstoneCount } of levels[level]!) {
      bytes += sizeBytes;
      entries += entryCount - tombstoneCount;
    }
  }
  return result;
}

/**
 * What a table brings down: its bytes, and those that its tombstones take away below.
 * @param entryBytes of an entry below the table's level
 */
export function weightOf({ sizeBytes, tombstoneCount }: TableMeta, entryBytes: number): number {
  return sizeBytes + tombstoneCount * entryBytes;
}

/** {@link weightOf} tables of one level. */
export function totalWeight(tables: readonly TableMeta[], entryBytes: number): number {
  return tables.reduce((sum, table) => sum + weightOf(table, entryBytes), 0);
}

/** Bytes that a tree takes, told apart. */
export interface Garbage {
  /** Of entries that no tombstone deletes, about. */
  readonly liveBytes: number;
  /** What tombstones will free; those of a level at most as much as the level takes itself. */
  readonly deadBytes: number;
}

/**
 * What the tombstones of all levels would free if they went down, and what would be left. Entries
 * that were overwritten count as live, for nobody knows them. Deletes add no more to a tree than
 * the tables take that they came with, whatever they will free.
 */
export function garbageOf(levels: Levels): Garbage {
  const entryBytes = entryBytesBelow(levels);
  let liveBytes = 0;
  let deadBytes = 0;
  for (const [level, tables] of levels.entries()) {
    const bytes = totalBytes(tables);
    const deleted = totalWeight(tables, entryBytes[level]!) - bytes;
    deadBytes += Math.min(deleted, bytes);
    liveBytes += bytes - deleted;
  }
  return { liveBytes: Math.max(0, liveBytes), deadBytes };
}
