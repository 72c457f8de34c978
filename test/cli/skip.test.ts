/**
 * `varve scan --skip` and `varve export --skip`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { open } from '../../src/index.ts';
import { fails, jsonLines, ok, temporaryDirectory, varve } from './run-varve.ts';

const COUNT = 300;

/** A database of which a block is lost. */
async function makeDamaged(t: TestContext): Promise<string> {
  const path = join(temporaryDirectory(t), 'db');
  const db = await open(path, { blockSizeBytes: 512, compression: 'none', workers: 0 });
  for (let i = 0; i < COUNT; i++) db.put(`k${String(i).padStart(3, '0')}`, 'v'.repeat(50));
  await db.compact();
  await db.close();
  const table = join(path, readdirSync(path).find((name) => name.endsWith('.sst'))!);
  const bytes = readFileSync(table);
  bytes[4000]! ^= 0x55;
  writeFileSync(table, bytes);
  return path;
}

test('a scan goes on past what is lost, and names it', async (t) => {
  const db = await makeDamaged(t);
  const plain = await varve(['scan', db]);
  assert.deepEqual([plain.code, /checksum/.test(plain.stderr)], [1, true]);
  for (const options of [['--json'], ['--json', '--keys-only'], ['--json', '--reverse']]) {
    const { code, stdout, stderr } = await varve(['scan', db, '--skip', ...options]);
    assert.equal(code, 1);
    const [, from, to] = /^skipped keys from (k\d+) to before (k\d+): .*checksum/.exec(stderr)!;
    const lines = jsonLines(stdout.toString()) as { key: string }[];
    const shown = new Set(lines.map(({ key }) => key));
    for (let i = 0; i < COUNT; i++) {
      const key = `k${String(i).padStart(3, '0')}`;
      assert.equal(shown.has(key), key < from! || key >= to!, key);
    }
    assert.match(stderr, /1 range of keys left out/);
  }
  assert.equal((await ok(['scan', db, '--skip', '--limit', '3'])).split('\n').length, 4);
});

test('an export goes on past what is lost, into a file or a pipe', async (t) => {
  const db = await makeDamaged(t);
  const file = join(temporaryDirectory(t), 'out.jsonl');
  await fails(1, ['export', db, file]);
  const toFile = await varve(['export', db, file, '--skip']);
  const toPipe = await varve(['export', db, '--skip']);
  assert.deepEqual([toFile.code, toPipe.code], [1, 1]);
  for (const { stderr } of [toFile, toPipe]) assert.match(stderr, /^skipped keys from k/m);
  assert.equal(toPipe.stdout.toString(), readFileSync(file, 'utf8'));
  const count = toPipe.stdout.toString().trim().split('\n').length;
  assert.ok(count > COUNT * 0.9 && count < COUNT, `${count} entries`);
});
