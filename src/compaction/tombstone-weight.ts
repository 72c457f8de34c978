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
  /** By which L0 has made the tree larger than its data: at most its own bytes. */
  readonly l0Bytes: number;
}

/**
 * What the tombstones of L0 would free if they went down, and what would be left if all did.
 * Entries that were overwritten count as live, for nobody knows them.
 */
export function garbageOf(levels: Levels): Garbage {
  const entryBytes = entryBytesBelow(levels);
  let liveBytes = 0;
  let l0Deleted = 0;
  for (const [level, tables] of levels.entries()) {
    const bytes = totalBytes(tables);
    const deleted = totalWeight(tables, entryBytes[level]!) - bytes;
    if (level === 0) l0Deleted = deleted;
    liveBytes += bytes - deleted;
  }
  const l0Bytes = Math.min(l0Deleted, totalBytes(levels[0]!));
  return { liveBytes: Math.max(0, liveBytes), l0Bytes };
}
