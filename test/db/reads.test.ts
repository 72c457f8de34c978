import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { EntriesOptions } from '../../src/db/entries.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/index.ts';
import { code, fill, keyAt, openMemory, PATH, tableNames, text, texts } from './helpers.ts';

async function letters(): Promise<Db> {
  const db = await openMemory();
  for (const key of ['a', 'b', 'c']) db.put(key, key.toUpperCase());
  await db.flush();
  for (const key of ['d', 'e', 'ea', 'eb', 'f']) db.put(key, key.toUpperCase());
  return db;
}

test('bounds, prefix, direction and limit choose the keys', async () => {
  const db = await letters();
  assert.equal(texts(db.keys()), 'a b c d e ea eb f');
  assert.equal(texts(db.keys({ reverse: true })), 'f eb ea e d c b a');
  assert.equal(texts(db.keys({ gte: 'b', lt: 'e' })), 'b c d');
  assert.equal(texts(db.keys({ gt: 'b', lte: 'e' })), 'c d e');
  assert.equal(texts(db.keys({ gt: 'b', lte: 'e', reverse: true, limit: 2 })), 'e d');
  assert.equal(texts(db.keys({ prefix: 'e' })), 'e ea eb');
  assert.equal(texts(db.keys({ prefix: 'e', reverse: true })), 'eb ea e');
  assert.equal(texts(db.keys({ prefix: 'e', gt: 'e' })), 'ea eb');
  assert.equal(texts(db.keys({ gte: 'b', gt: 'b', lt: 'z', lte: 'd' })), 'c d');
  assert.equal(texts(db.keys({ gte: 'x' })), '');
  assert.equal(texts(db.keys({ gte: 'e', lt: 'b' })), '');
  assert.equal(texts(db.keys({ prefix: '' })), 'a b c d e ea eb f');
  assert.equal(texts(db.values({ lt: 'c' })), 'A B');
  assert.deepEqual(
    [...db.entries({ limit: 2 })].map(([key, value]) => `${text(key)}=${text(value)}`),
    ['a=A', 'b=B'],
  );
  await db.close();
});

test('a prefix of the highest bytes has no end', async () => {
  const db = await openMemory();
  const high = [[0xfe], [0xff], [0xff, 0xff], [0xff, 0xff, 0]].map((key) => Uint8Array.from(key));
  for (const key of high) db.put(key, 'v');
  assert.equal([...db.keys({ prefix: Uint8Array.of(0xff) })].length, 3);
  assert.equal([...db.keys({ prefix: Uint8Array.of(0xff, 0xff) })].length, 2);
  assert.equal([...db.keys({ prefix: Uint8Array.of(0xfe) })].length, 1);
  await db.close();
});

test('an iterator sees what there was when it was made', async () => {
  const db = await letters();
  const iterator = db.keys();
  db.put('aa', 'new');
  db.delete('b');
  await db.compact();
  assert.equal(texts(iterator), 'a b c d e ea eb f');
  assert.equal(texts(db.keys({ lt: 'c' })), 'a aa');
  await db.close();
});

test('an iterator that is left early lets go of what it pins', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs });
  fill(db, 100, 100);
  await db.flush();
  const before = tableNames(fs);
  const held = db.keys();
  held.next();
  for (const key of db.keys()) if (text(key) === keyAt(3)) break;
  for (const [key] of db.entries({ reverse: true })) if (text(key) === keyAt(97)) break;
  assert.throws(() => {
    for (const _ of db.values()) throw new Error('from the loop');
  }, /from the loop/);
  assert.equal(db.stats().cursorCount, 1);
  fill(db, 100, 101);
  await db.compact();
  for (const name of before) assert.ok(tableNames(fs).includes(name), 'a table under an iterator');
  assert.equal(texts(held).split(' ').length, 99);
  assert.equal(db.stats().cursorCount, 0);
  assert.equal(tableNames(fs).length, 1);
  for (const name of before) assert.ok(!tableNames(fs).includes(name), 'a table that nobody needs');
  await db.close();
});

test('an iterator that was never begun, or that ended, holds nothing', async () => {
  const db = await letters();
  const unused = db.entries();
  unused.return();
  const ended = db.keys();
  assert.equal([...ended].length, 8);
  assert.deepEqual(ended.next(), { done: true, value: undefined });
  assert.deepEqual(unused.next(), { done: true, value: undefined });
  assert.equal(db.stats().cursorCount, 0);
  await db.close();
});

test('a borrowed value that is held too long shows no other block', async () => {
  const options = { fs: new MemoryFs(), blockCacheBytes: 16_384, compression: 'none' as const };
  const db = await open(PATH, options);
  for (let i = 0; i < 2000; i++) db.put(keyAt(i), String(i).padStart(100));
  await db.compact();
  const key = keyAt(7);
  const value = db.get(key)!;
  const view = db.get(key, { borrow: true })!;
  for (let i = 0; i < 2000; i++) db.get(keyAt(i));
  assert.deepEqual(view.slice(), value);
  await db.close();
});

