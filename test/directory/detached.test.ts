/**
 * What becomes of an open database whose directory is removed, moved or replaced: it stops, and
 * touches nothing of what is there then.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Db, open } from '../../src/index.ts';
import { bytesOf, copyFiles, DatabaseChild, keysAt, matchesDetached, newBase } from './fixture.ts';

const KEY_COUNT = 300;

/** A database with tables, a log and something in memory. */
async function used(directory: string, workers?: number): Promise<Db> {
  const db = await open(directory, workers === undefined ? {} : { workers });
  for (const part of ['a', 'b', 'c']) {
    for (let i = 0; i < KEY_COUNT; i++) db.put(`${part}${i}`, part);
    if (part !== 'c') await db.flush();
  }
  await db.sync();
  return db;
}

/** Another database, in the place of the first. */
async function other(directory: string): Promise<Db> {
  const db = await open(directory);
  for (let i = 0; i < KEY_COUNT; i++) db.put(`new${i}`, 'new');
  await db.flush();
  for (let i = 0; i < KEY_COUNT; i++) db.put(`newer${i}`, 'new');
  await db.sync();
  return db;
}

/** Does all that could reach the directory, in an order that lets each be tried. */
async function useDetached(db: Db): Promise<void> {
  await assert.rejects(db.flush(), matchesDetached);
  assert.throws(() => db.put('late', 'late'), matchesDetached);
  await assert.rejects(db.resume(), matchesDetached);
  await assert.rejects(db.compact(), matchesDetached);
  await assert.rejects(db.close(), matchesDetached);
}

function namesBelow(directory: string): string[] {
  return fs.readdirSync(directory, { recursive: true }).map(String).sort();
}

/** Ways in which the directory of an open database can become another. */
const REPLACEMENTS: Record<string, (directory: string, away: string) => void> = {
  'removed and made anew': (directory) => fs.rmSync(directory, { recursive: true }),
  'moved away, and another one put in its place': (directory, away) => {
    fs.renameSync(directory, away);
  },
  'emptied and used again': (directory) => {
    for (const name of fs.readdirSync(directory)) fs.rmSync(join(directory, name));
  },
};

for (const workers of [0, undefined]) {
  const how = workers === 0 ? 'inline' : 'with workers';
  for (const [name, replace] of Object.entries(REPLACEMENTS)) {
    test(`a directory that was ${name} is not touched (${how})`, async (t) => {
      const base = newBase(t);
      const directory = join(base, 'db');
      const old = await used(directory, workers);
      replace(directory, join(base, 'away'));
      const db = await other(directory);
      const before = bytesOf(directory);
      await useDetached(old);
      assert.deepEqual(bytesOf(directory), before);
      db.put('last', 'new');
      await db.close();
      assert.equal((await keysAt(directory)).length, 2 * KEY_COUNT + 1);
    });
  }

  test(`workers and tables are kept from it as well (${how})`, async (t) => {
    const base = newBase(t);
    const directory = join(base, 'db');
    const old = await used(directory, workers);
    await old.flush();
    fs.renameSync(directory, join(base, 'away'));
    const db = await other(directory);
    const before = bytesOf(directory);
    // Nothing is in memory, so nothing but the merge itself comes near the directory.
    await assert.rejects(old.compact(), matchesDetached);
    await assert.rejects(old.close(), matchesDetached);
    assert.deepEqual(bytesOf(directory), before);
    await db.close();
    // The one that was moved has all that was synced.
    assert.equal((await keysAt(join(base, 'away'))).length, 3 * KEY_COUNT);
  });
}

describe('a database whose directory is not there any more', () => {
  const removals: Record<string, (base: string) => void> = {
    removed: (base) => fs.rmSync(join(base, 'parent', 'db'), { recursive: true }),
    'moved away': (base) => fs.renameSync(join(base, 'parent', 'db'), join(base, 'away')),
    'removed with its parent': (base) => fs.rmSync(join(base, 'parent'), { recursive: true }),
    'replaced by a file': (base) => {
      fs.rmSync(join(base, 'parent', 'db'), { recursive: true });
      fs.writeFileSync(join(base, 'parent', 'db'), 'a file');
    },
    'below a file': (base) => {
      fs.rmSync(join(base, 'parent'), { recursive: true });
      fs.writeFileSync(join(base, 'parent'), 'a file');
    },
  };
  for (const [name, remove] of Object.entries(removals)) {
    test(`(${name}) says so at the next sync, and makes nothing`, async (t) => {
      const base = newBase(t);
      const db = await used(join(base, 'parent', 'db'));
      remove(base);
      const names = namesBelow(base);
      db.put('unsynced', '');
      await assert.rejects(db.sync(), matchesDetached);
      assert.throws(() => db.put('late', ''), matchesDetached);
      assert.throws(() => db.put('late', '', { sync: true }), matchesDetached);
      await assert.rejects(db.close(), matchesDetached);
      const later = namesBelow(base);
      // The lock's socket goes with its owner wherever it is.
      const isSocket = (path: string) => path.endsWith('.socket');
      assert.deepEqual(
        later,
        names.filter((path) => !isSocket(path) || later.includes(path)),
      );
    });
  }

  test('refuses also a write that is synced at once', async (t) => {
    const base = newBase(t);
    const db = await used(join(base, 'db'));
    fs.renameSync(join(base, 'db'), join(base, 'away'));
    assert.throws(() => db.put('late', '', { sync: true }), matchesDetached);
    // What memory holds can still be read.
    assert.equal(new TextDecoder().decode(db.get('c1')), 'c');
    await assert.rejects(db.close(), matchesDetached);
  });

  test('refuses also what would be put into tables at the close, without a log', async (t) => {
    const base = newBase(t);
    const db = await open(join(base, 'db'), { wal: false });
    db.put('a', '');
    fs.renameSync(join(base, 'db'), join(base, 'away'));
    const before = bytesOf(join(base, 'away'));
    await assert.rejects(db.close(), matchesDetached);
    assert.deepEqual(bytesOf(join(base, 'away')).get('CURRENT'), before.get('CURRENT'));
    assert.equal(fs.existsSync(join(base, 'db')), false);
  });
});

