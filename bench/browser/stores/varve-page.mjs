/** Varve as a page has it: the client, and the engine in its worker. */
import { openInWorker } from '/varve/client.js';

export async function open(name) {
  const workerUrl = new URL('/varve/worker.js', location.href);
  const db = await openInWorker(name, { workerUrl, shared: false });
  return {
    putAll: (entries) => db.write(entries.map(([key, value]) => ({ type: 'put', key, value }))),
    settle: () => db.sync(),
    put: (key, value) => db.put(key, value, { sync: true }),
    get: (key) => db.get(key),
    delete: (key) => db.delete(key, { sync: true }),
    async scan() {
      let count = 0;
      for await (const _ of db.entries()) count++;
      return count;
    },
    close: () => db.close(),
  };
}
