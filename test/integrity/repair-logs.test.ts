import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryFs } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  GOLDEN,
  goldenContent,
  goldenNames,
  loadGolden,
  OLDER_GOLDEN,
} from '../format/golden-files.ts';
import { contentOf as goldenContentOf, openingOptions, RECIPES } from '../format/golden-recipes.ts';
import { openSeeded } from '../prove/environment.ts';
import { contentOf, namesIn, pathOf, removeMatching, repairIn } from './repair-fixture.ts';

function scrambleIn(fs: MemoryFs, name: string, from: number, to: number): void {
  const file = fs.open(pathOf(name), 'update');
  const bytes = new Uint8Array(to - from);
  file.read(bytes, 0, bytes.length, from);
  const random = new SeededRandom(from);
  for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i]! ^ (1 + random.below(255));
  file.write(bytes, 0, bytes.length, from);
  file.close();
}

function dead(fs: MemoryFs): MemoryFs {
  const copy = fs.clone();
  removeMatching(copy, /^LOCK/);
  return copy;
}

const sizeOf = (fs: MemoryFs, name: string): number => {
  const file = fs.open(pathOf(name), 'read');
  const size = file.size();
  file.close();
  return size;
};

test('before a gap in the logs an older write does not win over what tables may have', async () => {
  const fs = new MemoryFs();
  const db = await openSeeded(fs, 2, { columnFamilies: ['other'] });
  // Keeps the log from going when the other family is flushed.
  db.put('pin', 'stays in the log', { columnFamily: 'other' });
  db.put('a', 'old');
  const [log] = namesIn(fs).filter((name) => name.endsWith('.wal'));
  const from = sizeOf(fs, log!);
  db.put('a', 'new');
  const to = sizeOf(fs, log!);
  await db.flush({ columnFamily: 'default' });
  await db.compact({ columnFamily: 'default', bottommost: true });
  db.put('b', 'behind the gap');
  const left = dead(fs);
  await db.close();
  removeMatching(left, /^(CURRENT|MANIFEST)/);
  scrambleIn(left, log!, from, to);
  const report = await repairIn(left);
  assert.ok(report.doubts.some(({ reason }) => /writes behind 2 are missing/.test(reason)));
  const again = await openSeeded(left, 4, {});
  assert.equal(Buffer.from(again.get('a')!).toString(), 'new');
  const found = contentOf(again);
  assert.deepEqual(
    [...found.get('default')!],
    [
      ['a', 'new'],
      ['b', 'behind the gap'],
    ],
  );
  assert.deepEqual(
    [...found.values()].map(({ size }) => size),
    [2, 1],
  );
  await again.close();
});

test('a gap within a log takes older writes only, and what is behind it stays', async () => {
  const fs = new MemoryFs();
  const db = await openSeeded(fs, 2, { columnFamilies: ['other'] });
  db.put('pin', 'stays in the log', { columnFamily: 'other' });
  db.put('a', 'old');
  const [log] = namesIn(fs).filter((name) => name.endsWith('.wal'));
  const from = sizeOf(fs, log!);
  db.put('a', 'new');
  const to = sizeOf(fs, log!);
  db.put('c', 'in the same log', { columnFamily: 'other' });
  await db.flush({ columnFamily: 'default' });
  await db.compact({ columnFamily: 'default', bottommost: true });
  const left = dead(fs);
  await db.close();
  removeMatching(left, /^(CURRENT|MANIFEST)/);
  scrambleIn(left, log!, from, to);
  await repairIn(left, { familyNames: { 1: 'other' } });
  const again = await openSeeded(left, 4, {});
  assert.equal(Buffer.from(again.get('a')!).toString(), 'new');
  const other = { columnFamily: 'other' };
  assert.equal(Buffer.from(again.get('pin', other)!).toString(), 'stays in the log');
  assert.equal(Buffer.from(again.get('c', other)!).toString(), 'in the same log');
  await again.close();
});

test('a log that is missing between two others is told, and what is behind it stays', async () => {
  const fs = new MemoryFs();
  let db = await openSeeded(fs, 2, {});
  for (const value of ['1', '2', '3']) {
    db.put(`key${value}`, value);
    await db.close();
    db = await openSeeded(fs, 2 * Number(value), {});
  }
  await db.close();
  const logs = namesIn(fs).filter((name) => name.endsWith('.wal'));
  assert.equal(logs.length, 3);
  removeMatching(fs, new RegExp(`^(CURRENT|MANIFEST|LOCK|${logs[1]})`));
  const report = await repairIn(fs);
  assert.ok(report.doubts.some(({ reason }) => /writes behind 1 are missing/.test(reason)));
  const again = await openSeeded(fs, 4, {});
  assert.deepEqual(
    [...contentOf(again).get('default')!],
    [
      ['key1', '1'],
      ['key3', '3'],
    ],
  );
  await again.close();
});

test('tables of older versions are taken for a family that is named, and told', async () => {
  const folder = join(GOLDEN, '..', OLDER_GOLDEN[0]!);
  const older = new Set(goldenNames(folder));
  for (const recipe of RECIPES.filter(({ name }) => older.has(name))) {
    const options = openingOptions(recipe);
    const fs = loadGolden(recipe.name, folder);
    // With CURRENT there, the manifest tells it all.
    const dry = await repairIn(fs, { ...options, dryRun: true });
    assert.deepEqual(dry.problems, [], recipe.name);
    removeMatching(fs, /^MANIFEST/);
    const report = await repairIn(fs.clone(), options);
    assert.ok(report.losses.length > 0, recipe.name);
    const given = await repairIn(fs, { ...options, olderTablesFamily: 'default' });
    assert.deepEqual(given.losses, [], recipe.name);
    assert.ok(given.doubts.length > 0, recipe.name);
  }
});

test('golden databases hold what they held after their manifest was lost', async () => {
  for (const recipe of RECIPES) {
    const fs = loadGolden(recipe.name);
    const options = openingOptions(recipe);
    removeMatching(fs, /^(CURRENT|MANIFEST)/);
    const report = await repairIn(fs, options);
    assert.deepEqual(report.losses, [], recipe.name);
    const db = await openSeeded(fs, 4, options);
    assert.deepEqual(goldenContentOf(db), goldenContent(), recipe.name);
    await db.close();
  }
});
