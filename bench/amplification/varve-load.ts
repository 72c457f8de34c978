/**
 * Loads a database of Varve in a process of its own, so that its memory is this load's alone.
 * Argument: a {@link LoadPlan} as JSON. Prints a {@link LoadCost} as JSON.
 * @module
 */

import { type Db, open, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Chunk } from '../driver/chunk.ts';
import { Permutation, Uniform } from '../driver/numbers.ts';
import { optionsOf, presetNamed } from '../driver/presets.ts';
import { settled } from '../driver/settled.ts';
import { Values } from '../driver/values.ts';
import { sizeOf } from '../vs/process-usage.ts';
import { type LoadCost, type LoadPlan, TENTHS } from './load.ts';

async function run(plan: LoadPlan): Promise<LoadCost> {
  const options = optionsOf(presetNamed(plan.preset));
  let db = await open(plan.directory, options);
  const rates = load(db, plan);
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  await settled(db);
  const { counters, columnFamilies } = db.stats();
  const [l0, ...deeper] = columnFamilies[0]!.levels;
  const tablesPerRead = read(db, plan);
  await db.close();
  const diskBytes = sizeOf(plan.directory);
  db = await open(plan.directory, options);
  await db.compact();
  await db.close();
  return {
    store: `varve (${plan.preset})`,
    rates,
    walBytes: counters.walBytesWritten,
    flushBytes: counters.flushBytesWritten,
    compactionBytes: counters.compactionBytesWritten,
    sortedRuns: l0!.tableCount + deeper.filter(({ tableCount }) => tableCount > 0).length,
    tablesPerRead,
    diskBytes,
    compactedBytes: sizeOf(plan.directory),
    peakRssBytes,
  };
}

/** Every key once, in random order. Returns the rates of the tenths. */
function load(db: Db, plan: LoadPlan): number[] {
  const random = new SeededRandom(plan.seed);
  const source = new Permutation(random, plan.num);
  const values = new Values('view', plan.valueSize, plan.compressionRatio, random);
  const chunk = new Chunk('view', plan.batchSize, plan.keySize);
  const batch = new WriteBatch();
  const rates: number[] = [];
  let mark = performance.now();
  let marked = 0;
  for (let done = 0; done < plan.num; ) {
    chunk.drawEntries(source, values, Math.min(plan.batchSize, plan.num - done));
    batch.clear();
    for (let i = 0; i < chunk.count; i++) batch.put(chunk.keys[i]!, chunk.values[i]!);
    db.write(batch);
    done += chunk.count;
    if (done < (plan.num / TENTHS) * (rates.length + 1)) continue;
    const now = performance.now();
    rates.push(((done - marked) / (now - mark)) * 1000);
    mark = now;
    marked = done;
  }
  return rates;
}

/** Random reads of keys that are there. Returns the tables that one looked into. */
function read(db: Db, plan: LoadPlan): number {
  const source = new Uniform(new SeededRandom(plan.seed + 1), plan.num);
  const chunk = new Chunk('view', 1, plan.keySize);
  const before = db.stats().counters.tableReads;
  for (let i = 0; i < plan.reads; i++) {
    chunk.draw(source, 1);
    if (db.get(chunk.keys[0]!) === undefined) throw new Error('a key is missing');
  }
  return (db.stats().counters.tableReads - before) / plan.reads;
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2]!) as LoadPlan))}\n`);
