/**
 * What a database tells about itself.
 * @module
 */
import { compactionDebtBytes, levelLimits, totalBytes } from '../compaction/pick.ts';
import type { EccOptions } from '../ecc/options.ts';
import type { WorkerStats } from '../executor/executor.ts';
import type { LostRange } from '../integrity/table-health.ts';
import type { DroppedRange } from '../wal/log-flaw.ts';
import type { Scheduler } from './background/scheduler.ts';
import type { ScrubStats } from './background/scrubber.ts';
import type { StallStats } from './background/stall-log.ts';
import type { DbCore } from './core.ts';
import type { Counters } from './counters.ts';
import { lostRanges } from './damage.ts';
import type { KeptFile } from './events.ts';
import type { Family } from './family.ts';
import { type MemoryUse, memoryUse } from './memory-budget.ts';

/** One level of one family. */
export interface LevelStats {
  /** Number of the level; 0 takes what is flushed. */
  readonly level: number;
  /** Tables in it. */
  readonly tableCount: number;
  /** Bytes of those tables. */
  readonly sizeBytes: number;
  /** Bytes that the level may hold now; undefined where there is no limit. */
  readonly limitBytes: number | undefined;
  /** Entries of those tables, older versions and tombstones among them. */
  readonly entryCount: number;
  /** Deletes among those entries. */
  readonly tombstoneCount: number;
  /** Of tables that flushes and merges have written into it. */
  readonly bytesWritten: number;
  /** In their order: by age in L0, the newest first; by key below. */
  readonly tables: readonly { readonly fileNumber: number; readonly sizeBytes: number }[];
}

/** From where on L0 is compacted, and writes are slowed and wait: as the options say. */
export interface FamilyThresholds {
  /** Tables of L0 from which it is compacted. */
  readonly l0TriggerCount: number;
  /** Tables of L0 from which writes are slowed. */
  readonly l0SlowdownCount: number;
  /** Tables of L0 from which writes wait. */
  readonly l0StopCount: number;
  /** Bytes that compaction has still to read from which writes are slowed. */
  readonly compactionDebtSlowdownBytes: number;
  /** The same, at which writes wait. */
  readonly compactionDebtStopBytes: number;
}

/** One column family. */
export interface FamilyStats {
  /** Name of the family. */
  readonly name: string;
  /** All levels, from L0 down; empty ones too. */
  readonly levels: readonly LevelStats[];
  /** Bytes of its memtables, active and frozen. */
  readonly memtableBytes: number;
  /** Entries of those memtables. */
  readonly memtableEntryCount: number;
  /** Memtables that wait for their flush. */
  readonly frozenMemtableCount: number;
  /** Bytes that compaction still has to rewrite. */
  readonly compactionDebtBytes: number;
  /** From where on L0 is compacted, and writes are slowed and wait. */
  readonly thresholds: FamilyThresholds;
}

/** What is done for each thing that is asked for; undefined where nothing was asked for yet. */
export interface Amplification {
  /** Bytes written to logs and tables for each key and value byte written. */
  readonly write: number | undefined;
  /** Tables that a get looked into. */
  readonly read: number | undefined;
  /** Bytes of tables for each byte of the deepest sorted runs; what is above may be garbage. */
  readonly space: number | undefined;
}

/** Tables that share suite and epoch. */
export interface EpochStats {
  /** 0 for tables in the clear; otherwise the number of the suite: 1 AES-256-GCM, 2 ChaCha20. */
  readonly suiteId: number;
  /** 0 for tables in the clear. */
  readonly epoch: number;
  /** Tables of this suite and epoch. */
  readonly tableCount: number;
  /** Bytes of those tables. */
  readonly sizeBytes: number;
}

/** Tables that are stored in one way. */
export interface StorageStats {
  /** What data blocks were offered to: 0 none, 1 LZ4, 2 zstd, 3 zstd with a dictionary. */
  readonly codecId: number;
  /** Undefined without error correction. */
  readonly ecc: EccOptions | undefined;
  /** Tables that are stored so. */
  readonly tableCount: number;
  /** Bytes of those tables. */
  readonly sizeBytes: number;
}

/** How far a change of key has come. */
export interface EncryptionStats {
  /** The suite and epoch of new files. */
  readonly suiteId: number;
  /** The epoch of the key of new files. */
  readonly epoch: number;
  /** What there is, by epoch and suite: an epoch that is not in it is no longer needed. */
  readonly tables: readonly EpochStats[];
}

/** A snapshot that is not released. */
export interface SnapshotStats {
  /** It sees writes up to this one. */
  readonly seqno: number;
  /** How long ago it was taken. */
  readonly ageMs: number;
}

