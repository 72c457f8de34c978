/**
 * The memtable against other ordered structures: puts, lookups, scans, memory.
 *
 *     npm run bench -- memtable [entries,...] [rounds] [shape,...]
 *
 * Without arguments 100,000, 500,000 and 1,000,000 entries, 5 rounds, the shapes binary, decimal,
 * prefixed and sequential. Keys have 16 bytes (prefixed: 40), values 100. Puts count hashing,
 * copying, the hash index and completing the order. Figures are medians in millions per second of
 * processor time; the candidates take turns. `order` is a lookup without the hash index; `stall` is
 * the longest time for 64 puts, or for completing the order, in ms. `far read` is the time of one
 * dependent random read of 64 MiB: what the memory under the figures was like.
 * @module
 */
import Table from 'cli-table3';
import { ArenaPool } from '../src/bytes/arena.ts';
import { hash32 } from '../src/bytes/hash32.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import {
  type Candidate,
  DirectSkipList,
  DirectTree,
  EngineMemtable,
  SortOnDemand,
} from './memtable/candidates.ts';
import { type KeyShape, type Keys, makeKeys, shuffled } from './memtable/keys.ts';

const SIZES = [100_000, 500_000, 1_000_000];
const SHAPES: readonly KeyShape[] = ['binary', 'decimal', 'prefixed', 'sequential'];
const ROUNDS = 5;
const VALUE_BYTES = 100;
const STALL_PUTS = 64;

const CANDIDATES: Record<string, (pool: ArenaPool) => Candidate> = {
  'B+tree, sorted lots (engine)': (pool) => new EngineMemtable(pool),
  'B+tree, one by one': (pool) => new DirectTree(pool),
  'skip list': (pool) => new DirectSkipList(pool),
  'sort when asked': (pool) => new SortOnDemand(pool),
};
const COLUMNS = ['put', 'stall', 'order', 'get', 'miss', 'next', 'prev', 'bytes/entry'];

/** Processor time of this process so far: other programs disturb it less than elapsed time. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Per column, what each round measured. */
type Figures = Map<string, number[]>;

function note(figures: Figures, column: string, value: number): void {
  const all = figures.get(column);
  if (all === undefined) figures.set(column, [value]);
  else all.push(value);
}

/** Millions of operations per second of `run`, which returns how many it did of `expected`. */
function rate(expected: number, run: () => number): number {
  const start = processorMs();
  const done = run();
  const elapsedMs = processorMs() - start;
  if (done !== expected) throw new Error(`${done} instead of ${expected} operations succeeded`);
  return expected / 1000 / elapsedMs;
}

/** Puts all keys; returns the longest time, in ms, for {@link STALL_PUTS} puts or completing. */
function putAll(candidate: Candidate, keys: Keys, value: Uint8Array): number {
  const { present, keyBytes } = keys;
  let stallMs = 0;
  let since = processorMs();
  for (let i = 0; i < keys.count; i++) {
    const off = i * keyBytes;
    candidate.put(present, off, keyBytes, hash32(present, off, keyBytes), i + 1, value);
    if (i % STALL_PUTS === 0) {
      const now = processorMs();
      stallMs = Math.max(stallMs, now - since);
      since = now;
    }
  }
  since = processorMs();
  candidate.complete();
  return Math.max(stallMs, processorMs() - since);
}

function getAll(table: EngineMemtable, keys: Keys, asked: Uint8Array): number {
  const { keyBytes } = keys;
  let found = 0;
  for (let i = 0; i < keys.count; i++) {
    const off = i * keyBytes;
    if (table.get(asked, off, keyBytes, hash32(asked, off, keyBytes))) found++;
  }
  return found;
}

function findAll(candidate: Candidate, keys: Keys): number {
  const { asked, keyBytes } = keys;
  let found = 0;
  for (let i = 0; i < keys.count; i++) {
    if (candidate.findInOrder(asked, i * keyBytes, keyBytes)) found++;
  }
  return found;
}

function measureOne(candidate: Candidate, keys: Keys, value: Uint8Array, figures: Figures): void {
  const { count } = keys;
  const start = processorMs();
  const stallMs = putAll(candidate, keys, value);
  note(figures, 'put', count / 1000 / (processorMs() - start));
  note(figures, 'stall', stallMs);
  if (!(candidate instanceof SortOnDemand)) {
    note(
      figures,
      'order',
      rate(count, () => findAll(candidate, keys)),
    );
  }
  if (candidate instanceof DirectSkipList) {
    note(
      figures,
      'next',
      rate(count, () => candidate.scan()),
    );
  }
  if (candidate instanceof EngineMemtable) {
    note(
      figures,
      'get',
      rate(count, () => getAll(candidate, keys, keys.asked)),
    );
    note(
      figures,
      'miss',
      rate(count, () => count - getAll(candidate, keys, keys.missing)),
    );
    note(
      figures,
      'next',
      rate(count, () => candidate.scan()),
    );
    note(
      figures,
      'prev',
      rate(count, () => candidate.scanBackwards()),
    );
    note(figures, 'bytes/entry', candidate.table.sizeBytes / count);
  }
  candidate.release();
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Nanoseconds for one read of 64 MiB at a random place that the read before has named. */
function farReadNs(): number {
  const lines = 2 ** 20;
  const chain = new Int32Array(lines * 16);
  const order = shuffled(lines, new SeededRandom(1));
  for (let i = 0; i < lines; i++) chain[order[i]! * 16] = order[(i + 1) % lines]! * 16;
  const start = processorMs();
  const first = order[0]! * 16;
  let at = first;
  for (let i = 0; i < lines; i++) at = chain[at]!;
  if (at !== first) throw new Error('the chain does not close');
  return ((processorMs() - start) * 1e6) / lines;
}

function run(shape: KeyShape, count: number, rounds: number): void {
  const keys = makeKeys(shape, count);
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const pool = new ArenaPool(2 ** 30);
  const figures = new Map<string, Figures>();
  for (const name of Object.keys(CANDIDATES)) figures.set(name, new Map());
  for (let round = 0; round < rounds; round++) {
    for (const [name, make] of Object.entries(CANDIDATES)) {
      measureOne(make(pool), keys, value, figures.get(name)!);
    }
  }
  const table = new Table({
    head: [`${count} ${shape} keys`, ...COLUMNS],
    style: { head: [], border: [] },
  });
  for (const [name, columns] of figures) {
    const cells = COLUMNS.map((column) => columns.get(column));
    table.push([name, ...cells.map((all) => (all === undefined ? '' : median(all).toFixed(2)))]);
  }
  console.log(table.toString());
}

function main(): void {
  const [sizes, rounds, shapes] = process.argv.slice(2);
  console.log(`far read: ${farReadNs().toFixed(0)} ns`);
  for (const shape of (shapes?.split(',') as KeyShape[] | undefined) ?? SHAPES) {
    for (const count of sizes?.split(',').map(Number) ?? SIZES) {
      run(shape, count, Number(rounds ?? ROUNDS));
    }
  }
  console.log(`far read: ${farReadNs().toFixed(0)} ns`);
}

main();
