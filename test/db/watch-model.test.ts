/**
 * What a watch tells, applied to an empty map, gives the keys of the database: for random work and
 * consumers of any pace.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Db } from '../../src/db/database.ts';
import type { Watch } from '../../src/db/watch.ts';
import type { WatchEvent } from '../../src/db/watch-events.ts';
import type { WatchRange } from '../../src/db/watch-ranges.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { openMemory, text } from './helpers.ts';

const FAMILIES = ['default', 'users', 'more'];
/** Ranges and the keys that they have, of those that are written. */
const RANGES: readonly WatchRange[] = [
  {},
  { columnFamily: 'users', gte: 'k3', lt: 'k6' },
  { columnFamily: 'more', prefix: 'k1' },
];

/** The keys that the ranges show, with their families. */
function shown(db: Db): Set<string> {
  const keys = new Set<string>();
  const families = db.listColumnFamilies();
  for (const range of RANGES) {
    const { columnFamily = 'default' } = range;
    if (!families.includes(columnFamily as string)) continue;
    for (const key of db.keys(range)) keys.add(`${columnFamily}/${text(key)}`);
  }
  return keys;
}

/** Follows a watch. */
class Mirror {
  readonly keys: Set<string>;
  missedCount: number;
  readonly #db: Db;
  readonly #watch: Watch;
  #seqno: number;

  constructor(db: Db, bufferBytes: number) {
    this.#db = db;
    this.#watch = db.watch(RANGES, { bufferBytes });
    this.keys = shown(db);
    this.missedCount = 0;
    this.#seqno = db.seqno;
  }

  /** Takes events until one is of this seqno or a later one, at most so many. */
  async take(seqno: number, countMax = Number.POSITIVE_INFINITY): Promise<void> {
    for (let i = 0; i < countMax && this.#seqno < seqno; i++) {
      const { value } = await this.#watch.next();
      this.#apply(value!);
    }
  }

  async end(): Promise<void> {
    for await (const event of this.#watch) this.#apply(event);
  }

  #apply(event: WatchEvent): void {
    if (event.type === 'dropped') {
      this.#forget(event.columnFamily);
      return;
    }
    assert.ok(event.seqno > this.#seqno, `${event.seqno} comes after ${this.#seqno}`);
    this.#seqno = event.seqno;
    if (event.type === 'missed') {
      this.missedCount++;
      this.keys.clear();
      for (const key of shown(this.#db)) this.keys.add(key);
      return;
    }
    assert.equal(event.operations.at(-1)!.seqno <= event.seqno, true);
    for (const { type, key, columnFamily } of event.operations) {
      const name = `${columnFamily}/${text(key)}`;
      if (type === 'put') this.keys.add(name);
      else this.keys.delete(name);
    }
  }

  #forget(family: string): void {
    for (const key of this.keys) if (key.startsWith(`${family}/`)) this.keys.delete(key);
  }
}

interface Operation {
  readonly isPut: boolean;
  readonly key: string;
  readonly family: number;
}

/** A batch, so many events to take, or something else. */
type Step = Operation[] | number | 'flush' | 'compact' | 'drop' | 'check';

const operation: fc.Arbitrary<Operation> = fc.record({
  isPut: fc.boolean(),
  key: fc.integer({ min: 0, max: 200 }).map((n) => `k${n}`),
  family: fc.nat({ max: FAMILIES.length - 1 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.array(operation, { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>('flush', 'compact', 'drop', 'check') },
  { weight: 4, arbitrary: fc.nat({ max: 6 }) },
);

function batchOf(db: Db, operations: readonly Operation[]): WriteBatch {
  const batch = new WriteBatch();
  const there = db.listColumnFamilies();
  for (const { isPut, key, family } of operations) {
    const name = FAMILIES[family]!;
    if (!there.includes(name)) continue;
    if (isPut) batch.put(key, '', name);
    else batch.delete(key, name);
  }
  return batch;
}

/** Compares after a write of which something is told, however much was before it. */
async function check(db: Db, mirror: Mirror): Promise<void> {
  await mirror.take(db.put('last', ''));
  assert.deepEqual([...mirror.keys].sort(), [...shown(db)].sort());
}

async function follow(db: Db, steps: readonly Step[], mirror: Mirror): Promise<void> {
  for (const one of steps) {
    if (Array.isArray(one)) db.write(batchOf(db, one));
    else if (typeof one === 'number') await mirror.take(db.put('more', ''), one);
    else if (one === 'flush') await db.flush();
    else if (one === 'compact') await db.compact();
    else if (one === 'check') await check(db, mirror);
    else if (db.listColumnFamilies().includes('users')) db.dropColumnFamily('users');
  }
}

test('what a watch tells gives the keys of the database', async () => {
  let missedCount = 0;
  const plans = fc.array(step, { maxLength: 80, size: 'max' });
  const buffers = fc.constantFrom(1024, 4096, 1_048_576);
  await fc.assert(
    fc.asyncProperty(plans, buffers, async (steps, bufferBytes) => {
      const db = await openMemory({ columnFamilies: FAMILIES, workers: 0 });
      db.put('k1', '', { columnFamily: 'more' });
      const mirror = new Mirror(db, bufferBytes);
      await follow(db, steps, mirror);
      await check(db, mirror);
      const wanted = [...shown(db)].sort();
      missedCount += mirror.missedCount;
      await db.close();
      await mirror.end();
      assert.deepEqual([...mirror.keys].sort(), wanted);
    }),
    { numRuns: 80 },
  );
  assert.ok(missedCount > 20, `${missedCount} times something was missed`);
});