test('borrowed values are views that are right until the next call', async () => {
  const db = await letters();
  for (const key of ['a', 'f']) {
    const copy = db.get(key)!;
    const view = db.get(key, { borrow: true })!;
    assert.deepEqual(view, copy);
  }
  assert.equal(db.get('x', { borrow: true }), undefined);
  const seen: (string | undefined)[] = [];
  for (const [key, value] of db.entries({ borrow: true })) seen.push(`${text(key)}${text(value)}`);
  assert.equal(seen.join(' '), 'aA bB cC dD eE eaEA ebEB fF');
  await db.close();
});

test('a cursor moves both ways and lends its entry', async () => {
  const db = await letters();
  const cursor = db.cursor({ gte: 'b', lt: 'f' });
  assert.equal(cursor.valid, false);
  assert.equal(cursor.next(), false);
  assert.equal(cursor.prev(), false);
  assert.throws(() => cursor.key(), code('INVALID'));
  assert.throws(() => cursor.value(), code('INVALID'));
  assert.equal(cursor.seek('a') && text(cursor.key()), 'b');
  assert.equal(cursor.prev(), false);
  assert.equal(cursor.seekForPrev('z') && text(cursor.key()), 'eb');
  assert.equal(cursor.prev() && text(cursor.value()), 'EA');
  assert.equal(cursor.next() && text(cursor.key()), 'eb');
  assert.equal(cursor.next(), false);
  assert.equal(cursor.valid, false);
  assert.equal(cursor.seekForPrev('a'), false);
  assert.equal(cursor.seek('ea') && cursor.keyLen, 2);
  const { keyBuf, keyOff, keyLen, valBuf, valOff, valLen } = cursor;
  assert.equal(text(keyBuf.subarray(keyOff, keyOff + keyLen)), 'ea');
  assert.equal(text(valBuf.subarray(valOff, valOff + valLen)), 'EA');
  cursor.close();
  cursor.close();
  assert.throws(() => cursor.first(), code('CLOSED'));
  await db.close();
});

test('a snapshot reads the same through writes, flushes and compactions', async () => {
  const db = await letters();
  const snapshot = db.snapshot();
  const { seqno } = snapshot;
  for (let round = 0; round < 4; round++) {
    for (const key of ['a', 'c', 'e', 'new']) db.put(key, `round ${round}`);
    db.delete('b');
    await (round % 2 === 0 ? db.flush() : db.compact());
    assert.equal(text(db.get('a', { snapshot })), 'A');
    assert.equal(text(db.get('b', { snapshot })), 'B');
    assert.equal(db.has('new', { snapshot }), false);
    assert.deepEqual(db.getMany(['b', 'new', 'e'], { snapshot }).map(text), ['B', undefined, 'E']);
    assert.equal(texts(db.keys({ snapshot, reverse: true })), 'f eb ea e d c b a');
    assert.equal(db.has('b'), false);
  }
  using cursor = db.cursor({ snapshot });
  assert.equal(cursor.seek('b') && text(cursor.value()), 'B');
  assert.equal(snapshot.seqno, seqno);
  snapshot.release();
  snapshot.release();
  assert.throws(() => db.get('a', { snapshot }), code('CLOSED'));
  assert.throws(() => db.keys({ snapshot }), code('CLOSED'));
  assert.equal(text(cursor.key()), 'b');
  await db.close();
});

test('getMany answers in the order of the keys, copies all', async () => {
  const db = await letters();
  const values = db.getMany(['f', 'x', 'a', 'f', new TextEncoder().encode('b')]);
  assert.deepEqual(values.map(text), ['F', undefined, 'A', 'F', 'B']);
  assert.deepEqual(db.getMany([]), []);
  values[0]!.fill(0);
  assert.equal(text(values[3]), 'F');
  await db.close();
});

test('a scan that must not fill the cache leaves it alone', async () => {
  const db = await openMemory();
  fill(db, 500, 200);
  await db.flush();
  for (const _ of db.entries({ fillCache: false }));
  assert.equal(db.stats().memory.blockCacheBytes, 0);
  for (const _ of db.entries());
  assert.ok(db.stats().memory.blockCacheBytes > 50_000);
  await db.close();
});

test('a scan that reads ahead asks the file less often, and sees the same', async () => {
  const fs = new FaultFs(new MemoryFs());
  const db = await openMemory({ fs });
  fill(db, 500, 200);
  await db.flush();
  const wanted = [...db.keys({ reverse: true, fillCache: false })].map(text);
  const readsOf = (options: EntriesOptions): number => {
    const before = fs.calls('read');
    assert.deepEqual([...db.keys({ ...options, reverse: true })].map(text), wanted);
    return fs.calls('read') - before;
  };
  const single = readsOf({ fillCache: false });
  const ahead = readsOf({ fillCache: false, readAheadBytes: 65_536 });
  assert.ok(ahead * 4 < single, `${ahead} reads, ${single} without reading ahead`);
  for (const readAheadBytes of [-1, 0.5, 2 ** 24 + 1]) {
    assert.throws(() => db.cursor({ readAheadBytes }), RangeError);
  }
  assert.throws(() => db.cursor({ readAheadBytes: '1' as unknown as number }), TypeError);
  await db.close();
});
