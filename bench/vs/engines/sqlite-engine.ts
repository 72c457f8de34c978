/**
 * SQLite as the workloads drive it, through better-sqlite3 or node:sqlite: one table without row
 * ids, prepared statements, a transaction per batch. Every method is done on return.
 * @module
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Chunk } from '../../driver/chunk.ts';
import type { Durability, Engine, Scan } from '../../driver/engine.ts';
import type { KeyForm } from '../../driver/values.ts';

/** What both bindings have in common; rows are objects. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface SqliteStatement {
  run(...values: (Uint8Array | number)[]): unknown;
  get(...values: (Uint8Array | number)[]): unknown;
  all(...values: (Uint8Array | number)[]): unknown[];
  iterate(...values: (Uint8Array | number)[]): Iterable<unknown>;
  /** Makes rows of one column come as that column's value; better-sqlite3 only. */
  pluck?(): SqliteStatement;
}

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type OpenSqlite = (file: string) => SqliteDatabase;

/** How a database is set up. */
export interface SqliteSetup {
  readonly pragmas: readonly string[];
  /** What a commit without a sync of its own gives. */
  readonly durability: Durability;
}

const TABLE = 'CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID';

interface Statements {
  readonly put: SqliteStatement;
  readonly delete: SqliteStatement;
  readonly get: SqliteStatement;
  readonly forward: SqliteStatement;
  readonly reverse: SqliteStatement;
  readonly seek: SqliteStatement;
  readonly range: SqliteStatement;
  readonly begin: SqliteStatement;
  readonly commit: SqliteStatement;
}

export class SqliteEngine implements Engine {
  readonly keyForm: KeyForm;
  readonly #openSqlite: OpenSqlite;
  readonly #setup: SqliteSetup;
  #database: SqliteDatabase | undefined;
  #statements: Statements | undefined;

  constructor(openSqlite: OpenSqlite, setup: SqliteSetup) {
    this.keyForm = 'buffer';
    this.#openSqlite = openSqlite;
    this.#setup = setup;
    this.#database = undefined;
    this.#statements = undefined;
  }

  durability(sync: boolean): Durability {
    return sync ? 'fsync' : this.#setup.durability;
  }

  async open(directory: string, sync: boolean): Promise<void> {
    mkdirSync(directory, { recursive: true });
    const database = this.#openSqlite(join(directory, 'data.sqlite'));
    for (const pragma of this.#setup.pragmas) database.exec(`PRAGMA ${pragma}`);
    if (sync) database.exec('PRAGMA synchronous = FULL');
    database.exec(TABLE);
    const get = database.prepare('SELECT value FROM kv WHERE key = ?');
    this.#database = database;
    this.#statements = {
      put: database.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)'),
      delete: database.prepare('DELETE FROM kv WHERE key = ?'),
      get: get.pluck?.() ?? get,
      forward: database.prepare('SELECT key, value FROM kv ORDER BY key LIMIT ?'),
      reverse: database.prepare('SELECT key, value FROM kv ORDER BY key DESC LIMIT ?'),
      seek: database.prepare('SELECT key, value FROM kv WHERE key >= ? ORDER BY key LIMIT ?'),
      range: database.prepare('SELECT key, value FROM kv WHERE key >= ? AND key < ? ORDER BY key'),
      begin: database.prepare('BEGIN'),
      commit: database.prepare('COMMIT'),
    };
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
    this.#statements = undefined;
  }

  put(chunk: Chunk): undefined {
    const { put } = this.#opened;
    for (let i = 0; i < chunk.count; i++) put.run(chunk.keys[i]!, chunk.values[i]!);
  }

  putBatch(chunk: Chunk): undefined {
    this.#opened.begin.run();
    this.put(chunk);
    this.#opened.commit.run();
  }

  delete(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) this.#opened.delete.run(chunk.keys[i]!);
  }

  get(chunk: Chunk): undefined {
    const { get } = this.#opened;
    for (let i = 0; i < chunk.count; i++) {
      const found = get.get(chunk.keys[i]!) as Uint8Array | Row | undefined;
      if (found === undefined) continue;
      const value = found instanceof Uint8Array ? found : found.value;
      chunk.tally(chunk.keyBytes + value.length);
    }
  }

  getMany(chunk: Chunk): undefined {
    this.#opened.begin.run();
    this.get(chunk);
    this.#opened.commit.run();
  }

  scan(chunk: Chunk, scan: Scan): undefined {
    const { forward, reverse } = this.#opened;
    const statement = scan.isReverse ? reverse : forward;
    for (const row of statement.iterate(scan.limit)) tallyRow(chunk, row as Row);
  }

  seek(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      const rows = this.#opened.seek.all(chunk.keys[i]!, chunk.lengths[i]!);
      for (const row of rows) tallyRow(chunk, row as Row);
    }
  }

  range(chunk: Chunk): undefined {
    for (let i = 0; i < chunk.count; i++) {
      const rows = this.#opened.range.all(chunk.keys[i]!, chunk.ends[i]!);
      for (const row of rows) tallyRow(chunk, row as Row);
    }
  }

  async compact(): Promise<void> {
    this.#database!.exec('VACUUM');
  }

  get #opened(): Statements {
    if (this.#statements === undefined) throw new Error('the database is not open');
    return this.#statements;
  }
}

function tallyRow(chunk: Chunk, row: Row): void {
  chunk.tally(row.key.length + row.value.length);
}
