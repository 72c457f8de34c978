/**
 * A watch as its users hold it: in the process of the database, or in the page of a worker.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { AbortLike } from '../env/port.ts';
import { PackReader, type WatchEvent, type WatchPack } from './watch-events.ts';

/** How a watch is done. */
export interface WatchOptions {
  /** Ends it when it is aborted: the step under way, or the next one, rejects with the reason. */
  readonly signal?: AbortLike | undefined;
  /**
   * Memory for what the consumer has not come to: 1 KiB to 1 GiB, 1 MiB if absent. A key takes its
   * length and 32 bytes. What goes beyond that is `missed`.
   */
  readonly bufferBytes?: number | undefined;
}

/** Where the events of a watch come from. The watch must not be reachable from it. */
export interface WatchSource {
  /** Nothing is told any more. */
  readonly isClosed: boolean;
  /**
   * What there is to tell, once there is something; undefined when it has ended. Rejects once with
   * the failure that it was closed with.
   */
  take(): Promise<WatchPack | undefined>;
  /** Ends it, and drops what waits; with a failure, that is told. Twice is allowed. */
  close(failure?: { readonly reason: unknown }): void;
}

/**
 * Yields every committed batch that touches the watched ranges, in order and without a gap, from
 * the call of `watch` on. Ends when the database is closed, or all its families are dropped, after
 * what was committed until then.
 *
 * `next`, also several at a time, resolves when there is something to tell. A `break` out of a
 * `for await` closes it.
 */
export class Watch implements AsyncIterableIterator<WatchEvent, undefined, undefined> {
  readonly #source: WatchSource;
  readonly #forget: () => void;
  #events: PackReader | undefined;
  /** The end of the step before. */
  #last: Promise<unknown>;

  /** Made by `watch`; takes the source. */
  constructor(source: WatchSource, signal: AbortLike | undefined) {
    this.#source = source;
    this.#forget = closeOnAbort(source, signal);
    this.#events = undefined;
    this.#last = Promise.resolve();
  }

  /** The next event, when it is there. */
  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    const step = this.#last.then(() => this.#step());
    this.#last = step.catch(ignore);
    return step;
  }

  /** Ends the watch; a step under way comes to its end. Twice is allowed. */
  close(): void {
    this.#forget();
    this.#source.close();
  }

  /** As {@link close}, for loops. */
  async return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Where its events come from, for those who carry them elsewhere. */
  static sourceOf(watch: Watch): WatchSource {
    return watch.#source;
  }

  async #step(): Promise<IteratorResult<WatchEvent, undefined>> {
    const source = this.#source;
    for (;;) {
      const value = source.isClosed ? undefined : this.#events?.next();
      if (value !== undefined) return { done: false, value };
      const pack = await source.take();
      if (pack === undefined) {
        this.close();
        return { done: true, value: undefined };
      }
      this.#events = new PackReader(pack);
    }
  }
}

/** @returns what takes the listener back */
function closeOnAbort(source: WatchSource, signal: AbortLike | undefined): () => void {
  if (signal === undefined) return ignore;
  const onAbort = (): void => source.close({ reason: signal.reason });
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}

function ignore(): void {}
