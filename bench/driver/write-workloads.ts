/**
 * Workloads that fill, overwrite and delete.
 * @module
 */
import { Ascending, type NumberSource, Permutation, Uniform } from './numbers.ts';
import type { Run } from './run.ts';
import type { Workload } from './workload.ts';

/** db_bench's fillsync does this part of the operations. */
const SYNC_SHARE = 1000;
const BATCH_ENTRIES = 1000;

export const WRITE_WORKLOADS: readonly Workload[] = [
  {
    name: 'fillseq',
    summary: 'write num entries in key order',
    needs: 'empty',
    readsOnly: false,
    run: (run) => fill(run, new Ascending(), { isRandom: false }),
  },
  {
    name: 'fillbatch',
    summary: 'the same, in batches of 1000',
    needs: 'empty',
    readsOnly: false,
    run: (run) => fill(run, new Ascending(), { isRandom: false, batchSize: BATCH_ENTRIES }),
  },
  {
    name: 'fillrandom',
    summary: 'write num entries with random keys, some of them more than once',
    needs: 'empty',
    readsOnly: false,
    run: (run) => fill(run, new Uniform(run.random, run.num), {}),
  },
  {
    name: 'filluniquerandom',
    summary: 'write num entries in random order, each key once',
    needs: 'empty',
    readsOnly: false,
    run: (run) => fill(run, new Permutation(run.random, run.num), { isRandom: false }),
  },
  {
    name: 'fillsync',
    summary: 'write num/1000 entries with random keys, each to stable storage',
    needs: 'empty',
    readsOnly: false,
    sync: true,
    run: (run) => {
      const operations = Math.max(1, Math.floor(run.num / SYNC_SHARE));
      return fill(run, new Uniform(run.random, run.num), { operations });
    },
  },
  {
    name: 'overwrite',
    summary: 'write num entries with random keys over those that are there',
    needs: 'entries',
    readsOnly: false,
    run: (run) => fill(run, new Uniform(run.random, run.num), {}),
  },
  {
    name: 'updaterandom',
    summary: 'read and write back random keys, one by one',
    needs: 'entries',
    readsOnly: false,
    run: update,
  },
  {
    name: 'deleterandom',
    summary: 'delete random keys',
    needs: 'entries',
    readsOnly: false,
    run: remove,
  },
];

interface Fill {
  /** Entries; num if absent. */
  readonly operations?: number;
  /** False where a duration has no meaning. */
  readonly isRandom?: boolean;
  readonly batchSize?: number;
}

async function fill(run: Run, source: NumberSource, how: Fill): Promise<void> {
  const { engine } = run;
  const values = run.values();
  const batchSize = run.settings.batchSize ?? how.batchSize ?? 1;
  const chunk = run.chunk(batchSize === 1 ? run.chunkOperations : batchSize);
  const total = how.operations ?? run.num;
  await run.loop(total, chunk.capacity, how.isRandom ?? true, (count) => {
    chunk.drawEntries(source, values, count);
    return batchSize === 1 ? engine.put(chunk) : engine.putBatch(chunk);
  });
  run.countWritten(run.operations);
}

async function update(run: Run): Promise<void> {
  const { engine } = run;
  const values = run.values();
  const source = new Uniform(run.random, run.num);
  const chunk = run.chunk(run.chunkOperations);
  await run.loop(run.num, chunk.capacity, true, (count) => {
    chunk.drawEntries(source, values, count);
    const reading = engine.get(chunk);
    return reading === undefined ? engine.put(chunk) : reading.then(() => engine.put(chunk));
  });
  run.countWritten(run.operations);
  run.message = `( updates:${run.operations} found:${chunk.found})`;
}

async function remove(run: Run): Promise<void> {
  const source = new Uniform(run.random, run.num);
  const chunk = run.chunk(run.chunkOperations);
  await run.loop(run.num, chunk.capacity, true, (count) => {
    chunk.draw(source, count);
    return run.engine.delete(chunk);
  });
}
