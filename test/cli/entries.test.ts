/**
 * `varve put`, `get`, `del` and `scan`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { open } from '../../src/index.ts';
import { fails, jsonLines, ok, temporaryDirectory, varve } from './run-varve.ts';

test('put, get and del', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  assert.equal(await ok(['put', db, 'a', '1']), '');
  assert.equal(await ok(['get', db, 'a']), '1');
  assert.deepEqual(JSON.parse(await ok(['put', db, 'b', '2', '--sync', '--json'])), {
    key: 'b',
    seqno: 2,
  });
  assert.deepEqual(JSON.parse(await ok(['get', db, 'b', '--json'])), { key: 'b', value: '2' });
  assert.deepEqual(JSON.parse(await ok(['del', db, 'a', 'b', '--json', '--sync'])), {
    keys: ['a', 'b'],
    seqno: 4,
  });
  assert.match(await fails(1, ['get', db, 'a']), /key not found: a/);
  const missing = await varve(['get', db, 'a', '--json']);
  assert.equal(missing.stdout.length, 0);
  assert.deepEqual(JSON.parse(missing.stderr), {
    error: { code: 'NOT_FOUND', message: 'key not found: a', exitCode: 1 },
  });
  assert.equal(await ok(['del', db, 'a']), '');
});

test('a value goes from standard input to standard output byte by byte', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  const value = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff);
  for (const args of [
    ['put', db, 'k'],
    ['put', db, 'k', '-'],
  ]) {
    await ok(args, value);
    const { stdout } = await varve(['get', db, 'k']);
    assert.deepEqual(new Uint8Array(stdout), value);
    await ok(['del', db, 'k']);
  }
  await ok(['put', db, 'empty', '-'], '');
  assert.equal(await ok(['get', db, 'empty']), '');
});

test('keys and values are given and shown in hex and base64', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  await ok(['put', db, '00ff', 'DE41', '--encoding', 'hex']);
  assert.equal(await ok(['get', db, 'AP8=', '--encoding', 'base64']), '3kE=\n');
  assert.equal(await ok(['scan', db]), '\\u{0}\\xff\t\\xdeA\n');
  assert.equal(await ok(['scan', db, '--encoding', 'hex']), '00ff\tde41\n');
  assert.deepEqual(JSON.parse(await ok(['scan', db, '--json', '--encoding', 'hex'])), {
    key: { hex: '00ff' },
    value: { hex: 'de41' },
  });
  assert.deepEqual(JSON.parse(await ok(['get', db, '00ff', '--json', '--encoding', 'hex'])), {
    key: { hex: '00ff' },
    value: { hex: 'de41' },
  });
});

test('scan takes bounds, a prefix, a direction and a limit', async (t) => {
  const directory = temporaryDirectory(t);
  const db = await open(directory);
  for (const key of ['a', 'b1', 'b2', 'b3', 'c']) db.put(key, `v-${key}`);
  await db.close();
  const keys = async (...args: string[]) =>
    (await ok(['scan', directory, '--keys-only', ...args])).split('\n').slice(0, -1).join(' ');
  assert.equal(await keys('--prefix', 'b'), 'b1 b2 b3');
  assert.equal(await keys('--gte', 'b1', '--lt', 'b3'), 'b1 b2');
  assert.equal(await keys('--gt', 'b1', '--lte', 'b3'), 'b2 b3');
  assert.equal(await keys('--prefix', 'b', '--reverse', '--limit', '2'), 'b3 b2');
  assert.equal(await ok(['scan', directory, '--limit', '1', '--values-only']), 'v-a\n');
  assert.deepEqual(jsonLines(await ok(['scan', directory, '--gte', 'b3', '--json'])), [
    { key: 'b3', value: 'v-b3' },
    { key: 'c', value: 'v-c' },
  ]);
  assert.deepEqual(jsonLines(await ok(['scan', directory, '--lt', 'b', '--json', '--keys-only'])), [
    { key: 'a' },
  ]);
});

test('column families are made only when that is asked for', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  await ok(['put', db, 'k', 'default']);
  assert.match(await fails(4, ['get', db, 'k', '--family', 'f']), /no column family 'f'/);
  await fails(4, ['scan', db, '--family', 'f']);
  await fails(4, ['del', db, 'k', '--family', 'f']);
  for (const more of [[], ['--create'], ['--no-create']]) {
    const text = await fails(4, ['put', db, 'k', 'v', '--family', 'f', ...more]);
    assert.match(text, /no column family 'f'; there are 'default'; --create-family makes it\n$/);
    await fails(4, ['import', db, '--family', 'f', ...more], '{"key":"a","value":"b"}\n');
    assert.equal(JSON.parse(await ok(['stats', db, '--json'])).columnFamilies.length, 1);
  }
  await ok(['put', db, 'k', 'of f', '--family', 'f', '--create-family', '--no-create']);
  await ok(['put', db, 'l', 'of f', '--family', 'f']);
  await ok(['put', db, 'd', 'default', '--family', 'default']);
  await ok(['del', db, 'd']);
  assert.equal(await ok(['get', db, 'k', '--family', 'f']), 'of f');
  assert.equal(await ok(['scan', db]), 'k\tdefault\n');
  await ok(['del', db, 'k', '--family', 'f']);
  await fails(1, ['get', db, 'k', '--family', 'f']);
});

test('keys that begin with a hyphen stand behind two', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  await ok(['put', db, '--', '-k', '--json']);
  assert.equal(await ok(['get', db, '--', '-k']), '--json');
});

test('commands that read make no database, and --no-create makes none either', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  for (const args of [
    ['get', db, 'k'],
    ['del', db, 'k'],
    ['scan', db],
    ['export', db],
    ['stats', db],
    ['verify', db],
    ['compact', db],
    ['put', db, 'k', 'v', '--no-create'],
    ['import', db, '-', '--no-create'],
  ]) {
    assert.match(await fails(4, args), /no database at .*new: there is no such directory/);
  }
  assert.ok(!existsSync(db));
});

test('the version is that of the package', async () => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = join(folder, '..');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  assert.equal(await ok(['--version']), `${version}\n`);
  assert.match(await ok(['--help']), /Exit codes:\n {2}0 /);
});

test('a family that is named makes no database either, unless that is asked for', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  assert.match(await fails(4, ['put', db, 'k', 'v', '--family', 'f']), /no such directory/);
  assert.equal(existsSync(db), false);
  await ok(['put', db, 'k', 'v', '--family', 'f', '--create-family']);
  assert.equal(await ok(['get', db, 'k', '--family', 'f']), 'v');
});

test('an empty value is stored only when it is given', async (t) => {
  const db = join(temporaryDirectory(t), 'new');
  // As where a script runs without a terminal: standard input is empty.
  assert.match(await fails(2, ['put', db, 'a']), /there is none on standard input/);
  assert.equal(existsSync(db), false);
  await ok(['put', db, 'a', '']);
  await ok(['put', db, 'b', '-']);
  await ok(['put', db, 'c'], 'piped');
  assert.deepEqual(jsonLines(await ok(['scan', db, '--json'])), [
    { key: 'a', value: '' },
    { key: 'b', value: '' },
    { key: 'c', value: 'piped' },
  ]);
});
