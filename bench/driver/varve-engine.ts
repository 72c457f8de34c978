/**
 * Varve as the workloads drive it.
 * @module
 */
import { type Db, type DbCursor, type DbOptions, open, WriteBatch } from '../../src/index.ts';
import type { Chunk } from './chunk.ts';
import type { Durability, Engine, Scan } from './engine.ts';
import type { KeyForm } from './values.ts';

const BORROW = { borrow: true } as const;

/** A database of this package. Every method is done on return. */
export class VarveEngine implements Engine {
  readonly keyForm: KeyForm;
  readonly #options: DbOptions;
  readonly #batch: WriteBatch;
  #write: { readonly sync: boolean };
  #db: Db | undefined;

  constructor(options: DbOptions) {
    this.keyForm = 'view';
    this.#options = options;
    this.#batch = new WriteBatch();
    this.#write = { sync: false };
    this.#db = undefined;
  }

  durability(sync: boolean): Durability | undefined {
    if (this.#options.wal === false) return sync ? undefined : 'memory';
    return sync ? 'fsync' : 'os';
  }

  async open(directory: string, sync: boolean): Promise<void> {
    this.#write = { sync };
    this.#db = await open(directory, this.#options);
  }

  async close(): Promise<void> {
    await this.#opened.close();
    this.#db = undefined;
  }

  put(chunk: Chunk): undefined {
    const db = this.#opened;
    const { keys, values, count } = chunk;
    for (let i = 0; i < count; i++) db.put(keys[i]!, values[i]!, this.#write);
  }

  putBatch(chunk: Chunk): undefined {
    const { keys, values, count } = chunk;
    this.#batch.clear();
    for (let i = 0; i < count; i++) this.#batch.put(keys[i]!, values[i]!);
    this.#opened.write(this.#batch, this.#write);
  }

  delete(chunk: Chunk): undefined {
    const db = this.#opened;
    for (let i = 0; i < chunk.count; i++) db.delete(chunk.keys[i]!, this.#write);
  }

  get(chunk: Chunk): undefined {
    const db = this.#opened;
    const { keys, keyBytes, count } = chunk;
    for (let i = 0; i < count; i++) {
      const value = db.get(keys[i]!);
      if (value !== undefined) chunk.tally(keyBytes + value.length);
    }
  }

  getBorrowed(chunk: Chunk): undefined {
    const db = this.#opened;
    const { keys, keyBytes, count } = chunk;
    for (let i = 0; i < count; i++) {
      const value = db.get(keys[i]!, BORROW);
      if (value !== undefined) chunk.tally(keyBytes + value.length);
    }
  }

  getMany(chunk: Chunk): undefined {
    for (const value of this.#opened.getMany(chunk.keyList())) {
      if (value !== undefined) chunk.tally(chunk.keyBytes + value.length);
    }
  }

  scan(chunk: Chunk, scan: Scan): undefined {
    if (scan.copies) this.#scanEntries(chunk, scan);
    else this.#scanCursor(chunk, scan);
  }

  seek(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      const cursor = this.#opened.cursor();
      let left = chunk.lengths[i]!;
      for (let valid = cursor.seek(chunk.keys[i]!); valid && left > 0; valid = cursor.next()) {
        tallyCursor(chunk, cursor);
        left--;
      }
      cursor.close();
    }
  }

  range(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      const cursor = this.#opened.cursor({ gte: chunk.keys[i]!, lt: chunk.ends[i]! });
      for (let valid = cursor.first(); valid; valid = cursor.next()) tallyCursor(chunk, cursor);
      cursor.close();
    }
  }

  async compact(): Promise<void> {
    await this.#opened.compact();
  }

  stats(): unknown {
    return this.#opened.stats();
  }

  get #opened(): Db {
    if (this.#db === undefined) throw new Error('the database is not open');
    return this.#db;
  }

  #scanEntries(chunk: Chunk, scan: Scan): void {
    const entries = this.#opened.entries({ reverse: scan.isReverse, limit: scan.limit });
    for (const [key, value] of entries) chunk.tally(key.length + value.length);
  }

  #scanCursor(chunk: Chunk, scan: Scan): void {
    const cursor = this.#opened.cursor();
    let left = scan.limit;
    if (scan.isReverse) {
      for (let valid = cursor.last(); valid && left > 0; valid = cursor.prev()) {
        tallyCursor(chunk, cursor);
        left--;
      }
    } else {
      for (let valid = cursor.first(); valid && left > 0; valid = cursor.next()) {
        tallyCursor(chunk, cursor);
        left--;
      }
    }
    cursor.close();
  }
}

function tallyCursor(chunk: Chunk, cursor: DbCursor): void {
  chunk.tally(cursor.keyLen + cursor.valLen);
}
