/**
 * Key files of the command, and encrypted databases.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fails, jsonLines, ok, temporaryDirectory, varve } from './run-varve.ts';

const OLD = 'a1'.repeat(32);
const NEW = 'b2'.repeat(32);

/** Files with keys, and the place for a database. */
function place(t: TestContext): { db: string; old: string; fresh: string } {
  const directory = temporaryDirectory(t);
  const old = join(directory, 'old-key');
  const fresh = join(directory, 'new-key');
  writeFileSync(old, OLD, { mode: 0o600 });
  writeFileSync(fresh, Buffer.from(NEW, 'hex'), { mode: 0o600 });
  return { db: join(directory, 'db'), old, fresh };
}

/** Runs with variables set, which child processes inherit. */
async function withEnvironment(
  variables: Readonly<Record<string, string>>,
  work: () => Promise<void>,
): Promise<void> {
  Object.assign(process.env, variables);
  try {
    await work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/** All files but the lock. */
function bytesIn(db: string): Buffer {
  const names = readdirSync(db).filter((name) => !name.startsWith('LOCK'));
  return Buffer.concat(names.map((name) => readFileSync(join(db, name))));
}

test('a database is encrypted with the key of a file, in each of its forms', async (t) => {
  const { db, old } = place(t);
  await ok(['put', db, 'a-secret-key', 'a-secret-value', '--key-file', old]);
  assert.ok(!bytesIn(db).includes('a-secret'));
  for (const form of [OLD, `${OLD}\n`, `${OLD.toUpperCase()}\r\n`, Buffer.from(OLD, 'hex')]) {
    writeFileSync(old, form);
    assert.equal(await ok(['get', db, 'a-secret-key', '--key-file', old]), 'a-secret-value');
  }
  const scanned = await ok(['scan', db, '--key-file', `1=${old}`, '--key-epoch', '1']);
  assert.equal(scanned, 'a-secret-key\ta-secret-value\n');
  assert.match(await ok(['verify', db, '--key-file', old]), /no damage/);
});

test('the environment names keys where options do not', async (t) => {
  const { db, old, fresh } = place(t);
  const variables = { VARVE_KEY_FILE: old, VARVE_SUITE: 'chacha20-poly1305', VARVE_KEY_EPOCH: '3' };
  await withEnvironment(variables, async () => {
    await ok(['put', db, 'k', 'v']);
    assert.equal(await ok(['get', db, 'k']), 'v');
    assert.match(await ok(['stats', db]), /encrypted with chacha20-poly1305, epoch 3\n/);
    assert.match(await fails(4, ['get', db, 'k', '--key-file', fresh]), /not the one of this/);
  });
  await withEnvironment({ VARVE_KEY_FILE: `3=${old}${delimiter}4=${fresh}` }, async () => {
    assert.equal(await ok(['get', db, 'k']), 'v');
    assert.match(await ok(['inspect', db]), /wal .* chacha20-poly1305, epoch 3 /);
  });
  await withEnvironment({ VARVE_KEY_FILE: old, VARVE_KEY_EPOCH: 'three' }, async () => {
    assert.match(await fails(2, ['get', db, 'k']), /VARVE_KEY_EPOCH must be an integer/);
  });
  await withEnvironment({ VARVE_KEY_FILE: old, VARVE_SUITE: 'rot13' }, async () => {
    assert.match(await fails(2, ['put', db, 'k', 'v']), /VARVE_SUITE must be one of/);
  });
});

test('a new epoch and a compaction change keys, and stats shows what is left', async (t) => {
  const { db, old, fresh } = place(t);
  await ok(['put', db, 'k', 'v', '--key-file', old]);
  await ok(['compact', db, '--key-file', old]);
  const both = ['--key-file', `1=${old}`, '--key-file', `2=${fresh}`];
  const before = JSON.parse(await ok(['stats', db, '--json', ...both])).encryption;
  assert.equal(before.epoch, 2);
  assert.equal(before.tables[0].epoch, 1);
  await ok(['put', db, 'k2', 'v2', ...both]);
  await ok(['put', db, 'k', 'w', ...both]);
  await ok(['compact', db, ...both]);
  await ok(['put', db, 'k3', 'v3', ...both]);
  const text = await ok(['stats', db, ...both]);
  assert.match(text, /new files are encrypted with aes-256-gcm, epoch 2\n/);
  const after = JSON.parse(await ok(['stats', db, '--json', ...both])).encryption;
  assert.deepEqual(
    after.tables.map(({ epoch }: { epoch: number }) => epoch),
    [2],
  );
  assert.equal(await ok(['get', db, 'k', '--key-file', `2=${fresh}`]), 'w');
});

test('a missing or wrong key is an error that says what to do, and shows none', async (t) => {
  const { db, old, fresh } = place(t);
  await ok(['put', db, 'k', 'v', '--key-file', old]);
  const before = bytesIn(db);
  const texts: [args: string[], message: RegExp][] = [
    [['get', db, 'k'], /no keys were given.*; name the file with its key: --key-file PATH/],
    [['put', db, 'k', 'w'], /no keys were given.*; name the file with its key/],
    [['get', db, 'k', '--key-file', fresh], /is not the one of this database.*given for epoch 1;/],
    [['get', db, 'k', '--key-file', `2=${fresh}`], /given for epoch 2; --key-file EPOCH=PATH/],
    [['get', db, 'k', '--key-file', `${old}x`], /cannot read the key file .*: it does not exist/],
    [['get', db, 'k', '--key-file', db], /cannot read the key file .*directory/],
  ];
  for (const [args, message] of texts) {
    const text = await fails(4, args);
    assert.match(text, message);
    assert.ok(!text.includes(OLD.slice(0, 8)) && !text.includes(NEW.slice(0, 8)));
  }
  for (const content of ['', 'short', OLD.slice(1), `${OLD}0`, `${OLD}\n\n`, 'z'.repeat(64)]) {
    writeFileSync(fresh, content);
    const text = await fails(4, ['get', db, 'k', '--key-file', fresh]);
    assert.match(text, /holds no key: it has \d+ bytes, not 32 bytes or 64 hexadecimal digits/);
    assert.ok(!text.includes(OLD.slice(1, 9)));
  }
  const { code, stderr } = await varve(['get', db, 'k', '--json']);
  assert.equal(code, 4);
  assert.equal(JSON.parse(stderr).error.code, 'KEY');
  assert.deepEqual(bytesIn(db), before);
});

test('options of keys without sense are refused', async (t) => {
  const { db, old, fresh } = place(t);
  const wrong: [args: string[], message: RegExp][] = [
    [['put', db, 'k', 'v', '--suite', 'aes-256-gcm'], /--suite does nothing without --key-file/],
    [['get', db, 'k', '--encrypt-existing'], /--encrypt-existing does nothing without/],
    [['get', db, 'k', '--key-epoch', '0', '--key-file', old], /an integer of 1 to 65535/],
    [['get', db, 'k', '--key-file', `70000=${old}`], /an integer of 1 to 65535/],
    [['get', db, 'k', '--key-file', old, '--key-file', fresh], /epoch 1 has two key files/],
    [['put', db, 'k', 'v', '--key-file', old, '--suite', 'des'], /Allowed choices/],
    [['put', db, 'k', 'v', '--compression', 'zip'], /none, lz4, zstd or zstd:1/],
    [['put', db, 'k', 'v', '--compression', 'zstd:20'], /none, lz4, zstd or zstd:1/],
    [['put', db, 'k', 'v', '--ecc', 'rs:4'], /rs:DATA,PARITY/],
    [['put', db, 'k', 'v', '--ecc', 'rs:25,2'], /1 to 24 data/],
    [['put', db, 'k', 'v', '--ecc', 'xor:0'], /rs:DATA,PARITY/],
    [['put', db, 'k', 'v', '--ecc', 'rs:4,2+stripe:20'], /stripe:DATA,PARITY/],
    [['put', db, 'k', 'v', '--ecc', 'stripe:20,2'], /stripe:DATA,PARITY/],
    [['put', db, 'k', 'v', '--ecc', 'none+stripe:25,2'], /1 to 24 data/],
  ];
  await ok(['put', db, 'k', 'v']);
  for (const [args, message] of wrong) assert.match(await fails(2, args), message);
});

test('a database in the clear is encrypted only when that is asked for', async (t) => {
  const { db, old } = place(t);
  await ok(['put', db, 'k', 'v']);
  const text = await fails(4, ['put', db, 'k2', 'v2', '--key-file', old]);
  assert.match(text, /leave the key out, or encrypt .* with --encrypt-existing/);
  await ok(['put', db, 'k2', 'v2', '--key-file', old, '--encrypt-existing']);
  assert.match(await fails(4, ['get', db, 'k']), /no keys were given/);
  assert.equal(await ok(['get', db, 'k', '--key-file', old]), 'v');
});

test('compression and error correction of what is written can be chosen', async (t) => {
  const { db } = place(t);
  const lines = Array.from({ length: 400 }, (_, i) => {
    return `${JSON.stringify({ key: `key ${i}`, value: 'the same again and again' })}\n`;
  });
  await ok(['import', db, '--compression', 'none', '--ecc', 'rs:4,2'], lines.join(''));
  const stored = ['--compression', 'zstd:5', '--ecc', 'rs:4,2'];
  await ok(['compact', db, ...stored]);
  assert.match(await ok(['stats', db]), /\n {2}zstd +reed-solomon 4\+2 +1 +\d/);
  assert.match(await ok(['inspect', db]), /MANIFEST-\d+ +manifest .* reed-solomon 4\+2 +no damage/);
  for (const [code, name] of [
    ['xor:3', 'xor 3+1'],
    ['secded', 'secded'],
    ['none+stripe:20,2', 'none, stripe 20+2'],
    ['xor:3+stripe:4,1', 'xor 3+1, stripe 4+1'],
    ['none', 'none'],
  ] as const) {
    await ok(['put', db, 'k', 'v', '--ecc', code, '--compression', 'lz4']);
    await ok(['compact', db, '--ecc', code, '--compression', 'lz4']);
    const { storage } = JSON.parse(await ok(['stats', db, '--json']));
    assert.deepEqual(
      storage.map(({ codecId, tableCount }: Record<string, number>) => [codecId, tableCount]),
      [[1, 1]],
    );
    assert.ok((await ok(['stats', db])).includes(` ${name} `));
  }
});

test('verify names what error correction puts right', async (t) => {
  const { db } = place(t);
  await ok(['put', db, 'k', 'v'.repeat(3000), '--ecc', 'rs:4,2']);
  await ok(['compact', db, '--ecc', 'rs:4,2']);
  const table = join(db, readdirSync(db).find((name) => name.endsWith('.sst'))!);
  const manifest = join(db, readdirSync(db).find((name) => name.startsWith('MANIFEST'))!);
  for (const path of [table, manifest]) {
    const bytes = readFileSync(path);
    bytes[230]! ^= 0x10;
    writeFileSync(path, bytes);
  }
  const text = await ok(['verify', db]);
  const corrected = 'corrected when read, still in the file: ';
  assert.ok(text.includes(`${corrected}${table}, offset 192: data block\n`), text);
  assert.ok(text.includes(`${corrected}${manifest}, offset `), text);
  assert.match(text, /\nno other damage\n$/);
  const report = JSON.parse(await ok(['verify', db, '--json']));
  assert.deepEqual(report.damage, []);
  assert.equal(report.corrected.length, 2);
  assert.match(await ok(['stats', db]), /corrections +1\n/);
});

test('verify without the key checks checksums, and says what it leaves out', async (t) => {
  const { db, old } = place(t);
  await ok(['put', db, 'k', 'v'.repeat(3000), '--key-file', old]);
  await ok(['compact', db, '--key-file', old]);
  const text = await ok(['verify', db]);
  assert.match(text, /^verified \d+ files, /);
  assert.match(text, /\nnot checked: without the key: /);
  assert.match(text, /\nno damage found\n$/);
  const { damage, notChecked } = JSON.parse(await ok(['verify', db, '--json']));
  assert.deepEqual([damage.length, notChecked.length], [0, 2]);
  const table = join(db, readdirSync(db).find((name) => name.endsWith('.sst'))!);
  const bytes = readFileSync(table);
  bytes[230]! ^= 0x10;
  writeFileSync(table, bytes);
  for (const options of [[], ['--key-file', old]]) {
    const { code, stdout } = await varve(['verify', db, ...options]);
    assert.equal(code, 1);
    assert.ok(stdout.toString().includes(`damaged:  ${table}\n  place:  block at offset `));
  }
  // A wrong key is a mistake, which is not passed over.
  const other = join(db, '..', 'other.key');
  writeFileSync(other, new Uint8Array(32).fill(7), { mode: 0o600 });
  assert.equal((await varve(['verify', db, '--key-file', other])).code, 4);
});

const noModes = process.platform === 'win32' ? 'files have no modes here' : false;

test('a key file that others can read or change is told, on standard error', {
  skip: noModes,
}, async (t) => {
  const { db, old } = place(t);
  await ok(['put', db, 'k', 'v', '--key-file', old]);
  for (const mode of [0o604, 0o644, 0o602]) {
    chmodSync(old, mode);
    const { code, stdout, stderr } = await varve(['get', db, 'k', '--key-file', old]);
    assert.deepEqual([code, stdout.toString()], [0, 'v']);
    const text = `can read or change the key file ${old} (mode ${mode.toString(8)}); use chmod 600`;
    assert.equal(stderr, `varve: warning: others ${text}\n`);
    const json = await varve(['get', db, 'none', '--key-file', old, '--json']);
    const [warning, error] = jsonLines(json.stderr) as [{ warning: string }, { error: object }];
    assert.equal(warning.warning, `others ${text}`);
    assert.ok(error.error);
  }
  for (const mode of [0o600, 0o640, 0o400]) {
    chmodSync(old, mode);
    await ok(['get', db, 'k', '--key-file', old]);
  }
});
