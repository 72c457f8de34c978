/**
 * A program of a page that bundlers are given: the database in its worker, past the first flushes
 * and a compaction. What `bundle-pages.mjs` looks for goes to the console.
 *
 * The query says which compression (`codec`), whether the database is one that an earlier page has
 * filled (`isThere`), and where the worker's program is, if not where the client looks for it
 * (`worker`).
 */
import { openInWorker } from 'varve/browser';

const COUNT = 5000;
const BATCH_COUNT = 500;
const VALUE_BYTES = 1000;
const SMALL = { writeBufferBytes: 1 << 20, targetTableBytes: 1 << 20 };

const query = new URLSearchParams(location.search);
const codec = query.get('codec');
const worker = query.get('worker');

function open() {
  return openInWorker(`bundle ${codec}`, {
    db: { ...SMALL, compression: codec },
    ...(worker !== null && { workerUrl: new URL(worker, location.href) }),
  });
}

async function fill() {
  const db = await open();
  for (let first = 0; first < COUNT; first += BATCH_COUNT) {
    const numbers = Array.from({ length: BATCH_COUNT }, (_, i) => first + i);
    const value = (n) => new Uint8Array(VALUE_BYTES).fill(n);
    await db.write(numbers.map((n) => ({ type: 'put', key: `key ${n}`, value: value(n) })));
  }
  await db.compact();
  const { counters } = await db.stats();
  await db.close();
  return counters;
}

async function main() {
  const counters = query.has('isThere') ? undefined : await fill();
  const db = await open();
  const numbers = Array.from({ length: COUNT }, (_, n) => n);
  const values = await db.getMany(numbers.map((n) => `key ${n}`));
  await db.compact();
  await db.close();
  return {
    isComplete: numbers.every((n) => values[n]?.[VALUE_BYTES - 1] === (n & 255)),
    flushCount: counters?.flushCount,
    compactionCount: counters?.compactionCount,
  };
}

function say(outcome) {
  console.info(`outcome ${JSON.stringify(outcome)}`);
}

main().then(say, ({ name, code, message }) => say({ name, code, message }));
