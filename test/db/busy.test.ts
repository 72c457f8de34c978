/**
 * Writes that refuse to wait (`noWait`).
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { WriteBatch } from '../../src/index.ts';
import { l0Count, openHeld } from './held-workers.ts';
import { code, openMemory } from './helpers.ts';

const KIB = 1024;
const NO_WAIT = { noWait: true } as const;
const WRITES_MAX = 5000;

/** What lies in the way of writes, and what holds it there. */
const REASONS = {
  memtables: { options: {}, holds: ['flush'] },
  'l0-count': {
    options: { l0TriggerCount: 3, l0SlowdownCount: 6, l0StopCount: 6 },
    holds: ['compaction'],
  },
  'compaction-debt': {
    options: {
      l0TriggerCount: 2,
      l0SlowdownCount: 900,
      l0StopCount: 900,
      compactionDebtSlowdownBytes: 200 * KIB,
      compactionDebtStopBytes: 200 * KIB,
    },
    holds: ['compaction'],
  },
} as const;

function put(db: Db, i: number): void {
  db.put(`key ${i}`, new Uint8Array(1000).fill(i), NO_WAIT);
}

/** Writes until one would have to wait; returns how many did not, and the error. */
function writeUntilBusy(db: Db, between: () => void): { count: number; error: Error } {
  for (let count = 0; count < WRITES_MAX; count++) {
    try {
      put(db, count);
    } catch (error) {
      assert.ok(isVarveError(error, 'BUSY'), String(error));
      return { count, error };
    }
    between();
  }
  throw new Error(`${WRITES_MAX} writes without BUSY`);
}

function expectAll(db: Db, count: number): void {
  for (let i = 0; i < count; i++) assert.equal(db.get(`key ${i}`)?.[999], i & 0xff, `key ${i}`);
}

suite('a write that must not wait', () => {
  for (const [reason, { options, holds }] of Object.entries(REASONS)) {
    test(`is refused for ${reason}, has written nothing, and succeeds later`, async () => {
      const fs = new MemoryFs();
      const { db, gate, threads } = await openHeld(options, holds, fs);
      const { count, error } = writeUntilBusy(db, () => threads.run());
      assert.match(error.message, new RegExp(`would have to wait.*${reason}`));
      const before = db.stats();
      assert.throws(() => put(db, count), code('BUSY'));
      assert.throws(() => db.delete('key 0', NO_WAIT), code('BUSY'));
      assert.throws(() => db.write(new WriteBatch().put('other', '1'), NO_WAIT), code('BUSY'));
      const { seqno, walBytes, counters } = db.stats();
      assert.equal(seqno, before.seqno);
      assert.equal(walBytes, before.walBytes);
      assert.equal(counters.operationsWritten, before.counters.operationsWritten);
      assert.equal(db.get(`key ${count}`), undefined);
      assert.equal(gate.waitCount, 0, 'nobody has waited');
      assert.equal(counters.stallCount, 0);
      gate.open();
      let attempts = 0;
      for (; attempts < WRITES_MAX && db.get(`key ${count}`) === undefined; attempts++) {
        threads.run();
        try {
          put(db, count);
        } catch (busy) {
          assert.ok(isVarveError(busy, 'BUSY'));
        }
      }
      assert.ok(attempts < WRITES_MAX, 'the workers have made room');
      assert.equal(gate.waitCount, 0);
      expectAll(db, count + 1);
      await db.close();
    });
  }

  test('is refused as well where it would only be slowed', async () => {
    const { db, threads } = await openHeld(
      { l0TriggerCount: 3, l0SlowdownCount: 6, l0StopCount: 600 },
      ['compaction'],
    );
    const { error } = writeUntilBusy(db, () => threads.run());
    assert.match(error.message, /l0-count/);
    db.put('one', 'that waits');
    await db.close();
  });

  test('makes background work get on where that is done in its own time', async () => {
    const db = await openMemory({
      writeBufferBytes: 64 * KIB,
      targetTableBytes: 64 * KIB,
      l0TriggerCount: 1,
      l0SlowdownCount: 1,
      l0StopCount: 1,
      compression: 'none',
    });
    let refusals = 0;
    for (let i = 0; i < 3000; ) {
      try {
        put(db, (i * 7919) % 3000);
        i++;
      } catch (error) {
        assert.ok(isVarveError(error, 'BUSY'));
        refusals++;
        assert.ok(refusals < 10 * WRITES_MAX, 'the refusals end');
      }
    }
    assert.ok(refusals > 20, `${refusals} refusals`);
    assert.deepEqual(db.stats().stalls, []);
    expectAll(db, 3000);
    await db.close();
  });

  test('goes on where waiting would not help: a disk with no room for compactions', async () => {
    for (const workers of [0, 2]) {
      const fs = new MemoryFs({ capacityBytes: 4096 * KIB });
      const options = { l0TriggerCount: 8, l0SlowdownCount: 8, l0StopCount: 8, workers };
      const { db, threads } = await openHeld(options, [], fs);
      let i = 0;
      for (; l0Count(db) < 7; i++) db.put(`key ${i}`, new Uint8Array(1000).fill(i));
      const ballast = fs.open('ballast', 'create');
      ballast.truncate(fs.freeBytes('db')! - 400 * KIB);
      ballast.close();
      // A flush is waited for; L0 stays as it is.
      let refusals = 0;
      for (const end = i + 200; i < end; ) {
        threads.run();
        try {
          put(db, i);
          i++;
        } catch (error) {
          assert.ok(isVarveError(error, 'BUSY'));
          refusals++;
          assert.ok(refusals < 100, 'the refusals end');
        }
      }
      assert.ok(l0Count(db) > 8);
      assert.match(db.stats().spaceError ?? '', /a compaction needs/);
      expectAll(db, i);
      await db.close();
    }
  });
});
