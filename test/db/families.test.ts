import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ColumnFamily } from '../../src/db/column-family.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openHeld } from './held-workers.ts';
import { code, fill, openMemory, PATH, tableNames, text, texts } from './helpers.ts';

test('families keep their keys apart', async () => {
  const db = await openMemory({ columnFamilies: ['a', 'b'] });
  db.put('k', 'default');
  db.put('k', 'in a', { columnFamily: 'a' });
  db.put('k', 'in b', { columnFamily: db.columnFamily('b') });
  assert.equal(text(db.get('k')), 'default');
  assert.equal(text(db.get('k', { columnFamily: 'a' })), 'in a');
  assert.equal(text(db.get('k', { columnFamily: 'b' })), 'in b');
  db.delete('k', { columnFamily: 'a' });
  assert.equal(db.has('k', { columnFamily: 'a' }), false);
  assert.equal(texts(db.values({ columnFamily: 'b' })), 'in b');
  assert.deepEqual(db.listColumnFamilies().sort(), ['a', 'b', 'default']);
  await db.close();
});

test('a batch spans families and applies in order', async () => {
  const db = await openMemory();
  const a = db.createColumnFamily('a');
  const batch = new WriteBatch().put('k', '1').put('k', '2', a).delete('k').put('k', '3');
  assert.equal(batch.count, 4);
  assert.ok(batch.sizeBytes > 0);
  assert.equal(db.write(batch), 4);
  assert.equal(text(db.get('k')), '3');
  assert.equal(text(db.get('k', { columnFamily: a })), '2');
  assert.equal(db.write(batch), 8);
  assert.equal(db.write(batch.clear()), 8);
  assert.equal(batch.count, 0);
  await db.close();
});

test('a family and its content are there after reopening, named or not', async () => {
  const fs = new MemoryFs();
  const first = await open(PATH, { fs, columnFamilies: { a: { blockSizeBytes: 512 } } });
  first.put('k', 'v', { columnFamily: 'a' });
  await first.close();
  const second = await open(PATH, { fs });
  assert.equal(text(second.get('k', { columnFamily: 'a' })), 'v');
  await second.close();
  const third = await open(PATH, { fs, columnFamilies: ['a', 'b'] });
  assert.equal(text(third.get('k', { columnFamily: 'a' })), 'v');
  assert.equal(third.get('k', { columnFamily: 'b' }), undefined);
  await third.close();
});

test('names are checked and taken once', async () => {
  const db = await openMemory();
  db.createColumnFamily('a');
  db.createColumnFamily('ä'.repeat(127));
  assert.throws(() => db.createColumnFamily('a'), code('INVALID'));
  assert.throws(() => db.createColumnFamily('default'), code('INVALID'));
  assert.throws(() => db.createColumnFamily(''), RangeError);
  assert.throws(() => db.createColumnFamily('x'.repeat(256)), RangeError);
  assert.throws(() => db.createColumnFamily(5 as unknown as string), TypeError);
  assert.throws(() => db.createColumnFamily('b', { wal: true } as object), TypeError);
  assert.throws(() => db.createColumnFamily('b', { restartInterval: 0 }), RangeError);
  assert.equal(db.listColumnFamilies().length, 3);
  await db.close();
});

test('an unknown family is INVALID and nothing is written', async () => {
  const db = await openMemory();
  const other = await openMemory({ columnFamilies: ['a'] });
  const foreign = other.columnFamily('a');
  assert.throws(() => db.columnFamily('a'), code('INVALID'));
  for (const columnFamily of ['a', foreign, new ColumnFamily('a', 1)]) {
    assert.throws(() => db.put('k', 'v', { columnFamily }), code('INVALID'));
    assert.throws(() => db.get('k', { columnFamily }), code('INVALID'));
    assert.throws(() => db.entries({ columnFamily }), code('INVALID'));
    assert.throws(() => db.dropColumnFamily(columnFamily), code('INVALID'));
    await assert.rejects(db.flush({ columnFamily }), code('INVALID'));
    await assert.rejects(db.compact({ columnFamily }), code('INVALID'));
  }
  const batch = new WriteBatch().put('k', 'v').put('k', 'v', foreign);
  assert.throws(() => db.write(batch), code('INVALID'));
  assert.equal(db.seqno, 0);
  assert.equal(db.has('k'), false);
  for (const wrong of [5, null, {}] as unknown as ColumnFamily[]) {
    assert.throws(() => new WriteBatch().put('k', 'v', wrong), TypeError, String(wrong));
  }
  await db.close();
  await other.close();
});

