/**
 * `varve checkpoint`, also beside a process that writes.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { open } from '../../src/index.ts';
import { startScript } from './beside-writer.ts';
import { fails, ok, temporaryDirectory } from './run-varve.ts';

test('a checkpoint is a database, with tables as hard links', async (t) => {
  const base = temporaryDirectory(t);
  const [directory, copy] = [join(base, 'db'), join(base, 'copy')];
  const db = await open(directory);
  for (let i = 0; i < 500; i++) db.put(`key ${i}`, 'x'.repeat(100));
  await db.flush();
  db.put('last', 'in the log');
  const text = await ok(['checkpoint', directory, copy]);
  assert.match(text, /^checkpoint of seqno 501 in .*copy\n4 files, 1 of them linked, /);
  await db.close();
  assert.equal(await ok(['get', copy, 'last']), 'in the log');
  const table = readdirSync(copy).find((name) => name.endsWith('.sst'))!;
  assert.equal(statSync(join(copy, table)).nlink, 2);
  const json = JSON.parse(await ok(['checkpoint', copy, join(base, 'third'), '--json']));
  assert.equal(json.seqno, 501);
  assert.equal(json.linkedCount, 1);
});

test('what cannot be done is said, and nothing is changed', async (t) => {
  const base = temporaryDirectory(t);
  const [directory, full] = [join(base, 'db'), join(base, 'full')];
  await ok(['put', directory, 'k', 'v']);
  mkdirSync(full);
  writeFileSync(join(full, 'a file'), '');
  assert.match(await fails(4, ['checkpoint', directory, full]), /is not empty: there is a file/);
  assert.deepEqual(readdirSync(full), ['a file']);
  assert.match(await fails(4, ['checkpoint', directory, directory]), /a database .* already/);
  assert.match(await fails(4, ['checkpoint', join(base, 'no'), join(base, 'x')]), /no database/);
  assert.ok(!existsSync(join(base, 'x')));
  await fails(2, ['checkpoint', directory]);
  await fails(2, ['checkpoint', directory, 'a', 'b']);
});

test('a checkpoint beside a process that writes is whole', async (t) => {
  const base = temporaryDirectory(t);
  const directory = join(base, 'db');
  const writer = startScript('busy-writer', [directory]);
  try {
    await once(writer.stdout!, 'data');
    for (let i = 0; i < 3; i++) {
      const copy = join(base, `copy ${i}`);
      await ok(['checkpoint', directory, copy]);
      assert.match(await ok(['verify', copy]), /no damage/);
    }
    writer.stdin!.end();
    assert.deepEqual(await once(writer, 'close'), [0, null]);
  } finally {
    writer.kill();
  }
});
