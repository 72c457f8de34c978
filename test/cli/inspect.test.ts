/**
 * `varve inspect` on sound files.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DbOptions } from '../../src/index.ts';
import { open } from '../../src/index.ts';
import { ENCRYPTION, keyOf, MARK, SETTINGS } from './inspect-fixture.ts';
import { fails, jsonLines, ok, temporaryDirectory, varve } from './run-varve.ts';

const KEY_COUNT = 60;
const KEY_HEX = '07'.repeat(32);

interface Part {
  readonly part: string;
  readonly [name: string]: unknown;
}

/** A closed database, and the file with its key beside it. */
async function make(t: TestContext, settings: DbOptions): Promise<{ db: string; key: string }> {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'db');
  const db = await open(path, { ...settings, blockSizeBytes: 512 });
  for (let i = 0; i < KEY_COUNT; i++) db.put(keyOf(i), `${MARK} ${i} ${'x'.repeat(i)}`);
  await db.compact();
  for (let i = 0; i < 3; i++) db.put(keyOf(i), `${MARK} anew ${i}`);
  db.delete(keyOf(3));
  await db.close();
  const key = join(directory, 'key');
  writeFileSync(key, `${KEY_HEX}\n`, { mode: 0o600 });
  return { db: path, key };
}

function fileOf(db: string, pattern: RegExp): string {
  const name = readdirSync(db).find((one) => pattern.test(one));
  assert.ok(name !== undefined, `${pattern} in ${db}`);
  return join(db, name);
}

function databaseFiles(db: string): string[] {
  return readdirSync(db)
    .filter((name) => !name.startsWith('LOCK'))
    .map((name) => join(db, name));
}

async function partsOf(args: readonly string[]): Promise<Part[]> {
  return jsonLines(await ok(['inspect', '--json', ...args])) as Part[];
}

function damage(path: string, at: number, flip = 0xff): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= flip;
  writeFileSync(path, bytes);
}