test('a directory that comes back is written to again after resume()', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  const db = await used(directory);
  fs.renameSync(directory, join(base, 'away'));
  await assert.rejects(db.flush(), matchesDetached);
  fs.renameSync(join(base, 'away'), directory);
  await db.resume();
  db.put('d', 'd');
  await db.flush();
  await db.close();
  assert.equal((await keysAt(directory)).length, 3 * KEY_COUNT + 1);
});

/** Hard links take the LOCK along as the very same file. */
function linkFiles(from: string, to: string): void {
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) fs.linkSync(join(from, entry.name), join(to, entry.name));
  }
}

for (const [how, copy] of [
  ['', copyFiles],
  [' made of hard links', linkFiles],
] as const) {
  test(`a copy of itself${how} in its place is another directory`, async (t) => {
    const base = newBase(t);
    const directory = join(base, 'db');
    const db = await used(directory);
    copy(directory, join(base, 'copy'));
    fs.renameSync(directory, join(base, 'away'));
    fs.renameSync(join(base, 'copy'), directory);
    const before = bytesOf(directory);
    await useDetached(db);
    assert.deepEqual(bytesOf(directory), before);
    assert.equal((await keysAt(directory)).length, 3 * KEY_COUNT);
  });
}

test('an older state that is copied over it, LOCK and all, makes it another', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  await (await used(directory)).close();
  copyFiles(directory, join(base, 'backup'));
  const db = await open(directory);
  db.put('d', 'd');
  await db.sync();
  // In place, as cp does it: all files keep their numbers.
  for (const name of fs.readdirSync(join(base, 'backup'))) {
    fs.writeFileSync(join(directory, name), fs.readFileSync(join(base, 'backup', name)));
  }
  const before = bytesOf(directory);
  await useDetached(db);
  // Each with its content: only the socket is gone with its owner.
  for (const [name, bytes] of before) {
    if (bytes !== 'socket') assert.equal(bytesOf(directory).get(name), bytes, name);
  }
});

test('a LOCK that was removed or taken by another stops its owner', async (t) => {
  const base = newBase(t);
  for (const next of ['nobody', 'another']) {
    const directory = join(base, next);
    const db = await used(directory);
    for (const name of fs.readdirSync(directory)) {
      if (name.startsWith('LOCK')) fs.rmSync(join(directory, name));
    }
    const successor = next === 'another' ? await open(directory) : undefined;
    const before = bytesOf(directory);
    await useDetached(db);
    assert.deepEqual(bytesOf(directory), before);
    await successor?.close();
    assert.equal((await keysAt(directory)).length, 3 * KEY_COUNT);
  }
});

test('a LOCK that only got another time is still held', async (t) => {
  const directory = join(newBase(t), 'db');
  const db = await used(directory);
  fs.utimesSync(join(directory, 'LOCK'), 1, 1);
  fs.chmodSync(join(directory, 'LOCK'), 0o600);
  await db.flush();
  await db.close();
  assert.equal((await keysAt(directory)).length, 3 * KEY_COUNT);
});

test('of two processes the old one stops, whichever is killed', async (t) => {
  for (const killed of ['old', 'new']) {
    const directory = join(newBase(t), 'db');
    const old = new DatabaseChild(t, directory);
    assert.equal(await old.ask('open'), 'ok');
    assert.equal(await old.ask('put old'), 'ok');
    fs.rmSync(directory, { recursive: true });
    const successor = new DatabaseChild(t, directory);
    assert.equal(await successor.ask('open'), 'ok');
    assert.equal(await successor.ask('put new'), 'ok');
    assert.equal(await old.ask('flush'), 'DETACHED');
    if (killed === 'old') await old.kill();
    assert.equal(await successor.ask('put newer'), 'ok');
    if (killed === 'new') {
      await successor.kill();
      assert.equal(await old.ask('close'), 'DETACHED');
    } else {
      assert.equal(await successor.ask('close'), 'ok');
    }
    assert.deepEqual(await keysAt(directory), ['new', 'newer']);
  }
});

test('what is read of a file that only another database has is no damage', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  const options = { openTablesMax: 16, blockCacheBytes: 0, workers: 0, l0TriggerCount: 64 };
  const db = await open(directory, options);
  for (let i = 0; i < 40; i++) {
    db.put(`k${i}`, '');
    await db.flush();
  }
  fs.renameSync(directory, join(base, 'away'));
  await (await other(directory)).close();
  assert.throws(() => {
    for (let i = 0; i < 40; i++) db.get(`k${i}`);
  }, matchesDetached);
  await assert.rejects(db.close(), matchesDetached);
});

test('a cursor that is closed late removes no table of another database', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  const db = await used(directory);
  await db.flush();
  const cursor = db.cursor();
  cursor.first();
  // From now on only the cursor keeps the tables that were merged.
  await db.compact();
  fs.renameSync(directory, join(base, 'away'));
  const successor = await other(directory);
  // A name that the old one is about to remove.
  for (const name of fs.readdirSync(join(base, 'away'))) {
    const path = join(directory, name);
    if (name.endsWith('.sst') && !fs.existsSync(path)) fs.writeFileSync(path, 'theirs');
  }
  const before = bytesOf(directory);
  cursor.close();
  await assert.rejects(db.close(), matchesDetached);
  assert.deepEqual(bytesOf(directory), before);
  await successor.close();
});
