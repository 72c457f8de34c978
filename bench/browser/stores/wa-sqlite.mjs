/** SQLite as wa-sqlite, over its pool of OPFS handles. */
import moduleOf from '../node_modules/wa-sqlite/dist/wa-sqlite.mjs';
import { AccessHandlePoolVFS } from '../node_modules/wa-sqlite/src/examples/AccessHandlePoolVFS.js';
import * as SQLite from '../node_modules/wa-sqlite/src/sqlite-api.js';

const SCHEMA =
  'CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID';
const STATEMENTS = [
  'INSERT OR REPLACE INTO entries VALUES (?, ?)',
  'SELECT value FROM entries WHERE key = ?',
  'DELETE FROM entries WHERE key = ?',
  'SELECT key, value FROM entries ORDER BY key',
];

export async function open(name) {
  const sqlite3 = SQLite.Factory(await moduleOf());
  const vfs = new AccessHandlePoolVFS(`/.${name}`);
  await vfs.isReady;
  sqlite3.vfs_register(vfs, true);
  const db = await sqlite3.open_v2('bench.db');
  await sqlite3.exec(db, SCHEMA);
  const prepared = [];
  for (const text of STATEMENTS) {
    const string = sqlite3.str_new(db, text);
    prepared.push((await sqlite3.prepare_v2(db, sqlite3.str_value(string))).stmt);
  }
  const [put, get, del, all] = prepared;
  const run = async (statement, values) => {
    sqlite3.bind_collection(statement, values);
    await sqlite3.step(statement);
    await sqlite3.reset(statement);
  };
  let level = '';
  const synchronous = async (wanted) => {
    if (level !== wanted) await sqlite3.exec(db, `PRAGMA synchronous = ${wanted}`);
    level = wanted;
  };
  return {
    async putAll(entries) {
      await synchronous('NORMAL');
      await sqlite3.exec(db, 'BEGIN');
      for (const entry of entries) await run(put, entry);
      await sqlite3.exec(db, 'COMMIT');
    },
    settle: () => {},
    async put(key, value) {
      await synchronous('FULL');
      await run(put, [key, value]);
    },
    async get(key) {
      sqlite3.bind_collection(get, [key]);
      const isThere = (await sqlite3.step(get)) === SQLite.SQLITE_ROW;
      // It lies in the memory of the module.
      const value = isThere ? sqlite3.column(get, 0).slice() : undefined;
      await sqlite3.reset(get);
      return value;
    },
    async delete(key) {
      await synchronous('FULL');
      await run(del, [key]);
    },
    async scan() {
      let count = 0;
      for (; (await sqlite3.step(all)) === SQLite.SQLITE_ROW; count++) sqlite3.row(all);
      await sqlite3.reset(all);
      return count;
    },
    async close() {
      for (const statement of prepared) await sqlite3.finalize(statement);
      await sqlite3.close(db);
      await vfs.close();
    },
  };
}
