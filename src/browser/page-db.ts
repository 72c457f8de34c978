/**
 * The verbs of a database that runs in a worker.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { CheckpointReport } from '../copy/checkpoint.ts';
import type { CompactOptions, VerifyReport } from '../db/call-options.ts';
import type { Bytes } from '../db/input.ts';
import type { RangeOptions } from '../db/range.ts';
import type { DbScrubReport } from '../db/scrub.ts';
import type { DbStats } from '../db/stats.ts';
import { Watch, type WatchOptions } from '../db/watch.ts';
import type { AbortLike } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import type { Connection, PageProgress } from './connection.ts';
import type {
  BatchOperation,
  Chunk,
  PageWatchRange,
  RangeFields,
  ReadFields,
  ScrubFields,
  VerifyFields,
} from './protocol.ts';
import { type WatchCalls, WorkerWatch } from './worker-watch.ts';

/** How a page reads. */
export interface PageReadOptions {
  /** Read as of this snapshot; as of now if absent. */
  readonly snapshot?: PageSnapshot;
  /** Name of the family; the default one if absent. */
  readonly columnFamily?: string;
  /** Rejects with its reason when it is aborted before the answer is there. */
  readonly signal?: AbortLike;
}

/** How a page writes. */
export interface PageWriteOptions {
  /** Resolve when the write is on stable storage; false if absent. */
  readonly sync?: boolean;
}

/** How a page writes one entry. */
export interface PagePutOptions extends PageWriteOptions {
  /** Name of the family; the default one if absent. */
  readonly columnFamily?: string;
}

/** Which entries a page iterates, and how. */
export interface PageRangeOptions
  extends Omit<RangeOptions, 'snapshot' | 'columnFamily'>,
    PageReadOptions {
  /** From the last key to the first; false if absent. */
  readonly reverse?: boolean;
  /** Entries after which to stop; no limit if absent. */
  readonly limit?: number;
}

/** Which keys a page compacts. */
export interface PageCompactOptions extends Pick<CompactOptions, 'from' | 'to'> {
  /** Name of the family; all families if absent. */
  readonly columnFamily?: string;
}

/** How a page follows long work. */
export interface PageTaskOptions {
  /** Calls it off when it is aborted: the promise rejects with its reason. */
  readonly signal?: AbortLike | undefined;
  /** Told how far it is. */
  readonly onProgress?: PageProgress | undefined;
}

/** A `ReadableStream` of bytes, where the types of the platform are there. */
export type PageByteStream = typeof globalThis extends {
  ReadableStream: { prototype: infer Stream };
}
  ? Stream
  : unknown;

/** How a page scrubs. */
export type PageScrubOptions = ScrubFields & PageTaskOptions;

/** How a page verifies. */
export type PageVerifyOptions = VerifyFields & PageTaskOptions;

/**
 * A database that runs in a worker; made by `openInWorker`.
 *
 * When the tab ends whose worker has the files, another one goes on. What was asked for and not
 * answered is then done there: reads again, writes exactly once. What cannot be known fails with
 * `UNKNOWN`. Keys and values are borrowed until the promise settles: do not change them before.
 */
export class PageDb {
  readonly #connection: Connection;
  readonly #leave: (reason: unknown) => void;
  readonly #droppedIterators: FinalizationRegistry<number>;
  readonly #droppedWatches: FinalizationRegistry<WorkerWatch>;
  #closing: Promise<void> | undefined;

  /** Made by `openInWorker`. @param leave gives up this page's place among the tabs */
  constructor(connection: Connection, leave: (reason: unknown) => void) {
    this.#connection = connection;
    this.#leave = leave;
    this.#closing = undefined;
    this.#droppedIterators = new FinalizationRegistry((id) => void this.#end(id));
    this.#droppedWatches = new FinalizationRegistry((source) => source.close());
  }