test('writes behind those that only a dropped family had are found after a crash', async () => {
  const columnFamilies = ['flushed', 'dropped'];
  const { db, fs, gate } = await openHeld({ workers: 1, columnFamilies }, ['flush']);
  db.put('k', 'before', { columnFamily: 'flushed' });
  const first = db.flush({ columnFamily: 'flushed' });
  db.put('k', 'in a log of its own', { columnFamily: 'dropped' });
  const second = db.flush({ columnFamily: 'dropped' });
  gate.letOnePass();
  await first;
  db.dropColumnFamily('dropped');
  db.put('k', 'after');
  const image = fs.clone();
  gate.open();
  await second;
  await db.close();
  for (const walRecovery of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
    const again = await open(PATH, { fs: image.clone(), walRecovery });
    assert.equal(text(again.get('k')), 'after', walRecovery);
    assert.equal(text(again.get('k', { columnFamily: 'flushed' })), 'before');
    assert.equal(again.seqno, 3);
    assert.deepEqual(again.stats().recovery.dropped, []);
    await again.close();
  }
});

test('a power cut after a family was dropped leaves no flaw and takes no seqno back', async () => {
  const disk = new CrashFs();
  const db = await open(PATH, { fs: disk, workers: 0, columnFamilies: ['flushed', 'dropped'] });
  await db.pauseBackgroundWork();
  db.put('k', 'flushed', { columnFamily: 'flushed' });
  const first = db.flush({ columnFamily: 'flushed' });
  fill(db, 40, 100, 'dropped');
  db.put('k', 'needed');
  const { seqno } = db;
  db.dropColumnFamily('dropped');
  db.continueBackgroundWork();
  await first;
  // Another log, the records of which tell what was durable.
  await db.pauseBackgroundWork();
  const second = db.flush({ columnFamily: 'default' });
  db.put('k', 'later', { columnFamily: 'flushed' });
  const images = Array.from({ length: 100 }, (_, seed) =>
    disk.crash('reorder', new SeededRandom(seed)),
  );
  db.continueBackgroundWork();
  await second;
  await db.close();
  for (const fs of images) {
    const again = await open(PATH, { fs });
    assert.match(text(again.get('k', { columnFamily: 'flushed' }))!, /flushed|later/);
    assert.ok(again.seqno >= seqno, `${again.seqno} after ${seqno}`);
    await again.close();
  }
});

test('a dropped family is gone for good and its name is free', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, columnFamilies: ['a'] });
  const handle = db.columnFamily('a');
  fill(db, 50, 500, 'a');
  await db.flush();
  fill(db, 50, 500, 'a');
  const batch = new WriteBatch().put('k', 'v', handle);
  db.dropColumnFamily(handle);
  assert.equal(db.stats().tableCount, 0);
  assert.equal(tableNames(fs).length, 0);
  assert.throws(() => db.put('k', 'v', { columnFamily: handle }), code('INVALID'));
  assert.throws(() => db.write(batch), code('INVALID'));
  assert.throws(() => db.dropColumnFamily(handle), code('INVALID'));
  const again = db.createColumnFamily('a');
  assert.notEqual(again.id, handle.id);
  assert.equal([...db.keys({ columnFamily: again })].length, 0);
  await db.close();
  const reopened = await open(PATH, { fs });
  assert.equal([...reopened.keys({ columnFamily: 'a' })].length, 0);
  await reopened.close();
});

test('cursors on a dropped family go on', async () => {
  const db = await openMemory({ columnFamilies: ['a'] });
  fill(db, 10, 10, 'a');
  await db.flush();
  fill(db, 10, 10, 'a');
  const cursor = db.cursor({ columnFamily: 'a' });
  db.dropColumnFamily('a');
  db.createColumnFamily('a');
  let count = 0;
  for (let more = cursor.first(); more; more = cursor.next()) count++;
  assert.equal(count, 10);
  cursor.close();
  await db.close();
});

test('the default family cannot be dropped', async () => {
  const db = await openMemory();
  assert.throws(() => db.dropColumnFamily('default'), code('INVALID'));
  db.put('k', 'v', { columnFamily: 'default' });
  assert.equal(text(db.get('k')), 'v');
  await db.close();
});

test('many families live side by side', async () => {
  const fs = new MemoryFs();
  const names = Array.from({ length: 60 }, (_, i) => `family ${i}`);
  const db = await open(PATH, { fs, columnFamilies: names });
  const batch = new WriteBatch();
  for (const name of names) batch.put('k', name, db.columnFamily(name));
  db.write(batch);
  await db.flush();
  db.write(batch);
  await db.close();
  const again = await open(PATH, { fs });
  for (const name of names) assert.equal(text(again.get('k', { columnFamily: name })), name);
  await again.close();
});
