/**
 * One number for all memory of a database: what memtables, open tables and jobs leave of it belongs
 * to the block cache. Memory that JavaScript itself takes, threads included, comes on top.
 * @module
 */
import type { DbCore } from './core.ts';

/** The cache keeps this share of the budget, whatever the others take. */
const CACHE_SHARE_MIN = 1 / 8;

/** Who holds how much, in bytes. */
export interface MemoryUse {
  /** Active, frozen, and released ones that somebody still reads. */
  readonly memtableBytes: number;
  /** Buffers of released memtables that wait for the next one. */
  readonly arenaPoolBytes: number;
  /** Indexes and filters of open tables. */
  readonly tableBytes: number;
  /** Jobs under way, by what they are bounded to. */
  readonly jobBytes: number;
  /** Blocks in the cache, with what they take beside their bytes. */
  readonly blockCacheBytes: number;
}

/** As it is now. */
export function memoryUse(core: DbCore): MemoryUse {
  let memtableBytes = core.retiredMemtableBytes;
  for (const { active, frozen } of core.families.values()) {
    memtableBytes += active.memtable.sizeBytes;
    for (const { memtable } of frozen) memtableBytes += memtable.sizeBytes;
  }
  return {
    memtableBytes,
    arenaPoolBytes: core.arenas.retainedBytes,
    tableBytes: core.tables.memoryBytes,
    jobBytes: core.runningJobs().reduce((sum, job) => sum + job.memoryBytes, 0),
    blockCacheBytes: core.blocks.usedBytes,
  };
}

/** Gives the block cache what the others leave; one of a size that the user set stays as it is. */
export function balanceMemory(core: DbCore): void {
  const { blockCacheBytes, memoryBudgetBytes } = core.settings;
  if (blockCacheBytes !== undefined) return;
  const { memtableBytes, arenaPoolBytes, tableBytes, jobBytes } = memoryUse(core);
  const left = memoryBudgetBytes - memtableBytes - arenaPoolBytes - tableBytes - jobBytes;
  core.blocks.resize(Math.max(Math.floor(left), Math.floor(memoryBudgetBytes * CACHE_SHARE_MIN)));
}
