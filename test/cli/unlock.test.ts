/**
 * `varve unlock`.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from '../../src/index.ts';
import { fails, ok, temporaryDirectory, varve } from './run-varve.ts';

/** Rewrites the record of a lock that nobody holds. */
function pretend(directory: string, changes: object): void {
  const path = join(directory, 'LOCK');
  const record = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...record, state: 'held', ...changes }));
}

async function closedDatabase(directory: string): Promise<void> {
  const db = await open(directory);
  db.put('k', 'v');
  await db.close();
}

test('the lock of an owner that lives is shown, and not freed', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory);
  for (const more of [[], ['--force']]) {
    const { code, stdout, stderr } = await varve(['unlock', directory, ...more]);
    assert.equal(code, 3);
    const wanted = `held by process ${process.pid} .*, which lives: it answers at its socket`;
    assert.match(stdout.toString(), new RegExp(wanted));
    assert.match(stderr, /end that process/);
  }
  db.put('still', 'there');
  await db.flush();
  await db.close();
  assert.equal(await ok(['unlock', directory]), 'nobody holds the lock\n');
});

test('the lock of an owner that has ended is free without more', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  await closedDatabase(directory);
  pretend(directory, { socket: true, startTime: '1' });
  const before = readdirSync(directory);
  assert.match(await ok(['unlock', directory]), /left behind by .* has ended: .*; it is free/);
  assert.deepEqual(readdirSync(directory), before);
  await ok(['put', directory, 'k', 'w']);
});

test('a lock of which nobody can tell is freed by force only', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  await closedDatabase(directory);
  pretend(directory, { socket: false, pidNamespace: 'pid:[1]' });
  assert.match(await fails(3, ['put', directory, 'k', 'w']), /cannot be told .*unlock --help/);
  const plain = await varve(['unlock', directory, '--json']);
  assert.equal(plain.code, 3);
  const { state, life, isBroken } = JSON.parse(plain.stdout.toString());
  assert.deepEqual([state, life, isBroken], ['held', 'unknown', false]);
  assert.match(JSON.parse(plain.stderr).error.message, /--force frees the lock/);
  assert.match(await ok(['unlock', directory, '--force']), /another container\nthe lock was freed/);
  await ok(['put', directory, 'k', 'w']);
  assert.equal(await ok(['unlock', directory, '--force']), 'nobody holds the lock\n');
});

test('what is no database has no lock to free', async (t) => {
  const base = temporaryDirectory(t);
  assert.match(await fails(4, ['unlock', join(base, 'missing')]), /there is no such directory/);
  const theirs = join(base, 'theirs');
  mkdirSync(theirs);
  writeFileSync(join(theirs, 'CURRENT'), 'MANIFEST-000005\n');
  writeFileSync(join(theirs, 'LOCK'), '');
  assert.match(await fails(4, ['unlock', theirs, '--force']), /LevelDB/);
  assert.deepEqual(readdirSync(theirs), ['CURRENT', 'LOCK']);
  assert.equal(readFileSync(join(theirs, 'LOCK'), 'utf8'), '');
});
