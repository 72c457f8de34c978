/**
 * A database for a page: the engine runs in a dedicated worker, over OPFS, and this has its verbs
 * as promises. What is asked for in one turn of the page travels in one message.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { CompactOptions } from '../db/call-options.ts';
import type { DbEvent } from '../db/events.ts';
import type { Bytes } from '../db/input.ts';
import type { DbOptions } from '../db/options.ts';
import type { RangeOptions } from '../db/range.ts';
import type { DbStats } from '../db/stats.ts';
import { VarveError } from '../errors.ts';
import {
  type BatchOperation,
  type Call,
  type Chunk,
  type Failure,
  type Message,
  type RangeFields,
  type ReadFields,
  START_ID,
  type Verb,
  type Verbs,
  type WorkerStart,
} from './protocol.ts';

/** Options of {@link openInWorker}. */
export interface OpenInWorkerOptions {
  /** Options of the database, as far as they can be cloned: no functions. */
  readonly db?: Omit<DbOptions, 'onEvent'>;
  /** Told of what the database does in the background. */
  readonly onEvent?: (event: DbEvent) => void;
  /** Files of the browser that may be open, 8 to 2000, default 128. */
  readonly handlesMax?: number;
  /** Asks the browser not to evict the data; default false. */
  readonly persist?: boolean;
  /** Address of the worker's program where a bundler does not find it: `varve/workers/opfs.js`. */
  readonly workerUrl?: string | { readonly href: string };
}

/** What gives up waiting: an `AbortSignal`. */
export interface AbortLike {
  /** Whether it was aborted. */
  readonly aborted: boolean;
  /** With what. */
  readonly reason?: unknown;
  /** Throws the reason if it was aborted. */
  throwIfAborted(): void;
  /** Calls back once when it is aborted. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  /** Undoes {@link addEventListener}. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

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

/**
 * Opens a database in a worker of its own.
 * @param name of its directory in OPFS, made if it is not there
 * @throws TypeError for options that cannot be cloned
 * @throws VarveError `UNSUPPORTED` naming what the browser lacks, or when the worker cannot start;
 * `LOCKED` while another tab has it; whatever `open` throws
 */
export async function openInWorker(
  name: string,
  options: OpenInWorkerOptions = {},
): Promise<PageDb> {
  const { db = {}, handlesMax, persist, onEvent } = options;
  const hasEvents = onEvent !== undefined;
  const lifeLock = `varve-worker:${crypto.randomUUID()}`;
  const start: WorkerStart = { name, db, handlesMax, persist, hasEvents, lifeLock };
  const connection = new Connection(makeWorker(options.workerUrl), onEvent);
  try {
    await connection.open(start);
    connection.watch(lifeLock);
  } catch (error) {
    connection.end(error);
    throw error;
  }
  return new PageDb(connection);
}

function makeWorker(url: OpenInWorkerOptions['workerUrl']): WorkerLike {
  const worker =
    url === undefined
      ? // Bundlers look for exactly this.
        new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
      : new Worker(typeof url === 'string' ? url : url.href, { type: 'module' });
  return worker as unknown as WorkerLike;
}

/** What is used of a worker; types must not need the library of the DOM. */
interface WorkerLike {
  onmessage: ((event: { readonly data: Message }) => void) | null;
  onerror: ((event: WorkerFailure) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

/** Of a worker; an `ErrorEvent`. */
interface WorkerFailure {
  readonly message?: string;
  preventDefault(): void;
}

/** Who waits for an answer. */
interface Waiting {
  resolve(value: never): void;
  reject(error: unknown): void;
}

/** Calls under way to one worker. */
class Connection {
  readonly #worker: WorkerLike;
  readonly #waiting: Map<number, Waiting>;
  #calls: Call[];
  #nextId: number;
  #isOpen: boolean;
  /** Why nothing more can be asked. */
  #ended: unknown;

  constructor(worker: WorkerLike, onEvent: ((event: DbEvent) => void) | undefined) {
    this.#worker = worker;
    this.#waiting = new Map();
    this.#calls = [];
    this.#nextId = START_ID + 1;
    this.#isOpen = false;
    this.#ended = undefined;
    worker.onmessage = ({ data: { answers, event } }) => {
      for (const [id, value, failure] of answers ?? []) this.#settle(id, value, failure);
      if (event !== undefined) onEvent?.(event);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ?? 'its program cannot be loaded';
      const code = this.#isOpen ? 'IO' : 'UNSUPPORTED';
      this.end(new VarveError(code, `the worker of the database failed: ${why}`));
    };
  }

  /** Notices the end of the worker, which no event tells. */
  watch(lifeLock: string): void {
    this.#isOpen = true;
    const onEnd = (): void => this.end(new VarveError('IO', 'the worker of the database ended'));
    navigator.locks?.request(lifeLock, onEnd).catch(() => {});
  }

  open(start: WorkerStart): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(START_ID, { resolve: resolve as Waiting['resolve'], reject });
      try {
        this.#worker.postMessage(start);
      } catch (cause) {
        reject(new TypeError('the options of the database cannot be cloned', { cause }));
      }
    });
  }

