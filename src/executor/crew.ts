/**
 * A worker that has been started, as the pool sees it: its jobs, and its signs of life.
 * @module
 */
import type { PoolTask } from './pool-task.ts';
import type { WorkerEndpoint } from './port.ts';
import { HEARTBEAT_ENDED, HEARTBEAT_WORD } from './protocol.ts';

/** A worker that cannot take orders after so long does not come. */
const START_MS_MAX = 20_000;
/** A worker without a sign of life for so long is given up; to sync a large file takes a while. */
const SILENCE_MS_MAX = 120_000;

/** See the module head. */
export class Crew {
  readonly number: number;
  readonly endpoint: WorkerEndpoint;
  /** Jobs whose orders it has, by the numbers of the orders. */
  readonly tasks: Map<number, PoolTask>;
  /** It has said that it takes orders; see {@link look}. */
  isReady: boolean;
  /** When it was last without a job. */
  idleAtMs: number;
  readonly #signals: Int32Array;
  #heartbeat: number;
  #heardAtMs: number;

  /** @param signals see protocol.ts; shared with the worker */
  constructor(number: number, endpoint: WorkerEndpoint, signals: Int32Array, nowMs: number) {
    this.number = number;
    this.endpoint = endpoint;
    this.tasks = new Map();
    this.isReady = false;
    this.idleAtMs = nowMs;
    this.#signals = signals;
    this.#heartbeat = 0;
    this.#heardAtMs = nowMs;
  }

  /** Finds out whether it takes orders by now. */
  look(): boolean {
    const heartbeat = this.#read();
    this.isReady ||= heartbeat !== 0 && heartbeat !== HEARTBEAT_ENDED;
    return this.isReady;
  }

  /** It has shown a sign of life, or was silent for want of work. */
  hear(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** Why it is to be given up; undefined while there are signs of life, or it may yet give some. */
  missing(nowMs: number): string | undefined {
    const heartbeat = this.#read();
    if (heartbeat === HEARTBEAT_ENDED) return 'it has ended';
    if (this.isReady && (heartbeat !== this.#heartbeat || this.tasks.size === 0)) {
      this.#heartbeat = heartbeat;
      this.#heardAtMs = nowMs;
    } else if (nowMs - this.#heardAtMs > (this.isReady ? SILENCE_MS_MAX : START_MS_MAX)) {
      return 'it showed no sign of life';
    }
    return undefined;
  }

  #read(): number {
    return Atomics.load(this.#signals, HEARTBEAT_WORD + this.number);
  }
}
