/**
 * `varve backup create`, `list`, `verify`, `purge` and `restore`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { startScript } from './beside-writer.ts';
import { fails, ok, temporaryDirectory, varve } from './run-varve.ts';

test('an encrypted database is backed up, checked and restored without its key', async (t) => {
  const base = temporaryDirectory(t);
  const [db, target, key] = ['db', 'backups', 'key'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(key, new Uint8Array(32).fill(9), { mode: 0o600 });
  for (let i = 1; i <= 3; i++) {
    await ok(['put', db, 'k', `value ${i}`, '--key-file', key]);
    assert.match(await ok(['backup', 'create', db, target]), new RegExp(`^backup ${i}, id `));
  }
  const list = JSON.parse(await ok(['backup', 'list', target, '--json']));
  assert.deepEqual(
    list.backups.map(({ number, seqno }: { number: number; seqno: null }) => [number, seqno]),
    [
      [1, null],
      [2, null],
      [3, null],
    ],
  );
  assert.match(await ok(['backup', 'list', target]), /backup +id +made +seqno/);
  assert.match(await ok(['backup', 'verify', target]), /^verified 3 backups: .*\nno damage\n$/);
  for (const number of ['1', '2']) {
    const restored = join(base, `restored ${number}`);
    await ok(['backup', 'restore', target, restored, '--backup', number]);
    assert.equal(await ok(['get', restored, 'k', '--key-file', key]), `value ${number}`);
  }
  assert.match(await ok(['backup', 'purge', target, '--keep', '1']), /^removed backup 1, 2 and /);
  const newest = join(base, 'newest');
  await ok(['backup', 'restore', target, newest, '--backup', list.backups[2].id]);
  assert.equal(await ok(['get', newest, 'k', '--key-file', key]), 'value 3');
  assert.match(await ok(['backup', 'purge', target]), /^removed no backup and 0 objects\n$/);
});

test('damage is named, with exit code 1, and is not restored', async (t) => {
  const base = temporaryDirectory(t);
  const [db, target] = [join(base, 'db'), join(base, 'backups')];
  await ok(['put', db, 'k', 'v']);
  await ok(['backup', 'create', db, target]);
  const log = readdirSync(target).find((name) => name.includes('.wal'))!;
  const bytes = readFileSync(join(target, log));
  bytes[20]! ^= 1;
  writeFileSync(join(target, log), bytes);
  const found = await varve(['backup', 'verify', target]);
  assert.equal(found.code, 1);
  assert.match(found.stdout.toString(), /damaged: .*\.wal.*, of backup 1: its checksum is wrong/);
  const restored = join(base, 'restored');
  assert.match(await fails(1, ['backup', 'restore', target, restored]), /is damaged/);
  const kept = await varve(['backup', 'restore', target, restored, '--keep-damaged']);
  assert.equal(kept.code, 1);
  assert.ok(existsSync(join(restored, 'CURRENT')));
});

test('wrong arguments and places are said', async (t) => {
  const base = temporaryDirectory(t);
  const [db, target] = [join(base, 'db'), join(base, 'backups')];
  await ok(['put', db, 'k', 'v']);
  for (const args of [
    ['backup'],
    ['backup', 'make'],
    ['backup', 'create', db],
    ['backup', 'list'],
    ['backup', 'purge', target, '--keep', '-1'],
    ['backup', 'purge', target, '--keep', 'x'],
    ['backup', 'restore', target, db, '--backup', 'first'],
    ['backup', 'verify', target, '--key-file', 'x'],
  ]) {
    assert.equal((await varve(args)).code, 2, args.join(' '));
  }
  for (const args of [
    ['backup', 'list', target],
    ['backup', 'restore', target, join(base, 'x')],
    ['backup', 'create', join(base, 'none'), target],
  ]) {
    assert.match(await fails(4, args), /no database|no such directory/);
  }
  await ok(['backup', 'create', db, target]);
  assert.match(await fails(4, ['backup', 'restore', target, db]), /already/);
  mkdirSync(join(base, 'full'));
  writeFileSync(join(base, 'full', 'x'), '');
  assert.match(await fails(4, ['backup', 'restore', target, join(base, 'full')]), /not empty/);
  await fails(4, ['backup', 'restore', target, join(base, 'y'), '--backup', '9']);
  await fails(4, ['backup', 'purge', target, '--id', '0123456789abcdef']);
});

test('backups beside a process that writes are whole', async (t) => {
  const base = temporaryDirectory(t);
  const [db, target] = [join(base, 'db'), join(base, 'backups')];
  const writer = startScript('busy-writer', [db]);
  try {
    await once(writer.stdout!, 'data');
    for (let i = 0; i < 3; i++) await ok(['backup', 'create', db, target]);
    writer.stdin!.end();
    assert.deepEqual(await once(writer, 'close'), [0, null]);
  } finally {
    writer.kill();
  }
  for (let i = 1; i <= 3; i++) {
    const restored = join(base, `restored ${i}`);
    await ok(['backup', 'restore', target, restored, '--backup', String(i)]);
    assert.match(await ok(['verify', restored]), /no damage/);
  }
});
