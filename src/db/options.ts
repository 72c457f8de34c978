/**
 * What a database is opened with: the public options, and what the engine makes of them.
 * @module
 */

import type { Pipeline } from '../block/pipeline.ts';
import type { CompactionOptions, CompactionPolicy } from '../compaction/options.ts';
import type { LeveledOptions } from '../compaction/pick.ts';
import {
  type CompressionOptions,
  type CompressionPolicy,
  settingsFor,
} from '../compress/options.ts';
import type { Compression } from '../compress/port.ts';
import type { EncryptionOptions } from '../crypto/key-options.ts';
import type { CryptoPrimitives } from '../crypto/port.ts';
import type { EccOptions } from '../ecc/options.ts';
import type { Clock, HostLoop, Random } from '../env/port.ts';
import type { WorkerThreads } from '../executor/port.ts';
import type { Fs } from '../fs/port.ts';
import type { HealSource } from '../integrity/heal-source.ts';
import type { TableOrigin } from '../sstable/table-origin.ts';
import type { TableWriterOptions } from '../sstable/table-writer.ts';
import type { WalRecoveryMode } from '../wal/wal-replay.ts';
import type { DbEvent } from './events.ts';
import type { BackgroundScrubOptions, ScrubSettings } from './scrub-options.ts';

/**
 * - `default` a library in a process that does other things: 128 MiB
 * - `balanced` a server with a mixed load: 512 MiB, larger tables, zstd where data comes to rest
 * - `write-heavy` more is written than read: large memtables, a few sorted runs, late slowdowns
 * - `low-memory` 16 MiB in all, and one worker thread
 */
export type ProfileName = 'default' | 'balanced' | 'write-heavy' | 'low-memory';

/** Settings that each column family may have of its own. */
export interface ColumnFamilyOptions {
  /** Content at which a data block ends: 512 bytes to 1 MiB; 4096 if absent. */
  readonly blockSizeBytes?: number;
  /** Entries between two full keys in a data block: 1 to 256; 8 if absent. */
  readonly restartInterval?: number;
  /**
   * Bloom filter bits per key, 0 (no filter) or 1 to 32; one number for all levels, or one per
   * level (the last repeats); 10 if absent.
   */
  readonly filterBitsPerKey?: number | readonly number[];
  /** Size at which a table ends: 64 KiB to 2 GiB; 32 MiB if absent. */
  readonly targetTableBytes?: number;
  /** L0 tables at which compaction starts, tiny ones counting less: 1 to 64; 4 if absent. */
  readonly l0TriggerCount?: number;
  /**
   * L0 tables, or write buffers that their bytes would fill, from which writes are slowed: 1 to
   * 1000; 5 times the trigger if absent.
   */
  readonly l0SlowdownCount?: number;
  /** The same, at which writes wait: the trigger to 1000; 9 times the trigger if absent. */
  readonly l0StopCount?: number;
  /** Bytes that compaction has still to read from which writes are slowed; 4 GiB if absent. */
  readonly compactionDebtSlowdownBytes?: number;
  /** The same, at which writes wait; 16 GiB if absent. */
  readonly compactionDebtStopBytes?: number;
  /** Bytes of level 1; 64 MiB if absent. */
  readonly baseLevelBytes?: number;
  /** Size of a level by that of the level above: 2 to 100; 10 if absent. */
  readonly levelRatio?: number;
  /**
   * How tables are compacted: `'leveled'`, `'size-tiered'`, `'fifo'` (which drops what is old), or
   * a policy with settings; `'leveled'` if absent. See docs/COMPACTION.md.
   */
  readonly compaction?: CompactionOptions;
  /**
   * Carry a checksum with every entry from the write into the table, and check it at each step: a
   * bit that flips in memory on the way is an error that says where, instead of wrong data under a
   * right block checksum; false if absent. Costs 4 bytes an entry. May be changed at every open.
   */
  readonly entryChecksums?: boolean;
  /**
   * How blocks of tables are compressed: `'none'`, `'lz4'`, `'zstd'` or zstd with settings, for all
   * levels or one per level (the last repeats); `false` for none. LZ4 if absent.
   */
  readonly compression?: CompressionOptions | false;
  /** Error-correcting code of the tables; `false` or absent for none. */
  readonly ecc?: EccOptions | false;
  /**
   * False leaves the tables of this family in the clear in an encrypted database; encrypted as the
   * database is if absent.
   */
  readonly encryption?: boolean;
}