/** A database; counts are since it was opened. */
export interface DbStats {
  /** The directory of the files. */
  readonly directory: string;
  /** Of the newest write. */
  readonly seqno: number;
  /** Every write up to this one is in tables. */
  readonly persistedSeqno: number;
  /** Each family, in the order of creation. */
  readonly columnFamilies: readonly FamilyStats[];
  /** Tables of all families. */
  readonly tableCount: number;
  /** Bytes of those tables. */
  readonly tableBytes: number;
  /** Tables whose files are open. */
  readonly openTableCount: number;
  /** Log files. */
  readonly walCount: number;
  /** Bytes of those files. */
  readonly walBytes: number;
  /** Who holds how much of the budget. */
  readonly memory: {
    /** `memoryBudgetBytes`. */
    readonly budgetBytes: number;
    /** What the block cache may hold now. */
    readonly blockCacheCapacityBytes: number;
  } & MemoryUse;
  /** Blocks that were found in the cache. */
  readonly blockCacheHits: number;
  /** Blocks that had to be read. */
  readonly blockCacheMisses: number;
  /** Snapshots that are not released. */
  readonly snapshotCount: number;
  /** Undefined without a snapshot. */
  readonly oldestSnapshot: SnapshotStats | undefined;
  /** Cursors and iterators that are not closed. */
  readonly cursorCount: number;
  /** Watches that are not closed. */
  readonly watchCount: number;
  /** What was done. */
  readonly counters: Readonly<Counters> & {
    /** Bytes that were appended to logs. */
    readonly walBytesWritten: number;
    /** Blocks and headers in which a read put damage right. */
    readonly corrections: number;
  };
  /** What is done for what is asked for. */
  readonly amplification: Amplification;
  /** What writes have waited for, by kind and reason. */
  readonly stalls: readonly StallStats[];
  /** What it has of worker threads. */
  readonly workers: WorkerStats;
  /** True between `pauseBackgroundWork` and `continueBackgroundWork`. */
  readonly isPaused: boolean;
  /** How tables are stored; what is written now may be stored otherwise. */
  readonly storage: readonly StorageStats[];
  /** Undefined without encryption. */
  readonly encryption: EncryptionStats | undefined;
  /** What `open` found in the WAL. */
  readonly recovery: {
    /** Records that were replayed. */
    readonly recordCount: number;
    /** What was left out: torn tails, and what the recovery mode allows to be passed over. */
    readonly dropped: readonly DroppedRange[];
    /** Files that nothing refers to and that may hold data; see the event `file-kept`. */
    readonly keptFiles: readonly KeptFile[];
  };
  /** How the scrub stands; undefined in a database that is open read-only. */
  readonly scrub: ScrubStats | undefined;
  /**
   * What could not be read of tables, by block where that is known. It stays until the file can be
   * read again, or is no part of the database any more.
   */
  readonly damage: readonly LostRange[];
  /** Message of the error that stopped writing, if one did. */
  readonly backgroundError: string | undefined;
  /** Message of the error for which compactions wait until there is more space, if they do. */
  readonly spaceError: string | undefined;
}

/** A fresh picture of the database as it stands. */
export function statsOf(core: DbCore, scheduler: Scheduler): DbStats {
  const families = [...core.families.values()].map((family) => familyStats(core, family));
  const levels = families.flatMap((family) => family.levels);
  const counters = {
    ...core.counters,
    walBytesWritten: core.wal?.bytesAppended ?? 0,
    corrections: core.events.correctionCount,
  };
  return {
    directory: core.location.directory,
    seqno: core.lastSeqno,
    persistedSeqno: core.persistedSeqno,
    columnFamilies: families,
    tableCount: sum(levels.map((level) => level.tableCount)),
    tableBytes: sum(levels.map((level) => level.sizeBytes)),
    openTableCount: core.tables.openCount,
    walCount: core.wal?.count ?? 0,
    walBytes: core.wal?.sizeBytes ?? 0,
    memory: {
      ...memoryUse(core),
      budgetBytes: core.settings.memoryBudgetBytes,
      blockCacheCapacityBytes: core.blocks.capacityBytes,
    },
    blockCacheHits: core.blocks.hits,
    blockCacheMisses: core.blocks.misses,
    snapshotCount: core.snapshots.count,
    oldestSnapshot: oldestSnapshot(core),
    cursorCount: core.cursors.count,
    watchCount: core.watchers.count,
    counters,
    amplification: amplification(core, families),
    stalls: scheduler.stalls,
    workers: scheduler.workers,
    isPaused: scheduler.isPaused,
    storage: storageStats(core),
    encryption: encryptionStats(core),
    recovery: {
      recordCount: core.recovery?.recordsRead ?? 0,
      dropped: core.recovery?.dropped ?? [],
      keptFiles: core.keptFiles,
    },
    scrub: scheduler.scrubber?.stats,
    damage: lostRanges(core),
    backgroundError: core.backgroundError?.message,
    spaceError: core.spaceError?.message,
  };
}

