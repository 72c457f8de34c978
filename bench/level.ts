/**
 * Varve against classic-level through the interface of Level: get, getSync, put, batch, iterators.
 *
 *     npm ci --prefix bench/level       once: installs classic-level
 *     npm run bench -- level [--num N] [--rounds N] [--encoding utf8|view|buffer] [--rows REGEXP]
 *                            [--json]
 *
 * Keys are 16 decimal digits, values 100 bytes, half of them random. Both stores have a cache that
 * holds the data and a write buffer of 16 MiB. In each round both stores run each row one after the
 * other, first one and then the other first; shown are medians, and how many times as fast Varve
 * is. Without `sync`: a write is in the hands of the operating system.
 *
 * Flushes and compactions that a store begins during its turn count: they go on beside it and slow
 * it down. What is left is finished when the turn is over, untimed, before that of the other store
 * begins, so each turn finds everything in tables and nobody else at work.
 * @module
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VarveLevel } from '../src/adapters/level.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';

const KEY_DIGITS = 16;
const VALUE_BYTES = 100;
const BATCH_OPERATIONS = 1000;
const CACHE_BYTES = 256 * 1_048_576;
/** Varve's default; that of classic-level is 4 MiB. */
const WRITE_BUFFER_BYTES = 16 * 1_048_576;

type Encoding = 'utf8' | 'view' | 'buffer';
type Data = string | Uint8Array;
/** classic-level has no types here; what is used of it is what Varve has. */
type Store = VarveLevel<Data, Data>;
type StoreClass = new (location: string, options: object) => Store;

interface Plan {
  readonly count: number;
  readonly rounds: number;
  readonly encoding: Encoding;
  readonly rows: RegExp;
}

interface Row {
  readonly name: string;
  readonly writes?: boolean;
  /** Returns how many entries it wrote or read. */
  readonly run: (store: Store, data: Workload) => Promise<number>;
}

/** Keys and values in the form that the stores take without converting it. */
class Workload {
  readonly count: number;
  readonly keys: readonly Data[];
  readonly values: readonly Data[];
  readonly random: SeededRandom;

  constructor(count: number, encoding: Encoding) {
    const shape = (text: string): Data => {
      if (encoding === 'utf8') return text;
      return encoding === 'buffer' ? Buffer.from(text) : new TextEncoder().encode(text);
    };
    this.count = count;
    this.random = new SeededRandom(7);
    this.keys = Array.from({ length: count }, (_, i) => shape(String(i).padStart(KEY_DIGITS, '0')));
    this.values = Array.from({ length: 1000 }, () => shape(this.#text()));
  }

  /** An index of a key. */
  pick(): number {
    return this.random.below(this.count);
  }

  value(index: number): Data {
    return this.values[index % this.values.length]!;
  }

  #text(): string {
    let text = '';
    while (text.length < VALUE_BYTES / 2) text += this.random.below(2 ** 32).toString(36);
    return text.slice(0, VALUE_BYTES / 2).padEnd(VALUE_BYTES, '.');
  }
}

const ROWS: readonly Row[] = [
  { name: 'put', writes: true, run: (store, data) => put(store, data, data.count / 10) },
  { name: 'batch of 1000', writes: true, run: (store, data) => batch(store, data, data.count) },
  {
    name: 'chained batch of 1000',
    writes: true,
    run: (store, data) => chained(store, data, data.count),
  },
  { name: 'get', run: (store, data) => get(store, data, data.count / 4) },
  { name: 'get, missing', run: (store, data) => getMissing(store, data, data.count / 4) },
  { name: 'getSync', run: (store, data) => getSync(store, data, data.count / 2) },
  { name: 'getMany of 100', run: (store, data) => getMany(store, data, data.count / 2) },
  { name: 'iterator, for await', run: (store) => iterate(store) },
  { name: 'iterator.next()', run: (store) => next(store, false) },
  { name: 'iterator.next(), reverse', run: (store) => next(store, true) },
  { name: 'nextv(1000)', run: (store) => nextv(store.iterator()) },
  { name: 'keys.nextv(1000)', run: (store) => nextv(store.keys()) },
  { name: 'values.nextv(1000)', run: (store) => nextv(store.values()) },
  { name: 'seek + nextv(10)', run: (store, data) => seek(store, data, data.count / 20) },
];

async function put(store: Store, data: Workload, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await store.put(data.keys[data.pick()]!, data.value(i));
  return count;
}

async function batch(store: Store, data: Workload, count: number): Promise<number> {
  for (let at = 0; at < count; at += BATCH_OPERATIONS) {
    const operations = Array.from({ length: BATCH_OPERATIONS }, (_, i) => {
      return { type: 'put' as const, key: data.keys[data.pick()]!, value: data.value(at + i) };
    });
    await store.batch(operations);
  }
  return count;
}

async function chained(store: Store, data: Workload, count: number): Promise<number> {
  for (let at = 0; at < count; at += BATCH_OPERATIONS) {
    const operations = store.batch();
    for (let i = 0; i < BATCH_OPERATIONS; i++) {
      operations.put(data.keys[data.pick()]!, data.value(at + i));
    }
    await operations.write();
  }
  return count;
}

async function get(store: Store, data: Workload, count: number): Promise<number> {
  for (let i = 0; i < count; i++) check(await store.get(data.keys[data.pick()]!));
  return count;
}

async function getMissing(store: Store, data: Workload, count: number): Promise<number> {
  for (let i = 0; i < count; i++) {
    const key = data.keys[data.pick()]!;
    const missing = typeof key === 'string' ? `${key}x` : key.subarray(1);
    if ((await store.get(missing)) !== undefined) throw new Error('found what is not there');
  }
  return count;
}

async function getSync(store: Store, data: Workload, count: number): Promise<number> {
  for (let i = 0; i < count; i++) check(store.getSync(data.keys[data.pick()]!));
  return count;
}

async function getMany(store: Store, data: Workload, count: number): Promise<number> {
  for (let at = 0; at < count; at += 100) {
    const keys = Array.from({ length: 100 }, () => data.keys[data.pick()]!);
    for (const value of await store.getMany(keys)) check(value);
  }
  return count;
}

async function iterate(store: Store): Promise<number> {
  let count = 0;
  for await (const [, value] of store.iterator()) {
    check(value);
    count++;
  }
  return count;
}

async function next(store: Store, reverse: boolean): Promise<number> {
  const iterator = store.iterator({ reverse });
  let count = 0;
  while ((await iterator.next()) !== undefined) count++;
  await iterator.close();
  return count;
}

interface Vectors {
  nextv(size: number): Promise<unknown[]>;
  close(): Promise<void>;
}

async function nextv(iterator: Vectors): Promise<number> {
  let count = 0;
  for (;;) {
    const items = await iterator.nextv(1000);
    if (items.length === 0) break;
    count += items.length;
  }
  await iterator.close();
  return count;
}

async function seek(store: Store, data: Workload, count: number): Promise<number> {
  const iterator = store.iterator();
  let entries = 0;
  for (let i = 0; i < count; i++) {
    iterator.seek(data.keys[data.pick()]!);
    entries += (await iterator.nextv(10)).length;
  }
  await iterator.close();
  return entries;
}

function check(value: Data | undefined): void {
  if (value?.length !== VALUE_BYTES) throw new Error('read a wrong value');
}

/** The package from bench/level/, whose lock file fixes its version. */
function loadClassicLevel(): StoreClass {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, 'tsconfig.dev.json'))) root = dirname(root);
  const require = createRequire(join(root, 'bench/level/package.json'));
  try {
    return require('classic-level').ClassicLevel;
  } catch {
    throw new Error('classic-level is missing: run npm ci --prefix bench/level');
  }
}

