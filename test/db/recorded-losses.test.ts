/** What is lost is known from the opening on, over restarts, kills and mended files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { encryptionOf } from '../pipeline/world.ts';
import { code, keyAt, PATH, tableNames } from './helpers.ts';

const COUNT = 300;
const OPTIONS: DbOptions = {
  blockSizeBytes: 512,
  blockCacheBytes: 0,
  compression: 'none',
  workers: 0,
  scrub: false,
};

async function makeWorld(options: DbOptions = {}) {
  const fs = new MemoryFs();
  const events: DbEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    events.push(event);
  };
  const all = { ...OPTIONS, ...options, onEvent };
  const first = await open(PATH, { ...all, fs });
  for (let i = 0; i < COUNT; i++) first.put(keyAt(i), new Uint8Array(60));
  await first.compact();
  await first.close();
  const path = `${PATH}/${tableNames(fs)[0]}`;
  const openAgain = (from = fs, more: DbOptions = {}) => open(PATH, { ...all, fs: from, ...more });
  return { fs, events, path, openAgain };
}

function flip(fs: MemoryFs, path: string, at: number): void {
  const byte = new Uint8Array(1);
  const file = fs.fileAt(path)!;
  file.read(byte, 0, 1, at);
  byte[0]! ^= 0x55;
  file.write(byte, 0, 1, at);
}

function lostKeyCount(db: Db): number {
  let count = 0;
  for (let i = 0; i < COUNT; i++) {
    try {
      assert.equal(db.get(keyAt(i))?.length, 60);
    } catch (error) {
      assert.ok(code('CORRUPTION')(error));
      count++;
    }
  }
  return count;
}

for (const [name, options] of [
  ['plain', {}],
  ['encrypted', { encryption: encryptionOf('aes-256-gcm') }],
] as const) {
  test(`lost blocks are listed right after the next openings (${name})`, async () => {
    const { fs, events, path, openAgain } = await makeWorld(options);
    flip(fs, path, 3000);
    flip(fs, path, 9000);
    const db = await openAgain();
    assert.ok(lostKeyCount(db) > 0);
    const { damage } = db.stats();
    assert.equal(damage.length, 2);
    await db.close();
    for (let i = 0; i < 3; i++) {
      const again = await openAgain();
      assert.deepEqual(again.stats().damage, damage);
      // Each session makes a manifest of its own.
      again.put('more', 'written');
      await again.close();
    }
    events.length = 0;
    const last = await openAgain();
    for (let i = 0; i < COUNT; i++) last.put(keyAt(i), new Uint8Array(60));
    await last.flush();
    await assert.rejects(last.compact(), code('CORRUPTION'));
    assert.equal(lostKeyCount(last), 0);
    const types = new Set(events.map(({ type }) => type));
    assert.ok(!types.has('compaction-failed') && !types.has('lost'), [...types].join());
    await last.acceptLoss();
    await last.close();
    const clean = await openAgain();
    assert.deepEqual(clean.stats().damage, []);
    await clean.close();
  });
}

test('a table that is gone is listed by who only reads as well', async () => {
  const { fs, path, openAgain } = await makeWorld();
  fs.remove(path);
  const db = await openAgain();
  assert.equal(lostKeyCount(db), COUNT);
  await db.close();
  const reader = await openAgain(fs, { readOnly: true });
  assert.deepEqual(
    reader.stats().damage.map(({ file, offset }) => [file, offset]),
    [[path, undefined]],
  );
  await reader.close();
});

test('what was found outlives a process that is killed', async () => {
  const { fs, path, openAgain } = await makeWorld();
  flip(fs, path, 3000);
  const db = await openAgain();
  lostKeyCount(db);
  await assert.rejects(db.compact({ bottommost: true }), code('CORRUPTION'));
  const { damage } = db.stats();
  const dead = fs.clone();
  for (const one of dead.list(PATH)) if (one.startsWith('LOCK')) dead.remove(`${PATH}/${one}`);
  await db.close();
  const again = await openAgain(dead);
  assert.deepEqual(again.stats().damage, damage);
  await again.close();
});

test('a file that was mended meanwhile is read, and not listed after a look', async () => {
  const { fs, path, openAgain } = await makeWorld();
  flip(fs, path, 3000);
  const db = await openAgain();
  lostKeyCount(db);
  await db.close();
  flip(fs, path, 3000);
  const again = await openAgain();
  assert.equal(again.stats().damage.length, 1);
  assert.equal(lostKeyCount(again), 0);
  await again.compact({ bottommost: true });
  assert.deepEqual(again.stats().damage, []);
  assert.ok(!fs.exists(path), 'it was merged');
  await again.close();
  const last = await openAgain();
  assert.deepEqual(last.stats().damage, []);
  await last.close();
});

test('a look that finds a file mended is recorded, though nothing is merged', async () => {
  const { fs, path, openAgain } = await makeWorld();
  flip(fs, path, 3000);
  const db = await openAgain();
  lostKeyCount(db);
  await db.close();
  flip(fs, path, 3000);
  const again = await openAgain();
  assert.deepEqual((await again.acceptLoss()).accepted, []);
  assert.ok(fs.exists(path));
  await again.close();
  const last = await openAgain();
  assert.deepEqual(last.stats().damage, []);
  await last.close();
});
