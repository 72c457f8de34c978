/**
 * `varve repair`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DbOptions, open } from '../../src/index.ts';
import { fails, ok, temporaryDirectory, varve } from './run-varve.ts';

const KEY = 'ab'.repeat(32);

async function makeDatabase(t: TestContext, options: DbOptions = {}): Promise<string> {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory, { columnFamilies: ['notes'], ...options });
  for (let i = 0; i < 100; i++) db.put(`key${i}`, `value${i}`);
  db.put('note', 'text', { columnFamily: 'notes' });
  await db.flush();
  db.put('late', 'in the log');
  await db.close();
  return directory;
}

function remove(directory: string, pattern: RegExp): string[] {
  const names = readdirSync(directory).filter((name) => pattern.test(name));
  for (const name of names) rmSync(join(directory, name));
  return names;
}

test('a sound database needs no repair', async (t) => {
  const directory = await makeDatabase(t);
  const before = readdirSync(directory);
  assert.equal(await ok(['repair', directory]), 'nothing to repair\n');
  assert.equal(await ok(['repair', directory, '--apply']), 'nothing to repair\n');
  assert.deepEqual(readdirSync(directory).sort(), before.sort());
});

test('without --apply it says what is wrong, and changes nothing', async (t) => {
  const directory = await makeDatabase(t);
  remove(directory, /^MANIFEST/);
  const before = readdirSync(directory).sort();
  const { code, stdout, stderr } = await varve(['repair', directory]);
  assert.equal(code, 1);
  const text = stdout.toString();
  assert.match(text, /^wrong:\n {2}MANIFEST-\d+, which CURRENT names, is missing/);
  assert.match(
    text,
    /would consist of:\n {2}column family 'default': 1 table, .*\n.*'notes': 1 table/,
  );
  assert.match(text, /1 batch in logs; the last write is 102/);
  assert.match(text, /nothing was changed. Copy the directory first, then repair it with --apply/);
  assert.match(stderr, /the database needs a repair: --apply does it/);
  assert.deepEqual(readdirSync(directory).sort(), before);
});

test('--apply repairs, and the database holds what it held', async (t) => {
  const directory = await makeDatabase(t);
  remove(directory, /^(CURRENT|MANIFEST)/);
  await fails(1, ['get', directory, 'key7']);
  assert.match(await ok(['repair', directory, '--apply']), /repaired; verify it: varve verify /);
  assert.equal(await ok(['get', directory, 'key7']), 'value7');
  assert.equal(await ok(['get', directory, 'late']), 'in the log');
  assert.equal(await ok(['get', directory, 'note', '--family', 'notes']), 'text');
  assert.match(await ok(['verify', directory]), /no damage/);
});

test('what is lost is named by family and keys, and gives exit code 1', async (t) => {
  const directory = await makeDatabase(t);
  const [table] = readdirSync(directory).filter((name) => name.endsWith('.sst'));
  writeFileSync(join(directory, table!), readFileSync(join(directory, table!)).subarray(0, 500));
  const shown = await varve(['repair', directory, '--apply', '--json']);
  assert.equal(shown.code, 1);
  const { losses, doubts, isRepaired } = JSON.parse(shown.stdout.toString());
  assert.deepEqual([losses.length, doubts.length, isRepaired], [1, 0, false]);
  assert.deepEqual(losses[0].keys, { smallestKey: 'key0', largestKey: 'key99' });
  assert.equal(losses[0].columnFamily, 'default');
  assert.match(JSON.parse(shown.stderr).error.message, /^1 loss could not be made up for/);
  const text = (await varve(['repair', directory])).stdout.toString();
  assert.match(text, /^nothing to repair; see varve salvage for:\n {2}'default', key0 to key99: /);
  await ok(['salvage', directory, '--apply']);
  assert.ok(readdirSync(directory).includes(`${table}.lost`));
  assert.equal(await ok(['get', directory, 'late']), 'in the log');
});

test('an encrypted database needs its key', async (t) => {
  const keys = { 1: Uint8Array.from(Buffer.from(KEY, 'hex')) };
  const encryption = { suite: 'aes-256-gcm', epoch: 1, keys } as const;
  const directory = await makeDatabase(t, { encryption });
  const keyFile = join(directory, '..', 'key');
  writeFileSync(keyFile, KEY, { mode: 0o600 });
  remove(directory, /^(CURRENT|MANIFEST)/);
  assert.match(await fails(4, ['repair', directory]), /no keys were given/);
  const wrong = join(directory, '..', 'wrong');
  writeFileSync(wrong, '12'.repeat(32), { mode: 0o600 });
  assert.match(await fails(4, ['repair', directory, '--key-file', wrong]), /no file opens/);
  await ok(['repair', directory, '--apply', '--key-file', keyFile]);
  assert.equal(await ok(['get', directory, 'key7', '--key-file', keyFile]), 'value7');
});

test('an encrypted database of logs alone needs the id of a backup', async (t) => {
  const keys = { 1: Uint8Array.from(Buffer.from(KEY, 'hex')) };
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory, { encryption: { suite: 'aes-256-gcm', epoch: 1, keys } });
  db.put('a', '1');
  await db.close();
  const keyFile = join(directory, '..', 'key');
  writeFileSync(keyFile, KEY, { mode: 0o600 });
  const inspected = await ok(['inspect', join(directory, 'CURRENT'), '--json']);
  const id = /"databaseId":"([0-9a-f]{32})"/.exec(inspected)![1]!;
  remove(directory, /^(CURRENT|MANIFEST)/);
  const args = ['repair', directory, '--apply', '--key-file', keyFile];
  assert.match(await fails(1, args), /the id of the database is lost/);
  await ok([...args, '--database-id', id]);
  assert.equal(await ok(['get', directory, 'a', '--key-file', keyFile]), '1');
});

test('an open database is refused, and so are wrong arguments and other directories', async (t) => {
  const directory = await makeDatabase(t);
  const db = await open(directory);
  assert.match(await fails(3, ['repair', directory, '--apply']), /./);
  await db.close();
  assert.match(await fails(2, ['repair']), /missing required argument/);
  assert.match(await fails(2, ['repair', directory, '--family-name', 'notes']), /ID=NAME/);
  assert.match(await fails(2, ['repair', directory, '--database-id', 'xy']), /32 hexadecimal/);
  assert.match(await fails(2, ['repair', directory, '--force']), /unknown option/);
  assert.match(await fails(4, ['repair', join(directory, 'none')]), /no database at/);
  const other = temporaryDirectory(t);
  writeFileSync(join(other, 'a.txt'), 'text');
  assert.match(await fails(4, ['repair', other]), /it holds other files/);
});

test('names of families that only logs have are given by hand', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory, { columnFamilies: ['notes'] });
  db.put('a', '1', { columnFamily: 'notes' });
  await db.close();
  remove(directory, /^(CURRENT|MANIFEST)/);
  const shown = await varve(['repair', directory]);
  assert.match(shown.stdout.toString(), /'recovered-1': 0 tables, 0 B \(its name is lost; see --f/);
  await ok(['repair', directory, '--apply', '--family-name', '1=notes']);
  assert.equal(await ok(['get', directory, 'a', '--family', 'notes']), '1');
});

test('varve salvage tells what a table has lost, and writes it anew when told to', async (t) => {
  const directory = await makeDatabase(t, { blockSizeBytes: 512, compression: 'none' });
  assert.equal(await ok(['salvage', directory]), 'nothing to salvage\n');
  const [table] = readdirSync(directory).filter((name) => name.endsWith('.sst'));
  const bytes = readFileSync(join(directory, table!));
  bytes.fill(7, 700, 800);
  writeFileSync(join(directory, table!), bytes);
  const shown = await varve(['salvage', directory, table!]);
  assert.equal(shown.code, 1);
  assert.match(
    shown.stdout.toString(),
    /kept: \d+ of 100 entries\n {2}lost: between key\d+ and key/,
  );
  assert.match(shown.stdout.toString(), /nothing was changed; --apply writes the tables anew/);
  assert.match(await ok(['salvage', directory, '--apply']), /older values may show now/);
  assert.match(await ok(['verify', directory]), /no damage/);
  assert.ok(readdirSync(directory).includes(`${table}.lost`));
  assert.match(await fails(2, ['salvage', directory, 'x.sst']), /as 12 or 000012.sst/);
  assert.match(await fails(4, ['salvage', directory, '9999']), /has no table 9999/);
});
