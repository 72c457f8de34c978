/** Postgres as PGlite, over its pool of OPFS handles; each statement is durable. */
import { PGlite } from '../node_modules/@electric-sql/pglite/dist/index.js';

const SCHEMA = 'CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BYTEA)';
const UPSERT = 'ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value';

export async function open(name) {
  const db = await PGlite.create(`opfs-ahp://${name}`);
  await db.exec(SCHEMA);
  return {
    async putAll(entries) {
      const rows = entries.map((_, i) => `($${2 * i + 1}, $${2 * i + 2})`);
      await db.query(`INSERT INTO entries VALUES ${rows.join()} ${UPSERT}`, entries.flat());
    },
    settle: () => {},
    put: (key, value) => db.query(`INSERT INTO entries VALUES ($1, $2) ${UPSERT}`, [key, value]),
    async get(key) {
      const { rows } = await db.query('SELECT value FROM entries WHERE key = $1', [key]);
      return rows[0]?.value;
    },
    delete: (key) => db.query('DELETE FROM entries WHERE key = $1', [key]),
    async scan() {
      return (await db.query('SELECT key, value FROM entries ORDER BY key')).rows.length;
    },
    close: () => db.close(),
  };
}
