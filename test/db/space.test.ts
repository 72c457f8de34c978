/**
 * A disk that is full: what goes on, what waits, and how it comes back by itself.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { openThreaded } from '../executor/fixture.ts';
import { tableNames } from './helpers.ts';

const KIB = 1024;
const OPTIONS = {
  writeBufferBytes: 64 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 4096 * KIB,
  l0TriggerCount: 8,
  compression: 'none',
} as const;

interface World {
  readonly db: Db;
  readonly fs: MemoryFs;
  readonly clock: SimulatedClock;
}

/** A database on a disk of which a part is taken by something else. */
async function openOn(capacityBytes: number, ballastBytes: number, workers: number) {
  const fs = new MemoryFs({ capacityBytes });
  const ballast = fs.open('ballast', 'create');
  ballast.truncate(ballastBytes);
  ballast.close();
  const { db, clock } = await openThreaded(fs, { ...OPTIONS, workers });
  return { db, fs, clock };
}

function fill({ db }: World, from: number, to: number): void {
  for (let i = from; i < to; i++) db.put(`key ${i}`, new Uint8Array(1000).fill(i));
}

function expectAll({ db }: World, count: number): void {
  for (let i = 0; i < count; i++) assert.equal(db.get(`key ${i}`)?.[0], i & 0xff, `key ${i}`);
}

for (const workers of [0, 2]) {
  suite(`a full disk, ${workers} workers`, () => {
    test('lets writing go on when only a compaction has no room', async () => {
      const world = await openOn(1700 * KIB, 900 * KIB, workers);
      const { db, fs, clock } = world;
      fill(world, 0, 560);
      await db.flush();
      const { spaceError, backgroundError, counters } = db.stats();
      assert.match(spaceError ?? '', /compaction needs \d+ bytes, of which \d+ are free/);
      assert.equal(backgroundError, undefined);
      assert.equal(counters.compactionCount, 0);
      fs.remove('ballast');
      clock.advance(2000);
      fill(world, 560, 620);
      await db.flush();
      assert.equal(db.stats().spaceError, undefined);
      await db.compact();
      expectAll(world, 620);
      await db.close();
    });

    test('refuses a compaction that was asked for, and says why', async () => {
      const world = await openOn(1100 * KIB, 0, workers);
      fill(world, 0, 500);
      await world.db.flush();
      const ballast = world.fs.open('ballast 2', 'create');
      ballast.truncate(world.fs.freeBytes('db')! - 100 * KIB);
      ballast.close();
      await assert.rejects(world.db.compact(), (error) => isVarveError(error, 'NOSPACE'));
      assert.equal(world.db.stats().backgroundError, undefined);
      const tables = tableNames(world.fs);
      assert.equal(tables.length, world.db.stats().tableCount);
      world.db.put('one', 'more');
      expectAll(world, 500);
      world.fs.remove('ballast 2');
      await world.db.compact();
      assert.equal(world.db.stats().spaceError, undefined);
      expectAll(world, 500);
      await world.db.close();
    });

    test('stops writing when the log has no room, and goes on by itself once it has', async () => {
      const world = await openOn(700 * KIB, 300 * KIB, workers);
      const { db, fs, clock } = world;
      let written = 0;
      const refused = (error: unknown): boolean => isVarveError(error, 'NOSPACE');
      assert.throws(() => {
        for (; written < 2000; written++) {
          db.put(`key ${written}`, new Uint8Array(1000).fill(written));
        }
      }, refused);
      assert.ok(written > 50, `${written} writes`);
      assert.throws(() => db.put('one', 'more'), refused);
      assert.equal(db.get('one'), undefined);
      expectAll(world, written);
      fs.remove('ballast');
      clock.advance(2000);
      db.put('one', 'more');
      assert.equal(db.stats().backgroundError, undefined);
      expectAll(world, written);
      await db.close();
      const { db: again } = await openThreaded(fs, OPTIONS);
      expectAll({ ...world, db: again }, written);
      assert.equal(again.get('one')?.length, 4);
      await again.close();
    });
  });
}
