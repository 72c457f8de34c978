/**
 * Loads a database, reopens it and reads everything back: entries per second, memory, and whether
 * the second half of the load holds the rate of the first.
 *
 *     npm run bench -- load [--num N] [--value-bytes N] [--batch N] [--order random|sequential]
 *                           [--options JSON] [--json]
 *
 * Keys are 16 decimal digits. One run; compare runs on the same machine only.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Db, type DbOptions, type DbStats, open, WriteBatch } from '../src/index.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';

const KEY_BYTES = 16;
const TENTHS = 10;
const READS = 200_000;
const VALUES_BYTES = 1_048_576;
const PIECE_BYTES = 100;
/** From one value to the next among them. */
const STEP_BYTES = 317;

interface LoadResult {
  readonly entries: number;
  readonly loadPerSecond: number;
  /** Rate of the second half by that of the first. */
  readonly secondHalfRatio: number;
  /** Rate of the last tenth by that of the first. */
  readonly lastTenthRatio: number;
  readonly longestBatchMs: number;
  readonly peakRssMb: number;
  readonly reopenMs: number;
  readonly scanPerSecond: number;
  readonly getPerSecond: number;
  readonly getMissingPerSecond: number;
  readonly diskMb: number;
  readonly writeAmplification: number;
  /** Sorted runs that a read may have to look at, when the load has ended. */
  readonly sortedRuns: number;
}

interface LoadPlan {
  readonly count: number;
  readonly valueBytes: number;
  readonly batchCount: number;
  readonly isRandom: boolean;
  readonly options: DbOptions;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      num: { type: 'string', default: '1000000' },
      'value-bytes': { type: 'string', default: '100' },
      batch: { type: 'string', default: '1000' },
      order: { type: 'string', default: 'random' },
      options: { type: 'string', default: '{}' },
      json: { type: 'boolean', default: false },
    },
  });
  const directory = mkdtempSync(join(tmpdir(), 'varve-load-'));
  try {
    const result = await run(directory, {
      count: Number(values.num),
      valueBytes: Number(values['value-bytes']),
      batchCount: Number(values.batch),
      isRandom: values.order !== 'sequential',
      options: JSON.parse(values.options) as DbOptions,
    });
    if (values.json) console.log(JSON.stringify(result));
    else console.table(rounded(result));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
async function run(directory: string, plan: LoadPlan): Promise<LoadResult> {
  const order = makeOrder(plan.count, plan.isRandom);
  let db = await open(directory, plan.options);
  const load = fill(db, order, plan);
  await db.flush();
  const stats = db.stats();
  await db.close();
  const begin = performance.now();
  db = await open(directory, plan.options);
  const reopenMs = performance.now() - begin;
  const scanPerSecond = scan(db, plan.count);
  const getPerSecond = readRandom(db, order, 0);
  const getMissingPerSecond = readRandom(db, order, plan.count);
  await db.close();
  const { counters, tableBytes } = stats;
  const written =
    counters.walBytesWritten + counters.flushBytesWritten + counters.compactionBytesWritten;
  return {
    entries: plan.count,
    ...load,
    reopenMs,
    scanPerSecond,
    getPerSecond,
    getMissingPerSecond,
    diskMb: tableBytes / 1e6,
    writeAmplification: written / (plan.count * (KEY_BYTES + plan.valueBytes)),
    sortedRuns: sortedRuns(stats),
  };
}
function sortedRuns({ columnFamilies }: DbStats): number {
  const [l0, ...deeper] = columnFamilies[0]!.levels;
  return l0!.tableCount + deeper.filter(({ tableCount }) => tableCount > 0).length;
}

function fill(db: Db, order: Uint32Array, plan: LoadPlan) {
  const key = new Uint8Array(KEY_BYTES);
  const values = makeValues(plan.valueBytes);
  const batch = new WriteBatch();
  const marks: number[] = [performance.now()];
  let longestBatchMs = 0;
  let peakRss = 0;
  for (let at = 0; at < plan.count; ) {
    const begin = performance.now();
    batch.clear();
    for (let i = 0; i < plan.batchCount && at < plan.count; i++, at++) {
      setKey(key, order[at]!);
      const from = (at * STEP_BYTES) % (values.length - plan.valueBytes);
      batch.put(key, values.subarray(from, from + plan.valueBytes));
    }
    db.write(batch);
    const now = performance.now();
    longestBatchMs = Math.max(longestBatchMs, now - begin);
    if (at >= (plan.count / TENTHS) * marks.length) {
      marks.push(now);
      peakRss = Math.max(peakRss, process.memoryUsage.rss());
    }
  }
  const span = (from: number, to: number) => marks[to]! - marks[from]!;
  return {
    loadPerSecond: (plan.count / span(0, TENTHS)) * 1000,
    secondHalfRatio: span(0, TENTHS / 2) / span(TENTHS / 2, TENTHS),
    lastTenthRatio: span(0, 1) / span(TENTHS - 1, TENTHS),
    longestBatchMs,
    peakRssMb: peakRss / 1e6,
  };
}
function scan(db: Db, expected: number): number {
  const begin = performance.now();
  let count = 0;
  for (const _ of db.entries()) count++;
  if (count !== expected) throw new Error(`the scan found ${count} entries of ${expected}`);
  return (count / (performance.now() - begin)) * 1000;
}
/** Point reads of keys that are there, or of `offset` higher ones that are not. */
function readRandom(db: Db, order: Uint32Array, offset: number): number {
  const key = new Uint8Array(KEY_BYTES);
  const reads = Math.min(READS, order.length);
  const begin = performance.now();
  for (let i = 0; i < reads; i++) {
    setKey(key, order[order.length - 1 - i]! + offset);
    const isThere = db.get(key) !== undefined;
    if (isThere !== (offset === 0)) throw new Error('a read gave the wrong answer');
  }
  return (reads / (performance.now() - begin)) * 1000;
}
function makeOrder(count: number, isRandom: boolean): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const random = new SeededRandom(1);
  for (let i = count - 1; isRandom && i > 0; i--) {
    const j = random.below(i + 1);
    const other = order[j]!;
    order[j] = order[i]!;
    order[i] = other;
  }
  return order;
}
/** Bytes to cut values from, half random, half constant: they compress to about a half. */
function makeValues(length: number): Uint8Array {
  const values = new Uint8Array(VALUES_BYTES + length).fill(0x61);
  const random = new SeededRandom(2);
  for (let at = 0; at < values.length; at += PIECE_BYTES) {
    random.fill(values.subarray(at, at + PIECE_BYTES / 2));
  }
  return values;
}
function setKey(key: Uint8Array, number: number): void {
  let rest = number;
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    key[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
function rounded(result: LoadResult): Record<string, number> {
  const entries = Object.entries(result) as [string, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value >= 100 ? Math.round(value) : +value.toFixed(2)]),
  );
}
await main();
