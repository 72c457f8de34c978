/**
 * `varve export --whole` and `varve import --whole`, and the commands that take such a file.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { open } from '../../src/index.ts';
import { fails, ok, temporaryDirectory, varve } from './run-varve.ts';

const ENTRIES = 3000;
/** Exit codes. */
const [DAMAGE, USAGE, OTHER] = [1, 2, 4] as const;

async function fill(directory: string): Promise<void> {
  const db = await open(directory, { columnFamilies: ['other'], writeBufferBytes: 65_536 });
  for (let i = 0; i < ENTRIES; i++) db.put(`key ${i}`, `value ${i}`.repeat(10));
  db.put('a', 'b', { columnFamily: 'other' });
  await db.close();
}

suite('a whole database as one file', () => {
  test('is written, read where it lies, checked, and made a database of', async (t) => {
    const root = temporaryDirectory(t);
    const [db, file, copy] = ['db', 'db.tar', 'copy'].map((name) => join(root, name)) as [
      ...[string, string, string],
    ];
    await fill(db);
    assert.match(await ok(['export', db, file, '--whole']), /^exported [\d.]+ \w+ in /);
    assert.match(execFileSync('tar', ['-tf', file], { encoding: 'utf8' }), /CURRENT/);
    const piped = await varve(['export', db, '--whole']);
    assert.equal(piped.code, 0);
    assert.equal(piped.stdout.length, readFileSync(file).length);
    assert.match(await ok(['get', file, 'key 7']), /^value 7value 7/);
    const lines = await ok(['export', db]);
    assert.equal(await ok(['export', file]), lines);
    assert.equal(
      await ok(['scan', file, '--family', 'other']),
      await ok(['scan', db, '--family', 'other']),
    );
    await ok(['stats', file]);
    assert.match(await ok(['verify', file]), /no damage/);
    assert.match(await ok(['import', copy, file, '--whole']), /^database of seqno \d+ in /);
    assert.equal(await ok(['export', copy]), lines);
    const { seqno } = JSON.parse(
      await ok(['import', `${copy}2`, '--whole', '--json'], readFileSync(file)),
    );
    assert.equal(seqno, ENTRIES + 1);
    assert.equal(await ok(['export', `${copy}2`]), lines);
  });

  test('stays sealed: without the key it is copied and checked, and not read', async (t) => {
    const root = temporaryDirectory(t);
    const [db, key, file, copy] = ['db', 'key', 'db.tar', 'copy'].map((name) =>
      join(root, name),
    ) as [string, string, string, string];
    writeFileSync(key, new Uint8Array(32).fill(7), { mode: 0o600 });
    await ok(['put', db, 'a', 'secret value', '--key-file', key, '--ecc', 'rs:4,2']);
    await ok(['export', db, file, '--whole', '--key-file', key]);
    assert.ok(!readFileSync(file).includes('secret value'));
    assert.match(await fails(OTHER, ['get', file, 'a']), /key/);
    assert.equal(await ok(['get', file, 'a', '--key-file', key]), 'secret value');
    assert.match(await ok(['verify', file]), /without the key/);
    await ok(['verify', file, '--key-file', key]);
    await ok(['import', copy, file, '--whole']);
    assert.equal(await ok(['get', copy, 'a', '--key-file', key]), 'secret value');
  });

  test('is refused when it is another file, damaged, or goes where something is', async (t) => {
    const root = temporaryDirectory(t);
    const [db, file, copy] = ['db', 'db.tar', 'copy'].map((name) => join(root, name)) as [
      ...[string, string, string],
    ];
    await fill(db);
    await ok(['export', db, file, '--whole']);
    await fails(OTHER, ['import', db, file, '--whole']);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    await fails(DAMAGE, ['import', copy, file, '--whole']);
    assert.equal(existsSync(join(copy, 'CURRENT')), false);
    await fails(DAMAGE, ['verify', file]);
    writeFileSync(file, 'no tar at all');
    for (const command of ['verify', 'scan', 'stats']) await fails(OTHER, [command, file]);
    await fails(OTHER, ['import', copy, file, '--whole']);
    await fails(OTHER, ['put', file, 'a', 'b']);
  });

  test('takes no option that it would ignore', async (t) => {
    const root = temporaryDirectory(t);
    const db = join(root, 'db');
    await ok(['put', db, 'a', 'b']);
    const wrong = [
      ['export', db, 'x', '--whole', '--family', 'other'],
      ['export', db, 'x', '--whole', '--skip'],
      ['export', db, 'x', '--whole', '--encoding', 'hex'],
      ['export', db, 'x', '--rate', '1000'],
      ['import', join(root, 'y'), 'x', '--whole', '--sync'],
      ['import', join(root, 'y'), '--whole', '--dir', root],
    ];
    for (const args of wrong) await fails(USAGE, args);
  });
});
