/**
 * What a database is opened with: the public options, their defaults and their checks.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import {
  type CompactionOptions,
  type CompactionPolicy,
  parseCompactionOptions,
} from '../compaction/options.ts';
import type { LeveledOptions } from '../compaction/pick.ts';
import {
  type CompressionOptions,
  type CompressionPolicy,
  parseCompression,
  settingsFor,
} from '../compress/options.ts';
import type { Compression } from '../compress/port.ts';
import type { EncryptionOptions } from '../crypto/key-options.ts';
import type { CryptoPrimitives } from '../crypto/port.ts';
import { type EccOptions, parseEcc } from '../ecc/options.ts';
import type { Clock, HostLoop, Random } from '../env/port.ts';
import type { WorkerThreads } from '../executor/worker-executor.ts';
import type { Fs } from '../fs/port.ts';
import { LEVEL_COUNT } from '../manifest/family-version.ts';
import type { TableWriterOptions } from '../sstable/table-writer.ts';
import type { WalRecoveryMode } from '../wal/wal-replay.ts';
import type { DbEvent } from './events.ts';

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
  /** L0 tables at which compaction starts: 1 to 64; 4 if absent. */
  readonly l0TriggerCount?: number;
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
  /** Told of what happens; what it throws is ignored. It must not call the database. */
  readonly onEvent?: (event: DbEvent) => void;
  /** Make the database if the directory holds none; true if absent. */
  readonly createIfMissing?: boolean;
  /** Fail with `INVALID` if the directory holds a database; false if absent. */
  readonly errorIfExists?: boolean;
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
  /** Table files that stay open: at least 16; 500 if absent. */
  readonly openTablesMax?: number;
  /**
   * Threads for flushes and compactions: 0 to 64; with 0 they are done in steps between the writes.
   * As many as the machine has cores, 4 at most, if absent; 0 with an `fs`, `clock` or `random` of
   * your own, which other threads do not have.
   */
  readonly workers?: number;
  /**
   * Log every write before it is applied; true if absent. With false, writes reach the disk only
   * with a flush; `close` flushes.
   */
  readonly wal?: boolean;
  /** What to do about flawed WAL records; see the WAL recovery modes. `tolerate-tail` if absent. */
  readonly walRecovery?: WalRecoveryMode;
  /** Where the files are; the runtime's own file system if absent. */
  readonly fs?: Fs;
  readonly clock?: Clock;
  readonly random?: Random;
  /** How background work yields between steps. */
  readonly hostLoop?: HostLoop;
}

/** The components that the runtime's entry module supplies when the user does not. */
export interface Environment {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostLoop: HostLoop;
  readonly compression: Compression;
  readonly crypto: CryptoPrimitives;
  /** Undefined where no thread but this one has the file system and the clock. */
  readonly threads?: WorkerThreads | undefined;
}

/** A family's settings, complete and checked. */
export interface FamilySettings extends LeveledOptions {
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
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
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
  readonly wal: boolean;
  readonly walRecovery: WalRecoveryMode;
  readonly walCompression: 'none' | 'lz4';
}

const KIB = 1024;
const MIB = 1024 * KIB;
const DEFAULT_BUDGET_BYTES = 128 * MIB;
const MODES: readonly WalRecoveryMode[] = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'];

/**
 * Completes and checks the options.
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value out of range
 */
export function resolveOptions(options: DbOptions): DbSettings {
  checkNames(options, DB_OPTION_NAMES, 'option');
  const budget = integer(options.memoryBudgetBytes, 'memoryBudgetBytes', MIB, DEFAULT_BUDGET_BYTES);
  const { encryption, ...shared } = options;
  const isEncrypted = isEncryptionGiven(encryption);
  const familyDefaults = resolveFamilyOptions(
    { ...shared, encryption: isEncrypted },
    FAMILY_DEFAULTS,
  );
  const families = new Map<string, FamilySettings>();
  for (const [name, own] of familyEntries(options.columnFamilies)) {
    if (own !== undefined) checkNames(own, FAMILY_OPTION_NAMES, `option of family '${name}'`);
    const settings = resolveFamilyOptions(own ?? {}, familyDefaults);
    if (settings.encryption && !isEncrypted) throw encryptionMissing(name);
    families.set(name, settings);
  }
  const walRecovery = options.walRecovery ?? 'tolerate-tail';
  if (!MODES.includes(walRecovery)) {
    throw new RangeError(`walRecovery must be one of ${MODES.join(', ')}`);
  }
  const buffer = Math.floor(budget / 8);
  return {
    createIfMissing: flag(options.createIfMissing, 'createIfMissing', true),
    errorIfExists: flag(options.errorIfExists, 'errorIfExists', false),
    readOnly: flag(options.readOnly, 'readOnly', false),
    families,
    familyDefaults,
    writeBufferBytes: integer(options.writeBufferBytes, 'writeBufferBytes', 16 * KIB, buffer),
    memoryBudgetBytes: budget,
    blockCacheBytes:
      options.blockCacheBytes === undefined
        ? undefined
        : integer(options.blockCacheBytes, 'blockCacheBytes', 0, 0),
    openTablesMax: integer(options.openTablesMax, 'openTablesMax', 16, 500),
    workers:
      options.workers === undefined ? undefined : integer(options.workers, 'workers', 0, 0, 64),
    wal: flag(options.wal, 'wal', true),
    walRecovery,
    walCompression: walCompression(options.walCompression),
  };
}

/**
 * Completes and checks the options of a family that is made in an open database. Throws as
 * {@link resolveOptions}.
 */
export function resolveNewFamily(
  options: ColumnFamilyOptions,
  defaults: FamilySettings,
): FamilySettings {
  checkNames(options, FAMILY_OPTION_NAMES, 'option of a column family');
  const settings = resolveFamilyOptions(options, defaults);
  if (settings.encryption && !defaults.encryption) throw encryptionMissing('a new one');
  return settings;
}

