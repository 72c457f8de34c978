/**
 * What a database tells of its work: it must be what stats and files say.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { CALM, flushRound, openHeld, putRound } from './held-workers.ts';
import { code, PATH, tableNames } from './helpers.ts';

type Of<T extends DbEvent['type']> = Extract<DbEvent, { readonly type: T }>;

/** Keeps what it is told. */
class Listener {
  readonly all: DbEvent[] = [];
  readonly onEvent = (event: DbEvent): void => {
    this.all.push(event);
  };

  of<T extends DbEvent['type']>(type: T): Of<T>[] {
    return this.all.filter((event): event is Of<T> => event.type === type);
  }
}

function tableFiles(fs: MemoryFs): Map<number, number> {
  const names = tableNames(fs);
  return new Map(
    names.map((name) => [Number.parseInt(name, 10), fs.fileAt(`${PATH}/${name}`)!.size]),
  );
}

/** Tables by what was told of them: made and not removed. */
function toldTables(listener: Listener): Map<number, number> {
  const told = new Map<number, number>();
  for (const event of listener.all) {
    if (event.type === 'table-created') told.set(event.fileNumber, event.sizeBytes);
    if (event.type === 'table-deleted') {
      assert.equal(told.get(event.fileNumber), event.sizeBytes);
      told.delete(event.fileNumber);
    }
  }
  return told;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Holds the events since opening against the counters. */
function expectCounters(listener: Listener, db: Db): void {
  const { counters } = db.stats();
  const flushes = listener.of('flush');
  const merges = listener.of('compaction').filter(({ kind }) => kind === 'merge');
  const dropped = [...flushes, ...listener.of('compaction')].map((event) => event.entriesDropped);
  assert.equal(counters.flushCount, flushes.length);
  assert.equal(counters.flushBytesWritten, sumOf(flushes.map((event) => event.bytesWritten)));
  assert.equal(counters.compactionCount, merges.length);
  assert.equal(counters.compactionBytesRead, sumOf(merges.map((event) => event.bytesRead)));
  assert.equal(counters.compactionBytesWritten, sumOf(merges.map((event) => event.bytesWritten)));
  assert.equal(counters.entriesDropped, sumOf(dropped));
  const created = sumOf(listener.of('table-created').map((event) => event.sizeBytes));
  assert.equal(counters.flushBytesWritten + counters.compactionBytesWritten, created);
}

for (const workers of [0, 2]) {
  suite(`events, ${workers} workers`, () => {
    test('of a load tell of every table that comes and goes, and of every byte', async () => {
      const fs = new MemoryFs();
      const listener = new Listener();
      const options: DbOptions = {
        ...CALM,
        baseLevelBytes: 128 * 1024,
        levelRatio: 4,
        l0TriggerCount: 3,
        columnFamilies: ['a'],
        onEvent: listener.onEvent,
      };
      const { db } = await openHeld({ ...options, workers }, [], fs);
      for (let i = 0; i < 2500; i++) {
        db.put(`key ${(i * 7919) % 900}`, new Uint8Array(800).fill(i));
        if (i % 3 === 0) db.put(`key ${i}`, new Uint8Array(500), { columnFamily: 'a' });
      }
      await db.flush();
      // Then no job has a file that is not finished.
      await db.pauseBackgroundWork();
      assert.deepEqual(toldTables(listener), tableFiles(fs));
      expectCounters(listener, db);
      assert.ok(listener.of('compaction').length > 3);
      db.continueBackgroundWork();
      await db.compact();
      await db.pauseBackgroundWork();
      assert.deepEqual(toldTables(listener), tableFiles(fs));
      expectCounters(listener, db);
      db.dropColumnFamily('a');
      assert.deepEqual(toldTables(listener), tableFiles(fs));
      const families = new Set(listener.of('table-created').map((event) => event.columnFamily));
      assert.deepEqual([...families].sort(), ['a', 'default']);
      assert.equal(listener.of('error').length, 0);
      await db.close();
    });

    test('of a flush and of a merge say what they made of what', async () => {
      const listener = new Listener();
      const { db, clock } = await openHeld({ workers, onEvent: listener.onEvent });
      db.put('a', '1');
      db.put('a', '2');
      clock.advance(5);
      await db.flush();
      const { tableBytes } = db.stats();
      assert.deepEqual(listener.all, [
        {
          type: 'table-created',
          columnFamily: 'default',
          fileNumber: listener.of('table-created')[0]!.fileNumber,
          level: 0,
          sizeBytes: tableBytes,
          entryCount: 1,
        },
        {
          type: 'flush',
          columnFamilies: ['default'],
          tableCount: 1,
          bytesWritten: tableBytes,
          entriesDropped: 1,
          durationMs: 0,
        },
      ]);
      db.delete('a');
      db.put('b', '1');
      await db.flush();
      const bytesRead = db.stats().tableBytes;
      listener.all.length = 0;
      await db.compact();
      const [compaction] = listener.of('compaction');
      assert.deepEqual(compaction, {
        type: 'compaction',
        columnFamily: 'default',
        kind: 'merge',
        reason: 'manual',
        inputLevels: [0],
        outputLevel: 1,
        inputTableCount: 2,
        outputTableCount: 1,
        bytesRead,
        bytesWritten: db.stats().tableBytes,
        entriesDropped: 2,
        durationMs: 0,
      });
      assert.equal(listener.of('table-created')[0]?.level, 1);
      assert.equal(listener.of('table-deleted').length, 2);
      await db.close();
    });

    test('of a move tell that nothing was written', async () => {
      const fs = new MemoryFs();
      const listener = new Listener();
      const { onEvent } = listener;
      const { db } = await openHeld({ workers, l0TriggerCount: 1, onEvent }, [], fs);
      putRound(db, 0, 60);
      await db.flush();
      for (let i = 0; i < 300 && listener.of('compaction').length === 0; i++) {
        db.put('zero', new Uint8Array(1000));
      }
      const moves = listener.of('compaction');
      assert.ok(moves.length > 0);
      for (const { kind, bytesRead, bytesWritten, ...counts } of moves) {
        assert.deepEqual([kind, bytesRead, bytesWritten], ['move', 0, 0]);
        assert.equal(counts.inputTableCount, counts.outputTableCount);
      }
      const { counters } = db.stats();
      assert.equal(counters.trivialMoveCount, moves.length);
      assert.equal(counters.compactionCount, 0);
      await db.close();
      assert.deepEqual(toldTables(listener), tableFiles(fs));
    });

    test('of a drop tell what a FIFO family has let go of', async () => {
      const fs = new MemoryFs();
      const listener = new Listener();
      const compaction = { policy: 'fifo', maxBytes: 1_048_576 } as const;
      const { onEvent } = listener;
      const { db } = await openHeld({ workers, compaction, onEvent }, [], fs);
      for (let i = 0; i < 2000; i++) db.put(`key ${i}`, new Uint8Array(1000));
      await db.flush();
      const drops = listener.of('compaction');
      assert.ok(drops.length > 0);
      for (const { kind, inputTableCount, outputTableCount, bytesRead } of drops) {
        assert.deepEqual([kind, outputTableCount, bytesRead], ['drop', 0, 0]);
        assert.ok(inputTableCount > 0);
      }
      assert.equal(db.stats().counters.dropCount, drops.length);
      assert.deepEqual(toldTables(listener), tableFiles(fs));
      await db.close();
    });

    test('of an error tell it once, with what writes are refused with', async () => {
      const faults = new FaultFs(new MemoryFs());
      const listener = new Listener();
      const { onEvent } = listener;
      const { db } = await openHeld({ workers, onEvent }, [], faults as unknown as MemoryFs);
      db.put('a', '1');
      faults.addRule({ operation: 'write', path: (path) => path.endsWith('.sst') });
      await assert.rejects(db.flush(), code('IO'));
      assert.throws(() => db.put('b', '1'), code('IO'));
      const [told, ...others] = listener.of('error');
      assert.equal(others.length, 0);
      assert.equal(told?.error.code, 'IO');
      assert.equal(told?.error.message, db.stats().backgroundError);
      await db.resume();
      assert.equal(listener.of('error').length, 1);
      await db.close();
    });
  });
}

test('a listener that throws harms nothing', async () => {
  const fs = new MemoryFs();
  let told = 0;
  const onEvent = (): void => {
    told++;
    throw new Error('from the listener');
  };
  const db = await open(PATH, { ...CALM, fs, l0TriggerCount: 2, onEvent });
  for (let round = 0; round < 4; round++) await flushRound(db, round);
  await db.compact();
  assert.ok(told > 8, `${told} events`);
  assert.equal(db.stats().backgroundError, undefined);
  assert.equal([...db.keys()].length, 80);
  await db.close();
});

test('tables that an open makes of the log are told', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs });
  // More than stays in a log from one process to the next.
  db.put('a', '1'.repeat(300_000));
  await db.close();
  const listener = new Listener();
  const again = await open(PATH, { fs, onEvent: listener.onEvent });
  assert.deepEqual(toldTables(listener), tableFiles(fs));
  assert.equal(listener.of('table-created').length, 1);
  await again.close();
});
