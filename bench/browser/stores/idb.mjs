/** IndexedDB through idb; single writes are durable, batches relaxed, as browsers have it. */
import { openDB } from '../node_modules/idb/build/index.js';

export async function open(name) {
  const db = await openDB(name, 1, { upgrade: (made) => void made.createObjectStore('entries') });
  const write = async (durability, work) => {
    const transaction = db.transaction('entries', 'readwrite', { durability });
    work(transaction.store);
    await transaction.done;
  };
  return {
    putAll: (entries) =>
      write('relaxed', (store) => {
        for (const [key, value] of entries) store.put(value, key);
      }),
    settle: () => write('strict', (store) => store.put(0, 'settled')),
    put: (key, value) => write('strict', (store) => store.put(value, key)),
    get: (key) => db.get('entries', key),
    delete: (key) => write('strict', (store) => store.delete(key)),
    async scan() {
      // Cursors would take an event for each entry.
      const [keys, values] = await Promise.all([db.getAllKeys('entries'), db.getAll('entries')]);
      return Math.min(keys.length, values.length);
    },
    close: () => db.close(),
  };
}
