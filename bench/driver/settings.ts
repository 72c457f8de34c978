/**
 * What a run of workloads is asked to do: db_bench's flags, by its names.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Flags that say what a workload does, whatever the store. */
export interface WorkloadSettings {
  /** Keys of the database. */
  readonly num: number;
  /** Reads of a read workload; `num` if undefined. */
  readonly reads: number | undefined;
  readonly keySize: number;
  /** Bytes of a value; what the workload wants if undefined. */
  readonly valueSize: number | undefined;
  readonly compressionRatio: number;
  /** Entries of a batch; what the workload wants if undefined. */
  readonly batchSize: number | undefined;
  readonly seekNexts: number;
  readonly sync: boolean;
  /** Seconds that random workloads run; 0: until they have done their operations. */
  readonly durationSeconds: number;
  /** Seconds after which any workload stops, with what it has done by then; 0: never. */
  readonly limitSeconds: number;
  readonly seed: number;
  /** Time every operation for itself. */
  readonly histogram: boolean;
}

export const VALUE_BYTES = 100;

/** The settings that no flag changes. */
export const DEFAULTS: WorkloadSettings = {
  num: 1_000_000,
  reads: undefined,
  keySize: 16,
  valueSize: undefined,
  compressionRatio: 0.5,
  batchSize: undefined,
  seekNexts: 0,
  sync: false,
  durationSeconds: 0,
  limitSeconds: 0,
  seed: 1,
  histogram: false,
};

/** The flags as commander hands them over. */
export interface WorkloadFlags {
  readonly num: number;
  readonly reads: number;
  readonly key_size: number;
  readonly value_size?: number;
  readonly compression_ratio: number;
  readonly batch_size?: number;
  readonly seek_nexts: number;
  readonly sync: boolean;
  readonly duration: number;
  readonly limit: number;
  readonly seed: number;
  readonly histogram: boolean;
}

/** Adds the flags of {@link WorkloadSettings} to a command. */
export function addWorkloadFlags(command: Command, defaults: WorkloadSettings): Command {
  const count = integerOf(0);
  return command
    .addOption(numberFlag('num', 'keys in the database', integerOf(1), defaults.num))
    .addOption(numberFlag('reads', 'reads of a read workload; -1: num', integerOf(-1), -1))
    .addOption(numberFlag('key_size', 'bytes of a key', integerOf(8, 65_535), defaults.keySize))
    .addOption(numberFlag('value_size', 'bytes of a value (100; YCSB 1000)', count))
    .addOption(
      numberFlag('compression_ratio', 'what values shrink to', fraction, defaults.compressionRatio),
    )
    .addOption(
      numberFlag('batch_size', 'entries per write or getMany (1; multiread 100)', integerOf(1)),
    )
    .addOption(numberFlag('seek_nexts', 'entries read after a seek', count, defaults.seekNexts))
    .addOption(booleanFlag('sync', 'every write waits for stable storage'))
    .addOption(numberFlag('duration', 'seconds that random workloads run', integerOf(0), 0))
    .addOption(
      numberFlag('limit', 'seconds after which any workload stops', count, defaults.limitSeconds),
    )
    .addOption(numberFlag('seed', 'of all randomness; 0: from the time', count, defaults.seed))
    .addOption(booleanFlag('histogram', 'time every operation; print percentiles'));
}

export function workloadSettings(flags: WorkloadFlags): WorkloadSettings {
  return {
    num: flags.num,
    reads: flags.reads < 0 ? undefined : flags.reads,
    keySize: flags.key_size,
    valueSize: flags.value_size,
    compressionRatio: flags.compression_ratio,
    batchSize: flags.batch_size,
    seekNexts: flags.seek_nexts,
    sync: flags.sync,
    durationSeconds: flags.duration,
    limitSeconds: flags.limit,
    seed: flags.seed === 0 ? Date.now() : flags.seed,
    histogram: flags.histogram,
  };
}

export function numberFlag(
  name: string,
  text: string,
  parse: (text: string) => number,
  fallback?: number,
): Option {
  const option = new Option(`--${name} <n>`, text).argParser(parse);
  return fallback === undefined ? option : option.default(fallback);
}

/** A flag as db_bench takes it: `--sync`, `--sync=1`, `--sync=false`. */
export function booleanFlag(name: string, text: string): Option {
  return new Option(`--${name} [0|1]`, text).argParser(boolean).preset('1').default(false);
}

/** A parser for integers of a range. */
export function integerOf(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const number = Number(text);
    if (text.trim() === '' || !Number.isInteger(number) || number < min || number > max) {
      throw new InvalidArgumentError(`must be an integer of ${min} to ${max}`);
    }
    return number;
  };
}

function fraction(text: string): number {
  const number = Number(text);
  if (!(number > 0 && number <= 1)) throw new InvalidArgumentError('must be above 0, at most 1');
  return number;
}

function boolean(text: string): boolean {
  if (/^(1|true|yes)$/.test(text)) return true;
  if (/^(0|false|no)$/.test(text)) return false;
  throw new InvalidArgumentError('must be 0 or 1');
}
