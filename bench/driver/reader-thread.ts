/**
 * The thread of reader-threads.ts: opens the database read-only, says so, waits to be told to
 * begin, runs the workload and answers.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { DbOptions } from '../../src/index.ts';
import { type Measurement, Run } from './run.ts';
import type { WorkloadSettings } from './settings.ts';
import { VarveEngine } from './varve-engine.ts';
import { workloadNamed } from './workloads.ts';

/** What a thread is told; plain data. */
export interface ReaderJob {
  readonly workload: string;
  readonly directory: string;
  readonly options: DbOptions;
  readonly settings: WorkloadSettings;
  readonly thread: number;
}

export interface ReaderAnswer {
  readonly measurement: Measurement;
  /** When it was done, in the milliseconds of the system's clock. */
  readonly endMs: number;
}

/** Streams of threads lie apart from those of the runs of a session. */
const FIRST_STREAM = 32_768;

async function work(port: NonNullable<typeof parentPort>, job: ReaderJob): Promise<void> {
  const engine = new VarveEngine({ ...job.options, readOnly: true });
  await engine.open(job.directory, false);
  const run = new Run(engine, job.directory, job.settings, FIRST_STREAM + job.thread);
  const begin = new Promise((resolve) => port.once('message', resolve));
  port.postMessage('ready');
  await begin;
  await workloadNamed(job.workload).run(run);
  const measurement = run.finish();
  const endMs = performance.timeOrigin + performance.now();
  await engine.close();
  port.postMessage({ measurement, endMs } satisfies ReaderAnswer);
}

await work(parentPort!, workerData as ReaderJob);
