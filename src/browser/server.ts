/**
 * The worker's side: does what a page asks for, on a database.
 * @module
 */

import type { ReadOptions } from '../db/call-options.ts';
import type { Db } from '../db/database.ts';
import { DbCursor } from '../db/db-cursor.ts';
import type { EntriesOptions } from '../db/entries.ts';
import type { Bytes } from '../db/input.ts';
import type { Snapshot } from '../db/snapshot.ts';
import type { DbStats } from '../db/stats.ts';
import { WriteBatch } from '../db/write-batch.ts';
import { isCallerMistake, isVarveError, VarveError } from '../errors.ts';
import type {
  Answer,
  BatchOperation,
  Call,
  Chunk,
  Failure,
  Message,
  RangeFields,
  ReadFields,
  Verb,
  Verbs,
} from './protocol.ts';

/** A chunk ends when it holds so much, or so many entries. */
const CHUNK_BYTES = 0x2_0000;
const CHUNK_ENTRIES = 4096;
/** A longer value is handed over instead of copied. */
const TRANSFER_BYTES_MIN = 0x4000;

/** The verbs, some of which take their time. */
type Served = {
  [V in Verb]: (
    ...args: Parameters<Verbs[V]>
  ) => ReturnType<Verbs[V]> | Promise<ReturnType<Verbs[V]>>;
};

/** Sends a message and hands buffers over. */
export type Post = (message: Message, transfer: Transferable[]) => void;

/** See the module head; for one page. */
export class DatabaseServer implements Served {
  readonly #db: Db;
  readonly #post: Post;
  /** Gives the files back, after the database was closed. */
  readonly #unmount: () => Promise<void>;
  readonly #snapshots: Map<number, Snapshot>;
  readonly #walks: Map<number, Walk>;
  #nextId: number;
  /** Shared by the writes of a turn. */
  #syncing: Promise<void> | undefined;

  /** @param db taken: the page closes it */
  constructor(db: Db, post: Post, unmount: () => Promise<void>) {
    this.#db = db;
    this.#post = post;
    this.#unmount = unmount;
    this.#snapshots = new Map();
    this.#walks = new Map();
    this.#nextId = 1;
    this.#syncing = undefined;
  }

  /** Follows calls; answers those at once that need not wait. */
  receive(calls: readonly Call[]): void {
    const answers: Answer[] = [];
    for (const [id, verb, ...args] of calls) {
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

  #follow(verb: Verb, args: unknown[]): unknown {
    return (this[verb] as (...all: unknown[]) => unknown)(...args);
  }

  #answerLater(id: number, result: Promise<unknown>): void {
    result.then(
      (value) => this.#send([[id, value]]),
      (error: unknown) => this.#send([[id, undefined, failureOf(error)]]),
    );
  }

  #send(answers: Answer[]): void {
    const transfer: Transferable[] = [];
    for (const [, value] of answers) {
      if (isChunk(value)) transfer.push(value.buf.buffer, value.ends.buffer);
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

  write(operations: readonly BatchOperation[], isSynced: boolean): number | Promise<number> {
    const seqno = this.#write(operations);
    if (!isSynced) return seqno;
    // The writes that came with this one, and those that come until then, share one sync.
    this.#syncing ??= Promise.resolve().then(() => {
      this.#syncing = undefined;
      return this.#db.sync();
    });
    return this.#syncing.then(() => seqno);
  }

  #write(operations: readonly BatchOperation[]): number {
    const batch = new WriteBatch();
    for (const operation of operations) {
      if (operation.type === 'put') {
        batch.put(operation.key, operation.value, operation.columnFamily);
      } else {
        batch.delete(operation.key, operation.columnFamily);
      }
    }
    return this.#db.write(batch);
  }

  iterate(range: RangeFields): number {
    const { reverse = false, limit, ...bounds } = this.#rangeOptions(range);
    const cursor = this.#db.cursor(bounds);
    const id = this.#nextId++;
    this.#walks.set(id, new Walk(cursor, reverse, limit ?? Number.POSITIVE_INFINITY));
    return id;
  }

  next(iterator: number): Chunk {
    const walk = this.#walks.get(iterator);
    if (walk === undefined) throw new VarveError('CLOSED', 'the iterator was closed');
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

  snapshot(): readonly [number, number] {
    const snapshot = this.#db.snapshot();
    const id = this.#nextId++;
    this.#snapshots.set(id, snapshot);
    return [id, snapshot.seqno];
  }

  release(snapshot: number): void {
    this.#snapshots.get(snapshot)?.release();
    this.#snapshots.delete(snapshot);
  }

  columnFamilies(): string[] {
    return this.#db.listColumnFamilies();
  }

  createColumnFamily(name: string): void {
    this.#db.createColumnFamily(name);
  }

  dropColumnFamily(name: string): void {
    this.#db.dropColumnFamily(name);
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
    return this.#db.compact(range);
  }

  resume(): Promise<void> {
    return this.#db.resume();
  }

  async close(): Promise<void> {
    this.#walks.clear();
    this.#snapshots.clear();
    await this.#db.close();
    await this.#unmount();
  }

  #readOptions(read: ReadFields | undefined): ReadOptions | undefined {
    if (read === undefined) return undefined;
    const { snapshot, columnFamily } = read;
    return {
      ...(snapshot !== undefined && { snapshot: this.#snapshotOf(snapshot) }),
      ...(columnFamily !== undefined && { columnFamily }),
    };
  }

  #rangeOptions({ snapshot, columnFamily, ...rest }: RangeFields): EntriesOptions {
    return { ...rest, ...this.#readOptions({ snapshot, columnFamily }) };
  }

  #snapshotOf(id: number): Snapshot {
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) throw new VarveError('CLOSED', 'the snapshot was released');
    return snapshot;
  }
}

/** A cursor, and how far it has still to go. */
class Walk {
  readonly cursor: DbCursor;
  readonly #isReverse: boolean;
  #left: number;
  #hasBegun: boolean;

  constructor(cursor: DbCursor, isReverse: boolean, limit: number) {
    this.cursor = cursor;
    this.#isReverse = isReverse;
    this.#left = limit;
    this.#hasBegun = false;
  }

  next(): Chunk {
    const { cursor } = this;
    let buf = new Uint8Array(CHUNK_BYTES);
    const ends: number[] = [];
    let length = 0;
    let isDone = this.#left === 0;
    while (!isDone && length < CHUNK_BYTES && ends.length < 2 * CHUNK_ENTRIES) {
      isDone = !this.#move();
      if (isDone) break;
      const { keyLen, valLen } = cursor;
      const needed = length + keyLen + valLen;
      if (needed > buf.length) {
        const grown = new Uint8Array(Math.max(needed, buf.length * 2));
        grown.set(buf.subarray(0, length));
        buf = grown;
      }
      buf.set(cursor.keyBuf.subarray(cursor.keyOff, cursor.keyOff + keyLen), length);
      buf.set(cursor.valBuf.subarray(cursor.valOff, cursor.valOff + valLen), length + keyLen);
      ends.push(length + keyLen, needed);
      length = needed;
      isDone = --this.#left === 0 || DbCursor.isAtBound(cursor);
    }
    return { buf: buf.subarray(0, length), ends: Uint32Array.from(ends), isDone };
  }

  #move(): boolean {
    const { cursor } = this;
    if (this.#hasBegun) return this.#isReverse ? cursor.prev() : cursor.next();
    this.#hasBegun = true;
    return this.#isReverse ? cursor.last() : cursor.first();
  }
}

function isChunk(value: unknown): value is Chunk {
  return typeof value === 'object' && value !== null && 'ends' in value;
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
