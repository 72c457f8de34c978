import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { code, fill, openMemory, PATH, text, texts } from './helpers.ts';

test('every method of a closed database throws CLOSED', async () => {
  const db = await openMemory({ columnFamilies: ['a'] });
  const family = db.columnFamily('a');
  await db.close();
  const calls: Record<string, () => unknown> = {
    put: () => db.put('k', 'v'),
    delete: () => db.delete('k'),
    write: () => db.write(new WriteBatch().put('k', 'v')),
    get: () => db.get('k'),
    getInFamily: () => db.get('k', { columnFamily: family }),
    getMany: () => db.getMany([]),
    has: () => db.has('k'),
    entries: () => db.entries(),
    keys: () => db.keys(),
    values: () => db.values(),
    cursor: () => db.cursor(),
    snapshot: () => db.snapshot(),
    columnFamily: () => db.columnFamily('a'),
    listColumnFamilies: () => db.listColumnFamilies(),
    createColumnFamily: () => db.createColumnFamily('b'),
    dropColumnFamily: () => db.dropColumnFamily('a'),
    approximateSize: () => db.approximateSize(),
    stats: () => db.stats(),
  };
  for (const [name, call] of Object.entries(calls)) assert.throws(call, code('CLOSED'), name);
  const promises: Record<string, () => Promise<unknown>> = {
    sync: () => db.sync(),
    flush: () => db.flush(),
    compact: () => db.compact(),
    verify: () => db.verify(),
    resume: () => db.resume(),
  };
  for (const [name, call] of Object.entries(promises)) {
    await assert.rejects(call, code('CLOSED'), name);
  }
});

test('closing twice is allowed and waits for the same end', async () => {
  const db = await openMemory();
  assert.equal(db.close(), db.close());
  await db.close();
});

test('cursors, iterators and snapshots end with their database', async () => {
  const db = await openMemory();
  fill(db, 3);
  const cursor = db.cursor();
  cursor.first();
  const iterator = db.keys();
  iterator.next();
  const snapshot = db.snapshot();
  await db.close();
  assert.throws(() => cursor.next(), code('CLOSED'));
  assert.throws(() => cursor.seek('k'), code('CLOSED'));
  assert.throws(() => iterator.next(), code('CLOSED'));
  cursor.close();
  snapshot.release();
});

test('a database closes itself at the end of an await using block', async () => {
  const fs = new MemoryFs();
  let outer: Db;
  {
    await using db = await open(PATH, { fs });
    db.put('k', 'v');
    outer = db;
  }
  assert.throws(() => outer.get('k'), code('CLOSED'));
  await using again = await open(PATH, { fs });
  assert.equal(text(again.get('k')), 'v');
});

test('cursors, iterators and snapshots can be used with using', async () => {
  const db = await openMemory();
  fill(db, 3);
  {
    using cursor = db.cursor();
    using iterator = db.keys();
    using snapshot = db.snapshot();
    cursor.first();
    iterator.next();
    assert.equal(db.stats().cursorCount, 2);
    assert.equal(db.stats().snapshotCount, 1);
    assert.equal(snapshot.seqno, 3);
  }
  assert.equal(db.stats().cursorCount, 0);
  assert.equal(db.stats().snapshotCount, 0);
  await db.close();
});

test('a second open of the same directory is refused until the first one is closed', async () => {
  const fs = new MemoryFs();
  const first = await open(PATH, { fs });
  await assert.rejects(open(PATH, { fs }), code('LOCKED'));
  first.put('k', 'v');
  await first.close();
  const second = await open(PATH, { fs });
  assert.equal(text(second.get('k')), 'v');
  await second.close();
});

test('an open that failed leaves the lock free', async () => {
  const fs = new MemoryFs();
  await (await open(PATH, { fs })).close();
  await assert.rejects(open(PATH, { fs, errorIfExists: true }), code('INVALID'));
  await (await open(PATH, { fs })).close();
});

test('createIfMissing and errorIfExists say what must be there', async () => {
  const fs = new MemoryFs();
  await assert.rejects(open(PATH, { fs, createIfMissing: false }), code('INVALID'));
  assert.equal(fs.exists(PATH), false);
  fs.createDirectory(PATH);
  await assert.rejects(open(PATH, { fs, createIfMissing: false }), code('INVALID'));
  await (await open(PATH, { fs, errorIfExists: true })).close();
  await assert.rejects(open(PATH, { fs, errorIfExists: true }), code('INVALID'));
  await (await open(PATH, { fs, createIfMissing: false })).close();
});

test('files of others in the directory are left alone', async () => {
  const fs = new MemoryFs();
  fs.createDirectory(PATH);
  fs.open(`${PATH}/notes.txt`, 'create').close();
  await assert.rejects(open(PATH, { fs }), code('INVALID'));
  assert.deepEqual(fs.list(PATH), ['notes.txt']);
  const db = await open(PATH, { fs, allowForeignFiles: true });
  db.put('k', 'v');
  await db.compact();
  await db.close();
  await (await open(PATH, { fs })).close();
  assert.equal(fs.exists(`${PATH}/notes.txt`), true);
});

