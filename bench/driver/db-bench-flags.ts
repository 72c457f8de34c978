/**
 * The command line of bench/db.ts.
 * @module
 */
import { Command, Option } from 'commander';
import type { DbOptions } from '../../src/index.ts';
import { optionsOf, PRESETS, presetNamed } from './presets.ts';
import {
  addWorkloadFlags,
  booleanFlag,
  DEFAULTS,
  integerOf,
  numberFlag,
  type WorkloadFlags,
  type WorkloadSettings,
  workloadSettings,
} from './settings.ts';
import type { Workload } from './workload.ts';
import { WORKLOADS, workloadNamed } from './workloads.ts';

/** The database is a folder of its own in what --db names, so that nothing else gets removed. */
export const DATABASE_FOLDER = 'varve-bench';

/** Fills, then reads while everything is there, then what takes it away. */
const DEFAULT_BENCHMARKS = [
  ...['fillsync', 'fillseq', 'fillbatch', 'fillrandom', 'filluniquerandom', 'overwrite'],
  ...['readrandom', 'readrandom-borrow', 'readmissing', 'readhot', 'multireadrandom'],
  ...['readseq', 'readseq-entries', 'readreverse', 'seekrandom', 'prefixscan'],
  ...['readwhilewriting', 'updaterandom', 'compact', 'open', 'deleterandom'],
].join(',');

export interface Plan {
  readonly workloads: readonly Workload[];
  readonly settings: WorkloadSettings;
  readonly preset: string;
  readonly options: DbOptions;
  readonly threads: number;
  readonly isExisting: boolean;
  readonly printsStatistics: boolean;
  readonly printsJson: boolean;
  readonly htmlFile: string | undefined;
  /** Where the folder of the database is made; undefined: a temporary place. */
  readonly parent: string | undefined;
}

interface Flags extends WorkloadFlags {
  readonly benchmarks: string;
  readonly preset: string;
  readonly cache_size?: number;
  readonly options: string;
  readonly db?: string;
  readonly use_existing_db: boolean;
  readonly threads: number;
  readonly statistics: boolean;
  readonly json?: boolean;
  readonly html?: string;
}

/** Reads the arguments of the process; ends it when they make no sense, and for `--help`. */
export function readPlan(): Plan {
  const command = makeCommand();
  const flags = command.parse().opts<Flags>();
  try {
    return planOf(flags);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`, { exitCode: 2 });
  }
}

function makeCommand(): Command {
  const command = new Command('npm run bench --')
    .description('Varve under the workloads of db_bench and YCSB; flags are those of db_bench.')
    .option('--benchmarks <list>', 'workloads, in this order', DEFAULT_BENCHMARKS)
    .addOption(
      new Option('--preset <name>', 'options of the database')
        .choices(PRESETS.map(({ name }) => name))
        .default('default'),
    )
    .addOption(numberFlag('cache_size', 'bytes of the block cache', integerOf(0)))
    .option('--options <json>', 'options of open(), over those of the preset', '{}')
    .option('--db <folder>', `where ${DATABASE_FOLDER}/ is made and stays; else a temporary place`)
    .addOption(booleanFlag('use_existing_db', 'the database holds num keys; remove nothing'))
    .addOption(numberFlag('threads', 'threads of workloads that only read', integerOf(1, 64), 1));
  return addWorkloadFlags(command, DEFAULTS)
    .addOption(booleanFlag('statistics', 'print what the database tells about itself'))
    .option('--json', 'print one line of JSON per workload instead')
    .option('--html <file>', 'write the results as a page with charts')
    .addHelpText('after', () => `\n${listing('Workloads', WORKLOADS)}\n`)
    .addHelpText('after', () => listing('Presets', PRESETS));
}

function planOf(flags: Flags): Plan {
  const cache = flags.cache_size === undefined ? {} : { blockCacheBytes: flags.cache_size };
  const settings = workloadSettings(flags);
  if (flags.threads > 1 && settings.histogram) {
    throw new RangeError('latencies are those of one thread: leave out threads or histogram');
  }
  return {
    workloads: flags.benchmarks.split(',').map((name) => workloadNamed(name.trim())),
    settings,
    preset: flags.preset,
    options: { ...optionsOf(presetNamed(flags.preset)), ...cache, ...JSON.parse(flags.options) },
    threads: flags.threads,
    isExisting: flags.use_existing_db,
    printsStatistics: flags.statistics,
    printsJson: flags.json === true,
    htmlFile: flags.html,
    parent: flags.db,
  };
}

function listing(title: string, items: readonly { name: string; summary: string }[]): string {
  const width = Math.max(...items.map(({ name }) => name.length));
  const lines = items.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `${title}:\n${lines.join('\n')}`;
}
