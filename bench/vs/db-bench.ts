/**
 * RocksDB itself: its own db_bench as a process, with the flags that make it do what our workloads
 * do.
 * @module
 */
import { spawn } from 'node:child_process';
import { presetNamed } from '../driver/presets.ts';
import type { WorkloadSettings } from '../driver/settings.ts';
import { workloadNamed } from '../driver/workloads.ts';
import { type DbBenchLine, parseDbBench } from './db-bench-output.ts';
import { peakRssOf, type Written, writtenBy } from './process-usage.ts';

export interface DbBenchAnswer {
  readonly line: DbBenchLine;
  readonly peakRssBytes: number | undefined;
  readonly written: Written | undefined;
}

/** How often a running process is looked at. */
const LOOK_MS = 10;
const OUTPUT_SHOWN = 2000;

interface Translation {
  /** Its name in db_bench. */
  readonly name: string;
  readonly flags: readonly string[];
}

/** A workload in db_bench's terms; undefined when it has no such thing. */
export function translate(
  workload: string,
  { num, reads, batchSize, seekNexts }: WorkloadSettings,
): Translation | undefined {
  const batch = [`--batch_size=${batchSize ?? 1}`];
  const readCount = [`--reads=${reads ?? num}`];
  switch (workload) {
    case 'fillseq':
    case 'fillrandom':
    case 'overwrite':
      return { name: workload, flags: batch };
    case 'fillsync':
      return { name: workload, flags: [`--writes=${Math.max(1, Math.floor(num / 1000))}`] };
    case 'readrandom':
    case 'readrandom-borrow':
      return { name: 'readrandom', flags: readCount };
    case 'readmissing':
    case 'readreverse':
    case 'readseq':
      return { name: workload, flags: readCount };
    case 'readseq-entries':
      return { name: 'readseq', flags: readCount };
    case 'readhot':
      // The last flag of a name counts.
      return { name: 'readrandom', flags: [`--num=${Math.ceil(num / 100)}`, ...readCount] };
    case 'multireadrandom':
      return {
        name: workload,
        flags: [`--batch_size=${batchSize ?? 100}`, '--multiread_batched=true', ...readCount],
      };
    case 'seekrandom':
      return { name: workload, flags: [`--seek_nexts=${seekNexts}`, ...readCount] };
    case 'readwhilewriting':
      return { name: 'readrandomwriterandom', flags: ['--readwritepercent=90', ...readCount] };
    case 'updaterandom':
    case 'deleterandom':
    case 'compact':
      return { name: workload, flags: [] };
    default:
      return undefined;
  }
}

/**
 * Measures a workload that db_bench has.
 * @param isExisting the directory holds the data
 */
export async function measureDbBench(
  preset: string,
  directory: string,
  settings: WorkloadSettings,
  workload: string,
  isExisting: boolean,
): Promise<DbBenchAnswer> {
  const { name, flags } = translate(workload, settings)!;
  // As for the other stores: reads find warm caches.
  const benchmarks = workloadNamed(workload).readsOnly ? `${name},${name}` : name;
  const answer = await runDbBench([
    ...commonFlags(preset, directory, settings),
    `--benchmarks=${benchmarks}`,
    `--use_existing_db=${isExisting}`,
    `--histogram=${settings.histogram === true}`,
    ...flags,
  ]);
  const line = answer.lines.findLast((one) => one.name === name);
  if (line === undefined) throw new Error(`db_bench printed no result of ${name}`);
  return { line, peakRssBytes: answer.peakRssBytes, written: answer.written };
}

/** Makes data: every key once, compacted; with as many random keys over it if `isOverwritten`. */
export async function loadDbBench(
  preset: string,
  directory: string,
  settings: WorkloadSettings,
  isOverwritten: boolean,
): Promise<void> {
  const benchmarks = ['filluniquerandom', 'compact', ...(isOverwritten ? ['overwrite'] : [])];
  await runDbBench([
    ...commonFlags(preset, directory, settings),
    `--benchmarks=${benchmarks.join(',')}`,
    '--batch_size=1000',
  ]);
}

/** Flags that db_bench gets for every workload. */
export function commonFlags(
  preset: string,
  directory: string,
  settings: WorkloadSettings,
): string[] {
  return [
    ...presetNamed(preset).dbBenchFlags,
    `--db=${directory}`,
    `--num=${settings.num}`,
    `--key_size=${settings.keySize}`,
    `--value_size=${settings.valueSize ?? 100}`,
    `--compression_ratio=${settings.compressionRatio}`,
    `--sync=${settings.sync}`,
    `--seed=${settings.seed}`,
  ];
}

/** What a whole run of db_bench gave. */
export interface DbBenchRun {
  readonly lines: readonly DbBenchLine[];
  /** What it wrote to its output, and to its other one. */
  readonly output: string;
  readonly errors: string;
  readonly peakRssBytes: number | undefined;
  readonly written: Written | undefined;
}

/** Runs db_bench to its end. */
export async function runDbBench(flags: readonly string[]): Promise<DbBenchRun> {
  const child = spawn('db_bench', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  let peakRssBytes: number | undefined;
  let written: Written | undefined;
  const look = setInterval(() => {
    peakRssBytes = peakRssOf(child.pid!) ?? peakRssBytes;
    written = writtenBy(child.pid!) ?? written;
  }, LOOK_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) {
      const shown = (errors + output).slice(-OUTPUT_SHOWN);
      throw new Error(`db_bench ${flags.join(' ')} ended with ${code}:\n${shown}`);
    }
  } finally {
    clearInterval(look);
  }
  return { lines: parseDbBench(output), output, errors, peakRssBytes, written };
}
