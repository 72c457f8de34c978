/** Varve inside the worker: the engine itself, which answers at once. */
import { lz4Compression, mountOpfs, openDatabase, system, WriteBatch } from '/varve/core.js';

export async function open(name) {
  const fs = await mountOpfs({ directory: name });
  const db = await openDatabase('db', {}, { ...system, fs, compression: lz4Compression });
  return {
    putAll(entries) {
      const batch = new WriteBatch();
      for (const [key, value] of entries) batch.put(key, value);
      db.write(batch);
    },
    settle: () => db.sync(),
    put: (key, value) => db.put(key, value, { sync: true }),
    get: (key) => db.get(key),
    delete: (key) => db.delete(key, { sync: true }),
    scan() {
      let count = 0;
      for (const _ of db.entries()) count++;
      return count;
    },
    async close() {
      await db.close();
      await fs.close();
    },
  };
}