  /** The value of a key, or undefined. */
  get(key: Bytes, options?: PageReadOptions): Promise<Uint8Array | undefined> {
    return abortable(this.#connection.call('get', key, readFields(options)), options?.signal);
  }

  /** The values of many keys, in their order, all as of the same moment. */
  getMany(keys: readonly Bytes[], options?: PageReadOptions): Promise<(Uint8Array | undefined)[]> {
    return abortable(this.#connection.call('getMany', keys, readFields(options)), options?.signal);
  }

  /** True when the key has a value. */
  has(key: Bytes, options?: PageReadOptions): Promise<boolean> {
    return abortable(this.#connection.call('has', key, readFields(options)), options?.signal);
  }

  /**
   * Sets a key. When it resolves the write survives the death of the tab, with `sync` power loss
   * too; writes that are under way together share a sync.
   * @returns the seqno of the write; a later one, as of which it is there, when another tab had to
   * look whether it was done
   */
  put(key: Bytes, value: Bytes, options?: PagePutOptions): Promise<number> {
    return this.write([{ type: 'put', key, value, ...family(options) }], options);
  }

  /** Removes a key; an absent one is no error. */
  delete(key: Bytes, options?: PagePutOptions): Promise<number> {
    return this.write([{ type: 'delete', key, ...family(options) }], options);
  }

  /**
   * Writes a batch: all of it or, after a crash, none.
   * @returns the seqno of its last operation
   */
  write(operations: readonly BatchOperation[], options?: PageWriteOptions): Promise<number> {
    return this.#connection.call('write', operations, options?.sync === true);
  }

  /**
   * Iterates `[key, value]` pairs of a range, as of the first step. Entries come in chunks, of
   * which one is fetched ahead. When another tab has taken over meanwhile, it goes on, unless the
   * database was written to since the first step: then it throws `STALE`.
   */
  async *entries(
    options: PageRangeOptions = {},
  ): AsyncGenerator<[key: Uint8Array, value: Uint8Array], void, void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const connection = this.#connection;
    const { held } = connection;
    const range = rangeFields(options);
    const iterator = held.newId();
    held.addWalk(iterator, range, await connection.call('iterate', iterator, range));
    // A generator that nobody runs to its end, or returns from, leaves nothing open.
    const token = {};
    const fetch = async (): Promise<Chunk> => {
      const chunk = await connection.call('next', iterator);
      // As soon as it is there: another worker would have to go on behind it.
      held.advance(iterator, chunk);
      return chunk;
    };
    this.#droppedIterators.register(token, iterator);
    try {
      let ahead = fetch();
      for (;;) {
        const chunk = await abortable(ahead, signal);
        if (!chunk.isDone) ahead = fetch();
        ahead.catch(() => {});
        for (const entry of unpacked(chunk)) {
          yield entry;
          signal?.throwIfAborted();
        }
        if (chunk.isDone) return;
      }
    } finally {
      void this.#end(iterator);
      this.#droppedIterators.unregister(token);
    }
  }

  /**
   * Tells of every batch that is committed after this call, by whichever tab, and changes a key in
   * one of the ranges: the keys, not the values, in order and without a gap. Writes that came at
   * the same time may be one batch; the seqno that a write returned is that of its last operation.
   * A read that is asked for behind the call sees what comes before. A consumer that does not keep
   * up is told `missed`, as is one whose tab was frozen, and all when another tab has taken over:
   * then read again.
   * Its first step rejects with TypeError, RangeError or `INVALID` for what cannot be watched.
   * @param ranges one or several; all keys of the default family if absent
   */
  watch(
    ranges: PageWatchRange | readonly PageWatchRange[] = {},
    { signal, bufferBytes }: WatchOptions = {},
  ): Watch {
    const connection = this.#connection;
    const id = connection.held.newId();
    const calls: WatchCalls = {
      begin: (fields) => connection.call('watch', id, fields),
      take: (fields) => connection.call('watched', id, fields),
      end: () => connection.call('unwatch', id),
    };
    const source = new WorkerWatch(calls, { ranges: [ranges].flat(), bufferBytes });
    const watch = new Watch(source, signal);
    this.#droppedWatches.register(watch, source);
    return watch;
  }

  /**
   * A fixed view of all families as of the call; release it when done. When another tab has taken
   * over, it stays as it was, unless the database was written to since: then reads of it throw
   * `STALE`.
   */
  async snapshot(): Promise<PageSnapshot> {
    const { held } = this.#connection;
    const id = held.newId();
    const seqno = await this.#connection.call('snapshot', id);
    held.addSnapshot(id, seqno);
    return new PageSnapshot(id, seqno, () => {
      held.removeSnapshot(id);
      return this.#connection.call('release', id);
    });
  }

  /** Names of all column families. */
  listColumnFamilies(): Promise<string[]> {
    return this.#connection.call('columnFamilies');
  }

  /** Makes a column family, with the settings of the database. */
  createColumnFamily(name: string): Promise<void> {
    return this.#connection.call('createColumnFamily', name);
  }

  /** Drops a column family and all it holds. */
  dropColumnFamily(name: string): Promise<void> {
    return this.#connection.call('dropColumnFamily', name);
  }

  /** About how many bytes of tables the keys of a range take. */
  approximateSize(options: PageRangeOptions = {}): Promise<number> {
    return this.#connection.call('approximateSize', rangeFields(options));
  }

  /** What the database tells about itself. */
  stats(): Promise<DbStats> {
    return this.#connection.call('stats');
  }

  /** Resolves when every write before the call is on stable storage. */
  sync(): Promise<void> {
    return this.#connection.call('sync');
  }

  /** Resolves when every write before the call is in tables. */
  flush(): Promise<void> {
    return this.#connection.call('flush');
  }

  /** Flushes, and merges a key range down to one sorted run. */
  compact(options: PageCompactOptions = {}): Promise<void> {
    return this.#connection.call('compact', options);
  }

  /** Goes back to writing after an error stopped it. */
  resume(): Promise<void> {
    return this.#connection.call('resume');
  }

  /**
   * Looks for damage in every byte of every file, or of some, and heals what it can; damage is
   * reported, not thrown. Reads and writes may go on.
   */
  scrub({ signal, onProgress, ...fields }: PageScrubOptions = {}): Promise<DbScrubReport> {
    return this.#long({ signal, onProgress }, (task) =>
      this.#connection.call('scrub', task, fields),
    );
  }

  /** Reads every file and checks it; damage is reported, not thrown. */
  verify({ signal, onProgress, ...fields }: PageVerifyOptions = {}): Promise<VerifyReport> {
    return this.#long({ signal, onProgress }, (task) =>
      this.#connection.call('verify', task, fields),
    );
  }

