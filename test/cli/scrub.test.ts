/**
 * `varve scrub`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { open } from '../../src/index.ts';
import { fails, ok, temporaryDirectory, varve } from './run-varve.ts';

const encryption = {
  suite: 'aes-256-gcm',
  epoch: 1,
  keys: { 1: new Uint8Array(32).fill(7) },
} as const;
const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
const KEY_COUNT = 2000;

async function makeDatabase(t: TestContext, isCoded: boolean): Promise<string> {
  const directory = temporaryDirectory(t);
  const db = await open(directory, isCoded ? { encryption, ecc } : { columnFamilies: ['other'] });
  for (let i = 0; i < KEY_COUNT; i++) db.put(`key ${i}`, `value ${i} ${'x'.repeat(50)}`);
  await db.flush();
  db.put('key', 'value');
  await db.close();
  return directory;
}

/** Changes a byte of every file; returns what they held. */
function damage(directory: string): Map<string, Buffer> {
  const before = new Map<string, Buffer>();
  for (const name of readdirSync(directory)) {
    if (name.startsWith('LOCK')) continue;
    const bytes = readFileSync(join(directory, name));
    before.set(name, Buffer.from(bytes));
    bytes[bytes.length >> 1]! ^= 0x80;
    writeFileSync(join(directory, name), bytes);
  }
  return before;
}

test('scrub finds damage in every file without a key, and with --heal it is gone', async (t) => {
  const directory = await makeDatabase(t, true);
  assert.match(await ok(['scrub', directory]), /\nscrubbed 4 files, .*\nno damage\n$/);
  const before = damage(directory);

  const look = await varve(['scrub', directory]);
  assert.equal(look.code, 1);
  assert.equal(look.stderr, `varve: ${before.size} places are damaged\n`);
  const text = look.stdout.toString();
  assert.match(text, /\n {2}result: can be healed from parity \(--heal\)\n/);
  assert.match(text, /\n4 places damaged: 4 healable\n$/);
  for (const name of before.keys()) assert.ok(text.includes(join(directory, name)), name);

  const report = JSON.parse(await ok(['scrub', directory, '--heal', '--json']));
  assert.equal(report.findings.length, before.size);
  for (const { file, isHealed, ranges } of report.findings) {
    assert.ok(isHealed, file);
    assert.deepEqual(ranges[0].lengthBytes, 1);
  }
  for (const [name, bytes] of before) {
    assert.deepEqual(readFileSync(join(directory, name)), bytes, name);
  }
  assert.match(await ok(['scrub', directory, '--heal']), /\nno damage\n$/);
});

test('scrub tells what is lost, and looks at files that are named alone', async (t) => {
  const directory = await makeDatabase(t, false);
  const before = damage(directory);
  const names = [...before.keys()];
  const table = names.find((name) => name.endsWith('.sst'))!;
  const { code, stdout } = await varve(['scrub', directory, '--heal', table]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /^lost: .*\n.*\n.*\n {2}result: neither parity nor copies/);
  assert.match(stdout.toString(), /\nscrubbed 1 file, .*\n1 place damaged: 1 lost\n$/);
  assert.notDeepEqual(readFileSync(join(directory, 'CURRENT')), before.get('CURRENT'));
  assert.match(await ok(['scrub', directory, '--heal', 'CURRENT']), /: 1 healed\n$/);
  assert.deepEqual(readFileSync(join(directory, 'CURRENT')), before.get('CURRENT'));
  assert.match(await fails(4, ['scrub', directory, 'other.sst']), /no file of the database/);
});

test('scrub refuses to heal what another process has open, and looks at it', async (t) => {
  const directory = await makeDatabase(t, false);
  const db = await open(directory);
  db.put('another', '1');
  assert.match(await fails(3, ['scrub', directory, '--heal']), /nobody else can heal it/);
  assert.match(await ok(['scrub', directory]), /\nno damage\n$/);
  await db.close();
});

test('scrub wants the directory of a database', async (t) => {
  const directory = temporaryDirectory(t);
  assert.match(await fails(4, ['scrub', directory]), /empty/);
  assert.match(await fails(4, ['scrub', join(directory, 'none'), '--heal']), /no such directory/);
});
