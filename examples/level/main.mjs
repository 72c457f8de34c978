/**
 * Two libraries that were written for Level keep their data in Varve. Fails if they do not find it
 * again. Run it with run.mjs, which brings its packages.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelDatastore } from 'datastore-level';
import { Key } from 'interface-datastore';
import { Level, VarveLevel } from 'varve/level';
import { LeveldbPersistence } from 'y-leveldb';
import * as Y from 'yjs';

const directory = await mkdtemp(join(tmpdir(), 'varve-example-'));
try {
  await level(join(directory, 'level'));
  await yjs(join(directory, 'yjs'));
  await datastore(join(directory, 'datastore'));
} finally {
  await rm(directory, { recursive: true });
}

/** Level itself: JSON values, a sublevel, an atomic batch, a range. */
async function level(location) {
  const db = new Level(location, { valueEncoding: 'json' });
  const names = db.sublevel('names');
  await db.batch([
    { type: 'put', key: 'user:1', value: { name: 'Ada' } },
    { type: 'put', key: 'user:2', value: { name: 'Grace' } },
    { type: 'put', key: 'ada', value: 'user:1', sublevel: names },
  ]);
  assert.deepEqual(await db.get(await names.get('ada')), { name: 'Ada' });
  const users = [];
  for await (const [key, { name }] of db.iterator({ gte: 'user:', lt: 'user;' })) {
    users.push(`${key} is ${name}`);
  }
  assert.deepEqual(users, ['user:1 is Ada', 'user:2 is Grace']);
  await db.close();
  console.log(`level: ${users.join(', ')}`);
}

/** A Yjs document survives in a y-leveldb that is told to use Varve. */
async function yjs(location) {
  const open = () => new LeveldbPersistence(location, { Level: VarveLevel });
  let persistence = open();
  const doc = new Y.Doc();
  const stored = [];
  doc.on('update', (update) => stored.push(persistence.storeUpdate('notes', update)));
  const text = doc.getText('text');
  for (let i = 0; i < 600; i++) text.insert(text.length, `line ${i}\n`);
  doc.getMap('settings').set('colour', 'grün');
  await Promise.all(stored);
  await persistence.setMeta('notes', 'title', 'Notes of a day');
  await persistence.storeUpdate('other', Y.encodeStateAsUpdate(new Y.Doc()));
  await persistence.destroy();

  persistence = open();
  const restored = await persistence.getYDoc('notes');
  assert.equal(restored.getText('text').toString(), text.toString());
  assert.deepEqual(restored.getMap('settings').toJSON(), { colour: 'grün' });
  assert.equal(await persistence.getMeta('notes', 'title'), 'Notes of a day');
  assert.deepEqual((await persistence.getAllDocNames()).sort(), ['notes', 'other']);
  // What a client that has the first half misses.
  const half = new Y.Doc();
  Y.applyUpdate(half, Y.encodeStateAsUpdate(doc));
  text.insert(0, 'heading\n');
  await Promise.all(stored);
  Y.applyUpdate(half, await persistence.getDiff('notes', Y.encodeStateVector(half)));
  assert.equal(half.getText('text').toString(), text.toString());
  await persistence.flushDocument('notes');
  await persistence.clearDocument('other');
  await persistence.destroy();

  persistence = open();
  const flushed = await persistence.getYDoc('notes');
  assert.equal(flushed.getText('text').toString(), text.toString());
  assert.deepEqual(await persistence.getAllDocNames(), ['notes']);
  await persistence.destroy();
  const files = await readdir(location);
  assert.ok(files.includes('CURRENT') && files.some((name) => name.endsWith('.wal')), `${files}`);
  console.log(`y-leveldb: a document of ${text.length} characters, restored`);
}

/** The datastore of IPFS on Varve. */
async function datastore(location) {
  const open = async () => {
    const db = new VarveLevel(location, { keyEncoding: 'utf8', valueEncoding: 'view' });
    const store = new LevelDatastore(db);
    await store.open();
    return store;
  };
  let store = await open();
  const bytes = (text) => new TextEncoder().encode(text);
  await store.put(new Key('/blocks/a'), bytes('first'));
  const batch = store.batch();
  for (let i = 0; i < 100; i++) batch.put(new Key(`/blocks/b/${i}`), bytes(`block ${i}`));
  batch.put(new Key('/pins/a'), bytes('pin'));
  batch.delete(new Key('/blocks/a'));
  await batch.commit();
  await store.close();

  store = await open();
  assert.deepEqual(await store.get(new Key('/blocks/b/7')), bytes('block 7'));
  assert.equal(await store.has(new Key('/blocks/a')), false);
  await assert.rejects(store.get(new Key('/blocks/a')), { name: 'NotFoundError' });
  const found = [];
  for await (const { key, value } of store.query({ prefix: '/blocks/b' })) {
    assert.equal(new TextDecoder().decode(value), `block ${key.baseNamespace()}`);
    found.push(key);
  }
  assert.equal(found.length, 100);
  const keys = [];
  for await (const key of store.queryKeys({ offset: 1, limit: 2, orders: [byName] })) {
    keys.push(key.toString());
  }
  assert.deepEqual(keys, ['/blocks/b/1', '/blocks/b/10']);
  await store.delete(new Key('/pins/a'));
  assert.equal(await store.has(new Key('/pins/a')), false);
  await store.close();
  console.log(`datastore-level: ${found.length} blocks, found again`);
}

function byName(a, b) {
  return a.toString() < b.toString() ? -1 : 1;
}