  /**
   * Makes a whole database of its own of what is there now, which `openInWorker` opens by its name,
   * with the same keys. It is there when the promise resolves, and not at all otherwise.
   * Rejects with `INVALID` when there is a database of that name, with `LOCKED` when it is open.
   */
  checkpoint(name: string, options: PageTaskOptions = {}): Promise<CheckpointReport> {
    return this.#long(options, (task) => this.#connection.call('checkpoint', task, name));
  }

  /**
   * The whole database as the bytes of one file, as of now, which `importInWorker` takes, and in
   * Node `varve/backup`; what is encrypted stays so. Pieces come as they are read. A stream that is
   * neither read to its end nor cancelled keeps files that the database needs no more. It fails
   * with `STALE` when another tab takes over meanwhile.
   */
  export({ signal, onProgress }: PageTaskOptions = {}): PageByteStream {
    const connection = this.#connection;
    const task = connection.held.newId();
    if (onProgress !== undefined) connection.progress.set(task, onProgress);
    let isFirst = true;
    const end = (): void => {
      connection.progress.delete(task);
      connection.call('cancel', task).catch(() => {});
    };
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          signal?.throwIfAborted();
          const piece = connection.call('exported', task, isFirst);
          isFirst = false;
          const bytes = await abortable(piece, signal);
          if (bytes !== undefined) controller.enqueue(bytes);
          else {
            end();
            controller.close();
          }
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: end,
    });
  }

  /**
   * Makes all writes durable, closes the database for this page, and ends its worker. Other tabs go
   * on. Twice is allowed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#connection.call('close').finally(() => {
      this.#leave(new VarveError('CLOSED', 'the database was closed'));
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #long<T>(
    { signal, onProgress }: PageTaskOptions,
    begin: (task: number) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { held, progress } = this.#connection;
    const task = held.newId();
    if (onProgress !== undefined) progress.set(task, onProgress);
    const onAbort = (): void => void this.#connection.call('cancel', task).catch(() => {});
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await abortable(begin(task), signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      progress.delete(task);
    }
  }

  /** After the end of the worker there is nothing to end. */
  #end(iterator: number): Promise<void> {
    this.#connection.held.removeWalk(iterator);
    return this.#connection.call('end', iterator).catch(() => {});
  }
}

/** A fixed view of a database in a worker. */
export class PageSnapshot {
  /** Of the newest write that it shows. */
  readonly seqno: number;
  readonly #id: number;
  readonly #release: () => Promise<void>;

  /** Made by {@link PageDb.snapshot}. */
  constructor(id: number, seqno: number, release: () => Promise<void>) {
    this.#id = id;
    this.seqno = seqno;
    this.#release = release;
  }

  /** Gives it up; twice is allowed. */
  release(): Promise<void> {
    return this.#release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** The number by which the worker knows a snapshot. */
  static idOf(snapshot: PageSnapshot): number {
    return snapshot.#id;
  }
}

function family(options: { readonly columnFamily?: string } | undefined): {
  columnFamily?: string;
} {
  return options?.columnFamily === undefined ? {} : { columnFamily: options.columnFamily };
}

function readFields(options: PageReadOptions | undefined): ReadFields | undefined {
  if (options === undefined) return undefined;
  const { snapshot, columnFamily } = options;
  return { snapshot: snapshot && PageSnapshot.idOf(snapshot), columnFamily };
}

function rangeFields({
  signal: _,
  snapshot,
  columnFamily,
  ...rest
}: PageRangeOptions): RangeFields {
  const read = { ...(snapshot && { snapshot }), ...(columnFamily && { columnFamily }) };
  return { ...rest, ...readFields(read) };
}

/** The entries of a chunk, as fresh copies. */
function* unpacked({ buf, ends }: Chunk): Generator<[Uint8Array, Uint8Array]> {
  let start = 0;
  for (let i = 0; i < ends.length; i += 2) {
    const middle = ends[i]!;
    const end = ends[i + 1]!;
    yield [buf.slice(start, middle), buf.slice(middle, end)];
    start = end;
  }
}

function abortable<T>(answer: Promise<T>, signal: AbortLike | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
