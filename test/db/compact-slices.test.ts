/**
 * Compactions by hand on a disk that has no room for the whole: they go on in slices, which free
 * what they have read.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { CompactionEvent, DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { openThreaded } from '../executor/fixture.ts';
import { CALM } from './held-workers.ts';
import { code, PATH, tableNames } from './helpers.ts';
import { SlowRemovalFs } from './slow-removals.ts';

const KIB = 1024;
/** So few that the tree opens no further level for what is compacted. */
const COUNT = 1900;

/** A tree of several levels, left as it is until somebody asks. */
const OPTIONS: DbOptions = {
  ...CALM,
  baseLevelBytes: 128 * KIB,
  levelRatio: 4,
  l0TriggerCount: 2,
};

interface World {
  readonly db: Db;
  readonly fs: SlowRemovalFs;
  readonly merges: CompactionEvent[];
}

function keyAt(i: number): string {
  return `key ${String((i * 7919) % COUNT).padStart(5, '0')}`;
}

/** Several levels of tables on a disk with `freeBytes` left for compactions. */
async function openTight(freeBytes: number, workers: number): Promise<World> {
  const fs = new SlowRemovalFs({ capacityBytes: 16_384 * KIB });
  const merges: CompactionEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'compaction' && event.kind === 'merge') merges.push(event);
  };
  const { db, threads } = await openThreaded(fs, { ...OPTIONS, workers, onEvent });
  for (let i = 0; i < COUNT; i++) db.put(keyAt(i), new Uint8Array(1000).fill(i));
  for (let i = 0; i < COUNT; i += 5) db.put(keyAt(i), new Uint8Array(1000).fill(i + 1));
  await db.flush();
  const l0Count = () => db.stats().columnFamilies[0]!.levels[0]!.tableCount;
  for (let i = 0; i < 10_000 && workers > 0 && l0Count() > 1; i++) {
    threads.run();
    await Promise.resolve();
  }
  await db.pauseBackgroundWork();
  await fs.idle();
  const ballast = fs.open('ballast', 'create');
  ballast.truncate(fs.freeBytes(PATH)! - freeBytes);
  ballast.close();
  db.continueBackgroundWork();
  merges.length = 0;
  return { db, fs, merges };
}

function usedLevels(db: Db): number {
  return db.stats().columnFamilies[0]!.levels.filter(({ tableCount }) => tableCount > 0).length;
}

function expectAll(db: Db): void {
  for (let i = 0; i < COUNT; i++) {
    const value = (i % 5 === 0 ? i + 1 : i) & 0xff;
    assert.equal(db.get(keyAt(i))?.[999], value, keyAt(i));
  }
  assert.equal([...db.keys()].length, COUNT);
}

for (const workers of [0, 2]) {
  suite(`a disk that is nearly full, ${workers} workers`, () => {
    test('is compacted in slices to one sorted run', async () => {
      const { db, fs, merges } = await openTight(700 * KIB, workers);
      assert.ok(usedLevels(db) > 1);
      assert.ok(db.stats().tableBytes > 1500 * KIB);
      await db.compact();
      assert.equal(usedLevels(db), 1);
      assert.equal(db.stats().columnFamilies[0]!.levels[0]!.tableCount, 0);
      const manual = merges.filter(({ reason }) => reason === 'manual');
      assert.ok(manual.length > 2, `${manual.length} slices`);
      for (const { bytesRead } of manual) {
        assert.ok(bytesRead <= 700 * KIB, `a slice of ${bytesRead} bytes`);
      }
      expectAll(db);
      assert.equal(db.stats().backgroundError, undefined);
      const files = tableNames(fs);
      assert.equal(files.length, db.stats().tableCount);
      await db.close();
    });

    test('is rewritten table by table with `bottommost`', async () => {
      const { db, merges } = await openTight(700 * KIB, workers);
      await db.compact();
      const numbers = () =>
        db
          .stats()
          .columnFamilies[0]!.levels.flatMap(({ tables }) =>
            tables.map(({ fileNumber }) => fileNumber),
          );
      const before = new Set(numbers());
      merges.length = 0;
      await db.compact({ bottommost: true });
      assert.ok(numbers().every((fileNumber) => !before.has(fileNumber)));
      assert.ok(merges.length > 5, `${merges.length} slices`);
      assert.equal(usedLevels(db), 1);
      expectAll(db);
      await db.close();
    });

    test('is left as it is where no slice fits, and is writable', async () => {
      const { db, fs, merges } = await openTight(100 * KIB, workers);
      const { tableBytes } = db.stats();
      await assert.rejects(db.compact(), code('NOSPACE'));
      assert.equal(db.stats().tableBytes, tableBytes);
      assert.deepEqual(merges, []);
      assert.equal(db.stats().backgroundError, undefined);
      db.put(keyAt(3), new Uint8Array(1000).fill(3));
      expectAll(db);
      fs.remove('ballast');
      await db.compact();
      assert.equal(usedLevels(db), 1);
      expectAll(db);
      await db.close();
    });
  });
}

test('where there is room for the whole, it is one compaction', async () => {
  const { db, merges } = await openTight(8192 * KIB, 0);
  await db.compact();
  assert.equal(merges.filter(({ reason }) => reason === 'manual').length, 1);
  assert.equal(usedLevels(db), 1);
  await db.close();
});
