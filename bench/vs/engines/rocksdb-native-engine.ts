/**
 * rocksdb-native as the workloads drive it: read and write batches, which are what it is made for,
 * with the promises of a chunk in flight together where the operations are single ones.
 * @module
 */
import type { Chunk } from '../../driver/chunk.ts';
import type { Durability, Engine, Scan } from '../../driver/engine.ts';
import type { KeyForm } from '../../driver/values.ts';

/** What is used of a database. */
interface RocksDb {
  ready(): Promise<void>;
  close(): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | null>;
  put(key: Uint8Array, value: Uint8Array): Promise<void>;
  delete(key: Uint8Array): Promise<void>;
  read(options: object): RocksDbReadBatch;
  write(options: object): RocksDbWriteBatch;
  iterator(options: object): AsyncIterable<{ key: Uint8Array; value: Uint8Array }>;
  flush(): Promise<void>;
  compactRange(start: Uint8Array, end: Uint8Array, options: object): Promise<void>;
}

interface RocksDbReadBatch {
  get(key: Uint8Array): Promise<Uint8Array | null>;
  tryFlush(): void;
}

interface RocksDbWriteBatch {
  tryPut(key: Uint8Array, value: Uint8Array): void;
  flush(): Promise<void>;
}

export type RocksDbClass = new (path: string, options: object) => RocksDb;

const SCAN_CAPACITY = 1000;
const RANGE_CAPACITY = 256;
const FIRST_KEY = Buffer.alloc(0);
const LAST_KEY = Buffer.alloc(64, 0xff);
/** `bottommostLevelCompaction`: rewrite the last level as well, as db_bench's compact does. */
const FORCE = 2;

export class RocksDbNativeEngine implements Engine {
  readonly keyForm: KeyForm;
  readonly #make: RocksDbClass;
  readonly #options: object;
  #db: RocksDb | undefined;

  constructor(make: RocksDbClass, options: object) {
    this.keyForm = 'buffer';
    this.#make = make;
    this.#options = options;
    this.#db = undefined;
  }

  /** It offers no way to sync a write. */
  durability(sync: boolean): Durability | undefined {
    return sync ? undefined : 'os';
  }

  async open(directory: string): Promise<void> {
    this.#db = new this.#make(directory, this.#options);
    await this.#db.ready();
  }

  async close(): Promise<void> {
    await this.#opened.close();
    this.#db = undefined;
  }

  async put(chunk: Chunk): Promise<void> {
    await this.#each(chunk, (db, i) => db.put(chunk.keys[i]!, chunk.values[i]!));
  }

  async putBatch(chunk: Chunk): Promise<void> {
    const batch = this.#opened.write({ capacity: chunk.capacity, autoDestroy: true });
    for (let i = 0; i < chunk.count; i++) batch.tryPut(chunk.keys[i]!, chunk.values[i]!);
    await batch.flush();
  }

  async delete(chunk: Chunk): Promise<void> {
    await this.#each(chunk, (db, i) => db.delete(chunk.keys[i]!));
  }

  async get(chunk: Chunk): Promise<void> {
    await this.#each(chunk, async (db, i) => tallyValue(chunk, await db.get(chunk.keys[i]!)));
  }

  async getMany(chunk: Chunk): Promise<void> {
    const batch = this.#opened.read({ capacity: chunk.capacity, autoDestroy: true });
    const values = chunk.keyList().map((key) => batch.get(key));
    batch.tryFlush();
    for (const value of await Promise.all(values)) tallyValue(chunk, value);
  }

  async scan(chunk: Chunk, scan: Scan): Promise<void> {
    const { isReverse: reverse, limit } = scan;
    await this.#walk(chunk, { reverse, limit, capacity: SCAN_CAPACITY });
  }

  async seek(chunk: Chunk): Promise<void> {
    await this.#each(chunk, (_, i) => {
      const limit = chunk.lengths[i]!;
      return this.#walk(chunk, { gte: chunk.keys[i]!, limit, capacity: limit });
    });
  }

  async range(chunk: Chunk): Promise<void> {
    await this.#each(chunk, (_, i) => {
      const range = { gte: chunk.keys[i]!, lt: chunk.ends[i]! };
      return this.#walk(chunk, { ...range, capacity: RANGE_CAPACITY });
    });
  }

  async compact(): Promise<void> {
    await this.#opened.flush();
    await this.#opened.compactRange(FIRST_KEY, LAST_KEY, { bottommostLevelCompaction: FORCE });
  }

  async #each(chunk: Chunk, act: (db: RocksDb, i: number) => Promise<void>): Promise<void> {
    const db = this.#opened;
    await Promise.all(Array.from({ length: chunk.count }, (_, i) => act(db, i)));
  }

  async #walk(chunk: Chunk, options: object): Promise<void> {
    for await (const { key, value } of this.#opened.iterator(options)) {
      chunk.tally(key.length + value.length);
    }
  }

  get #opened(): RocksDb {
    if (this.#db === undefined) throw new Error('the database is not open');
    return this.#db;
  }
}

function tallyValue(chunk: Chunk, value: Uint8Array | null): void {
  if (value !== null) chunk.tally(chunk.keyBytes + value.length);
}
