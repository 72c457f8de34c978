/**
 * Pauses of background work.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { flushRound, l0Count, openHeld, putRound, turn } from './held-workers.ts';
import { code, PATH, text } from './helpers.ts';

const BUFFER_BYTES = 64 * 1024;

/** Writes until one is refused, for nothing makes room. */
function writeUntilBusy(db: Db): number {
  for (let i = 0; i < 2000; i++) {
    try {
      db.put(`paused ${i}`, new Uint8Array(1000).fill(i));
    } catch (error) {
      assert.ok(isVarveError(error, 'BUSY'));
      assert.match(error.message, /background work is paused/);
      return i;
    }
  }
  throw new Error('nothing has stopped the writes');
}

/** Notes when a promise has settled. */
function watch(promise: Promise<unknown>): { isSettled: boolean } {
  const watched = { isSettled: false };
  const settle = () => {
    watched.isSettled = true;
  };
  promise.then(settle, settle);
  return watched;
}

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

for (const workers of [0, 2]) {
  suite(`a pause of background work, ${workers} workers`, () => {
    test('lets nothing begin; writes go on until they would have to wait', async () => {
      const { db, threads } = await openHeld({
        workers,
        l0TriggerCount: 2,
        writeBufferBytes: BUFFER_BYTES,
      });
      await flushRound(db, 0);
      await db.pauseBackgroundWork();
      assert.equal(db.stats().isPaused, true);
      const before = db.stats().counters;
      const count = writeUntilBusy(db);
      // Without threads one frozen memtable may wait, with threads two, and one is active.
      const memtables = workers === 0 ? 2 : 3;
      // Each holds as much as the buffer, of which a few bytes for each key are its own.
      const fill = (count * 1000) / (memtables * BUFFER_BYTES);
      assert.ok(fill > 0.85 && fill < 1, `${count} writes`);
      for (let i = 0; i < 10; i++) threads.run();
      await turns();
      const { flushCount, compactionCount, stallCount } = db.stats().counters;
      assert.equal(flushCount, before.flushCount);
      assert.equal(compactionCount, before.compactionCount);
      assert.equal(stallCount, before.stallCount);
      for (let i = 0; i < count; i++) assert.equal(db.get(`paused ${i}`)?.[0], i & 0xff);
      assert.equal(db.get(`paused ${count}`), undefined);
      db.continueBackgroundWork();
      assert.equal(db.stats().isPaused, false);
      for (let i = count; i < count + 200; i++) db.put(`paused ${i}`, new Uint8Array(1000));
      await db.flush();
      assert.ok(db.stats().counters.flushCount > before.flushCount);
      await db.close();
    });

    test('nests, and lasts until the last one ends', async () => {
      const { db } = await openHeld({ workers });
      db.continueBackgroundWork();
      await db.pauseBackgroundWork();
      await db.pauseBackgroundWork();
      const count = writeUntilBusy(db);
      db.continueBackgroundWork();
      assert.equal(db.stats().isPaused, true);
      assert.throws(() => db.put('more', new Uint8Array(1000)), code('BUSY'));
      db.continueBackgroundWork();
      db.continueBackgroundWork();
      db.put('more', new Uint8Array(1000));
      await db.flush();
      assert.equal([...db.keys()].length, count + 1);
      await db.close();
    });

    test('holds flush and compact up, which go on afterwards', async () => {
      const { db } = await openHeld({ workers });
      for (let round = 0; round < 3; round++) await flushRound(db, round);
      await db.pauseBackgroundWork();
      const ofTables = db.compact();
      await turns();
      assert.equal(db.stats().memory.jobBytes, 0, 'there is nothing to flush, but it waits');
      putRound(db, 3, 20);
      const flushing = db.flush();
      const compacting = db.compact();
      const flush = watch(flushing);
      const compact = watch(compacting);
      await turns();
      assert.equal(flush.isSettled || compact.isSettled, false);
      assert.equal(l0Count(db), 3);
      db.continueBackgroundWork();
      await Promise.all([flushing, compacting, ofTables]);
      assert.equal(l0Count(db), 0);
      assert.equal([...db.keys()].length, 80);
      await db.close();
    });

    for (const wal of [true, false]) {
      test(`ends with the database, wal: ${wal}`, async () => {
        const fs = new MemoryFs();
        const { db } = await openHeld({ workers, wal }, [], fs);
        await flushRound(db, 0);
        await db.pauseBackgroundWork();
        const count = writeUntilBusy(db);
        const compacting = assert.rejects(db.compact(), code('CLOSED'));
        await turns();
        await db.close();
        await compacting;
        const again = await open(PATH, { fs });
        assert.equal([...again.keys()].length, 20 + count);
        assert.equal(again.stats().isPaused, false);
        await again.close();
      });
    }

    test('does not keep resume from putting memory into tables, and goes on after it', async () => {
      const fs = new MemoryFs();
      const faults = new FaultFs(fs);
      const db =
        workers === 0
          ? await open(PATH, { fs: faults })
          : (await openHeld({ workers }, [], faults as unknown as MemoryFs)).db;
      await db.pauseBackgroundWork();
      db.put('a', '1');
      faults.addRule({ operation: 'write', path: (path) => path.endsWith('.wal') });
      assert.throws(() => db.put('b', '1'), code('IO'));
      await db.resume();
      assert.equal(db.stats().isPaused, true);
      assert.equal(db.stats().persistedSeqno, 1);
      db.put('c', '1');
      const flush = watch(db.flush());
      await turns();
      assert.equal(flush.isSettled, false);
      db.continueBackgroundWork();
      await db.flush();
      assert.equal(db.get('b'), undefined);
      assert.equal(text(db.get('c')), '1');
      await db.close();
    });

    test('is refused in a database that is closed or read-only', async () => {
      const fs = new MemoryFs();
      const { db } = await openHeld({ workers }, [], fs);
      await db.close();
      await assert.rejects(db.pauseBackgroundWork(), code('CLOSED'));
      assert.throws(() => db.continueBackgroundWork(), code('CLOSED'));
      const reader = await open(PATH, { fs, readOnly: true });
      await assert.rejects(reader.pauseBackgroundWork(), code('UNSUPPORTED'));
      await reader.close();
    });
  });
}

