/**
 * The loop of a worker, whatever its runtime: it takes orders in, works in steps, and between two
 * steps looks whether new orders have come. How messages travel is the runtime's part.
 * @module
 */
import type { JobRunner } from './job-runner.ts';
import { HEARTBEAT_ENDED, HEARTBEAT_WORD, type Order, REPORTS_WORD } from './protocol.ts';

/** Entries of one step: some milliseconds of work. */
const STEP_BYTES = 1_048_576;
/** A wait for the rate limit looks for new orders this often. */
const PAUSE_MS_MAX = 10;
/** Heartbeats repeat after so many. */
const BEAT_COUNT = 0x1_0000;

/** The shared words of one worker; see protocol.ts. */
export class WorkerSignals {
  readonly #words: Int32Array;
  readonly #number: number;
  #beats: number;
  /** Nobody ever notifies it. */
  readonly #sleep: Int32Array;

  /** @param words shared with the database @param number of the worker, from 0 */
  constructor(words: Int32Array, number: number) {
    this.#words = words;
    this.#number = number;
    this.#beats = 0;
    this.#sleep = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  }

  /** Shows that the worker takes orders, or gets on with them. */
  beat(): void {
    this.#beats = (this.#beats + 1) % BEAT_COUNT;
    Atomics.store(this.#words, HEARTBEAT_WORD + this.#number, 1 + this.#beats);
  }

  /** Tells the database that there is something to look at. */
  notify(): void {
    Atomics.add(this.#words, REPORTS_WORD, 1);
    Atomics.notify(this.#words, REPORTS_WORD);
  }

  /** Blocks the thread for some milliseconds. */
  sleep(milliseconds: number): void {
    Atomics.wait(this.#sleep, 0, 0, milliseconds);
  }

  /** Tells the database that the worker does nothing any more. */
  end(): void {
    Atomics.store(this.#words, HEARTBEAT_WORD + this.#number, HEARTBEAT_ENDED);
    this.notify();
  }
}

/**
 * Lets the orders that have come since be pushed onto `inbox`: at once, or until the promise
 * resolves.
 */
export type Collect = (inbox: Order[]) => Promise<void> | undefined;

/** See the module head. */
export class WorkerProgram {
  readonly #runner: JobRunner;
  readonly #signals: WorkerSignals;
  readonly #collect: Collect;
  readonly #inbox: Order[];
  #isWorking: boolean;

  /** Tells the database that orders are taken from now on. */
  constructor(runner: JobRunner, signals: WorkerSignals, collect: Collect) {
    this.#runner = runner;
    this.#signals = signals;
    this.#collect = collect;
    this.#inbox = [];
    this.#isWorking = false;
    signals.beat();
  }

  /**
   * Takes an order that an event has brought, and works until nothing is left to do, unless that
   * is going on already. What it throws ends the worker.
   */
  async follow(order: Order): Promise<void> {
    this.#inbox.push(order);
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#inbox.length > 0 || !this.#runner.isIdle) {
      const next = this.#inbox.shift();
      if (next !== undefined) {
        await this.#runner.take(next);
        continue;
      }
      const { pauseMs } = this.#runner;
      if (pauseMs > 0) this.#signals.sleep(Math.min(pauseMs, PAUSE_MS_MAX));
      else this.#runner.step(STEP_BYTES);
      this.#signals.beat();
      await this.#collect(this.#inbox);
    }
    this.#isWorking = false;
  }
}
