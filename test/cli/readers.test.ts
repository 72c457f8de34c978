import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { open } from '../../src/index.ts';
import { readBesideWriter } from './beside-writer.ts';
import { ok, temporaryDirectory, varve } from './run-varve.ts';

test('commands that read find no damage beside a process that replaces files', async (t) => {
  await readBesideWriter(join(temporaryDirectory(t), 'db'), 5);
});

test('inspect takes a table that is being written for unfinished, not for damaged', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory);
  for (let i = 0; i < 1000; i++) db.put(`key ${i}`, `value ${i}`);
  await db.flush();
  await db.close();
  const table = join(directory, readdirSync(directory).find((name) => name.endsWith('.sst'))!);
  const half = readFileSync(table).subarray(0, 4000);
  writeFileSync(join(directory, '000900.sst'), half);
  assert.match(await ok(['inspect', directory]), /000900\.sst.*unfinished end/);
  writeFileSync(table, half);
  const { code, stderr } = await varve(['inspect', directory]);
  assert.equal(code, 1);
  assert.match(stderr, /1 file is damaged/);
});
