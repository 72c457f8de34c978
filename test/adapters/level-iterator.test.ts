/**
 * Iterators of `varve/level`: portions, signals, places outside the range.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fill, openLevel, turnsDuring, withLevel } from './level-fixture.ts';

test('nextv stops when highWaterMarkBytes is exceeded, not met', async () => {
  await withLevel({}, async (db) => {
    await db.batch().put('a', '0').put('b', '1').put('c', '2').put('d', '3').write();
    const counts = async (highWaterMarkBytes: number) => {
      const found: number[] = [];
      for (const iterator of [
        db.iterator({ highWaterMarkBytes }),
        db.keys({ highWaterMarkBytes }),
        db.values({ highWaterMarkBytes }),
      ]) {
        found.push((await iterator.nextv(100)).length);
        await iterator.close();
      }
      return found;
    };
    assert.deepEqual(await counts(0), [1, 1, 1]);
    assert.deepEqual(await counts(1), [1, 2, 2]);
    assert.deepEqual(await counts(2), [2, 3, 3]);
    assert.deepEqual(await counts(Number.POSITIVE_INFINITY), [4, 4, 4]);
    assert.equal((await db.iterator({ highWaterMarkBytes: 0 }).all()).length, 4);
  });
});

test('a wrong highWaterMarkBytes is refused when the iterator is made', async () => {
  await withLevel({}, async (db) => {
    assert.throws(() => db.iterator({ highWaterMarkBytes: '1' as never }), TypeError);
    assert.throws(() => db.keys({ highWaterMarkBytes: -1 }), RangeError);
    assert.throws(() => db.values({ highWaterMarkBytes: Number.NaN }), RangeError);
  });
});

test('large entries come in portions of about the default high-water mark', async () => {
  await withLevel({}, async (db) => {
    const value = 'x'.repeat(300_000);
    for (let i = 0; i < 10; i++) await db.put(String(i), value);
    const iterator = db.iterator();
    assert.equal((await iterator.nextv(10)).length, 4);
    assert.equal((await iterator.nextv(10)).length, 4);
    assert.equal((await iterator.nextv(10)).length, 2);
    assert.equal((await iterator.nextv(10)).length, 0);
    await iterator.close();
    assert.equal((await db.iterator().all()).length, 10);
  });
});

test('long scans let the event loop turn, however they are read', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 10_000);
    const one = async () => {
      const iterator = db.iterator();
      while ((await iterator.next()) !== undefined);
      await iterator.close();
    };
    const many = async () => {
      const iterator = db.keys();
      while ((await iterator.nextv(100)).length > 0);
      await iterator.close();
    };
    const loop = async () => {
      for await (const value of db.values()) assert.equal(value.length, 4);
    };
    for (const read of [one, many, loop, () => db.iterator().all()]) {
      const turns = await turnsDuring(read);
      assert.ok(turns >= 9, `only ${turns} turns`);
    }
  });
});

test('a signal stops all() and for await in the middle', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 10_000);
    const aborted = { name: 'AbortError', code: 'LEVEL_ABORTED' };
    const scans = [
      (signal: AbortSignal) => db.iterator({ signal }).all(),
      (signal: AbortSignal) => db.keys({ signal }).all(),
      async (signal: AbortSignal) => {
        for await (const value of db.values({ signal })) assert.equal(value.length, 4);
      },
    ];
    for (const scan of scans) {
      const controller = new AbortController();
      setImmediate(() => controller.abort());
      await assert.rejects(scan(controller.signal), aborted);
    }
    const { cursorCount } = JSON.parse(db.getProperty('varve.stats'));
    assert.equal(cursorCount, 0);
  });
});

test('seeking outside the range ends the iterator until it seeks back', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 100);
    const closed = { gte: '0010', lte: '0020' };
    const open = { gt: '0010', lt: '0020' };
    // The range, a direction, a target, and the key that is then found.
    const cases: [object, boolean, string, string | undefined][] = [
      [closed, false, '0009x', undefined],
      [closed, false, '0010', '0010'],
      [closed, false, '0020', '0020'],
      [closed, false, '00200', undefined],
      [closed, true, '0009x', undefined],
      [closed, true, '0010', '0010'],
      [closed, true, '0019z', '0019'],
      [closed, true, '00200', undefined],
      [open, false, '0010', undefined],
      [open, false, '00100', '0011'],
      [open, false, '0019z', undefined],
      [open, false, '0020', undefined],
      [open, true, '0010', undefined],
      [open, true, '00100', undefined],
      [open, true, '0019z', '0019'],
      [open, true, '0020', undefined],
    ];
    for (const [range, reverse, target, found] of cases) {
      const iterator = db.keys({ ...range, reverse });
      iterator.seek(target);
      assert.equal(await iterator.next(), found, `${JSON.stringify(range)} ${reverse} ${target}`);
      iterator.seek('0015');
      assert.equal(await iterator.next(), '0015');
      await iterator.close();
    }
  });
});

test('next, nextv and seek may be mixed', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 20);
    for (const reverse of [false, true]) {
      const order = await db.keys().all();
      if (reverse) order.reverse();
      const iterator = db.keys({ reverse });
      assert.equal(await iterator.next(), order[0]);
      assert.deepEqual(await iterator.nextv(3), order.slice(1, 4));
      iterator.seek(order[10]!);
      assert.deepEqual(await iterator.nextv(2), order.slice(10, 12));
      assert.equal(await iterator.next(), order[12]);
      iterator.seek(order[2]!);
      assert.equal(await iterator.next(), order[2]);
      assert.deepEqual(await iterator.nextv(100), order.slice(3));
      assert.deepEqual(await iterator.nextv(100), []);
      await iterator.close();
    }
  });
});

test('gte and lte count before gt and lt', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 10);
    const range = { gte: '0002', gt: '0005', lte: '0007', lt: '0003' };
    assert.deepEqual(await db.keys(range).all(), await db.keys({ gte: '0002', lte: '0007' }).all());
    await db.clear(range);
    assert.deepEqual(await db.keys().all(), ['0000', '0001', '0008', '0009']);
  });
});

test('an iterator shows the moment of the call that made it, across flushes', async () => {
  await withLevel({ writeBufferBytes: 65_536 }, async (db) => {
    await fill(db, 3000);
    const iterator = db.iterator();
    const clearing = db.clear();
    await fill(db, 10);
    await clearing;
    await db.compactRange('0000', '9999');
    assert.equal((await iterator.all()).length, 3000);
    assert.equal((await db.keys().all()).length, 10);
  });
});

test('closing the database closes its iterators', async () => {
  const db = await openLevel();
  await fill(db, 10);
  const iterators = [db.iterator(), db.keys(), db.values()];
  for (const iterator of iterators) await iterator.next();
  const closed = db.close();
  for (const iterator of iterators) {
    await assert.rejects(iterator.next(), { code: 'LEVEL_ITERATOR_NOT_OPEN' });
  }
  await closed;
});

test('fillCache: false leaves the block cache as it is', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 5000);
    await db.compactRange('0000', '9999');
    const cached = () => JSON.parse(db.getProperty('varve.stats')).memory.blockCacheBytes;
    const before = cached();
    await db.iterator({ fillCache: false }).all();
    assert.equal(cached(), before);
    await db.iterator().all();
    assert.ok(cached() > before);
  });
});
