/**
 * The whole API, call by call, as far as a runtime can have a part in it. Each check is given a
 * directory of its own, and throws if it fails.
 * @module
 */
import assert from 'node:assert/strict';
import { type DbEvent, isVarveError, open, WriteBatch } from '../../src/index.ts';

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const texts = (all: Iterable<Uint8Array>): (string | undefined)[] => Array.from(all, text);

export const API_CHECKS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  async 'writes and reads'(path) {
    const db = await open(path);
    db.put('a', 'one');
    db.put(Uint8Array.of(0x62), Uint8Array.of(0x32), { sync: true });
    const batch = new WriteBatch().put('c', 'three').put('d', 'four').delete('a');
    assert.equal(db.write(batch), 5);
    assert.equal(await db.writeAsync(new WriteBatch().put('e', 'five'), { sync: true }), 6);
    db.delete('d');
    await db.sync();
    assert.deepEqual(db.getMany(['a', 'b', 'c', 'd', 'e']).map(text), [
      undefined,
      '2',
      'three',
      undefined,
      'five',
    ]);
    assert.equal(db.has('c'), true);
    assert.equal(text(db.get('c', { borrow: true })), 'three');
    await db.close();
    assert.throws(
      () => db.get('c'),
      (error) => isVarveError(error, 'CLOSED'),
    );
  },

  async 'ranges, cursors and snapshots'(path) {
    const db = await open(path);
    for (const key of ['a1', 'a2', 'b1', 'b2', 'c1']) db.put(key, key.toUpperCase());
    const snapshot = db.snapshot();
    db.delete('b1');
    await db.flush();
    db.put('b3', 'B3');
    assert.deepEqual(texts(db.keys({ gte: 'a2', lt: 'c' })), ['a2', 'b2', 'b3']);
    assert.deepEqual(texts(db.keys({ prefix: 'b', reverse: true })), ['b3', 'b2']);
    assert.deepEqual(texts(db.keys({ prefix: 'b', snapshot })), ['b1', 'b2']);
    assert.deepEqual(texts(db.values({ gt: 'b2', limit: 1 })), ['B3']);
    assert.deepEqual(
      Array.from(db.entries({ lte: 'a1' }), ([key, value]) => [text(key), text(value)]),
      [['a1', 'A1']],
    );
    const cursor = db.cursor();
    assert.ok(cursor.seek('b') && cursor.next() && cursor.prev());
    assert.equal(text(cursor.key()), 'b2');
    assert.ok(cursor.last() && text(cursor.value()) === 'C1');
    cursor.close();
    snapshot.release();
    await db.close();
  },

  async 'column families'(path) {
    const db = await open(path, { columnFamilies: { logs: { compaction: 'fifo' } } });
    const users = db.createColumnFamily('users', { compression: 'none' });
    db.write(new WriteBatch().put('a', 'logs', db.columnFamily('logs')).put('a', 'users', users));
    db.put('a', 'default');
    assert.deepEqual(db.listColumnFamilies().sort(), ['default', 'logs', 'users']);
    await db.flush({ columnFamily: 'users' });
    db.dropColumnFamily('logs');
    await db.close();
    const again = await open(path);
    assert.equal(text(again.get('a', { columnFamily: 'users' })), 'users');
    assert.equal(text(again.get('a')), 'default');
    assert.deepEqual(again.listColumnFamilies().sort(), ['default', 'users']);
    await again.close();
  },

  async 'background work, events and statistics'(path) {
    const events: DbEvent[] = [];
    const db = await open(path, {
      writeBufferBytes: 65_536,
      onEvent: (event) => events.push(event),
    });
    // In one go: the thread blocks until workers have made room.
    for (let n = 0; n < 5000; n++) db.put(`key ${(n * 7919) % 5000}`, new Uint8Array(200).fill(n));
    await db.flush();
    await db.compact({ bottommost: true });
    await db.pauseBackgroundWork();
    db.continueBackgroundWork();
    await db.resume();
    const { counters, tableCount } = db.stats();
    assert.ok(counters.flushCount > 3 && tableCount > 0 && db.approximateSize() > 0);
    assert.deepEqual((await db.verify()).uncorrectable, []);
    assert.ok(events.some(({ type }) => type === 'flush'));
    await db.close();
  },

  async 'locks, and readers beside a writer'(path) {
    const db = await open(path);
    db.put('a', 'one', { sync: true });
    await assert.rejects(open(path), (error) => isVarveError(error, 'LOCKED'));
    const reader = await open(path, { readOnly: true });
    assert.equal(text(reader.get('a')), 'one');
    await reader.close();
    await db.close();
    const missing = { createIfMissing: false };
    await assert.rejects(open(`${path}-none`, missing), (e) => isVarveError(e, 'INVALID'));
    await (await open(path, missing)).close();
  },
};
