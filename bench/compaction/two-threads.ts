/**
 * What a second thread is worth on this machine, whatever it does: pure arithmetic that shares
 * nothing, on one thread and on two. No program gains more by its second thread.
 * @module
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

/** About a tenth of a second. */
const ROUNDS = 40_000_000;
/** In the first-level cache of any processor. */
const TABLE_WORDS = 2048;
const FACTOR = 1_664_525;
const STEP = 1_013_904_223;

function calculate(table: Uint32Array): void {
  let state = 1;
  for (let i = 0; i < ROUNDS; i++) {
    state = (Math.imul(state, FACTOR) + STEP) | 0;
    table[state & (TABLE_WORDS - 1)]! += state;
  }
}

/** Two threads that wait for work. */
export class TwoThreads {
  readonly #first: Worker;
  readonly #second: Worker;

  constructor() {
    this.#first = new Worker(new URL(import.meta.url));
    this.#second = new Worker(new URL(import.meta.url));
  }

  /** How many times as much two of them do as one, now. */
  async measure(): Promise<number> {
    const alone = (await run(this.#first)) + (await run(this.#second));
    return alone / (await run(this.#first, this.#second));
  }

  async close(): Promise<void> {
    await Promise.all([this.#first.terminate(), this.#second.terminate()]);
  }
}

/** Milliseconds until all of them have calculated. */
async function run(...threads: readonly Worker[]): Promise<number> {
  const begin = performance.now();
  const answers = threads.map((thread) => once(thread, 'message'));
  for (const thread of threads) thread.postMessage('go');
  await Promise.all(answers);
  return performance.now() - begin;
}

if (!isMainThread) {
  const table = new Uint32Array(TABLE_WORDS);
  parentPort!.on('message', () => {
    calculate(table);
    parentPort!.postMessage('done');
  });
}
