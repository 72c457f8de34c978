/**
 * A program that bundlers are given: default options, and more than a write buffer. Prints what
 * bundle-check.mjs looks for.
 */
import { open } from 'varve';

/** What differs between the runs. */
const [path, codec] = process.argv.slice(2);
const COUNT = 40_000;
const VALUE_BYTES = 1000;

async function main() {
  const problems = [];
  const onEvent = ({ type, error }) => {
    if (type === 'workers-unavailable' || type === 'error') problems.push(String(error.cause));
  };
  const db = await open(path, { compression: codec, workers: 2, onEvent });
  for (let i = 0; i < COUNT; i++) {
    db.put(`key ${i}`, new Uint8Array(VALUE_BYTES).fill(i));
    // Turns of the host, in which it hears of workers that cannot start.
    if (i % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await db.compact();
  const { counters, workers, backgroundError } = db.stats();
  await db.close();
  const again = await open(path);
  let found = 0;
  for (let i = 0; i < COUNT; i++) {
    if (again.get(`key ${i}`)?.[VALUE_BYTES - 1] === (i & 255)) found++;
  }
  await again.close();
  console.log(
    JSON.stringify({
      isComplete: found === COUNT,
      isFlushed: counters.flushCount > 1 && counters.compactionCount > 0,
      hasWorkers: workers.runningCount > 0 && workers.error === undefined,
      problems,
      backgroundError,
    }),
  );
}

void main();