/** One of each kind of setting: test/cli/inspect-damage.test.ts goes through all of them. */
for (const name of ['plain', 'secded', 'encrypted, with reed-solomon']) {
  test(`every file is shown with its entries, with the key if it has one: ${name}`, async (t) => {
    const settings = SETTINGS[name]!;
    const { db, key } = await make(t, settings);
    const keys = settings.encryption === undefined ? [] : ['--key-file', key];
    const before = databaseFiles(db).map((path) => readFileSync(path));
    const table = await partsOf([fileOf(db, /sst$/), ...keys]);
    const entries = table.filter(({ part }) => part === 'entry');
    assert.deepEqual(
      entries.map((entry) => entry['key']),
      Array.from({ length: KEY_COUNT }, (_, i) => keyOf(i)),
    );
    assert.equal(entries[5]!['value'], `${MARK} 5 xxxxx`);
    const blocks = table.filter(({ part }) => part === 'block');
    assert.deepEqual(
      blocks.map(({ ordinal }) => ordinal),
      blocks.map((_, i) => i),
    );
    assert.ok(table.filter(({ part }) => part === 'separator').length > 3);
    const log = await partsOf([fileOf(db, /wal$/), ...keys]);
    assert.deepEqual(
      log.filter(({ part }) => part === 'entry').map(({ kind, seqno }) => [kind, seqno]),
      [61, 62, 63, 64].map((seqno) => [seqno === 64 ? 'delete' : 'put', seqno]),
    );
    const manifest = await ok(['inspect', fileOf(db, /^MANIFEST/), ...keys]);
    assert.match(manifest, /"addedTables":\[\{"familyId":0,"level":1/);
    const current = await ok(['inspect', join(db, 'CURRENT'), ...keys]);
    assert.match(current, /slot 1: sound, the one that counts; 7 copies all sound/);
    const list = await ok(['inspect', db, ...keys]);
    assert.equal(list.match(/ no damage\n/g)!.length, 4);
    assert.ok(!list.includes('sealed'));
    const after = databaseFiles(db).map((path) => readFileSync(path));
    assert.deepEqual(after, before);
  });
}

test('without the key an encrypted file shows all but its contents', async (t) => {
  const { db, key } = await make(t, SETTINGS['encrypted, with reed-solomon']!);
  for (const path of databaseFiles(db)) {
    for (const flags of [['--json'], ['--block', '1']]) {
      const text = await ok(['inspect', path, ...flags]);
      assert.ok(!text.includes(MARK) && !text.includes(keyOf(1)), text);
    }
  }
  const table = fileOf(db, /sst$/);
  const text = await ok(['inspect', table]);
  assert.match(text, /^#0 data at \d+: .* checksum sound, content sealed$/m);
  assert.match(text, /chacha20-poly1305, epoch 1; authenticated with it \(AAD\)/);
  assert.match(text, /position \d+, generation 0, block type 1\n/);
  assert.match(text, /parity +at \d+, .* 2 of parity of \d+ bytes; all sound/);
  const [, , block] = await partsOf([table]);
  const aad = block!['aad'] as { databaseId: string };
  assert.match(aad.databaseId, /^[0-9a-f]{32}$/);

  // Alone the file lacks the database id, which is part of what was sealed.
  const alone = join(temporaryDirectory(t), '000005.sst');
  copyFileSync(table, alone);
  assert.match(await ok(['inspect', alone, '--key-file', key]), /content sealed/);
  const opened = ['inspect', alone, '--key-file', key, '--database-id', aad.databaseId];
  assert.match(await ok(opened), new RegExp(`put @0 ${keyOf(1)}\t${MARK} 1 x\n`));
  const other = ['inspect', alone, '--key-file', key, '--database-id', '00'.repeat(16)];
  const { code, stdout } = await varve(other);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /content damaged: block is not authentic/);
});

test('no output holds a key, and a wrong one is told', async (t) => {
  const { db, key } = await make(t, { encryption: ENCRYPTION });
  for (const path of [db, ...databaseFiles(db)]) {
    const text = await ok(['inspect', path, '--json', '--key-file', key]);
    assert.ok(!text.includes(KEY_HEX.slice(0, 20)));
  }
  writeFileSync(key, '08'.repeat(32));
  const text = await fails(4, ['inspect', fileOf(db, /sst$/), '--key-file', key]);
  assert.match(text, /the key of epoch 1 is not the one of this database/);
  const sealed = await ok(['inspect', fileOf(db, /sst$/), '--key-file', `9=${key}`]);
  assert.match(sealed, /contents sealed\n$/);
});

test('a block is shown byte by byte, in the file and decrypted', async (t) => {
  const { db, key } = await make(t, SETTINGS['encrypted']!);
  const log = fileOf(db, /wal$/);
  const bytes = readFileSync(log);
  const parts = await partsOf([log, '--block', '2', '--key-file', key]);
  const [block] = parts.filter(({ part }) => part === 'block');
  let at = block!['offset'] as number;
  for (const { area, offset, hex, length } of parts.filter(({ part }) => part === 'field')) {
    if (area !== 'file') continue;
    assert.equal(offset, at);
    at += length as number;
    assert.equal(hex, bytes.subarray(offset as number, at).toString('hex'));
  }
  assert.equal(at, (block!['offset'] as number) + (block!['sizeBytes'] as number));
  const text = await ok(['inspect', log, '--block', '2', '--key-file', key]);
  assert.match(text, /^ [0-9a-f]{8} {2}10 +block type: 16, WAL record$/m);
  assert.match(text, /^ [0-9a-f]{8} {2}([0-9a-f]{2} ){15}[0-9a-f]{2} {2}tag: [0-9a-f]{32}$/m);
  assert.match(text, /^\+00000017 .* operation 0: key: key 00\d$/m);
  const header = await ok(['inspect', log, '--block', 'header']);
  assert.match(header, /^ 00000000 {2}56 41 52 56 45 +magic: copy 0$/m);
  const error = await varve(['inspect', log, '--block', '99', '--json']);
  assert.equal(error.code, 1);
  assert.equal(JSON.parse(error.stderr).error.code, 'NOT_FOUND');
  assert.match(await fails(2, ['inspect', db, '--block', '0']), /wants a file/);
  assert.match(await fails(2, ['inspect', log, '--block', 'x']), /a number from 0 on/);
});

test('damage is named and passed over, and the exit code tells it', async (t) => {
  const { db } = await make(t, SETTINGS['plain']!);
  const table = fileOf(db, /sst$/);
  const sound = await partsOf([table]);
  const blocks = sound.filter(({ part }) => part === 'block');
  const second = blocks[1] as unknown as { offset: number; sizeBytes: number };
  damage(table, second.offset + 30);
  const { code, stdout, stderr } = await varve(['inspect', table]);
  assert.equal(code, 1);
  assert.match(stderr, /^varve: the file is damaged: 1 place lost\n$/);
  const text = stdout.toString();
  const line = `#1 data at ${second.offset}: ${second.sizeBytes} bytes, checksum damaged`;
  assert.ok(text.includes(line), text);
  assert.match(text, new RegExp(`put @0 ${keyOf(KEY_COUNT - 1)}`));
  const list = await varve(['inspect', db]);
  assert.equal(list.code, 1);
  assert.match(list.stdout.toString(), /sst +table .* damaged in 1 place\n/);

  // Neither footer nor index is left: the walk finds the other blocks all the same.
  writeFileSync(table, readFileSync(table).subarray(0, -100));
  damage(table, 129);
  const cut = await varve(['inspect', '--json', table]);
  assert.equal(cut.code, 1);
  const found = jsonLines(cut.stdout.toString()) as Part[];
  const intact = found.filter(({ part, checksum }) => part === 'block' && checksum === 'sound');
  assert.ok(intact.length >= blocks.length - 4, `${intact.length} of ${blocks.length}`);
});

test('what error correction restores is shown with the shards that were damaged', async (t) => {
  const { db } = await make(t, SETTINGS['reed-solomon']!);
  const table = fileOf(db, /sst$/);
  const [block] = (await partsOf([table])).filter(({ part }) => part === 'block');
  const { offset, parity } = block as unknown as {
    offset: number;
    parity: { offset: number; dataShardBytes: number; parityShardBytes: number };
  };
  damage(table, offset + 2 * parity.dataShardBytes + 1);
  damage(table, parity.offset + parity.parityShardBytes + 3);
  const { code, stdout } = await varve(['inspect', table]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /checksum corrected \(block checksum does not match\)/);
  assert.match(stdout.toString(), /damaged data 2, damaged parity 1\n/);
  assert.match(stdout.toString(), new RegExp(`put @0 ${keyOf(0)}`));
});

test('an unfinished last record is no damage', async (t) => {
  const directory = temporaryDirectory(t);
  const source = await open(join(directory, 'db'), { compression: 'none' });
  source.put('a', 'first');
  source.put('b', 'second'.repeat(20));
  const log = fileOf(join(directory, 'db'), /wal$/);
  const bytes = readFileSync(log);
  await source.close();
  const copy = join(directory, '000002.wal');
  writeFileSync(copy, bytes.subarray(0, -30));
  const text = await ok(['inspect', copy]);
  assert.match(text, /-- unfinished: \d+ bytes at \d+/);
  assert.match(text, /^1 block; no damage, unfinished end$/m);
});

test('files of something else are told apart', async (t) => {
  const directory = temporaryDirectory(t);
  const notes = join(directory, 'notes.txt');
  writeFileSync(notes, 'VARV is not enough');
  const outcome = await varve(['inspect', notes]);
  assert.equal(outcome.code, 4);
  assert.match(outcome.stderr, /is no file of a database/);
  assert.equal((await varve(['inspect', directory])).code, 4);
  mkdirSync(join(directory, 'empty'));
  assert.equal((await varve(['inspect', join(directory, 'empty')])).code, 4);
  assert.match(await fails(4, ['inspect', join(directory, 'gone')]), /no such file or directory/);
  const table = join(directory, '000001.sst');
  writeFileSync(table, 'no table');
  assert.equal((await varve(['inspect', table])).code, 1);
  writeFileSync(table, '');
  assert.equal((await varve(['inspect', table])).code, 1);
});

test('a database that is open elsewhere can be inspected', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const lockHolder = new URL(`./lock-holder${extname(import.meta.url)}`, import.meta.url);
  const holder = spawn(process.execPath, [fileURLToPath(lockHolder), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill());
  await once(holder.stdout, 'data');
  assert.match(await ok(['inspect', directory]), /wal +wal .* no damage\n/);
  assert.match(await ok(['inspect', join(directory, 'LOCK')]), new RegExp(`"pid": ?${holder.pid}`));
  holder.stdin.end();
  await once(holder, 'close');
});
