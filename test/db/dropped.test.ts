/**
 * Cursors, iterators and snapshots that are dropped without being closed, and iterators that close
 * by themselves.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import { collectGarbage, collectUntil } from './garbage.ts';
import { fill, keyAt, openMemory, text } from './helpers.ts';

async function openTold(): Promise<{ db: Db; told: DbEvent[] }> {
  const told: DbEvent[] = [];
  const onEvent = (event: DbEvent) => {
    if (event.type === 'dropped') told.push(event);
  };
  const db = await openMemory({ onEvent, workers: 0 });
  fill(db, 50);
  return { db, told };
}

/** Ways to leave a cursor open that nobody has. */
const DROPS: Readonly<Record<string, (db: Db) => void>> = {
  'a cursor': (db) => void db.cursor().first(),
  'a cursor that was never moved': (db) => void db.cursor(),
  'an iterator of keys': (db) => void db.keys().next(),
  'an iterator of entries backwards': (db) => void db.entries({ reverse: true }).next(),
  'an iterator that lends': (db) => void db.values({ limit: 1, borrow: true }).next(),
};

for (const [name, drop] of Object.entries(DROPS)) {
  test(`${name} is closed when the garbage collector finds it, and that is told`, async () => {
    const { db, told } = await openTold();
    drop(db);
    assert.equal(db.stats().cursorCount, 1);
    await db.flush();
    await collectUntil(() => db.stats().cursorCount === 0);
    assert.deepEqual(told, [{ type: 'dropped', what: 'cursor', seqno: 50 }]);
    // Its memtable went with it.
    assert.equal(db.stats().memory.memtableBytes, db.stats().columnFamilies[0]!.memtableBytes);
    await db.close();
  });
}

suite('what is dropped', () => {
  test('is noticed without a flush when it is many', async () => {
    const { db, told } = await openTold();
    for (let i = 0; i < 640; i++) db.keys().next();
    await collectUntil(() => db.stats().cursorCount < 64);
    assert.ok(told.length > 500);
    await db.close();
  });

  test('is nothing that somebody has, and nothing that was closed', async () => {
    const { db, told } = await openTold();
    const kept = [db.cursor(), db.cursor({ gte: keyAt(10) })];
    const iterator = db.entries();
    const snapshot = db.snapshot();
    for (const cursor of kept) cursor.first();
    for (let i = 0; i < 200; i++) {
      db.cursor().close();
      db.snapshot().release();
      [...db.keys({ limit: 2 })];
    }
    await db.flush();
    await collectGarbage();
    assert.equal(db.stats().cursorCount, 3);
    assert.equal(db.stats().snapshotCount, 1);
    assert.deepEqual(
      kept.map((cursor) => text(cursor.key())),
      [keyAt(0), keyAt(10)],
    );
    assert.equal(text(iterator.next().value?.[0]), keyAt(0));
    assert.equal(text(db.get(keyAt(1), { snapshot })), text(db.get(keyAt(1))));
    assert.deepEqual(told, []);
    await db.close();
  });

  test('may be a snapshot: it is released', async () => {
    const { db, told } = await openTold();
    db.put('later', 'x');
    db.snapshot();
    await db.flush();
    assert.equal(db.stats().oldestSnapshot?.seqno, 51);
    await collectUntil(() => db.stats().snapshotCount === 0);
    assert.deepEqual(told, [{ type: 'dropped', what: 'snapshot', seqno: 51 }]);
    assert.equal(db.stats().oldestSnapshot, undefined);
    await db.close();
  });

  test('is closed with the database, and no trouble later', async () => {
    const { db, told } = await openTold();
    for (let i = 0; i < 100; i++) {
      db.keys().next();
      db.snapshot();
    }
    await db.flush();
    await db.close();
    await collectGarbage();
    assert.ok(told.every(({ type }) => type === 'dropped'));
  });
});

suite('an iterator is done with the last entry', () => {
  for (const [name, options] of Object.entries({
    'of its limit': { limit: 1 },
    'of its limit, backwards': { limit: 1, reverse: true },
    'of a range that ends with it': { gte: keyAt(7), lte: keyAt(7) },
    'of a range that begins with it, backwards': { gte: keyAt(7), lte: keyAt(7), reverse: true },
  })) {
    test(name, async () => {
      const { db } = await openTold();
      for (const part of ['keys', 'values', 'entries'] as const) {
        const iterator = db[part](options);
        assert.equal(iterator.next().done, false);
        assert.equal(db.stats().cursorCount, 0);
        assert.deepEqual(iterator.next(), { done: true, value: undefined });
        assert.deepEqual(iterator.next(), { done: true, value: undefined });
      }
      assert.equal([...db.keys(options)].length, 1);
      await db.close();
    });
  }

  test('but not before it', async () => {
    const { db } = await openTold();
    assert.equal([...db.keys({ lte: keyAt(7) })].length, 8);
    assert.equal([...db.keys({ gte: keyAt(7), reverse: true })].length, 43);
    assert.equal([...db.keys({ gte: keyAt(7), lt: keyAt(9) })].length, 2);
    const iterator = db.keys({ gte: keyAt(7), limit: 2 });
    iterator.next();
    assert.equal(db.stats().cursorCount, 1);
    iterator.next();
    assert.equal(db.stats().cursorCount, 0);
    await db.close();
  });

  test('a loan stands until the step after it', async () => {
    const { db } = await openTold();
    const iterator = db.values({ limit: 1, borrow: true });
    const value = iterator.next().value!;
    db.put('other', 'x');
    assert.equal(value.length, 10);
    assert.equal(db.stats().cursorCount, 1);
    assert.equal(iterator.next().done, true);
    assert.equal(db.stats().cursorCount, 0);
    await db.close();
  });
});

test('stats() tells the oldest snapshot and how long ago it was taken', async () => {
  const { db } = await openTold();
  const first = db.snapshot();
  db.put('a', 'b');
  const second = db.snapshot();
  const { oldestSnapshot } = db.stats();
  assert.equal(oldestSnapshot?.seqno, 50);
  assert.ok(oldestSnapshot.ageMs >= 0 && oldestSnapshot.ageMs < 600_000);
  first.release();
  assert.equal(db.stats().oldestSnapshot?.seqno, 51);
  second.release();
  assert.equal(db.stats().oldestSnapshot, undefined);
  await db.close();
});