test('a read-only database shows what is there and changes nothing', async () => {
  const fs = new MemoryFs();
  const writer = await open(PATH, { fs, columnFamilies: ['a'] });
  fill(writer, 20, 100);
  await writer.flush();
  writer.put('later', 'in the log', { columnFamily: 'a' });
  const before = contents(fs);
  const reader = await open(PATH, { fs, readOnly: true });
  assert.equal([...reader.keys()].length, 20);
  assert.equal(text(reader.get('later', { columnFamily: 'a' })), 'in the log');
  writer.put('still', 'later', { columnFamily: 'a' });
  assert.equal(reader.get('still', { columnFamily: 'a' }), undefined);
  for (const call of [
    () => reader.put('k', 'v'),
    () => reader.delete('k'),
    () => reader.write(new WriteBatch()),
    () => reader.createColumnFamily('b'),
    () => reader.dropColumnFamily('a'),
  ]) {
    assert.throws(call, code('UNSUPPORTED'));
  }
  await assert.rejects(reader.sync(), code('UNSUPPORTED'));
  await assert.rejects(reader.flush(), code('UNSUPPORTED'));
  await assert.rejects(reader.compact(), code('UNSUPPORTED'));
  assert.equal((await reader.verify()).tableCount, 1);
  assert.equal(reader.stats().tableCount, 1);
  await reader.close();
  assert.deepEqual(Object.keys(contents(fs)).sort(), Object.keys(before).sort());
  assert.equal(text(writer.get('still', { columnFamily: 'a' })), 'later');
  await writer.close();
});

test('a read-only database goes on while the writer compacts', async () => {
  const fs = new MemoryFs();
  const writer = await open(PATH, { fs });
  fill(writer, 50, 200);
  await writer.flush();
  const reader = await open(PATH, { fs, readOnly: true });
  for (let i = 0; i < 50; i += 2) writer.delete(`k${i.toString().padStart(3, '0')}`);
  await writer.compact();
  assert.equal([...reader.entries()].length, 50);
  assert.equal([...writer.entries()].length, 25);
  await reader.close();
  await writer.close();
});

test('there is no read-only database where there is none', async () => {
  const fs = new MemoryFs();
  await assert.rejects(open(PATH, { fs, readOnly: true }), code('INVALID'));
  assert.equal(fs.exists(PATH), false);
});

test('two databases at once do not disturb each other', async () => {
  const fs = new MemoryFs();
  const first = await open('one', { fs });
  const second = await open('two', { fs, wal: false });
  for (let i = 0; i < 200; i++) {
    first.put(`k${i}`, `first ${i}`);
    second.put(`k${i}`, `second ${i}`);
  }
  await Promise.all([first.flush(), second.compact(), first.sync()]);
  const snapshot = first.snapshot();
  assert.throws(() => second.get('k1', { snapshot }), code('INVALID'));
  const family = second.createColumnFamily('a');
  assert.throws(() => first.put('k', 'v', { columnFamily: family }), code('INVALID'));
  assert.equal(text(first.get('k7')), 'first 7');
  assert.equal(text(second.get('k7')), 'second 7');
  await first.close();
  assert.equal(text(second.get('k199')), 'second 199');
  await second.close();
});

test('the modes of recovery decide about a torn and about a damaged log', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs });
  for (const key of ['a', 'b', 'c', 'd', 'e']) db.put(key, key, { sync: true });
  const whole = fs.clone();
  await db.close();
  const keysAfter = async (damaged: MemoryFs, walRecovery: 'absolute' | 'skip') => {
    const recovered = await open(PATH, { fs: damaged.clone(), walRecovery });
    const keys = texts(recovered.keys());
    await recovered.close();
    return keys;
  };
  const torn = whole.clone();
  logOf(torn).resize(logOf(torn).size - 5);
  const damaged = whole.clone();
  flip(damaged, Math.floor(logOf(damaged).size * 0.6));
  const mode = (name: string) => name as 'skip';
  assert.equal(await keysAfter(whole, mode('absolute')), 'a b c d e');
  await assert.rejects(keysAfter(torn, mode('absolute')), code('CORRUPTION'));
  for (const name of ['tolerate-tail', 'point-in-time', 'skip']) {
    assert.equal(await keysAfter(torn, mode(name)), 'a b c d', name);
  }
  await assert.rejects(keysAfter(damaged, mode('absolute')), code('CORRUPTION'));
  await assert.rejects(keysAfter(damaged, mode('tolerate-tail')), code('CORRUPTION'));
  const upTo = await keysAfter(damaged, mode('point-in-time'));
  const skipped = await keysAfter(damaged, mode('skip'));
  assert.ok('a b c d e'.startsWith(upTo) && upTo.length < 7, upTo);
  assert.equal(skipped.length, 7, skipped);
  assert.ok(skipped.endsWith('e'), skipped);
});

function contents(fs: MemoryFs): Record<string, number> {
  return Object.fromEntries(
    fs.list(PATH).map((name) => [name, fs.fileAt(`${PATH}/${name}`)!.size]),
  );
}

function logOf(fs: MemoryFs) {
  const name = fs.list(PATH).find((other) => other.endsWith('.wal'))!;
  return fs.fileAt(`${PATH}/${name}`)!;
}

function flip(fs: MemoryFs, at: number): void {
  const byte = new Uint8Array(1);
  logOf(fs).read(byte, 0, 1, at);
  byte[0]! ^= 0xff;
  logOf(fs).write(byte, 0, 1, at);
}