function amplification(core: DbCore, families: readonly FamilyStats[]): Amplification {
  const { gets, tableReads, userBytesWritten, ...counters } = core.counters;
  const { flushBytesWritten, compactionBytesWritten } = counters;
  const written = (core.wal?.bytesAppended ?? 0) + flushBytesWritten + compactionBytesWritten;
  let total = 0;
  let deepest = 0;
  for (const { levels } of families) {
    total += sum(levels.map(({ sizeBytes }) => sizeBytes));
    deepest += levels.findLast(({ tableCount }) => tableCount > 0)?.sizeBytes ?? 0;
  }
  return {
    write: ratio(written, userBytesWritten),
    read: ratio(tableReads, gets),
    space: ratio(total, deepest),
  };
}

function ratio(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}

function oldestSnapshot({ snapshots, location }: DbCore): SnapshotStats | undefined {
  const { oldest } = snapshots;
  if (oldest === undefined) return undefined;
  return { seqno: oldest.seqno, ageMs: location.clock.monotonic() - oldest.takenAtMs };
}

function storageStats(core: DbCore): StorageStats[] {
  const groups = new Map<string, StorageStats>();
  for (const { levels } of core.version.families.values()) {
    for (const { codecId, protection, sizeBytes } of levels.flat()) {
      const { ecc } = protection;
      const name = `${codecId} ${JSON.stringify(ecc)}`;
      const before = groups.get(name) ?? { codecId, ecc, tableCount: 0, sizeBytes: 0 };
      const tableCount = before.tableCount + 1;
      groups.set(name, { ...before, tableCount, sizeBytes: before.sizeBytes + sizeBytes });
    }
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function encryptionStats(core: DbCore): EncryptionStats | undefined {
  const { keys } = core.pipeline;
  if (keys === undefined) return undefined;
  const groups = new Map<string, EpochStats>();
  for (const { levels } of core.version.families.values()) {
    for (const { protection, sizeBytes } of levels.flat()) {
      const { suiteId, epoch } = protection;
      const name = `${epoch}/${suiteId}`;
      const before = groups.get(name) ?? { suiteId, epoch, tableCount: 0, sizeBytes: 0 };
      groups.set(name, {
        ...before,
        tableCount: before.tableCount + 1,
        sizeBytes: before.sizeBytes + sizeBytes,
      });
    }
  }
  const tables = [...groups.values()].sort((a, b) => a.epoch - b.epoch || a.suiteId - b.suiteId);
  return { suiteId: keys.suiteId, epoch: keys.epoch, tables };
}

function familyStats(core: DbCore, family: Family): FamilyStats {
  const { handle, settings } = family;
  const levels = core.version.families.get(handle.id)!.levels;
  const memtables = [...family.frozen, family.active].map((entry) => entry.memtable);
  const isLeveled = settings.compaction.policy === 'leveled';
  const limits = isLeveled ? levelLimits(levels, settings).limitBytes : undefined;
  return {
    name: handle.name,
    levels: levels.map((tables, level) => ({
      level,
      tableCount: tables.length,
      sizeBytes: totalBytes(tables),
      limitBytes: Number.isFinite(limits?.[level]) ? limits?.[level] : undefined,
      entryCount: sum(tables.map((table) => table.entryCount)),
      tombstoneCount: sum(tables.map((table) => table.tombstoneCount)),
      bytesWritten: family.levelBytesWritten[level]!,
      tables: tables.map(({ fileNumber, sizeBytes }) => ({ fileNumber, sizeBytes })),
    })),
    memtableBytes: sum(memtables.map((memtable) => memtable.sizeBytes)),
    memtableEntryCount: sum(memtables.map((memtable) => memtable.entryCount)),
    frozenMemtableCount: family.frozen.length,
    compactionDebtBytes: compactionDebtBytes(levels, settings, settings.compaction),
    thresholds: {
      l0TriggerCount: settings.l0TriggerCount,
      l0SlowdownCount: settings.l0SlowdownCount,
      l0StopCount: settings.l0StopCount,
      compactionDebtSlowdownBytes: settings.compactionDebtSlowdownBytes,
      compactionDebtStopBytes: settings.compactionDebtStopBytes,
    },
  };
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
