/**
 * Workloads that read: points, ranges, everything.
 * @module
 */
import { PREFIX_BYTES } from './chunk.ts';
import { Uniform } from './numbers.ts';
import type { Run } from './run.ts';
import type { Workload } from './workload.ts';

/** The hot part of the keys in readhot: the first hundredth. */
const HOT_SHARE = 100;
const MULTIREAD_KEYS = 100;
const SCANS_SHARE = 100;

export const READ_WORKLOADS: readonly Workload[] = [
  reading('readrandom', 'read random keys; the value as a copy', (run) => read(run, {})),
  reading('readrandom-borrow', 'the same; the value lent until the next call, if it can', (run) =>
    read(run, { borrows: true }),
  ),
  reading('readmissing', 'read keys that are not there, in between those that are', (run) =>
    read(run, { keyBytes: run.settings.keySize + 1 }),
  ),
  reading('readhot', 'read random keys of the first hundredth', (run) =>
    read(run, { limit: Math.ceil(run.num / HOT_SHARE) }),
  ),
  reading('multireadrandom', 'read random keys, batch_size (100) in a call', readMany),
  reading('readseq', 'walk all entries in key order; nothing copied where the store can', (run) =>
    scan(run, { isReverse: false, copies: false }),
  ),
  reading('readseq-entries', 'the same; every key and value as a copy', (run) =>
    scan(run, { isReverse: false, copies: true }),
  ),
  reading('readreverse', 'walk all entries from the last to the first', (run) =>
    scan(run, { isReverse: true, copies: false }),
  ),
  reading('seekrandom', 'seek random keys in a fresh view each, read seek_nexts entries', seek),
  reading('prefixscan', 'read all (256) entries of random prefixes; num/100 scans', prefixes),
];

function reading(name: string, summary: string, run: Workload['run']): Workload {
  return { name, summary, needs: 'entries', readsOnly: true, run };
}

interface Read {
  /** Keys are drawn below this; num if absent. */
  readonly limit?: number;
  /** A longer key than any that was written is found nowhere. */
  readonly keyBytes?: number;
  readonly borrows?: boolean;
}

async function read(run: Run, how: Read): Promise<void> {
  const source = new Uniform(run.random, how.limit ?? run.num);
  const chunk = run.chunk(run.chunkOperations, how.keyBytes);
  const { engine } = run;
  const isLent = how.borrows === true && engine.getBorrowed !== undefined;
  await run.loop(run.reads, chunk.capacity, true, (count) => {
    chunk.draw(source, count);
    return isLent ? engine.getBorrowed!(chunk) : engine.get(chunk);
  });
  run.message = `(${chunk.found} of ${run.operations} found)`;
}

async function readMany(run: Run): Promise<void> {
  const source = new Uniform(run.random, run.num);
  const chunk = run.chunk(run.settings.batchSize ?? MULTIREAD_KEYS);
  await run.loop(run.reads, chunk.capacity, true, (count) => {
    chunk.draw(source, count);
    return run.engine.getMany(chunk);
  });
  run.message = `(${chunk.found} of ${run.operations} found)`;
}

async function scan(run: Run, how: { isReverse: boolean; copies: boolean }): Promise<void> {
  const chunk = run.chunk(1);
  run.begin();
  await run.engine.scan(chunk, { ...how, limit: run.reads });
  run.operations = chunk.found;
}

async function seek(run: Run): Promise<void> {
  const source = new Uniform(run.random, run.num);
  const chunk = run.chunk(run.chunkOperations);
  chunk.lengths.fill(Math.max(1, run.settings.seekNexts));
  await run.loop(run.reads, chunk.capacity, true, (count) => {
    chunk.draw(source, count);
    return run.engine.seek(chunk);
  });
  run.message = `(${chunk.found} entries read)`;
}

async function prefixes(run: Run): Promise<void> {
  const source = new Uniform(run.random, run.num);
  const chunk = run.chunk(run.chunkOperations, PREFIX_BYTES);
  const scans = Math.max(1, Math.floor(run.reads / SCANS_SHARE));
  await run.loop(scans, chunk.capacity, true, (count) => {
    chunk.drawPrefixes(source, count);
    return run.engine.range(chunk);
  });
  run.message = `(${chunk.found} entries read)`;
}
