/**
 * The worker's side: does what one page asks for, on a database that all pages share.
 * @module
 */

import { exportDatabase } from '../backup/export.ts';
import type { CheckpointReport } from '../copy/checkpoint.ts';
import type { CopyOptions } from '../copy/pace.ts';
import type { ReadOptions, VerifyReport } from '../db/call-options.ts';
import type { Db } from '../db/database.ts';
import type { EntriesOptions } from '../db/entries.ts';
import type { Bytes } from '../db/input.ts';
import type { DbScrubReport } from '../db/scrub.ts';
import type { Snapshot } from '../db/snapshot.ts';
import type { DbStats } from '../db/stats.ts';
import { Watch } from '../db/watch.ts';
import { missedPack, type WatchPack } from '../db/watch-events.ts';
import { isCallerMistake, isVarveError, VarveError } from '../errors.ts';
import { MARKS_FAMILY, noFamily } from './marks.ts';
import type {
  Answer,
  BatchOperation,
  Call,
  Chunk,
  Failure,
  Message,
  RangeFields,
  ReadFields,
  Request,
  ScrubFields,
  Verb,
  Verbs,
  VerifyFields,
  WatchFields,
} from './protocol.ts';
import { Walk } from './walk.ts';
import type { ClientWrites, WriteCall } from './write-run.ts';

/** A longer value is handed over instead of copied. */
const TRANSFER_BYTES_MIN = 0x4000;

/** The verbs of single calls, some of which take their time. */
type Served = {
  [V in Exclude<Verb, 'write'>]: (
    ...args: Parameters<Verbs[V]>
  ) => ReturnType<Verbs[V]> | Promise<ReturnType<Verbs[V]>>;
};

/** What long work takes from its page. */
interface LongOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (bytesDone: number, bytesTotal: number) => void;
}

/** Sends a message and hands buffers over. */
export type Post = (message: Message, transfer: Transferable[]) => void;

/** What a page of its own may do, and what a guest. */
export interface SessionEnds {
  /** Makes all writes durable; for the page of the worker itself, gives the files back too. */
  close(): Promise<void>;
  /** The session is to be forgotten. */
  leave(): void;
  /** Makes a whole database of its own, in another directory of OPFS. */
  checkpoint(name: string, options: CopyOptions): Promise<CheckpointReport>;
}

/** See the module head. */
export class ClientSession implements Served {
  readonly #db: Db;
  readonly #writes: ClientWrites;
  readonly #post: Post;
  readonly #ends: SessionEnds;
  /** Undefined for what was lost with an earlier worker. */
  readonly #snapshots: Map<number, Snapshot | undefined>;
  readonly #walks: Map<number, Walk | undefined>;
  readonly #watches: Map<number, Watch>;
  /** Long work that is under way. */
  readonly #tasks: Map<number, AbortController>;
  readonly #exports: Map<number, AsyncGenerator<Uint8Array, void, void>>;
  /** Shared by the writes of a turn. */
  #syncing: Promise<void> | undefined;
  #isEnded: boolean;

  constructor(db: Db, writes: ClientWrites, post: Post, ends: SessionEnds) {
    this.#db = db;
    this.#writes = writes;
    this.#post = post;
    this.#ends = ends;
    this.#snapshots = new Map();
    this.#walks = new Map();
    this.#watches = new Map();
    this.#tasks = new Map();
    this.#exports = new Map();
    this.#syncing = undefined;
    this.#isEnded = false;
  }

