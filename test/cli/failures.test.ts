/**
 * How the command fails: messages, JSON and exit codes.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { open } from '../../src/index.ts';
import { fails, ok, outcomeOf, start, temporaryDirectory, varve } from './run-varve.ts';

const lockHolder = new URL(`./lock-holder${extname(import.meta.url)}`, import.meta.url);

test('wrong arguments are explained, with exit code 2', async (t) => {
  const db = join(temporaryDirectory(t), 'db');
  const wrong: [args: string[], message: RegExp][] = [
    [[], /name a command/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['get', db], /missing required argument 'key'/],
    [['get', db, 'a', '--wrong'], /unknown option '--wrong'/],
    [['put', '', 'k', 'v'], /<db> is empty: directory of the database/],
    [['inspect', ''], /<path> is empty/],
    [['checkpoint', db, ''], /<target> is empty/],
    [['backup', 'create', '', db], /<db> is empty/],
    [['scan', db, '--limit', '-1'], /--limit <n>' argument '-1' is invalid/],
    [['scan', db, '--keys-only', '--values-only'], /exclude each other/],
    [['put', db, 'k', 'v', '--encoding', 'rot13'], /Allowed choices are utf8, hex, base64/],
    [['put', db, 'xyz', '00', '--encoding', 'hex'], /the key 'xyz' is not hex/],
    [['put', db, '00', '0', '--encoding', 'hex'], /the value '0' is not hex/],
    [['put', db, 'k'.repeat(65_537), 'v'], /key of 65537 bytes exceeds 65536 bytes/],
    // Bytes that are not UTF-8 arrive so.
    [['put', db, 'k\ufffd', 'v'], /argument 3 is not UTF-8, or holds U\+FFFD/],
    [['get', `${db}\ufffd`, 'k'], /argument 2 is not UTF-8/],
    [
      ['get', db, 'x'.repeat(5000), '--encoding', 'hex'],
      /'x{200}\.\.\. \(5000 characters\)' is not/,
    ],
    [['x'.repeat(5000)], /'x{200}\.\.\. \(5000 characters\)'/],
    [['get', db, 'k', `--${'x'.repeat(5000)}`], /'--x{198}\.\.\. \(5002 characters\)'/],
  ];
  for (const [args, message] of wrong) {
    const text = await fails(2, args);
    assert.match(text, message);
    assert.match(text, /\nSee varve --help\.\n$/);
    assert.ok(text.length < 500, text);
  }
  const json = await varve(['get', db, '--json']);
  assert.equal(json.code, 2);
  assert.equal(JSON.parse(json.stderr).error.code, 'USAGE');
});

test('a path that is no database is told apart', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const empty = join(directory, 'empty');
  mkdirSync(empty);
  assert.match(await fails(4, ['get', file, 'k']), /is no export file of a database/);
  assert.match(await fails(4, ['put', file, 'k', 'v']), /it is a file, not a directory/);
  assert.match(await fails(4, ['get', join(file, 'x'), 'k']), /there is no such directory/);
  assert.match(await fails(4, ['get', empty, 'k']), /it is empty/);
  assert.match(await fails(4, ['get', directory, 'k']), /it holds other files/);
  assert.match(await fails(4, ['put', directory, 'k', 'v']), /a directory of its own/);
  assert.deepEqual(readdirSync(directory).sort(), ['empty', 'file']);
  await ok(['put', empty, 'k', 'v']);
});

test('a locked database can be read, but not written: exit code 3 and who has it', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const holder = spawn(process.execPath, [fileURLToPath(lockHolder), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill());
  await once(holder.stdout, 'data');
  for (const args of [
    ['put', directory, 'k', 'v'],
    ['del', directory, 'k'],
    ['import', directory, '-'],
    ['compact', directory],
  ]) {
    assert.match(await fails(3, args), new RegExp(`held by process ${holder.pid} `));
  }
  const json = await varve(['put', directory, 'k', 'v', '--json']);
  assert.equal(json.code, 3);
  assert.equal(JSON.parse(json.stderr).error.code, 'LOCKED');
  assert.equal(await ok(['get', directory, 'held']), 'yes');
  assert.equal(await ok(['scan', directory]), 'held\tyes\n');
  assert.match(await ok(['verify', directory]), /no damage/);
  assert.match(await ok(['stats', directory]), /newest write +1\n/);
  holder.stdin.end();
  await once(holder, 'close');
  await ok(['put', directory, 'k', 'v']);
});

test('a reader that has seen enough is no error', async (t) => {
  const directory = temporaryDirectory(t);
  const db = await open(directory);
  for (let i = 0; i < 200; i++) db.put(`key ${i}`, 'x'.repeat(50_000));
  await db.close();
  for (const args of [
    ['scan', directory],
    ['scan', directory, '--json'],
    ['export', directory],
  ]) {
    const child = start(args);
    const ended = outcomeOf(child);
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await ended;
    assert.equal(stderr, '');
    assert.equal(code, 0);
  }
});

test('an interrupted import closes the database and keeps whole lines', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const lines = Array.from({ length: 2500 }, (_, i) => `{"key":"${i}","value":"${i}"}\n`);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = start(['import', directory]);
    const ended = outcomeOf(child);
    child.stdin.write(`${lines.join('')}{"key":"cut`);
    await untilWritten(directory);
    child.kill(signal);
    const outcome = await ended;
    assert.equal(outcome.code, code);
    assert.equal(outcome.stdout.length, 0);
    assert.match(
      outcome.stderr,
      new RegExp(`^varve: interrupted by ${signal}; 2,500 entries were`),
    );
    const lock = JSON.parse(readFileSync(join(directory, 'LOCK'), 'utf8'));
    assert.equal(lock.state, 'released');
    const db = await open(directory, { walRecovery: 'absolute' });
    assert.equal([...db.keys()].length, 2500);
    for (const key of [...db.keys()]) db.delete(key);
    await db.compact();
    await db.close();
  }
});

/** Waits until an import has written its first batches. */
async function untilWritten(directory: string): Promise<void> {
  for (;;) {
    const { code, stdout } = await varve(['scan', directory, '--keys-only', '--limit', '1']);
    if (code === 0 && stdout.length > 0) return;
  }
}

test('a key that is not found is told in so much of it that it can be recognised', async (t) => {
  const db = join(temporaryDirectory(t), 'db');
  await ok(['put', db, 'a', '1']);
  const text = await fails(1, ['get', db, 'k'.repeat(60_000)]);
  assert.match(text, /^varve: key not found: k{200}\.\.\. \(60000 characters\)\n$/);
});

test('a database of LevelDB is called that by every command, and left as it is', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'CURRENT'), 'MANIFEST-000002\n');
  for (const name of ['LOCK', 'LOG', '000003.log', 'MANIFEST-000002']) {
    writeFileSync(join(directory, name), name);
  }
  for (const args of [
    ['get', directory, 'a'],
    ['put', directory, 'a', 'b'],
    ['stats', directory],
    ['verify', directory],
    ['inspect', directory],
  ]) {
    assert.match(await fails(4, args), /holds what looks like a LevelDB database/);
  }
  assert.deepEqual(readdirSync(directory).sort(), [
    '000003.log',
    'CURRENT',
    'LOCK',
    'LOG',
    'MANIFEST-000002',
  ]);
});
