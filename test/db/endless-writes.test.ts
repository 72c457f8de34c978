/**
 * Calls that wait for work that is there do not wait for what others go on to write.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { Removals } from '../../src/fs/removals.ts';
import { CALM, flushRound, l0Count, openHeld, putRound, turn } from './held-workers.ts';
import { openMemory } from './helpers.ts';

/** More than any of the calls needs. */
const ROUNDS_MAX = 400;

/** Writes more than two memtables in every turn of the host until a promise has settled. */
async function writeUntil(db: Db, promise: Promise<unknown>): Promise<void> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  for (let round = 0; !isSettled; round++) {
    assert.ok(round < ROUNDS_MAX, 'it waits for writes that came later');
    putRound(db, round % 200, 150);
    await turn();
  }
  await promise;
}

suite('while somebody goes on writing', () => {
  test('flush ends, also one that has only others to wait for', async (t) => {
    const db = await openMemory({ ...CALM, workers: 0 });
    t.after(() => db.close());
    putRound(db, 0, 60);
    const first = db.flush();
    const second = db.flush();
    await writeUntil(db, first);
    await writeUntil(db, second);
  });

  test('flush does not wait until L0 has room for what came later', async (t) => {
    const options = { l0TriggerCount: 2, l0SlowdownCount: 90, l0StopCount: 100 };
    const { db, gate, threads } = await openHeld(options, ['compaction']);
    t.after(() => db.close());
    const flushes: Promise<void>[] = [];
    const flushed = async () => {
      threads.run();
      await turn();
    };
    for (let round = 0; round < 8; round++) {
      putRound(db, round, 20);
      flushes.push(db.flush());
      for (let i = 0; i < 50 && l0Count(db) <= round; i++) await flushed();
    }
    const last = flushes.at(-1)!;
    let isSettled = false;
    void last.then(() => {
      isSettled = true;
    });
    for (let i = 0; i < 20; i++) await flushed();
    assert.equal(isSettled, false, 'eight tables are more than may stay');
    // More tables come than the merges take away.
    for (let round = 8; round < 90 && !isSettled; round += 8) {
      const before = l0Count(db);
      for (let i = 0; i < 8; i++) {
        putRound(db, round + i, 20);
        flushes.push(db.flush());
        for (let j = 0; j < 50 && l0Count(db) <= before + i; j++) await flushed();
      }
      if (gate.heldCount > 0) gate.letOnePass();
      for (let i = 0; i < 20; i++) await flushed();
    }
    assert.equal(isSettled, true);
    assert.ok(l0Count(db) >= 6);
    gate.open();
    await Promise.all(flushes);
  });

  for (const workers of [0, 2]) {
    test(`compact ends, of all and of a range, ${workers} workers`, async (t) => {
      const options = { workers, l0TriggerCount: 4, baseLevelBytes: 256 * 1024 };
      const { db } = await openHeld(options);
      t.after(() => db.close());
      for (let round = 0; round < 3; round++) await flushRound(db, round, 100);
      await writeUntil(db, db.compact());
      await writeUntil(db, db.compact({ from: 'key 00010', to: 'key 00020' }));
    });
  }

  test('writeAsync takes the room that others have made', async (t) => {
    const { db, gate } = await openHeld({}, ['flush']);
    t.after(() => {
      gate.open();
      return db.close();
    });
    // Two groups wait for their flush, and the active memtable is full.
    let isRefused = false;
    for (let i = 0; !isRefused; i++) {
      try {
        db.put(`fill ${i}`, new Uint8Array(1000), { noWait: true });
      } catch {
        isRefused = true;
      }
    }
    const batch = new WriteBatch().put('async', 'write');
    const write = db.writeAsync(batch);
    let isWritten = false;
    void write.then(() => {
      isWritten = true;
    });
    for (let i = 0; i < 10; i++) await turn();
    assert.equal(isWritten, false);
    // A write that blocks takes the room for a frozen memtable as soon as there is some.
    gate.onWait = () => {
      if (gate.heldCount > 0) gate.letOnePass();
    };
    db.put('blocks', new Uint8Array(1000));
    gate.onWait = () => {};
    for (let i = 0; i < 10 && !isWritten; i++) await turn();
    assert.equal(isWritten, true, 'the active memtable has room');
    gate.open();
    await write;
  });

  test('what was under way at a call is waited for, not what is removed later', async () => {
    const ends: (() => void)[] = [];
    class SlowFs extends MemoryFs {
      override removeAsync(): Promise<void> {
        return new Promise((resolve) => ends.push(resolve));
      }
    }
    const removals = new Removals(new SlowFs());
    removals.add('first');
    const settled = removals.settle();
    removals.add('second');
    ends[0]!();
    await settled;
    assert.equal(ends.length, 2);
  });
});
