/**
 * `varve verify`, `compact`, `flush` and what else keeps a database in order.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { open } from '../../src/index.ts';
import { ok, temporaryDirectory, varve } from './run-varve.ts';

const KEY_COUNT = 3000;

/** A database with one table of level 1 and two families. */
async function makeDatabase(t: TestContext): Promise<string> {
  const directory = temporaryDirectory(t);
  const db = await open(directory, { columnFamilies: ['other'] });
  for (let i = 0; i < KEY_COUNT; i++) db.put(keyOf(i), `value ${i} ${'x'.repeat(50)}`);
  await db.compact();
  await db.close();
  return directory;
}

function keyOf(index: number): string {
  return `key ${String(index).padStart(5, '0')}`;
}

function tablesOf(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.sst'));
}

function tableOf(directory: string): string {
  return join(directory, tablesOf(directory)[0]!);
}

test('stats shows levels, files and memory, and as JSON everything', async (t) => {
  const directory = await makeDatabase(t);
  const text = await ok(['stats', directory]);
  assert.match(text, /default +L1 +1 +\d+\.?\d* kB +- +3,000 +0\n/);
  assert.match(text, /\n {2}other +- +0 +- +- +0 +0\n/);
  assert.match(text, /\n {2}table +1 +[\d.]+ kB\n {2}WAL +1 /);
  assert.match(text, /block cache, at most +13\d MB/);
  const stats = JSON.parse(await ok(['stats', directory, '--json']));
  assert.equal(stats.seqno, KEY_COUNT);
  assert.equal(stats.tableCount, 1);
  assert.equal(stats.columnFamilies[0].levels[1].entryCount, KEY_COUNT);
  assert.equal(stats.files[0].sizeBytes, stats.tableBytes);
  const one = JSON.parse(await ok(['stats', directory, '--json', '--family', 'other']));
  assert.deepEqual(
    one.columnFamilies.map(({ name }: { name: string }) => name),
    ['other'],
  );
});

test('stats counts files that an opening has kept', async (t) => {
  const directory = await makeDatabase(t);
  assert.match(await ok(['stats', directory]), /\n {2}kept as \*\.lost +0 +0 B\n/);
  writeFileSync(join(directory, '000999.sst.lost'), 'x'.repeat(2000));
  writeFileSync(join(directory, 'other.lost'), 'x');
  assert.match(await ok(['stats', directory]), /\n {2}kept as \*\.lost +1 +2\.0 kB\n/);
  const { files } = JSON.parse(await ok(['stats', directory, '--json']));
  const kept = files.find(({ kind }: { kind: string }) => kind === 'kept');
  assert.deepEqual(kept, { kind: 'kept', count: 1, sizeBytes: 2000 });
});

test('verify finds no damage in a sound database', async (t) => {
  const directory = await makeDatabase(t);
  assert.match(
    await ok(['verify', directory]),
    /^verified \d+ files \(1 table\), .*\nno damage\n$/,
  );
  const report = JSON.parse(await ok(['verify', directory, '--json']));
  assert.equal(report.tables, 1);
  assert.deepEqual(report.damage, []);
});

test('a flipped byte is found by verify, and by the reads that meet it', async (t) => {
  const directory = await makeDatabase(t);
  const table = tableOf(directory);
  const bytes = readFileSync(table);
  bytes[5000]! ^= 1;
  writeFileSync(table, bytes);

  const { code, stdout, stderr } = await varve(['verify', directory]);
  assert.equal(code, 1);
  assert.equal(stderr, 'varve: 1 place is damaged\n');
  assert.ok(stdout.includes(`damaged:  ${table}\n  place:  block at offset `), stdout.toString());
  assert.match(stdout.toString(), /\n {2}keys: {3}key 0\d+ to key 0\d+\n/);

  const json = await varve(['verify', directory, '--json']);
  assert.equal(json.code, 1);
  assert.equal(JSON.parse(json.stderr).error.code, 'CORRUPTION');
  const [damage] = JSON.parse(json.stdout.toString()).damage;
  assert.equal(damage.file, table);
  assert.ok(damage.offset > 0 && damage.offset <= 5000);
  assert.ok(damage.smallestKey >= keyOf(0) && damage.smallestKey < damage.largestKey);
  assert.ok(damage.largestKey <= keyOf(KEY_COUNT - 1));

  const scan = await varve(['scan', directory, '--json']);
  assert.equal(scan.code, 1);
  const { error } = JSON.parse(scan.stderr);
  assert.deepEqual([error.code, error.file, error.offset], ['CORRUPTION', table, damage.offset]);
  assert.equal(
    await ok(['get', directory, keyOf(KEY_COUNT - 1)]).then((value) => value.length),
    61,
  );
});

test('verify reports what keeps a database from being opened', async (t) => {
  const damages: ((directory: string) => string)[] = [
    (directory) => {
      const table = tableOf(directory);
      writeFileSync(table, readFileSync(table).subarray(0, -1));
      return table;
    },
    (directory) => {
      const table = tableOf(directory);
      rmSync(table);
      return table;
    },
    (directory) => {
      const current = join(directory, 'CURRENT');
      writeFileSync(current, '');
      return current;
    },
  ];
  for (const inflict of damages) {
    const directory = await makeDatabase(t);
    const file = inflict(directory);
    const { code, stdout } = await varve(['verify', directory, '--json']);
    assert.equal(code, 1);
    const { damage } = JSON.parse(stdout.toString());
    const files = new Set(damage.map((one: { file: string }) => one.file));
    assert.deepEqual([...files], [file]);
    const people = await varve(['verify', directory]);
    assert.equal(people.code, 1);
    assert.ok(people.stdout.toString().includes(`damaged:  ${file}\n`));
  }
});

test('compact drops what was deleted and shows the sizes', async (t) => {
  const directory = await makeDatabase(t);
  const db = await open(directory);
  for (let i = 0; i < KEY_COUNT; i += 2) db.delete(keyOf(i));
  await db.close();
  const text = await ok(['compact', directory]);
  assert.match(text, /^before {2}[\d.]+ kB in 2 tables\nafter {3}[\d.]+ kB in 1 table\ntook /);
  assert.match(text, /default +L1 +1 .* 1,500 +0 +[\d.]+ kB\n/);
  const report = JSON.parse(await ok(['compact', directory, '--json', '--family', 'other']));
  assert.deepEqual(report.before, report.after);
});

test('compact of a range leaves the tables beside it alone', async (t) => {
  const directory = temporaryDirectory(t);
  const db = await open(directory, { targetTableBytes: 65_536, compression: 'none' });
  for (let i = 0; i < KEY_COUNT; i++) db.put(keyOf(i), `${i} ${'x'.repeat(50)}`);
  await db.compact();
  for (let i = 0; i <= 100; i++) db.delete(keyOf(i));
  await db.close();
  const before = tablesOf(directory);
  const range = ['--from', keyOf(0), '--to', keyOf(100)];
  const report = JSON.parse(await ok(['compact', directory, '--json', ...range]));
  assert.ok(report.after.tableBytes < report.before.tableBytes);
  const kept = tablesOf(directory).filter((name) => before.includes(name));
  assert.ok(kept.length > 0 && kept.length < before.length, kept.join());
});