/** Options of `open`; every one may be left out. They also are the defaults of the families. */
export interface DbOptions extends Omit<ColumnFamilyOptions, 'encryption'> {
  /**
   * Encrypts tables, logs and manifest; `false` or absent for none. A database that is encrypted
   * opens only with its keys, and stays encrypted.
   */
  readonly encryption?: EncryptionOptions | false;
  /** Error-correcting code of tables, logs and manifest; `false` or absent for none. */
  readonly ecc?: EccOptions | false;
  /** How WAL records and manifest edits are compressed; `'none'` if absent. */
  readonly walCompression?: 'none' | 'lz4';
  /**
   * Told of what happened, after the call that it happened in or in a later turn of the host, so it
   * may call the database; what it throws is ignored.
   */
  readonly onEvent?: (event: DbEvent) => void;
  /**
   * Directories of checkpoints or copies of this database, and other sources, such as a
   * `BackupSource` of `varve/backup`. What of a table is damaged beyond its code, or gone, is put
   * right from the first that has the same file, of the same number and salt, sound in that place
   * (event `healed`): from directories at once, then from sources in the background. None if
   * absent.
   */
  readonly healFrom?: readonly (string | HealSource)[];
  /** Make the database if the directory holds none; true if absent. */
  readonly createIfMissing?: boolean;
  /** Fail with `INVALID` if the directory holds a database; false if absent. */
  readonly errorIfExists?: boolean;
  /**
   * Make a database also where files of something else are; false if absent: `INVALID` then. Never
   * where LevelDB or RocksDB have theirs, whose names are the same.
   */
  readonly allowForeignFiles?: boolean;
  /**
   * Open without the lock and without writing a byte, as the database stands; false if absent. The
   * view does not follow later changes.
   */
  readonly readOnly?: boolean;
  /**
   * Families to open or create beside `default`, by name or with settings of their own. Families
   * that exist and are not named here are opened with the settings of the database.
   */
  readonly columnFamilies?:
    | readonly string[]
    | { readonly [name: string]: ColumnFamilyOptions | undefined };
  /**
   * Defaults for a kind of use: `'default'`, `'balanced'`, `'write-heavy'` or `'low-memory'`.
   * Options that are given go before them; the numbers named with other options here are those of
   * `'default'`.
   */
  readonly profile?: ProfileName;
  /**
   * Memory for memtables, block cache, indexes and filters of open tables, and jobs together: at
   * least 1 MiB; 128 MiB if absent. The block cache gets what the others leave.
   */
  readonly memoryBudgetBytes?: number;
  /**
   * Memtable bytes at which the largest are flushed: at least 16 KiB; 1/8 of the budget if absent.
   */
  readonly writeBufferBytes?: number;
  /** Bytes of cached blocks, 0 for none; what the budget leaves if absent. */
  readonly blockCacheBytes?: number;
  /**
   * Tables that stay open: at least 16; 500 if absent. Fewer where the process may have few files
   * open, for all its databases share half of what it may.
   */
  readonly openTablesMax?: number;
  /**
   * Threads that may be busy with its flushes and compactions at a time: 0 to 64; with 0 these are
   * done in steps between the writes. All databases of a thread share as many as the largest needs.
   * As many as the machine has cores, 4 at most, if absent; 0 with an `fs`, `clock` or `random` of
   * your own (other than a `NodeFs`), which other threads do not have.
   */
  readonly workers?: number;
  /**
   * Bytes that flushes and compactions read and write in a second, all together: at least 64 KiB,
   * or 0 for no limit; 0 if absent. Flushes go before compactions. A write that waits for a job in
   * its own time (`workers: 0`) does not wait for the limit.
   */
  readonly rateLimitBytesPerSecond?: number;
  /**
   * How files are looked at for damage in the background, and healed; `false` for not at all. If
   * absent, all files once in 30 days, with at most 4 MiB a second, and from a minute after the
   * opening on. See docs/INTEGRITY.md.
   */
  readonly scrub?: BackgroundScrubOptions | false;
  /**
   * Log every write before it is applied; true if absent. With false, writes reach the disk only
   * with a flush; `close` flushes.
   */
  readonly wal?: boolean;
  /** What to do about flawed WAL records; see the WAL recovery modes. `tolerate-tail` if absent. */
  readonly walRecovery?: WalRecoveryMode;
  /** Where the files are; the runtime's own file system if absent. */
  readonly fs?: Fs;
  /** The time; the runtime's own clock if absent. */
  readonly clock?: Clock;
  /**
   * Source of salts and database ids; the runtime's own if absent. Under encryption it has to be a
   * cryptographic one.
   */
  readonly random?: Random;
  /** How background work yields between steps. */
  readonly hostLoop?: HostLoop;
}

