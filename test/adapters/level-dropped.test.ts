/**
 * Iterators and snapshots of `varve/level` that nobody closes.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { VarveLevel } from '../../src/adapters/level.ts';
import type { DbEvent, DbStats } from '../../src/index.ts';
import { collectGarbage, collectUntil } from '../db/garbage.ts';
import { fill, openLevel } from './level-fixture.ts';

const MANY = 200;

function statsOf(db: VarveLevel): DbStats {
  return JSON.parse(db.getProperty('varve.stats')) as DbStats;
}

async function openTold(): Promise<{ db: VarveLevel; told: DbEvent[] }> {
  const told: DbEvent[] = [];
  const onEvent = (event: DbEvent) => {
    if (event.type === 'dropped') told.push(event);
  };
  const db = await openLevel({ onEvent });
  await fill(db, 100);
  return { db, told };
}

const DROPS: Readonly<Record<string, (db: VarveLevel) => unknown>> = {
  iterator: (db) => db.iterator().next(),
  keys: (db) => db.keys().nextv(3),
  values: (db) => db.values({ reverse: true }).next(),
};

suite('a Level database notices when it is dropped:', () => {
  for (const [name, drop] of Object.entries(DROPS)) {
    test(name, async () => {
      const { db, told } = await openTold();
      for (let i = 0; i < MANY; i++) await drop(db);
      await collectUntil(() => statsOf(db).cursorCount < 64);
      assert.ok(told.length > MANY - 64);
      await db.close();
    });
  }

  test('snapshot', async () => {
    const { db, told } = await openTold();
    for (let i = 0; i < MANY; i++) db.snapshot();
    await collectUntil(() => statsOf(db).snapshotCount < 64);
    assert.ok(told.length > MANY - 64);
    await db.close();
  });
});

suite('a Level database', () => {
  test('keeps what somebody has, and closes it with itself', async () => {
    const { db, told } = await openTold();
    const iterator = db.iterator();
    const snapshot = db.snapshot();
    assert.deepEqual(await iterator.next(), ['0000', '0000']);
    for (let i = 0; i < MANY; i++) {
      await db.keys({ limit: 1 }).all();
      await db.snapshot().close();
    }
    await collectGarbage();
    assert.deepEqual(await iterator.next(), ['0001', '0001']);
    assert.equal(await db.get('0000', { snapshot }), '0000');
    await db.close();
    await assert.rejects(iterator.next(), { code: 'LEVEL_ITERATOR_NOT_OPEN' });
    assert.throws(() => snapshot.ref(), { code: 'LEVEL_SNAPSHOT_NOT_OPEN' });
    assert.deepEqual(told, []);
  });

  test('holds nothing for an iterator that has read the last entry of its limit', async () => {
    const { db } = await openTold();
    const one = db.keys({ limit: 1 });
    assert.equal(await one.next(), '0000');
    assert.equal(statsOf(db).cursorCount, 0);
    one.seek('0050');
    assert.equal(await one.next(), undefined);
    const three = db.iterator({ limit: 3, reverse: true });
    assert.equal((await three.nextv(2)).length, 2);
    assert.equal(statsOf(db).cursorCount, 1);
    assert.equal((await three.nextv(2)).length, 1);
    assert.equal(statsOf(db).cursorCount, 0);
    assert.deepEqual(await three.nextv(2), []);
    await db.close();
  });
});