function resolveFamilyOptions(options: ColumnFamilyOptions, base: FamilySettings): FamilySettings {
  const { compression, ecc } = options;
  return {
    blockSizeBytes: integer(
      options.blockSizeBytes,
      'blockSizeBytes',
      512,
      base.blockSizeBytes,
      MIB,
    ),
    restartInterval: integer(
      options.restartInterval,
      'restartInterval',
      1,
      base.restartInterval,
      256,
    ),
    filterBitsPerKey: filterBits(options.filterBitsPerKey, base.filterBitsPerKey),
    targetTableBytes: integer(
      options.targetTableBytes,
      'targetTableBytes',
      64 * KIB,
      base.targetTableBytes,
      2048 * MIB,
    ),
    l0TriggerCount: integer(options.l0TriggerCount, 'l0TriggerCount', 1, base.l0TriggerCount, 64),
    baseLevelBytes: integer(
      options.baseLevelBytes,
      'baseLevelBytes',
      64 * KIB,
      base.baseLevelBytes,
    ),
    levelRatio: integer(options.levelRatio, 'levelRatio', 2, base.levelRatio, 100),
    compaction:
      options.compaction === undefined
        ? base.compaction
        : parseCompactionOptions(options.compaction),
    entryChecksums: flag(options.entryChecksums, 'entryChecksums', base.entryChecksums),
    compression:
      compression === undefined ? base.compression : parseCompression(compression, LEVEL_COUNT),
    ecc: ecc === undefined ? base.ecc : ecc === false ? undefined : parseEcc(ecc),
    encryption: flag(options.encryption, 'encryption', base.encryption),
  };
}

/** How tables of a level are written. */
export function tableOptions(
  settings: FamilySettings,
  level: number,
  pipeline: Pipeline,
): TableWriterOptions {
  const bits = settings.filterBitsPerKey;
  return {
    compression: settingsFor(settings.compression, level),
    protection: pipeline.protection(settings.encryption, settings.ecc),
    blockSizeBytes: settings.blockSizeBytes,
    restartInterval: settings.restartInterval,
    filterBitsPerKey: bits[Math.min(level, bits.length - 1)]!,
  };
}

const FAMILY_DEFAULTS: FamilySettings = {
  blockSizeBytes: 4 * KIB,
  restartInterval: 8,
  filterBitsPerKey: [10],
  targetTableBytes: 32 * MIB,
  l0TriggerCount: 4,
  baseLevelBytes: 64 * MIB,
  levelRatio: 10,
  compaction: parseCompactionOptions(undefined),
  entryChecksums: false,
  compression: parseCompression(undefined, LEVEL_COUNT),
  ecc: undefined,
  encryption: false,
};

/** Names of `ColumnFamilyOptions`. */
export const FAMILY_OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(FAMILY_DEFAULTS));
/** Names of `DbOptions`. */
export const DB_OPTION_NAMES: ReadonlySet<string> = new Set([
  ...FAMILY_OPTION_NAMES,
  'createIfMissing',
  'errorIfExists',
  'readOnly',
  'columnFamilies',
  'memoryBudgetBytes',
  'writeBufferBytes',
  'blockCacheBytes',
  'openTablesMax',
  'workers',
  'wal',
  'walRecovery',
  'walCompression',
  'onEvent',
  'fs',
  'clock',
  'random',
  'hostLoop',
]);

/** Refuses names that mean nothing: an option that is misspelt must not be ignored. */
function checkNames(options: object, known: ReadonlySet<string>, what: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object');
  }
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new TypeError(`unknown ${what}: ${name}`);
  }
}

function familyEntries(
  families: DbOptions['columnFamilies'],
): [name: string, options: ColumnFamilyOptions | undefined][] {
  if (families === undefined) return [];
  if (Array.isArray(families)) return families.map((name) => [name, undefined]);
  if (Object.prototype.toString.call(families) !== '[object Object]') {
    throw new TypeError('columnFamilies must be an array of names or an object');
  }
  return Object.entries(families);
}

/** Whether there is anything to encrypt with; what it is worth is checked where keys are read. */
function isEncryptionGiven(encryption: DbOptions['encryption']): boolean {
  if (encryption === undefined || encryption === false) return false;
  if (typeof encryption !== 'object' || encryption === null) {
    throw new TypeError('encryption must be an object or false');
  }
  return true;
}

function encryptionMissing(name: string): TypeError {
  return new TypeError(`family '${name}' cannot be encrypted: the database has no encryption`);
}

function walCompression(value: DbOptions['walCompression']): 'none' | 'lz4' {
  if (value === undefined) return 'none';
  if (value !== 'none' && value !== 'lz4') {
    throw new TypeError("walCompression must be 'none' or 'lz4'");
  }
  return value;
}

function filterBits(
  value: number | readonly number[] | undefined,
  fallback: readonly number[],
): readonly number[] {
  if (value === undefined) return fallback;
  const levels = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(levels) || levels.length === 0) {
    throw new TypeError('filterBitsPerKey must be a number or a list of numbers');
  }
  return levels.map((bits) => {
    if (typeof bits !== 'number') throw new TypeError('filterBitsPerKey must hold numbers');
    if (bits !== 0 && !(bits >= 1 && bits <= 32)) {
      throw new RangeError('filterBitsPerKey must be 0 or 1 to 32');
    }
    return bits;
  });
}

function integer(
  value: number | undefined,
  name: string,
  min: number,
  fallback: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer of ${min} to ${max}, not ${value}`);
  }
  return value;
}

function flag(value: boolean | undefined, name: string, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`);
  return value;
}
