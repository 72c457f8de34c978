/**
 * The threads of a runtime, as the pool of workers uses them.
 * @module
 */
import type { Order, Report } from './protocol.ts';

/** A worker as the pool sees it. */
export interface WorkerEndpoint {
  /** The order is copied before the call returns. */
  send(order: Order): void;
  /** The next report, if one has arrived. */
  receive(): Report | undefined;
  /** Whether the host must not end before the worker reports. */
  hold(isHeld: boolean): void;
  /** Ends the worker, whatever it does. */
  terminate(): Promise<void>;
}

/** What a worker tells without being asked. */
export interface WorkerListener {
  /** Reports can be received. */
  onReport(): void;
  /** The worker has ended. */
  onDeath(cause: unknown): void;
}

/** The threads of a runtime; databases that are given the same object share its workers. */
export interface WorkerThreads {
  /** Workers that fit the machine. */
  readonly defaultCount: number;
  /**
   * @param signals see protocol.ts
   * @param number of the worker, from 0
   * @throws what shows at once that no worker can be started
   */
  start(signals: Int32Array, number: number, listener: WorkerListener): WorkerEndpoint;
  /** Blocks until the word at `REPORTS_WORD` is not `seen` any more, or a time has passed. */
  wait(signals: Int32Array, seen: number, milliseconds: number): void;
  /** Calls back once after a time; returns how to call it off. */
  timer(milliseconds: number, callback: () => void): () => void;
  /**
   * The same, unless the host ends before. Where it is missing, workers start with the first job
   * and end with the last database; otherwise they start with a job that lasts, and end when they
   * have had none for some seconds.
   */
  later?(milliseconds: number, callback: () => void): () => void;
}
