/**
 * The page's end of a watch whose events are gathered in the worker. One pack is under way, or with
 * the consumer: while that is busy, what is new waits in the worker, within the watch's bound.
 * @module
 */
import type { WatchSource } from '../db/watch.ts';
import type { WatchPack } from '../db/watch-events.ts';
import { isVarveError } from '../errors.ts';
import type { WatchFields } from './protocol.ts';

/** Asks the worker. */
export interface WatchCalls {
  begin(fields: WatchFields): Promise<void>;
  take(fields: WatchFields): Promise<WatchPack | undefined>;
  end(): Promise<void>;
}

/** See the module head. */
export class WorkerWatch implements WatchSource {
  readonly #calls: WatchCalls;
  readonly #fields: WatchFields;
  readonly #begun: Promise<void>;
  #isClosed: boolean;
  #failure: { readonly reason: unknown } | undefined;
  /** Ends the wait for the worker. */
  #wake: (() => void) | undefined;

  /** Begins the watch in the worker. */
  constructor(calls: WatchCalls, fields: WatchFields) {
    this.#calls = calls;
    this.#fields = fields;
    this.#isClosed = false;
    this.#failure = undefined;
    this.#wake = undefined;
    this.#begun = calls.begin(fields);
    // The first step tells.
    this.#begun.catch(() => {});
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async take(): Promise<WatchPack | undefined> {
    const closed = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined);
    });
    const pack = this.#isClosed ? undefined : await Promise.race([this.#next(), closed]);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.reason;
    return this.#isClosed ? undefined : pack;
  }

  close(failure?: { readonly reason: unknown }): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failure = failure;
    this.#wake?.();
    // After the end of the worker there is nothing to end.
    this.#calls.end().catch(() => {});
  }

  async #next(): Promise<WatchPack | undefined> {
    try {
      await this.#begun;
      return await this.#calls.take(this.#fields);
    } catch (error) {
      // A watch ends with its database.
      if (isVarveError(error, 'CLOSED')) return undefined;
      throw error;
    }
  }
}
