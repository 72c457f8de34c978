/** SQLite's own build, over its pool of OPFS handles. */
import init from '../node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';

const SCHEMA =
  'CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID';

export async function open(name) {
  const sqlite3 = await init();
  const pool = await sqlite3.installOpfsSAHPoolVfs({ name, directory: `.${name}` });
  if (pool.isPaused()) await pool.unpauseVfs();
  const db = new pool.OpfsSAHPoolDb('/bench.db');
  db.exec(SCHEMA);
  const put = db.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?)');
  const get = db.prepare('SELECT value FROM entries WHERE key = ?');
  const del = db.prepare('DELETE FROM entries WHERE key = ?');
  const all = db.prepare('SELECT key, value FROM entries ORDER BY key');
  const run = (statement, values) => {
    statement.bind(values);
    statement.step();
    statement.reset();
  };
  let level = '';
  const synchronous = (wanted) => {
    if (level !== wanted) db.exec(`PRAGMA synchronous = ${wanted}`);
    level = wanted;
  };
  return {
    putAll(entries) {
      synchronous('NORMAL');
      db.exec('BEGIN');
      for (const entry of entries) run(put, entry);
      db.exec('COMMIT');
    },
    settle: () => {},
    put(key, value) {
      synchronous('FULL');
      run(put, [key, value]);
    },
    get(key) {
      get.bind([key]);
      const value = get.step() ? get.get(0) : undefined;
      get.reset();
      return value;
    },
    delete(key) {
      synchronous('FULL');
      run(del, [key]);
    },
    scan() {
      let count = 0;
      for (; all.step(); count++) all.get([]);
      all.reset();
      return count;
    },
    close() {
      for (const statement of [put, get, del, all]) statement.finalize();
      db.close();
      pool.pauseVfs();
    },
  };
}
