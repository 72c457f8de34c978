/**
 * Directories of other programs: they are recognised before a byte is changed.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VarveLevel } from '../../src/adapters/level.ts';
import { run } from '../../src/cli/program.ts';
import { type DbOptions, open } from '../../src/index.ts';
import { bytesOf, keysAt, newBase } from './fixture.ts';

type Files = Record<string, string | Uint8Array>;

const LEVELDB: Files = {
  '000005.ldb': 'a table',
  '000007.log': 'a log',
  CURRENT: 'MANIFEST-000006\n',
  LOCK: '',
  LOG: 'recovered',
  'MANIFEST-000006': 'leveldb.BytewiseComparator',
};
const ROCKSDB: Files = {
  '000008.sst': 'a table',
  '000009.log': '',
  CURRENT: 'MANIFEST-000005\n',
  IDENTITY: 'c8b6-4d1e',
  LOCK: '',
  'MANIFEST-000005': 'leveldb.BytewiseComparator',
  'OPTIONS-000007': '[Version]',
};

function without(files: Files, ...names: string[]): Files {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));
}

/** What must be refused whatever the options, and what the message has to name. */
const DATABASES: Record<string, [Files, RegExp]> = {
  'a LevelDB': [LEVELDB, /LevelDB/],
  'a LevelDB with tables named as they once were': [
    { ...without(LEVELDB, '000005.ldb'), '000005.sst': 'a table' },
    /LevelDB/,
  ],
  'a LevelDB that lost its manifest': [without(LEVELDB, 'MANIFEST-000006', 'LOG'), /LevelDB/],
  'a LevelDB that lost CURRENT': [without(LEVELDB, 'CURRENT'), /LevelDB/],
  'a LevelDB of which only tables are left': [{ '000005.ldb': 'a table' }, /LevelDB/],
  'a new LevelDB after a power cut': [
    { CURRENT: 'MANIFEST-000001\n', 'MANIFEST-000001': '', LOCK: '' },
    /LevelDB/,
  ],
  'a LevelDB without tables and CURRENT': [
    { 'MANIFEST-000001': '', '000003.log': '', LOCK: '' },
    /LevelDB/,
  ],
  'a RocksDB': [ROCKSDB, /RocksDB/],
  'a RocksDB that lost CURRENT': [without(ROCKSDB, 'CURRENT'), /RocksDB/],
  'a RocksDB that lost CURRENT and manifest': [
    without(ROCKSDB, 'CURRENT', 'MANIFEST-000005', 'IDENTITY'),
    /RocksDB/,
  ],
  'a CURRENT of some program': [{ CURRENT: 'release 12' }, /CURRENT of another program/],
  'a CURRENT of some program, in binary': [
    { CURRENT: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) },
    /CURRENT of another program/,
  ],
};

/** What is only refused as a place for a new database. */
const MIXTURES: Record<string, Files> = {
  notes: { 'notes.txt': 'remember' },
  'an SQLite database': { 'app.db': 'SQLite format 3\0', 'app.db-wal': '' },
  'an LMDB environment': { 'data.mdb': 'x', 'lock.mdb': 'x' },
  'tables of another program': { '000001.sst': 'a table of theirs' },
};

function make(directory: string, files: Files): void {
  fs.mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) {
    fs.writeFileSync(join(directory, name), content);
  }
}

function invalid(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    const { code, message } = error as { code: string; message: string };
    assert.equal(code, 'INVALID', message);
    assert.match(message, pattern);
    return true;
  };
}

const WAYS: DbOptions[] = [
  {},
  { createIfMissing: false },
  { readOnly: true },
  { errorIfExists: true },
  { allowForeignFiles: true },
];

for (const [name, [files, pattern]] of Object.entries(DATABASES)) {
  test(`${name} is refused and keeps every byte`, async (t) => {
    const directory = join(newBase(t), 'theirs');
    make(directory, files);
    const before = bytesOf(directory);
    for (const options of WAYS) await assert.rejects(open(directory, options), invalid(pattern));
    const level = new VarveLevel(directory);
    await assert.rejects(level.open(), { code: 'LEVEL_DATABASE_NOT_OPEN' });
    await assert.rejects(VarveLevel.destroy(directory), { code: 'VARVE_INVALID' });
    assert.deepEqual(bytesOf(directory), before);
  });
}

