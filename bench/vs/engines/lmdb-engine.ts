/**
 * lmdb as the workloads drive it: synchronous reads through the memory map, asynchronous writes
 * that it gathers into transactions, as its documentation advises.
 * @module
 */
import type { Chunk } from '../../driver/chunk.ts';
import type { Durability, Engine, Scan } from '../../driver/engine.ts';
import type { KeyForm } from '../../driver/values.ts';

/** What is used of an lmdb database whose keys and values are binary. */
interface Lmdb {
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  remove(key: Uint8Array): Promise<boolean>;
  batch(action: () => void): Promise<boolean>;
  getBinary(key: Uint8Array): Uint8Array | undefined;
  getBinaryFast(key: Uint8Array): Uint8Array | undefined;
  getRange(options: object): Iterable<{ key: Uint8Array; value: Uint8Array }>;
  readonly flushed: Promise<boolean>;
  close(): Promise<void>;
}

export type OpenLmdb = (options: object) => Lmdb;

export class LmdbEngine implements Engine {
  readonly keyForm: KeyForm;
  readonly #openLmdb: OpenLmdb;
  readonly #options: object;
  #isSync: boolean;
  #lmdb: Lmdb | undefined;

  constructor(openLmdb: OpenLmdb, options: object) {
    this.keyForm = 'buffer';
    this.#openLmdb = openLmdb;
    this.#options = options;
    this.#isSync = false;
    this.#lmdb = undefined;
  }

  /** Its promises say that a commit can be read; the sync follows, and `flushed` tells when. */
  durability(sync: boolean): Durability {
    return sync ? 'fsync' : 'os';
  }

  async open(directory: string, sync: boolean): Promise<void> {
    this.#isSync = sync;
    this.#lmdb = this.#openLmdb({
      path: directory,
      keyEncoding: 'binary',
      encoding: 'binary',
      ...this.#options,
      ...(sync ? { noSync: false } : {}),
    });
  }

  async close(): Promise<void> {
    await this.#opened.close();
    this.#lmdb = undefined;
  }

  async put(chunk: Chunk): Promise<void> {
    const lmdb = this.#opened;
    let last: Promise<unknown> = Promise.resolve();
    for (let i = 0; i < chunk.count; i++) {
      last = lmdb.put(chunk.keys[i]!, chunk.values[i]!);
      if (this.#isSync) await this.#settled(last);
    }
    await last;
  }

  async putBatch(chunk: Chunk): Promise<void> {
    const lmdb = this.#opened;
    const written = lmdb.batch(() => {
      for (let i = 0; i < chunk.count; i++) lmdb.put(chunk.keys[i]!, chunk.values[i]!);
    });
    await this.#settled(written);
  }

  async delete(chunk: Chunk): Promise<void> {
    let last: Promise<unknown> = Promise.resolve();
    for (let i = 0; i < chunk.count; i++) last = this.#opened.remove(chunk.keys[i]!);
    await this.#settled(last);
  }

  get(chunk: Chunk): undefined {
    const lmdb = this.#opened;
    for (let i = 0; i < chunk.count; i++) {
      const value = lmdb.getBinary(chunk.keys[i]!);
      if (value !== undefined) chunk.tally(chunk.keyBytes + value.length);
    }
  }

  getBorrowed(chunk: Chunk): undefined {
    const lmdb = this.#opened;
    for (let i = 0; i < chunk.count; i++) {
      const value = lmdb.getBinaryFast(chunk.keys[i]!);
      if (value !== undefined) chunk.tally(chunk.keyBytes + value.length);
    }
  }

  /** Its own getMany goes through a thread; calls one by one are faster. */
  getMany(chunk: Chunk): undefined {
    this.get(chunk);
  }

  scan(chunk: Chunk, scan: Scan): undefined {
    this.#walk(chunk, { reverse: scan.isReverse, limit: scan.limit });
  }

  seek(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      this.#walk(chunk, { start: chunk.keys[i]!, limit: chunk.lengths[i]! });
    }
  }

  range(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      this.#walk(chunk, { start: chunk.keys[i]!, end: chunk.ends[i]! });
    }
  }

  #walk(chunk: Chunk, options: object): void {
    for (const { key, value } of this.#opened.getRange(options)) {
      chunk.tally(key.length + value.length);
    }
  }

  async #settled(write: Promise<unknown>): Promise<void> {
    await write;
    if (this.#isSync) await this.#opened.flushed;
  }

  get #opened(): Lmdb {
    if (this.#lmdb === undefined) throw new Error('the database is not open');
    return this.#lmdb;
  }
}