test('a pause resolves when what was under way is done', async () => {
  const { db, gate } = await openHeld({}, ['compaction']);
  for (let round = 0; round < 4; round++) await flushRound(db, round);
  const compacting = db.compact();
  const compact = watch(compacting);
  await turns();
  assert.equal(gate.heldCount, 1);
  const pausing = db.pauseBackgroundWork();
  const pause = watch(pausing);
  await turns();
  assert.equal(pause.isSettled, false);
  gate.open();
  await pausing;
  assert.equal(db.stats().counters.compactionCount, 1);
  assert.equal(db.stats().memory.jobBytes, 0);
  await compacting;
  assert.equal(compact.isSettled, true);
  db.continueBackgroundWork();
  await db.close();
});

test('a pause that is ended before it has begun resolves as well', async () => {
  const { db, gate } = await openHeld({}, ['compaction']);
  for (let round = 0; round < 4; round++) await flushRound(db, round);
  const compacting = db.compact();
  await turns();
  const pausing = db.pauseBackgroundWork();
  db.continueBackgroundWork();
  await pausing;
  gate.open();
  await compacting;
  await db.close();
});

test('a pause resolves when a family is dropped whose flush others wait for', async () => {
  const options = { wal: false, columnFamilies: ['gone'] };
  const { db, gate } = await openHeld(options, ['flush']);
  db.put('a', '1');
  db.put('a', '1', { columnFamily: 'gone' });
  const first = db.flush();
  db.put('a', '2');
  const second = db.flush();
  await turns();
  // Of the first group the last memtable waits for the other one.
  assert.equal(gate.heldCount, 2);
  const pausing = db.pauseBackgroundWork();
  // The first flush is to begin again, without the family; the second one is done before.
  db.dropColumnFamily('gone');
  gate.open();
  await pausing;
  const flush = watch(second);
  await turns();
  assert.equal(flush.isSettled, false);
  db.continueBackgroundWork();
  await Promise.all([first, second]);
  assert.equal(text(db.get('a')), '2');
  await db.close();
});