async function openLoaded(make: StoreClass, location: string, data: Workload, encoding: Encoding) {
  const store = new make(location, {
    keyEncoding: encoding,
    valueEncoding: encoding,
    cacheSize: CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  const operations = data.keys.map((key, i) => {
    return { type: 'put' as const, key, value: data.value(i) };
  });
  for (let at = 0; at < operations.length; at += BATCH_OPERATIONS) {
    await store.batch(operations.slice(at, at + BATCH_OPERATIONS));
  }
  await compact(store, data);
  return store;
}

function compact(store: Store, data: Workload): Promise<void> {
  return store.compactRange(data.keys[0]!, data.keys[data.count - 1]!);
}

/** Entries per second of one row on one store. Leaves the store without work in the background. */
async function measure(row: Row, store: Store, data: Workload): Promise<number> {
  const begin = performance.now();
  const count = await row.run(store, data);
  const elapsedMs = performance.now() - begin;
  if (row.writes === true) await compact(store, data);
  return (count / elapsedMs) * 1000;
}

interface Result {
  readonly row: string;
  readonly varvePerSecond: number;
  readonly classicPerSecond: number;
  readonly ratio: number;
}

async function runRow(row: Row, stores: readonly Store[], data: Workload, rounds: number) {
  const rates: number[][] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const rate = await measure(row, stores[which]!, data);
      // The first round warms up.
      if (round > 0) rates[which]!.push(rate);
    }
  }
  const [varvePerSecond, classicPerSecond] = rates.map(median) as [number, number];
  const ratio = varvePerSecond / classicPerSecond;
  return { row: row.name, varvePerSecond, classicPerSecond, ratio };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

async function runAll(plan: Plan, directory: string): Promise<Result[]> {
  const data = new Workload(plan.count, plan.encoding);
  const classes = [VarveLevel as StoreClass, loadClassicLevel()];
  const stores: Store[] = [];
  for (const [i, make] of classes.entries()) {
    stores.push(await openLoaded(make, join(directory, String(i)), data, plan.encoding));
  }
  const results: Result[] = [];
  for (const row of ROWS.filter(({ name }) => plan.rows.test(name))) {
    results.push(await runRow(row, stores, data, plan.rounds));
  }
  for (const store of stores) await store.close();
  return results;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      num: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '5' },
      encoding: { type: 'string', default: 'utf8' },
      rows: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-level-'));
  try {
    const plan = {
      count: Number(values.num),
      rounds: Number(values.rounds),
      encoding: values.encoding as Encoding,
      rows: new RegExp(values.rows),
    };
    const results = await runAll(plan, directory);
    if (values.json) console.log(JSON.stringify({ ...plan, rows: values.rows, results }));
    else console.table(results.map(shown));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function shown({ row, varvePerSecond, classicPerSecond, ratio }: Result) {
  return {
    row,
    'Varve, k/s': Math.round(varvePerSecond / 100) / 10,
    'classic-level, k/s': Math.round(classicPerSecond / 100) / 10,
    'times as fast': Math.round(ratio * 100) / 100,
  };
}

await main();
