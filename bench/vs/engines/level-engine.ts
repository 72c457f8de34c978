/**
 * classic-level and memory-level as the workloads drive them: values are read by getSync,
 * everything else is asynchronous, with as many promises in flight as a chunk has operations.
 * @module
 */
import type { Chunk } from '../../driver/chunk.ts';
import type { Durability, Engine, Pending, Scan } from '../../driver/engine.ts';
import type { KeyForm } from '../../driver/values.ts';

/** What is used of an abstract-level database whose encodings are 'buffer'. */
interface Level {
  open(): Promise<void>;
  close(): Promise<void>;
  put(key: Uint8Array, value: Uint8Array, options: object): Promise<void>;
  del(key: Uint8Array, options: object): Promise<void>;
  batch(): LevelBatch;
  getSync(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  iterator(options: object): LevelIterator;
  compactRange?(from: Uint8Array, to: Uint8Array): Promise<void>;
}

interface LevelBatch {
  put(key: Uint8Array, value: Uint8Array): void;
  write(options: object): Promise<void>;
}

interface LevelIterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

export type LevelClass = new (location: string, options: object) => Level;

/** Entries that are asked for at once; the number that the iterator itself takes in a loop. */
const VECTOR_ENTRIES = 1000;
const FIRST_KEY = Buffer.alloc(0);
const LAST_KEY = Buffer.alloc(64, 0xff);

export class LevelEngine implements Engine {
  readonly keyForm: KeyForm;
  compact?(): Promise<void>;
  readonly #make: LevelClass;
  readonly #options: object;
  readonly #isInMemory: boolean;
  #write: { readonly sync: boolean };
  #level: Level | undefined;

  /** @param isInMemory it keeps the very buffers it is given, and its content ends with it */
  constructor(make: LevelClass, options: object, isInMemory: boolean) {
    this.keyForm = 'buffer';
    this.#make = make;
    this.#options = { keyEncoding: 'buffer', valueEncoding: 'buffer', ...options };
    this.#isInMemory = isInMemory;
    this.#write = { sync: false };
    this.#level = undefined;
    if (!isInMemory) this.compact = () => this.#opened.compactRange!(FIRST_KEY, LAST_KEY);
  }

  durability(sync: boolean): Durability | undefined {
    if (this.#isInMemory) return sync ? undefined : 'memory';
    return sync ? 'fsync' : 'os';
  }

  async open(directory: string, sync: boolean): Promise<void> {
    this.#write = { sync };
    this.#level = new this.#make(directory, this.#options);
    await this.#level.open();
  }

  async close(): Promise<void> {
    await this.#opened.close();
    this.#level = undefined;
  }

  put(chunk: Chunk): Pending {
    return this.#each(chunk, (level, i) =>
      level.put(this.#own(chunk.keys[i]!), this.#own(chunk.values[i]!), this.#write),
    );
  }

  putBatch(chunk: Chunk): Pending {
    const batch = this.#opened.batch();
    for (let i = 0; i < chunk.count; i++) {
      batch.put(this.#own(chunk.keys[i]!), this.#own(chunk.values[i]!));
    }
    return batch.write(this.#write);
  }

  delete(chunk: Chunk): Pending {
    return this.#each(chunk, (level, i) => level.del(chunk.keys[i]!, this.#write));
  }

  get(chunk: Chunk): undefined {
    const level = this.#opened;
    for (let i = 0; i < chunk.count; i++) {
      const value = level.getSync(chunk.keys[i]!);
      if (value !== undefined) chunk.tally(chunk.keyBytes + value.length);
    }
  }

  async getMany(chunk: Chunk): Promise<void> {
    for (const value of await this.#opened.getMany(chunk.keyList())) {
      if (value !== undefined) chunk.tally(chunk.keyBytes + value.length);
    }
  }

  async scan(chunk: Chunk, scan: Scan): Promise<void> {
    const { isReverse: reverse, limit } = scan;
    await this.#walk(chunk, { reverse, limit }, Math.min(limit, VECTOR_ENTRIES), limit);
  }

  seek(chunk: Chunk): Pending {
    return this.#each(chunk, (_, i) => {
      const limit = chunk.lengths[i]!;
      return this.#walk(chunk, { gte: chunk.keys[i]!, limit }, limit, limit);
    });
  }

  range(chunk: Chunk): Pending {
    return this.#each(chunk, (_, i) => {
      const range = { gte: chunk.keys[i]!, lt: chunk.ends[i]! };
      return this.#walk(chunk, range, VECTOR_ENTRIES, Number.POSITIVE_INFINITY);
    });
  }

  /** All at once; one after the other where each has to wait for stable storage. */
  async #each(chunk: Chunk, act: (level: Level, i: number) => Promise<void>): Promise<void> {
    const level = this.#opened;
    const pending: Promise<void>[] = [];
    for (let i = 0; i < chunk.count; i++) {
      const done = act(level, i);
      if (this.#write.sync) await done;
      else pending.push(done);
    }
    await Promise.all(pending);
  }

  /** Reads up to `limit` entries, `vectorEntries` at a time. */
  async #walk(chunk: Chunk, range: object, vectorEntries: number, limit: number): Promise<void> {
    const iterator = this.#opened.iterator(range);
    for (let left = limit; left > 0; ) {
      const entries = await iterator.nextv(vectorEntries);
      for (const [key, value] of entries) chunk.tally(key.length + value.length);
      left -= entries.length;
      if (entries.length < vectorEntries) break;
    }
    await iterator.close();
  }

  /** Bytes that stay what it is when the driver fills its buffer again. */
  #own(bytes: Uint8Array): Uint8Array {
    return this.#isInMemory ? Buffer.from(bytes) : bytes;
  }

  get #opened(): Level {
    if (this.#level === undefined) throw new Error('the database is not open');
    return this.#level;
  }
}