/** The components that the runtime's entry module supplies when the user does not. */
export interface Environment {
  /** Where the files are. */
  readonly fs: Fs;
  /** The time. */
  readonly clock: Clock;
  /** Source of salts and database ids; a cryptographic one. */
  readonly random: Random;
  /** How background work yields between steps. */
  readonly hostLoop: HostLoop;
  /** The codecs. */
  readonly compression: Compression;
  /** The ciphers and the key derivation; needed by encryption only. */
  readonly crypto?: CryptoPrimitives | undefined;
  /** Undefined where no thread but this one has the file system and the clock. */
  readonly threads?: WorkerThreads | undefined;
}

/** A family's settings, complete and checked. */
export interface FamilySettings extends LeveledOptions {
  readonly l0SlowdownCount: number;
  readonly l0StopCount: number;
  readonly compactionDebtSlowdownBytes: number;
  readonly compactionDebtStopBytes: number;
  readonly blockSizeBytes: number;
  readonly restartInterval: number;
  readonly filterBitsPerKey: readonly number[];
  readonly compaction: CompactionPolicy;
  readonly entryChecksums: boolean;
  readonly compression: CompressionPolicy;
  readonly ecc: EccOptions | undefined;
  readonly encryption: boolean;
}

/** A database's settings, complete and checked. */
export interface DbSettings {
  /** Resolved paths. */
  readonly healFrom: readonly string[];
  readonly healSources: readonly HealSource[];
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
  readonly allowForeignFiles: boolean;
  readonly readOnly: boolean;
  readonly families: ReadonlyMap<string, FamilySettings>;
  readonly familyDefaults: FamilySettings;
  readonly writeBufferBytes: number;
  readonly memoryBudgetBytes: number;
  /** Undefined: what the budget leaves. */
  readonly blockCacheBytes: number | undefined;
  readonly openTablesMax: number;
  /** Undefined: as many as suit the runtime. */
  readonly workers: number | undefined;
  /** 0 for no limit. */
  readonly rateLimitBytesPerSecond: number;
  readonly scrub: ScrubSettings;
  readonly wal: boolean;
  readonly walRecovery: WalRecoveryMode;
  readonly walCompression: 'none' | 'lz4';
}

/** How tables of a level are written. */
export function tableOptions(
  settings: FamilySettings,
  level: number,
  pipeline: Pipeline,
  origin?: TableOrigin,
): TableWriterOptions {
  const bits = settings.filterBitsPerKey;
  return {
    compression: settingsFor(settings.compression, level),
    protection: pipeline.protection(settings.encryption, settings.ecc),
    blockSizeBytes: settings.blockSizeBytes,
    restartInterval: settings.restartInterval,
    filterBitsPerKey: bits[Math.min(level, bits.length - 1)]!,
    ...(origin === undefined ? {} : { origin }),
  };
}