  call<V extends Verb>(verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      if (this.#calls.length === 0) queueMicrotask(() => this.#flush());
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#calls.push([id, verb, ...args]);
    });
  }

  /** Ends the worker; what is under way fails. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    if (this.#ended !== undefined) return;
    try {
      this.#worker.postMessage(calls);
    } catch {
      // One of them cannot be cloned: the others must not suffer for it.
      for (const call of calls) this.#sendAlone(call);
    }
  }

  #sendAlone(call: Call): void {
    try {
      this.#worker.postMessage([call]);
    } catch (cause) {
      const waiting = this.#waiting.get(call[0]);
      this.#waiting.delete(call[0]);
      waiting?.reject(new TypeError(`an argument of ${call[1]} cannot be cloned`, { cause }));
    }
  }

  #settle(id: number, value: unknown, failure: Failure | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) waiting?.resolve(value as never);
    else waiting?.reject(errorOf(failure));
  }
}

/** A database that runs in a worker; see {@link openInWorker}. */
export class PageDb {
  readonly #connection: Connection;
  readonly #droppedIterators: FinalizationRegistry<number>;
  #closing: Promise<void> | undefined;

  /** Made by {@link openInWorker}. */
  constructor(connection: Connection) {
    this.#connection = connection;
    this.#closing = undefined;
    this.#droppedIterators = new FinalizationRegistry((id) => void this.#end(id));
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
   * @returns the seqno of the write
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
   * which one is fetched ahead.
   */
  async *entries(
    options: PageRangeOptions = {},
  ): AsyncGenerator<[key: Uint8Array, value: Uint8Array], void, void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const connection = this.#connection;
    const iterator = await connection.call('iterate', rangeFields(options));
    // A generator that nobody runs to its end, or returns from, leaves nothing open.
    const token = {};
    this.#droppedIterators.register(token, iterator);
    try {
      let ahead = connection.call('next', iterator);
      for (;;) {
        const chunk = await abortable(ahead, signal);
        if (!chunk.isDone) ahead = connection.call('next', iterator);
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

  /** A fixed view of all families as of the call; release it when done. */
  async snapshot(): Promise<PageSnapshot> {
    const [id, seqno] = await this.#connection.call('snapshot');
    return new PageSnapshot(id, seqno, () => this.#connection.call('release', id));
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

  /** Closes the database, makes all writes durable, and ends the worker. Twice is allowed. */
  close(): Promise<void> {
    this.#closing ??= this.#connection.call('close').finally(() => {
      this.#connection.end(new VarveError('CLOSED', 'the database was closed'));
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** After the end of the worker there is nothing to end. */
  #end(iterator: number): Promise<void> {
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

function errorOf({ code, message, file, offset }: Failure): Error {
  if (code === 'TypeError') return new TypeError(message);
  if (code === 'RangeError') return new RangeError(message);
  return new VarveError(code, message, { file, offset });
}
