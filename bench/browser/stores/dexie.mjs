/** IndexedDB through Dexie. */
import { Dexie } from '../node_modules/dexie/dist/modern/dexie.mjs';

export async function open(name) {
  // Of a connection, so there are two: for single writes and for batches.
  const [strict, relaxed] = await Promise.all(
    ['strict', 'relaxed'].map(async (chromeTransactionDurability) => {
      const db = new Dexie(name, { chromeTransactionDurability });
      db.version(1).stores({ entries: '' });
      await db.open();
      return db;
    }),
  );
  const keysOf = (entries) => entries.map(([key]) => key);
  const valuesOf = (entries) => entries.map(([, value]) => value);
  return {
    putAll: (entries) => relaxed.entries.bulkPut(valuesOf(entries), keysOf(entries)),
    settle: () => strict.entries.put(0, 'settled'),
    put: (key, value) => strict.entries.put(value, key),
    get: (key) => strict.entries.get(key),
    delete: (key) => strict.entries.delete(key),
    async scan() {
      const [keys, values] = await Promise.all([
        strict.entries.toCollection().primaryKeys(),
        strict.entries.toArray(),
      ]);
      return Math.min(keys.length, values.length);
    },
    close() {
      strict.close();
      relaxed.close();
    },
  };
}
