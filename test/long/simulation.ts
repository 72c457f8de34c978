/**
 * `npm run test:long -- --simulation [--seed N] [--seeds N | --minutes M]`: simulations of
 * test/prove/simulation.ts, one for each seed.
 *
 * A simulation never waits for anything real, so one that gets nowhere would hold its thread for
 * ever: another thread watches, and ends the process.
 * @module
 */
import { Worker } from 'node:worker_threads';
import { simulate } from '../prove/simulation.ts';
import type { WatchPlan } from './watchdog.ts';

const REPORT_INTERVAL_MS = 10_000;
const STUCK_MS = 120_000;

/** See the module head. */
export interface SimulationPlan {
  readonly first: number;
  /** Ends after so many seeds, or the minutes. */
  readonly seeds: number;
  readonly minutes: number;
}

/** Runs them; a failure prints the command that replays it. @returns false after a failure */
export async function simulateSeeds({ first, seeds, minutes }: SimulationPlan): Promise<boolean> {
  const current = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  const watchdog = watch(current);
  const begin = performance.now();
  const sums = new Map<string, number>();
  let reportedMs = begin;
  let count = 0;
  try {
    for (; count < seeds && performance.now() - begin < minutes * 60_000; count++) {
      const seed = first + count;
      Atomics.store(current, 0, BigInt(seed));
      const totals = await simulate(seed).catch((error: unknown) => {
        console.error(error);
        console.error(`\n${replay(seed)}`);
      });
      if (totals === undefined) return false;
      for (const [name, value] of Object.entries(totals)) {
        if (typeof value === 'number') sums.set(name, (sums.get(name) ?? 0) + value);
        else if (seeds === 1) console.log(`trace ${value}`);
      }
      if (performance.now() - reportedMs < REPORT_INTERVAL_MS) continue;
      reportedMs = performance.now();
      console.log(`seed ${seed}: ${sumUp(count + 1, begin, sums)}`);
    }
    console.log(`${sumUp(count, begin, sums)}, no failure`);
    return true;
  } finally {
    await watchdog.terminate();
  }
}

function sumUp(count: number, begin: number, sums: ReadonlyMap<string, number>): string {
  const rate = (count / (performance.now() - begin)) * 1000;
  const parts = [...sums].map(([name, sum]) => `${name} ${sum}`);
  return `${count} seeds, ${rate.toFixed(1)} a second; ${parts.join(', ')}`;
}

function replay(seed: number | string): string {
  return `To replay: npm run test:long -- --simulation --seed ${seed} --seeds 1`;
}

/** Ends the process when the seed stays the same for too long. */
function watch(current: BigInt64Array): Worker {
  const program = new URL('./watchdog.js', import.meta.url);
  const plan = { current, stuckMs: STUCK_MS, message: replay('{}') } satisfies WatchPlan;
  const worker = new Worker(program, { workerData: plan });
  worker.unref();
  return worker;
}
