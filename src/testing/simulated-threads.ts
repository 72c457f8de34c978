/**
 * Worker threads whose steps happen one at a time, in an order that follows from a seed: the same
 * jobs, orders and reports as between real threads, in a schedule that can be replayed.
 *
 * Workers get on when they are told to ({@link SimulatedThreads.run}), for instance before every
 * operation on a file, and as long as the database waits for them.
 * @module
 */
import { JobRunner, type WorkerEnvironment } from '../executor/job-runner.ts';
import type { WorkerEndpoint, WorkerListener, WorkerThreads } from '../executor/port.ts';
import { HEARTBEAT_WORD, type Order, REPORTS_WORD, type Report } from '../executor/protocol.ts';
import { PowerCut } from './power-cut.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedClock } from './simulated-clock.ts';

/** Steps merge up to this many bytes. */
const STEP_BYTES_MAX = 16_384;
/** Most steps of one {@link SimulatedThreads.run}. */
const RUN_STEPS_MAX = 4;

/** What simulated workers work with. */
export interface SimulatedPorts extends WorkerEnvironment {
  /** Moves on while a wait has nothing to wait for. */
  readonly clock: SimulatedClock;
}

/** One worker. */
interface Worker {
  readonly number: number;
  readonly signals: Int32Array;
  readonly listener: WorkerListener;
  readonly inbox: Order[];
  readonly outbox: Report[];
  readonly runner: JobRunner;
}

/** Workers that take a step, or are late, as a seed says; see {@link WorkerThreads}. */
export class SimulatedThreads implements WorkerThreads {
  readonly defaultCount: number;
  readonly #ports: SimulatedPorts;
  readonly #random: SeededRandom;
  readonly #lateEvery: number;
  #startCount: number;
  #workers: Worker[];
  /** Work of a worker is under way: what it does is not interrupted. */
  #isStepping: boolean;

  /**
   * @param ports what the workers work with; their file system is that of the database
   * @param lateEvery of so many workers one takes its time to start: who blocks meanwhile does its
   * jobs himself; none if 0
   */
  constructor(ports: SimulatedPorts, random: SeededRandom, defaultCount = 2, lateEvery = 0) {
    this.defaultCount = defaultCount;
    this.#lateEvery = lateEvery;
    this.#startCount = 0;
    this.#ports = ports;
    this.#random = random;
    this.#workers = [];
    this.#isStepping = false;
  }

  start(signals: Int32Array, number: number, listener: WorkerListener): WorkerEndpoint {
    const outbox: Report[] = [];
    const send = (report: Report): void => {
      outbox.push(structuredClone(report));
      Atomics.add(signals, REPORTS_WORD, 1);
      void Promise.resolve().then(() => {
        // A process without power notices nothing any more.
        ignorePowerCut(() => listener.onReport());
      });
    };
    const runner = new JobRunner(this.#ports, send, true);
    const worker: Worker = {
      number,
      signals,
      listener,
      inbox: [],
      outbox,
      runner,
    };
    this.#workers.push(worker);
    this.#startCount++;
    // It takes orders from now on; a late one does not say so before it has followed the first.
    const isLate = this.#lateEvery > 0 && this.#startCount % this.#lateEvery === 0;
    if (!isLate) Atomics.store(signals, HEARTBEAT_WORD + number, 1);
    return {
      send: (order) => void worker.inbox.push(structuredClone(order)),
      receive: () => outbox.shift(),
      hold: () => {},
      terminate: async () => this.#end(worker),
    };
  }

  wait(signals: Int32Array, seen: number, milliseconds: number): void {
    while (Atomics.load(signals, REPORTS_WORD) === seen) {
      if (this.#step()) continue;
      this.#ports.clock.advance(milliseconds);
      return;
    }
  }

  timer(_milliseconds: number, callback: () => void): () => void {
    let isOff = false;
    void Promise.resolve().then(() => {
      this.run();
      if (!isOff) ignorePowerCut(callback);
    });
    return () => {
      isOff = true;
    };
  }

  /** Lets workers take a few steps, or none. */
  run(): void {
    for (let left = this.#random.below(RUN_STEPS_MAX + 1); left > 0 && this.#step(); left--);
  }

  /** A worker dies in the middle of its work, if one has any. Returns whether one did. */
  kill(): boolean {
    const victim = this.#workers.find(({ runner, inbox }) => !runner.isIdle || inbox.length > 0);
    if (victim === undefined || this.#isStepping) return false;
    this.#end(victim);
    void Promise.resolve().then(() => {
      ignorePowerCut(() => victim.listener.onDeath(new Error('it was killed')));
    });
    return true;
  }

  #end(worker: Worker): void {
    this.#workers = this.#workers.filter((other) => other !== worker);
  }

  /** One step of some worker; false when none has anything to do, or one is at it. */
  #step(): boolean {
    if (this.#isStepping) return false;
    const ready = this.#workers.filter(({ runner, inbox }) => inbox.length > 0 || !runner.isIdle);
    const worker = ready[ready.length < 2 ? 0 : this.#random.below(ready.length)];
    if (worker === undefined) return false;
    this.#isStepping = true;
    try {
      this.#work(worker);
    } finally {
      this.#isStepping = false;
    }
    return true;
  }

  #work(worker: Worker): void {
    const { inbox, runner, signals, number } = worker;
    const order = inbox.shift();
    if (order === undefined) {
      if (runner.pauseMs > 0) this.#ports.clock.advance(runner.pauseMs);
      else runner.step(1 + this.#random.below(STEP_BYTES_MAX));
      Atomics.add(signals, HEARTBEAT_WORD + number, 1);
      return;
    }
    // The database has loaded whatever its jobs need, in this very thread.
    void runner.take(order);
    Atomics.add(signals, HEARTBEAT_WORD + number, 1);
  }
}

function ignorePowerCut(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
}
