/**
 * Ranges of deleted keys that cursors remember: whatever comes between, each sees what it should.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbCursor } from '../../src/db/db-cursor.ts';
import type { EntriesOptions } from '../../src/db/entries.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { keyAt, openMemory, text } from './helpers.ts';

const KEYS = 300;
const STEPS = 2500;

type Model = ReadonlySet<string>;

/** A view that was taken and is used later. */
interface Taken {
  readonly model: Model;
  readonly snapshot: Snapshot;
  readonly cursor: DbCursor;
}

function inRange(key: string, { gte, gt, lte, lt }: EntriesOptions): boolean {
  if (gte !== undefined && key < String(gte)) return false;
  if (gt !== undefined && key <= String(gt)) return false;
  if (lte !== undefined && key > String(lte)) return false;
  return lt === undefined || key < String(lt);
}

/** A database, what it holds, and things to do with both. */
class Run {
  readonly #db: Db;
  readonly #random: SeededRandom;
  readonly #model: Set<string>;
  #taken: Taken[];

  constructor(db: Db, random: SeededRandom) {
    this.#db = db;
    this.#random = random;
    this.#model = new Set();
    this.#taken = [];
  }

  async step(): Promise<void> {
    const random = this.#random;
    const choice = random.below(100);
    if (choice < 20) this.#put(random.below(KEYS), 1 + random.below(4));
    else if (choice < 24) this.#put(random.below(KEYS), 1 + random.below(120));
    else if (choice < 36) this.#delete(random.below(KEYS), 20 + random.below(150));
    else if (choice < 38) await this.#db.flush();
    else if (choice < 39) await this.#db.compact();
    else if (choice < 44) this.#take();
    else if (choice < 60) this.#look();
    else this.#poll(this.#range());
  }

  release(): void {
    for (const { snapshot, cursor } of this.#taken) {
      snapshot.release();
      cursor.close();
    }
  }

  #put(from: number, count: number): void {
    for (let i = from; i < Math.min(KEYS, from + count); i++) {
      this.#db.put(keyAt(i), 'value');
      this.#model.add(keyAt(i));
    }
  }

  #delete(from: number, count: number): void {
    for (let i = from; i < Math.min(KEYS, from + count); i++) {
      this.#db.delete(keyAt(i));
      this.#model.delete(keyAt(i));
    }
  }

  #range(): EntriesOptions {
    const random = this.#random;
    const low = keyAt(random.below(KEYS));
    const high = keyAt(random.below(KEYS));
    const lower = [{}, { gte: low }, { gt: low }][random.below(3)]!;
    const upper = [{}, { lt: high }, { lte: high }][random.below(3)]!;
    return { ...lower, ...upper, limit: 1 + random.below(3), reverse: random.chance(0.4) };
  }

  #poll(range: EntriesOptions, model: Model = this.#model): void {
    const found = [...this.#db.keys(range)].map(text);
    const expected = [...model].filter((key) => inRange(key, range)).sort();
    if (range.reverse) expected.reverse();
    assert.deepEqual(found, expected.slice(0, range.limit));
  }

  #take(): void {
    const model = new Set(this.#model);
    this.#taken.push({ model, snapshot: this.#db.snapshot(), cursor: this.#db.cursor() });
    if (this.#taken.length <= 5) return;
    const [{ snapshot, cursor }] = this.#taken.splice(0, 1) as [Taken];
    snapshot.release();
    cursor.close();
  }

  /** What was taken sees what it saw. */
  #look(): void {
    const taken = this.#taken[this.#random.below(Math.max(1, this.#taken.length))];
    if (taken === undefined) return;
    const { model, snapshot, cursor } = taken;
    this.#poll({ ...this.#range(), snapshot }, model);
    const expected = [...model].sort();
    const key = keyAt(this.#random.below(KEYS));
    assert.equal(
      cursor.seek(key),
      expected.some((other) => other >= key),
    );
    if (cursor.valid)
      assert.equal(
        text(cursor.key()),
        expected.find((other) => other >= key),
      );
    assert.equal(cursor.first() ? text(cursor.key()) : undefined, expected[0]);
    assert.equal(cursor.next() ? text(cursor.key()) : undefined, expected[1]);
    assert.equal(cursor.last() ? text(cursor.key()) : undefined, expected.at(-1));
    if (cursor.seekForPrev(key)) {
      const before = expected.filter((other) => other <= key);
      assert.equal(text(cursor.key()), before.at(-1));
      assert.equal(cursor.prev() ? text(cursor.key()) : undefined, before.at(-2));
    }
    cursor.last();
    assert.equal(cursor.prev() ? text(cursor.key()) : undefined, expected.at(-2));
  }
}

suite('cursors that know of deleted keys', () => {
  for (let seed = 1; seed <= 6; seed++) {
    test(`show what is there, in any order of calls (seed ${seed})`, async () => {
      const db = await openMemory({ workers: 0, writeBufferBytes: 65_536 });
      const run = new Run(db, new SeededRandom(seed));
      for (let i = 0; i < STEPS; i++) await run.step();
      run.release();
      await db.close();
    });
  }
});