for (const [name, files] of Object.entries(MIXTURES)) {
  test(`a database is not made beside ${name} unless that is asked for`, async (t) => {
    const directory = join(newBase(t), 'theirs');
    make(directory, files);
    const before = bytesOf(directory);
    await assert.rejects(open(directory), invalid(/holds files of something else/));
    await assert.rejects(open(directory, { createIfMissing: false }), { code: 'INVALID' });
    await assert.rejects(open(directory, { readOnly: true }), { code: 'INVALID' });
    await VarveLevel.destroy(directory);
    const left = bytesOf(directory);
    left.delete('LOCK');
    assert.deepEqual(left, before);
  });
}

test('beside files that are no obstacle a database is made, and they stay', async (t) => {
  const directory = join(newBase(t), 'db');
  const harmless = { '.gitkeep': '', '.DS_Store': 'x', 'Thumbs.db': 'x', 'desktop.ini': 'x' };
  make(directory, harmless);
  fs.mkdirSync(join(directory, 'lost+found'));
  await (await open(directory)).close();
  for (const name of Object.keys(harmless)) assert.ok(fs.existsSync(join(directory, name)), name);
  await VarveLevel.destroy(directory);
  const left = fs.readdirSync(directory).sort();
  assert.deepEqual(left, [...Object.keys(harmless), 'LOCK', 'lost+found'].sort());
});

test('with allowForeignFiles a database is made, and they stay', async (t) => {
  const directory = join(newBase(t), 'db');
  make(directory, { 'notes.txt': 'remember' });
  const db = await open(directory, { allowForeignFiles: true });
  db.put('k', '');
  await db.flush();
  await db.close();
  // From then on it is there.
  assert.deepEqual(await keysAt(directory), ['k']);
  await VarveLevel.destroy(directory);
  assert.deepEqual(fs.readdirSync(directory).sort(), ['LOCK', 'notes.txt']);
});

test('opening what is not to be made leaves nothing behind', async (t) => {
  const base = newBase(t);
  fs.mkdirSync(join(base, 'empty'));
  for (const name of ['empty', 'missing']) {
    for (const options of [{ createIfMissing: false }, { readOnly: true }]) {
      await assert.rejects(open(join(base, name), options), invalid(/no database/));
    }
  }
  assert.deepEqual(fs.readdirSync(base, { recursive: true }), ['empty']);
});

test('a database of ours is recognised however damaged, and told as damage', async (t) => {
  const base = newBase(t);
  const damages: Record<string, (directory: string) => void> = {
    'CURRENT is missing': (directory) => fs.rmSync(join(directory, 'CURRENT')),
    'CURRENT is empty': (directory) => fs.writeFileSync(join(directory, 'CURRENT'), ''),
    'CURRENT holds something else': (directory) => {
      fs.writeFileSync(join(directory, 'CURRENT'), 'x'.repeat(2048));
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    const directory = join(base, name);
    const db = await open(directory);
    db.put('k', '');
    await db.close();
    damage(directory);
    await assert.rejects(open(directory), { code: 'CORRUPTION' }, name);
  }
});

test('destroy takes what an earlier one left, and of others nothing', async (t) => {
  const directory = join(newBase(t), 'db');
  const db = await open(directory);
  db.put('k', '');
  await db.flush();
  await db.close();
  // A destroy that died after its first step; then somebody put a file there.
  fs.rmSync(join(directory, 'CURRENT'));
  fs.writeFileSync(join(directory, '000099.sst'), 'a table of theirs');
  await VarveLevel.destroy(directory);
  assert.deepEqual(fs.readdirSync(directory).sort(), ['000099.sst', 'LOCK']);
});

test('destroy takes a database of a later version', async (t) => {
  const directory = join(newBase(t), 'db');
  await (await open(directory)).close();
  const bytes = fs.readFileSync(join(directory, 'CURRENT'));
  bytes[8] = 99;
  fs.writeFileSync(join(directory, 'CURRENT'), bytes);
  await VarveLevel.destroy(directory);
  assert.deepEqual(fs.readdirSync(directory), ['LOCK']);
});

test('the command refuses a LevelDB, whatever it is asked to do', async (t) => {
  const directory = join(newBase(t), 'theirs');
  make(directory, LEVELDB);
  const before = bytesOf(directory);
  const commands = [
    ['get', 'k'],
    ['put', 'k', 'v'],
    ['del', 'k'],
    ['compact'],
    ['verify'],
    ['stats'],
    ['inspect'],
  ];
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  for (const [command, ...operands] of commands) {
    assert.notEqual(await run([command!, directory, ...operands]), 0, command);
    assert.match(written.pop()!, /LevelDB/, command);
  }
  assert.deepEqual(bytesOf(directory), before);
});
