/**
 * Copying the directory of an open database, as docs/RUNTIMES.md says it is done.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { open } from '../../src/index.ts';
import { keysAt, newBase } from './fixture.ts';

/** All but the lock: its socket cannot be copied, and its owner is not the copy's. */
function isData(path: string): boolean {
  return !basename(path).startsWith('LOCK');
}

test('a copy made while the database is open and paused opens, and both go on', async (t) => {
  const base = newBase(t);
  const [directory, copy] = [join(base, 'db'), join(base, 'copy')];
  const db = await open(directory, { writeBufferBytes: 65_536 });
  const wanted: string[] = [];
  for (let i = 0; i < 3000; i++) {
    const key = `k${String(i).padStart(6, '0')}`;
    wanted.push(key);
    db.put(key, 'x'.repeat(100));
  }
  await db.pauseBackgroundWork();
  await db.sync();
  await fs.promises.cp(directory, copy, { recursive: true, filter: isData });
  db.continueBackgroundWork();
  db.put('later', '');
  // While the original is open.
  assert.deepEqual(await keysAt(copy), wanted);
  const other = await open(copy);
  other.put('elsewhere', '');
  await other.compact();
  await db.compact();
  await Promise.all([db.close(), other.close()]);
  assert.deepEqual(await keysAt(directory), [...wanted, 'later']);
  assert.deepEqual(await keysAt(copy), ['elsewhere', ...wanted]);
});

test('a copy that takes the LOCK along, but no socket, is held by nobody', async (t) => {
  const base = newBase(t);
  const [directory, copy] = [join(base, 'db'), join(base, 'copy')];
  const db = await open(directory);
  db.put('k', '');
  await db.pauseBackgroundWork();
  await db.sync();
  const filter = (path: string): boolean => !path.endsWith('.socket');
  await fs.promises.cp(directory, copy, { recursive: true, filter });
  db.continueBackgroundWork();
  assert.deepEqual(await keysAt(copy), ['k']);
  await db.close();
});
