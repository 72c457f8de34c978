/**
 * What stats say of the work that reads and writes cost.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { openHeld } from './held-workers.ts';
import { openMemory } from './helpers.ts';

const KIB = 1024;

/** The bytes by level are the bytes that the counters have. */
function expectLevels(db: Db): void {
  const { counters, columnFamilies, amplification } = db.stats();
  const levels = columnFamilies.flatMap((family) => family.levels);
  const written = levels.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
  assert.equal(written, counters.flushBytesWritten + counters.compactionBytesWritten);
  const flushed = columnFamilies.reduce((sum, family) => sum + family.levels[0]!.bytesWritten, 0);
  assert.ok(flushed >= counters.flushBytesWritten);
  const all = written + counters.walBytesWritten;
  assert.equal(amplification.write, all / counters.userBytesWritten);
}

for (const workers of [0, 2]) {
  test(`amplification is what was written and read, ${workers} workers`, async () => {
    const { db } = await openHeld({
      workers,
      baseLevelBytes: 128 * KIB,
      levelRatio: 4,
      l0TriggerCount: 3,
      columnFamilies: ['a'],
    });
    assert.deepEqual(db.stats().amplification, {
      write: undefined,
      read: undefined,
      space: undefined,
    });
    for (let i = 0; i < 2500; i++) {
      db.put(`key ${(i * 7919) % 900}`, new Uint8Array(800).fill(i));
      if (i % 3 === 0) db.put(`key ${i}`, new Uint8Array(500), { columnFamily: 'a' });
    }
    await db.flush();
    expectLevels(db);
    assert.ok(db.stats().amplification.write! > 2);
    assert.ok(db.stats().amplification.space! > 1);
    await db.compact();
    expectLevels(db);
    assert.equal(db.stats().amplification.space, 1);
    for (let i = 0; i < 900; i++) db.get(`key ${i}`);
    assert.equal(db.stats().amplification.read, 1);
    await db.close();
  });
}

test('gets that memory answers read no tables', async () => {
  const db = await openMemory();
  db.put('a', '1');
  db.get('a');
  assert.equal(db.stats().amplification.read, 0);
  await db.flush();
  db.get('a');
  assert.equal(db.stats().amplification.read, 1 / 2);
  await db.close();
});
