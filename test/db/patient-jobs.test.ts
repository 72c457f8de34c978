/**
 * Work that no write waits for, in the time of the database, beside what writes do wait for; and
 * what an open does that somebody waits for.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { type Db, type DbOptions, open } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { openThreaded } from '../executor/fixture.ts';
import { fill, PATH } from './helpers.ts';

const KIB = 1024;
const TABLES: DbOptions = {
  workers: 0,
  writeBufferBytes: 64 * KIB,
  targetTableBytes: 256 * KIB,
  blockSizeBytes: KIB,
  compression: 'none',
};

/** A database of some megabytes, whose turns of the host a test may use. */
async function openBusy(): Promise<{ db: Db; act: { turn: () => void } }> {
  const act = { turn: () => {} };
  const hostLoop = { turn: async () => act.turn() };
  const db = await open(PATH, { fs: new MemoryFs(), hostLoop, ...TABLES });
  fill(db, 12_000, 100);
  await db.compact();
  return { db, act };
}

for (const work of ['verify', 'scrub'] as const) {
  test(`a flush that becomes due during a ${work} is done before that ends`, async () => {
    const { db, act } = await openBusy();
    const before = db.stats().counters.flushCount;
    let flushed = 0;
    let turns = 0;
    act.turn = () => {
      turns++;
      if (turns === 1) {
        // The second write freezes what the first has filled, and then nobody writes any more.
        db.put('large', new Uint8Array(80 * KIB));
        db.put('small', 'x');
      }
      flushed = db.stats().counters.flushCount - before;
    };
    await db[work]();
    assert.ok(turns > 1 && flushed > 0, `${flushed} flushes in ${turns} turns`);
    act.turn = () => {};
    await db.close();
  });
}

test('a verification comes to an end beside writes that always give more to do', async () => {
  const { db, act } = await openBusy();
  let turns = 0;
  act.turn = () => {
    fill(db, 700, 100);
    assert.ok(++turns < 500, 'the verification gets nowhere');
  };
  await db.verify();
  act.turn = () => {};
  await db.close();
});

for (const workers of [0, 2]) {
  test(`an open that waits for L0 takes no heed of the limit, ${workers} workers`, async () => {
    const fs = new MemoryFs();
    await leaveCrowdedL0(fs);
    const { db, clock } = await openThreaded(fs, {
      ...TABLES,
      workers,
      rateLimitBytesPerSecond: 64 * KIB,
    });
    const { tableCount } = db.stats().columnFamilies[0]!.levels[0]!;
    assert.ok(tableCount < 12, `${tableCount} tables are left in L0`);
    assert.ok(clock.monotonic() < 1000, `it took ${clock.monotonic()} ms`);
    // From here on it counts again.
    const begin = clock.monotonic();
    await db.compact({ bottommost: true });
    const milliseconds = clock.monotonic() - begin;
    assert.ok(milliseconds > 1000, `${milliseconds} ms for all`);
    await db.close();
  });
}

/** As many processes leave it that each write a little. */
async function leaveCrowdedL0(fs: Fs): Promise<void> {
  const clock = new SimulatedClock(1);
  const hostLoop = { turn: () => Promise.resolve() };
  const options = { ...TABLES, fs, clock, hostLoop, l0TriggerCount: 40, l0SlowdownCount: 200 };
  const db = await open('db', { ...options, l0StopCount: 400 });
  for (let i = 0; i < 40; i++) {
    fill(db, 500, 100);
    await db.flush();
  }
  await db.close();
}
