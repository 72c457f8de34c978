/**
 * The settings under which stores are compared. A preset says something about every option of the
 * engine: the value it has, or why it stays at its default; a test fails when an option exists
 * that a preset does not mention. Beside it stand the flags that give RocksDB's db_bench the
 * same.
 *
 * The symmetry rule: in `rocksdb-parity` nothing is on that RocksDB lacks, and whatever both have
 * is on, or set to the same, on both sides.
 * @module
 */
import type { ColumnFamilyOptions, DbOptions } from '../../src/index.ts';

type AllOptions = DbOptions & Omit<ColumnFamilyOptions, 'encryption'>;

/** An option that a preset leaves alone. */
interface Left {
  readonly leftBecause: string;
}

/** What a preset says about each option. */
type PresetOptions = {
  readonly [Name in keyof AllOptions]-?: Left | { readonly value: NonNullable<AllOptions[Name]> };
};

export interface Preset {
  readonly name: string;
  readonly summary: string;
  readonly options: PresetOptions;
  /** The same for db_bench, as far as it has it. */
  readonly dbBenchFlags: readonly string[];
}

const MIB = 1_048_576;
const ENCRYPTION_KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

const isDefault: Left = { leftBecause: 'the preset is the defaults' };
/** Neither preset nor db_bench touches these; they say where and how, not how much. */
const SURROUNDINGS = {
  onEvent: { leftBecause: 'nobody listens' },
  healFrom: { leftBecause: 'nothing is damaged' },
  createIfMissing: { leftBecause: 'the driver makes directories' },
  errorIfExists: { leftBecause: 'the driver opens what it has filled' },
  allowForeignFiles: { leftBecause: 'the driver makes directories' },
  readOnly: { leftBecause: 'set by the driver where reads run in several threads' },
  columnFamilies: { leftBecause: 'the workloads have one family, as those of db_bench' },
  walRecovery: { leftBecause: 'no workload crashes' },
  fs: { leftBecause: 'the local file system' },
  clock: { leftBecause: "the system's" },
  random: { leftBecause: "the system's" },
  hostLoop: { leftBecause: "the system's" },
} as const;

const PARITY: Preset = {
  name: 'rocksdb-parity',
  summary: 'nothing on that RocksDB lacks; sizes and compression the same on both sides',
  options: {
    ...SURROUNDINGS,
    blockSizeBytes: { value: 4096 },
    restartInterval: {
      leftBecause: 'it belongs to the block layout, which each engine has its own',
    },
    filterBitsPerKey: { value: 10 },
    compaction: { leftBecause: 'leveled on both sides' },
    targetTableBytes: { value: 64 * MIB },
    l0TriggerCount: { value: 4 },
    l0SlowdownCount: { value: 20 },
    l0StopCount: { value: 36 },
    compactionDebtSlowdownBytes: { leftBecause: 'no workload gets there on either side' },
    compactionDebtStopBytes: { leftBecause: 'no workload gets there on either side' },
    baseLevelBytes: { value: 256 * MIB },
    levelRatio: { value: 10 },
    entryChecksums: { value: false },
    compression: { value: 'lz4' },
    ecc: { value: false },
    encryption: { value: false },
    walCompression: { value: 'none' },
    profile: { leftBecause: 'what it would set is set one by one' },
    memoryBudgetBytes: { leftBecause: 'its parts are set one by one' },
    writeBufferBytes: { value: 64 * MIB },
    blockCacheBytes: { value: 256 * MIB },
    openTablesMax: { leftBecause: 'a run has fewer tables than the default' },
    // db_bench has two background jobs by default.
    workers: { value: 2 },
    rateLimitBytesPerSecond: { leftBecause: 'neither side has a limit' },
    scrub: { leftBecause: 'a run is over before it begins' },
    wal: { value: true },
  },
  dbBenchFlags: [
    '--block_size=4096',
    '--bloom_bits=10',
    `--target_file_size_base=${64 * MIB}`,
    '--level0_file_num_compaction_trigger=4',
    '--level0_slowdown_writes_trigger=20',
    '--level0_stop_writes_trigger=36',
    `--max_bytes_for_level_base=${256 * MIB}`,
    '--max_bytes_for_level_multiplier=10',
    '--compression_type=lz4',
    `--write_buffer_size=${64 * MIB}`,
    `--cache_size=${256 * MIB}`,
    '--disable_wal=false',
    '--verify_checksum=true',
  ],
};

const DEFAULT: Preset = {
  name: 'default',
  summary: 'what a user gets who sets nothing; db_bench with as much memory and the same filter',
  options: {
    ...SURROUNDINGS,
    blockSizeBytes: isDefault,
    restartInterval: isDefault,
    filterBitsPerKey: isDefault,
    compaction: isDefault,
    targetTableBytes: isDefault,
    profile: isDefault,
    l0TriggerCount: isDefault,
    l0SlowdownCount: isDefault,
    l0StopCount: isDefault,
    compactionDebtSlowdownBytes: isDefault,
    compactionDebtStopBytes: isDefault,
    baseLevelBytes: isDefault,
    levelRatio: isDefault,
    entryChecksums: isDefault,
    compression: isDefault,
    ecc: isDefault,
    encryption: isDefault,
    walCompression: isDefault,
    memoryBudgetBytes: isDefault,
    writeBufferBytes: isDefault,
    blockCacheBytes: isDefault,
    openTablesMax: isDefault,
    workers: isDefault,
    rateLimitBytesPerSecond: isDefault,
    scrub: isDefault,
    wal: isDefault,
  },
  dbBenchFlags: [
    '--bloom_bits=10',
    `--target_file_size_base=${32 * MIB}`,
    `--max_bytes_for_level_base=${64 * MIB}`,
    '--compression_type=lz4',
    `--write_buffer_size=${16 * MIB}`,
    `--cache_size=${96 * MIB}`,
  ],
};

const PARANOID: Preset = {
  name: 'paranoid',
  summary: 'everything on; what RocksDB lacks (encryption, ECC) it runs without',
  options: {
    ...DEFAULT.options,
    entryChecksums: { value: true },
    compression: { value: 'zstd' },
    ecc: { value: { scheme: 'reed-solomon', data: 4, parity: 2 } },
    encryption: { value: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: ENCRYPTION_KEY } } },
    walCompression: { value: 'lz4' },
    wal: { value: true },
  },
  dbBenchFlags: [
    ...DEFAULT.dbBenchFlags.filter((flag) => !flag.startsWith('--compression_type')),
    '--compression_type=zstd',
    '--memtable_protection_bytes_per_key=4',
    '--write_batch_protection_bytes_per_key=8',
  ],
};

export const PRESETS: readonly Preset[] = [DEFAULT, PARITY, PARANOID];

/** @throws RangeError for a name that no preset has */
export function presetNamed(name: string): Preset {
  const found = PRESETS.find((preset) => preset.name === name);
  if (found === undefined) {
    const names = PRESETS.map((preset) => preset.name).join(', ');
    throw new RangeError(`there is no preset ${name}; there are ${names}`);
  }
  return found;
}

/** The options that a preset sets. Fresh. */
export function optionsOf(preset: Preset): DbOptions {
  const set = Object.entries(preset.options).flatMap(([name, choice]) =>
    'value' in choice ? [[name, choice.value] as const] : [],
  );
  return Object.fromEntries(set);
}
