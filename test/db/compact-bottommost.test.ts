/**
 * Compactions that rewrite what is one sorted run already (`bottommost`).
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { CALM, flushRound, putRound } from './held-workers.ts';
import { code, PATH, tableNames } from './helpers.ts';

const CODEC_NONE = 0;
const CODEC_LZ4 = 1;

function codecs(db: Db): number[] {
  return db.stats().storage.map(({ codecId }) => codecId);
}

/** A database that is one run of several tables, not compressed, opened with other options. */
async function openRun(fs: MemoryFs, options: DbOptions): Promise<Db> {
  const db = await open(PATH, { ...CALM, fs });
  for (let round = 0; round < 4; round++) await flushRound(db, round, 100);
  await db.compact();
  await db.close();
  return open(PATH, { ...CALM, fs, ...options });
}

suite('compact of what is one sorted run', () => {
  test('does nothing by itself', async () => {
    const fs = new MemoryFs();
    const db = await openRun(fs, { compression: 'lz4' });
    const before = tableNames(fs);
    assert.ok(before.length > 3);
    await db.compact();
    assert.deepEqual(tableNames(fs), before);
    assert.equal(db.stats().counters.compactionCount, 0);
    assert.deepEqual(codecs(db), [CODEC_NONE]);
    await db.close();
  });

  test('rewrites every table with `bottommost`, as new ones are', async () => {
    const fs = new MemoryFs();
    const db = await openRun(fs, { compression: 'lz4' });
    const before = tableNames(fs);
    await db.compact({ bottommost: true });
    assert.deepEqual(
      tableNames(fs).filter((name) => before.includes(name)),
      [],
    );
    assert.deepEqual(codecs(db), [CODEC_LZ4]);
    assert.equal([...db.keys()].length, 400);
    const levels = db.stats().columnFamilies[0]!.levels.filter(({ tableCount }) => tableCount > 0);
    assert.equal(levels.length, 1);
    await db.close();
  });

  test('rewrites no more than a range with `bottommost` and bounds', async () => {
    const fs = new MemoryFs();
    const db = await openRun(fs, { compression: 'lz4' });
    const before = tableNames(fs);
    await db.compact({ bottommost: true, from: 'key 00000', to: 'key 00001' });
    const kept = tableNames(fs).filter((name) => before.includes(name));
    assert.equal(kept.length, before.length - 1);
    assert.deepEqual(codecs(db), [CODEC_NONE, CODEC_LZ4]);
    assert.equal([...db.keys()].length, 400);
    await db.close();
  });

  test('says so when the disk has no room for it', async () => {
    const fs = new MemoryFs({ capacityBytes: 4096 * 1024 });
    const db = await openRun(fs, { compression: 'lz4' });
    const before = tableNames(fs);
    const ballast = fs.open('ballast', 'create');
    ballast.truncate(fs.freeBytes(PATH)! - 100_000);
    ballast.close();
    await db.compact();
    await assert.rejects(db.compact({ bottommost: true }), code('NOSPACE'));
    assert.deepEqual(tableNames(fs), before);
    assert.equal(db.stats().backgroundError, undefined);
    putRound(db, 9, 1);
    fs.remove('ballast');
    await db.compact({ bottommost: true });
    assert.deepEqual(codecs(db), [CODEC_LZ4]);
    await db.close();
  });
});