  /** Follows calls; answers those at once that need not wait. */
  receive({ calls, pendingFrom }: Request): void {
    if (this.#isEnded) return;
    this.#writes.settle(pendingFrom);
    const answers: Answer[] = [];
    for (let at = 0; at < calls.length && !this.#isEnded; ) {
      const [id, verb, ...args] = calls[at]!;
      if (verb === 'write') {
        at = this.#followWrites(calls, at, answers);
        continue;
      }
      at++;
      try {
        const result = this.#follow(verb, args);
        if (result instanceof Promise) this.#answerLater(id, result);
        else answers.push([id, result]);
      } catch (error) {
        answers.push([id, undefined, failureOf(error)]);
      }
    }
    if (answers.length > 0) this.#send(answers);
  }

  /** Closes what the page has open; it gets no answer any more. */
  dispose(): void {
    this.#isEnded = true;
    for (const walk of this.#walks.values()) walk?.cursor.close();
    for (const snapshot of this.#snapshots.values()) snapshot?.release();
    for (const watch of this.#watches.values()) watch.close();
    for (const task of this.#tasks.values()) task.abort();
    for (const task of this.#exports.keys()) this.cancel(task);
    this.#walks.clear();
    this.#watches.clear();
    this.#snapshots.clear();
  }

  #follow(verb: Verb, args: unknown[]): unknown {
    return (this[verb as keyof Served] as (...all: unknown[]) => unknown)(...args);
  }

  /** @param first index of a write; returns that of the first call behind it that is none */
  #followWrites(calls: readonly Call[], first: number, answers: Answer[]): number {
    const writes: WriteCall[] = [];
    const synced: boolean[] = [];
    let at = first;
    for (; at < calls.length && calls[at]![1] === 'write'; at++) {
      const [id, , operations, isSynced] = calls[at]!;
      writes.push({ id, operations: operations as readonly BatchOperation[] });
      synced.push(isSynced === true);
    }
    this.#writes.write(writes).forEach(({ seqno, error }, i) => {
      const { id } = writes[i]!;
      if (error !== undefined) answers.push([id, undefined, failureOf(error)]);
      else if (synced[i]) this.#answerLater(id, this.#synced(seqno));
      else answers.push([id, seqno]);
    });
    return at;
  }

  /** The writes that came with this one, and those that come until then, share one sync. */
  #synced(seqno: number): Promise<number> {
    this.#syncing ??= Promise.resolve().then(() => {
      this.#syncing = undefined;
      return this.#db.sync();
    });
    return this.#syncing.then(() => seqno);
  }

  #answerLater(id: number, result: Promise<unknown>): void {
    result.then(
      (value) => this.#send([[id, value]]),
      (error: unknown) => this.#send([[id, undefined, failureOf(error)]]),
    );
  }

  #send(answers: Answer[]): void {
    if (this.#isEnded) return;
    const transfer: Transferable[] = [];
    for (const [, value] of answers) {
      if (isChunk(value)) transfer.push(value.buf.buffer, value.ends.buffer);
      else if (isWatchPack(value)) transfer.push(value.keys.buffer, value.items.buffer);
      else if (isLong(value)) transfer.push(value.buffer);
    }
    this.#post({ answers }, transfer);
  }

  get(key: Bytes, read: ReadFields | undefined): Uint8Array | undefined {
    return this.#db.get(key, this.#readOptions(read));
  }

  getMany(keys: readonly Bytes[], read: ReadFields | undefined): (Uint8Array | undefined)[] {
    return this.#db.getMany(keys, this.#readOptions(read));
  }

  has(key: Bytes, read: ReadFields | undefined): boolean {
    return this.#db.has(key, this.#readOptions(read));
  }

  iterate(iterator: number, range: RangeFields): number {
    const { reverse = false, limit, ...bounds } = this.#rangeOptions(range);
    const seqno = bounds.snapshot?.seqno ?? this.#db.seqno;
    const cursor = this.#db.cursor(bounds);
    this.#walks.set(iterator, new Walk(cursor, reverse, limit ?? Number.POSITIVE_INFINITY));
    return seqno;
  }

  next(iterator: number): Chunk {
    const walk = this.#walks.get(iterator);
    if (walk === undefined) throw gone(this.#walks.has(iterator), 'iterator', 'closed');
    try {
      const chunk = walk.next();
      if (chunk.isDone) this.end(iterator);
      return chunk;
    } catch (error) {
      this.end(iterator);
      throw error;
    }
  }

  end(iterator: number): void {
    this.#walks.get(iterator)?.cursor.close();
    this.#walks.delete(iterator);
  }

  watch(id: number, { ranges, bufferBytes }: WatchFields): void {
    for (const { columnFamily } of ranges) permitted(columnFamily);
    this.#watches.set(id, this.#db.watch(ranges, { bufferBytes }));
  }

  watched(id: number, fields: WatchFields): WatchPack | Promise<WatchPack | undefined> {
    const watch = this.#watches.get(id);
    if (watch !== undefined) return Watch.sourceOf(watch).take();
    this.watch(id, fields);
    return missedPack(this.#db.seqno);
  }

  unwatch(id: number): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  snapshot(id: number): number {
    const snapshot = this.#db.snapshot();
    this.#snapshots.set(id, snapshot);
    return snapshot.seqno;
  }

  release(snapshot: number): void {
    this.#snapshots.get(snapshot)?.release();
    this.#snapshots.delete(snapshot);
  }

  restore(...[snapshots, iterators]: Parameters<Verbs['restore']>): void {
    // What an earlier worker has shown is there as long as nothing was written since.
    for (const [id, seqno] of snapshots) {
      this.#snapshots.set(id, this.#db.seqno === seqno ? this.#db.snapshot() : undefined);
    }
    for (const [id, seqno, range] of iterators) {
      const { snapshot } = range;
      if (snapshot === undefined) {
        if (this.#db.seqno === seqno) this.iterate(id, range);
        else this.#walks.set(id, undefined);
      } else if (this.#snapshots.get(snapshot) !== undefined) this.iterate(id, range);
      else this.#walks.set(id, undefined);
    }
  }

  columnFamilies(): string[] {
    return this.#db.listColumnFamilies().filter((name) => name !== MARKS_FAMILY);
  }

  createColumnFamily(name: string): void {
    this.#db.createColumnFamily(permitted(name));
  }

  dropColumnFamily(name: string): void {
    this.#db.dropColumnFamily(permitted(name));
  }

  approximateSize(range: RangeFields): number {
    return this.#db.approximateSize(this.#rangeOptions(range));
  }

  stats(): DbStats {
    return this.#db.stats();
  }

  sync(): Promise<void> {
    return this.#db.sync();
  }

  flush(): Promise<void> {
    return this.#db.flush();
  }

  compact(range: Parameters<Verbs['compact']>[0]): Promise<void> {
    permitted(range.columnFamily);
    return this.#db.compact(range);
  }

  resume(): Promise<void> {
    return this.#db.resume();
  }

  scrub(task: number, fields: ScrubFields): Promise<DbScrubReport> {
    permitted(fields.columnFamily);
    return this.#long(task, ({ signal, onProgress }) =>
      this.#db.scrub({
        ...fields,
        signal,
        onProgress: ({ bytesChecked, bytesTotal }) => onProgress(bytesChecked, bytesTotal),
      }),
    );
  }

  verify(task: number, fields: VerifyFields): Promise<VerifyReport> {
    return this.#long(task, (options) => this.#db.verify({ ...fields, ...options }));
  }

  checkpoint(task: number, name: string): Promise<CheckpointReport> {
    return this.#long(task, (options) => this.#ends.checkpoint(name, options));
  }

  async exported(task: number, isFirst: boolean): Promise<Uint8Array | undefined> {
    if (isFirst) {
      const onProgress = this.#progressOf(task);
      this.#exports.set(task, exportDatabase(this.#db, { onProgress }));
    }
    const pieces = this.#exports.get(task);
    if (pieces === undefined) throw gone(true, 'export', 'ended');
    const { value } = await pieces.next();
    if (value === undefined) this.#exports.delete(task);
    return value ?? undefined;
  }

  cancel(task: number): void {
    this.#tasks.get(task)?.abort();
    // What it fails with nobody waits for.
    this.#exports
      .get(task)
      ?.return()
      .catch(() => {});
    this.#exports.delete(task);
  }

  async #long<T>(task: number, work: (options: LongOptions) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#tasks.set(task, controller);
    try {
      return await work({ signal: controller.signal, onProgress: this.#progressOf(task) });
    } finally {
      this.#tasks.delete(task);
    }
  }

  #progressOf(task: number): LongOptions['onProgress'] {
    return (bytesDone, bytesTotal) => {
      if (!this.#isEnded) this.#post({ progress: [task, bytesDone, bytesTotal] }, []);
    };
  }

  close(): Promise<void> {
    return this.#ends.close();
  }

  leave(): void {
    this.#ends.leave();
  }

  #readOptions(read: ReadFields | undefined): ReadOptions | undefined {
    if (read === undefined) return undefined;
    const { snapshot, columnFamily } = read;
    return {
      ...(snapshot !== undefined && { snapshot: this.#snapshotOf(snapshot) }),
      ...(columnFamily !== undefined && { columnFamily: permitted(columnFamily) }),
    };
  }

  #rangeOptions({ snapshot, columnFamily, ...rest }: RangeFields): EntriesOptions {
    return { ...rest, ...this.#readOptions({ snapshot, columnFamily }) };
  }

  #snapshotOf(id: number): Snapshot {
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) throw gone(this.#snapshots.has(id), 'snapshot', 'released');
    return snapshot;
  }
}

/** @param isLost with an earlier worker */
function gone(isLost: boolean, what: string, how: string): VarveError {
  if (!isLost) return new VarveError('CLOSED', `the ${what} was ${how}`);
  const why = 'the worker that had it ended, and the database was written to since';
  return new VarveError('STALE', `the ${what} is lost: ${why}`);
}

/** @throws VarveError for a family that is not for pages */
function permitted<T extends string | undefined>(name: T): T {
  if (name === MARKS_FAMILY) throw noFamily(name);
  return name;
}

function isChunk(value: unknown): value is Chunk {
  return typeof value === 'object' && value !== null && 'ends' in value;
}

function isWatchPack(value: unknown): value is WatchPack {
  return typeof value === 'object' && value !== null && 'items' in value;
}

/** True for a value that owns its memory, and much of it. */
function isLong(value: unknown): value is Uint8Array<ArrayBuffer> {
  if (!ArrayBuffer.isView(value)) return false;
  return value.byteLength >= TRANSFER_BYTES_MIN && value.byteLength === value.buffer.byteLength;
}

/** An error as plain data. */
export function failureOf(error: unknown): Failure {
  if (isVarveError(error)) {
    const { code, message, file, offset } = error;
    return { code, message, file, offset };
  }
  const code = isCallerMistake(error) ? (error.name as 'TypeError' | 'RangeError') : 'IO';
  const message = error instanceof Object && 'message' in error ? `${error.message}` : `${error}`;
  return { code, message, file: undefined, offset: undefined };
}
