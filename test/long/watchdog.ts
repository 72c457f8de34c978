/**
 * A thread that ends its process, with a message, when a number in shared memory stays the same for
 * too long.
 * @module
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const LOOK_MS = 1000;
const STDERR = 2;

/** What the thread is given. */
export interface WatchPlan {
  /** One number. */
  readonly current: BigInt64Array;
  readonly stuckMs: number;
  /** `{}` stands for the number. */
  readonly message: string;
}

const { current, stuckMs, message } = workerData as WatchPlan;
let seen = Atomics.load(current, 0);
let sinceMs = performance.now();
setInterval(() => {
  const now = Atomics.load(current, 0);
  if (now !== seen) {
    seen = now;
    sinceMs = performance.now();
  } else if (performance.now() - sinceMs > stuckMs) {
    // The other thread does not get to print anything.
    writeSync(STDERR, `${seen} gets nowhere.\n${message.replace('{}', String(seen))}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, LOOK_MS);
