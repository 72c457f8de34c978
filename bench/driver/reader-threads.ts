/**
 * Reading in several threads: each opens the database read-only and runs the workload with draws of
 * its own. The result is theirs together, from the first begin to the last end.
 * @module
 */
import { Worker } from 'node:worker_threads';
import type { ReaderAnswer, ReaderJob } from './reader-thread.ts';
import type { Measurement } from './run.ts';

/**
 * Runs a workload that only reads.
 * @param job its directory holds a database that no one has open for writing
 */
export async function readInThreads(
  threads: number,
  job: Omit<ReaderJob, 'thread'>,
): Promise<Measurement> {
  const program = new URL('./reader-thread.js', import.meta.url);
  const workers = Array.from({ length: threads }, (_, thread) => {
    return new Worker(program, { workerData: { ...job, thread } satisfies ReaderJob });
  });
  try {
    await Promise.all(workers.map(nextMessage));
    const answers = workers.map((worker) => nextMessage(worker) as Promise<ReaderAnswer>);
    for (const worker of workers) worker.postMessage('begin');
    return together(await Promise.all(answers));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function together(answers: readonly ReaderAnswer[]): Measurement {
  const all = answers.map(({ measurement }) => measurement);
  const sum = (of: (one: Measurement) => number): number => all.reduce((n, one) => n + of(one), 0);
  const begins = answers.map(({ endMs, measurement }) => endMs - measurement.seconds * 1000);
  const ends = answers.map(({ endMs }) => endMs);
  return {
    operations: sum(({ operations }) => operations),
    seconds: (Math.max(...ends) - Math.min(...begins)) / 1000,
    bytes: sum(({ bytes }) => bytes),
    bytesWritten: 0,
    message: `(${answers.length} threads; the first: ${all[0]!.message || 'done'})`,
    latency: undefined,
    writeLatency: undefined,
    stopped: all.some(({ stopped }) => stopped),
  };
}
