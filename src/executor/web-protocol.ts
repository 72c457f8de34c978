/**
 * What the threads of a browser say to each other to start and end workers.
 *
 * A worker cannot start while the thread that made it blocks, and that is what the thread of a
 * database does while it waits for room. So that thread asks another one, the steward, which never
 * blocks: it makes the workers, sees them die, and ends them.
 *
 *     database -> steward    StewardStart, once, by the worker's own channel; all else by its port
 *     steward  -> database   'ready', then WorkerEnded for each worker
 *     database -> steward    StewardOrder
 *     steward  -> worker     WorkerStart, once
 *     worker   -> steward    'alive', once it holds the Web Lock `lock`
 *     database -> worker     Order, by the port of WorkerStart
 *     worker   -> database   Report as plain data in the mailbox; 'look' by the port if asked for
 *
 * The browser takes the lock from a worker that ends in whatever way, when it really has: a worker
 * that is terminated may finish what it is at.
 * @module
 */
import type { ModuleExport } from './module-export.ts';

/** With the module's URL as text. */
export interface NamedExport extends ModuleExport {
  readonly module: string;
}

export interface StewardStart {
  readonly port: MessagePort;
  readonly fs: NamedExport;
  /** Of the program of a worker; undefined for ours. */
  readonly workerUrl: string | undefined;
}

export type StewardOrder =
  | {
      readonly type: 'start';
      /** Tells all workers of this steward apart. */
      readonly id: number;
      readonly signals: Int32Array;
      readonly number: number;
      readonly mailbox: SharedArrayBuffer;
      readonly port: MessagePort;
    }
  | { readonly type: 'end'; readonly id: number };

export interface WorkerEnded {
  readonly id: number;
  /** Undefined if it was told to. */
  readonly cause: string | undefined;
}

export interface WorkerStart {
  readonly signals: Int32Array;
  readonly number: number;
  readonly mailbox: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly fs: NamedExport;
  readonly lock: string;
}
