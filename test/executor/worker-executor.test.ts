/**
 * Background work on threads: who is lost, cancelled or late. The threads are simulated.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import type { WorkerThreads } from '../../src/executor/port.ts';
import { HEARTBEAT_ENDED, HEARTBEAT_WORD, take } from '../../src/executor/protocol.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { tableName } from '../../src/manifest/file-names.ts';
import type { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import { DIRECTORY, isComplete, keyAt, openThreaded, orphans, SMALL, write } from './fixture.ts';

const COUNT = 3000;
/** Nothing is compacted by itself; all together in several parts. */
const LARGE = { writeBufferBytes: 1024 * 1024, l0TriggerCount: 64, compression: 'none' } as const;

suite('writes', () => {
  test('wait for threads when memory is full, and not for long', async () => {
    const fs = new MemoryFs();
    const { db } = await openThreaded(fs, SMALL);
    let frozenMax = 0;
    for (let i = 0; i < COUNT; i++) {
      db.put(`key ${(i * 7919) % COUNT}`, new Uint8Array(100));
      frozenMax = Math.max(frozenMax, db.stats().columnFamilies[0]!.frozenMemtableCount);
    }
    assert.ok(frozenMax >= 1 && frozenMax <= 2, `${frozenMax} frozen memtables`);
    assert.ok(db.stats().counters.stallCount > 0);
    await db.close();
  });

  test('go on while tables are merged, in several parts', async () => {
    const fs = new MemoryFs();
    const { db, threads } = await openThreaded(fs, { ...SMALL, compression: 'none' });
    for (let round = 0; round < 4; round++) {
      write(db, COUNT, round);
      threads.run();
    }
    await db.compact();
    assert.ok(db.stats().counters.compactionCount > 3);
    assert.equal(isComplete(db, COUNT, 3), true);
    assert.equal(orphans(fs, db), 0);
    await db.close();
  });
});

test('a part of a compaction waits for whoever is free first, behind none that runs', async () => {
  const fs = new MemoryFs();
  /** Compactions that a worker has, and all that it was given, by its number. */
  const has = [0, 0];
  const given = [0, 0];
  let hasMax = 0;
  const { db } = await openThreaded(fs, LARGE, (threads) => ({
    ...portsOf(threads),
    start: (signals, number, listener) => {
      const endpoint = threads.start(signals, number, listener);
      const compactions = new Set<number>();
      const count = (): void => {
        has[number] = compactions.size;
        hasMax = Math.max(hasMax, compactions.size);
      };
      return {
        ...endpoint,
        send: (order) => {
          if (order.type === 'run' && order.job.kind === 'compaction') {
            compactions.add(order.id);
            given[number]!++;
          }
          count();
          endpoint.send(order);
        },
        receive: () => {
          const report = endpoint.receive();
          if (report !== undefined && 'id' in report) compactions.delete(report.id);
          count();
          return report;
        },
      };
    },
  }));
  for (let i = 0; i < COUNT; i++) db.put(keyAt((i * 7919) % COUNT), new Uint8Array(6000));
  await db.compact();
  assert.deepEqual(has, [0, 0]);
  assert.equal(hasMax, 1);
  assert.ok(given[0]! > 1 && given[1]! > 1, `${given} parts`);
  await db.close();
});

suite('a worker that dies', () => {
  test('loses its job to another one, which does it again', async () => {
    const fs = new MemoryFs();
    const { db, threads } = await openThreaded(fs, SMALL);
    let deaths = 0;
    for (let round = 0; round < 5; round++) {
      write(db, COUNT, round);
      if (threads.kill()) deaths++;
      await db.flush();
    }
    assert.ok(deaths > 0);
    assert.equal(db.stats().backgroundError, undefined);
    assert.equal(isComplete(db, COUNT, 4), true);
    await db.compact();
    assert.equal(orphans(fs, db), 0);
    await db.close();
  });

  test('again and again stops writing, with the cause, until it is resumed', async () => {
    const fs = new MemoryFs();
    let isDeadly = true;
    const { db } = await openThreaded(fs, SMALL, (threads) => ({
      ...portsOf(threads),
      start: (signals, number, listener) => {
        const endpoint = threads.start(signals, number, listener);
        return {
          ...endpoint,
          send: (order) => {
            endpoint.send(order);
            if (isDeadly && order.type === 'run') threads.kill();
          },
        };
      },
    }));
    db.put('a', '1');
    await assert.rejects(db.flush(), (error) => {
      assert.ok(isVarveError(error, 'IO'));
      assert.match(error.message, /worker that ran a flush is gone/);
      assert.match(String(error.cause), /killed/);
      return true;
    });
    assert.throws(
      () => db.put('b', '2'),
      (error) => isVarveError(error, 'IO'),
    );
    assert.equal(db.get('a')?.length, 1);
    assert.equal(orphans(fs, db), 0);
    isDeadly = false;
    await db.resume();
    db.put('b', '2');
    await db.flush();
    assert.equal(db.get('b')?.length, 1);
    await db.close();
  });
});

test('close waits for a worker that was given up, and sweeps what it wrote', async () => {
  const fs = new MemoryFs();
  let end = (): void => {};
  const hasEnded = new Promise<void>((resolve) => {
    end = resolve;
  });
  let isStuck = true;
  let lateName = '';
  const { db } = await openThreaded(fs, SMALL, (threads, clock) => ({
    ...portsOf(threads),
    wait: (signals, seen, milliseconds) => {
      if (isStuck) clock.advance(milliseconds);
      else threads.wait(signals, seen, milliseconds);
    },
    start: (signals, number, listener) => {
      const endpoint = threads.start(signals, number, listener);
      if (!isStuck || number !== 0) return endpoint;
      return {
        ...endpoint,
        send: (order) => {
          if (order.type !== 'run' || !take(order.claim)) return;
          lateName = tableName(order.job.fileNumbers.first);
        },
        terminate: () => {
          isStuck = false;
          return hasEnded;
        },
      };
    },
  }));
  write(db, COUNT, 0);
  assert.equal(isStuck, false);
  fs.open(`${DIRECTORY}/${lateName}`, 'create').close();
  let isClosed = false;
  const closing = db.close().then(() => {
    isClosed = true;
  });
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.equal(isClosed, false);
  end();
  await closing;
  assert.equal(fs.exists(`${DIRECTORY}/${lateName}`), false);
});

/** What a silent worker that has begun a job says, and how many seconds it gets. */
const SILENT = {
  'shows no sign of life': { heartbeat: 5, seconds: 120 },
  'has ended': { heartbeat: HEARTBEAT_ENDED, seconds: 0 },
};

for (const [what, { heartbeat, seconds }] of Object.entries(SILENT)) {
  test(`a worker that ${what} is given up while a write waits`, async () => {
    const fs = new MemoryFs();
    let isStuck = true;
    let waits = 0;
    const { db } = await openThreaded(fs, SMALL, (threads, clock) => ({
      ...portsOf(threads),
      wait: (signals, seen, milliseconds) => {
        if (!isStuck) {
          threads.wait(signals, seen, milliseconds);
          return;
        }
        waits++;
        clock.advance(milliseconds);
      },
      start: (signals, number, listener) => {
        const endpoint = threads.start(signals, number, listener);
        if (isStuck) signals[HEARTBEAT_WORD + number] = heartbeat;
        if (!isStuck) return endpoint;
        return {
          ...endpoint,
          // It begins what it is given, and does no more.
          send: (order) => void (order.type === 'run' && take(order.claim)),
          terminate: () => {
            isStuck = false;
            return endpoint.terminate();
          },
        };
      },
    }));
    write(db, COUNT, 0);
    assert.equal(isStuck, false);
    assert.ok(waits >= seconds && waits < seconds + 5, `${waits} waits of a second`);
    await db.flush();
    assert.equal(isComplete(db, COUNT, 0), true);
    await db.compact();
    assert.equal(orphans(fs, db), 0);
    await db.close();
  });
}

test('a worker that had nothing to do for long is not taken for dead when it begins', async () => {
  const fs = new MemoryFs();
  let terminations = 0;
  let slowTurns = 0;
  const { db, clock } = await openThreaded(fs, { ...SMALL, workers: 1 }, (threads, clock) => ({
    ...portsOf(threads),
    timer: (milliseconds, callback) => {
      if (slowTurns === 0) return threads.timer(milliseconds, callback);
      slowTurns--;
      clock.advance(milliseconds);
      void Promise.resolve().then(callback);
      return () => {};
    },
    start: (signals, number, listener) => {
      const endpoint = threads.start(signals, number, listener);
      return {
        ...endpoint,
        terminate: () => {
          terminations++;
          return endpoint.terminate();
        },
      };
    },
  }));
  for (let round = 0; round < 3; round++) {
    db.put('a', `${round}`);
    slowTurns = 2;
    await db.flush();
    assert.equal(slowTurns, 0);
    clock.advance(600_000);
  }
  assert.equal(terminations, 0);
  await db.close();
});

suite('work that nobody wants any more', () => {
  test('ends with the family that it is for', async () => {
    const fs = new MemoryFs();
    const { db, threads } = await openThreaded(fs, SMALL);
    for (let round = 0; round < 6; round++) {
      const family = db.createColumnFamily('gone');
      for (let i = 0; i < 400 + 400 * round; i++) {
        db.put(`key ${i}`, new Uint8Array(150), { columnFamily: family });
      }
      for (let i = 0; i < round; i++) threads.run();
      db.dropColumnFamily(family);
    }
    db.put('a', '1');
    await db.flush();
    await db.compact();
    assert.equal(db.stats().backgroundError, undefined);
    await db.close();
    const { db: again } = await openThreaded(fs, SMALL);
    assert.equal(orphans(fs, again), 0);
    assert.equal(again.get('a')?.length, 1);
    await again.close();
  });

  test('leaves no file behind when the database is closed', async () => {
    for (let rounds = 0; rounds < 12; rounds++) {
      const fs = new MemoryFs();
      const { db, threads } = await openThreaded(fs, SMALL);
      write(db, COUNT / 2, 0);
      const compaction = db.compact();
      for (let i = 0; i < rounds; i++) {
        threads.run();
        await Promise.resolve();
      }
      const closing = db.close();
      await assert.doesNotReject(closing);
      await compaction.catch((error: unknown) => assert.ok(isVarveError(error, 'CLOSED')));
      const tables = fs.list(DIRECTORY).filter((name) => name.endsWith('.sst'));
      const { db: again } = await openThreaded(fs, { ...SMALL, readOnly: true });
      assert.equal(tables.length, again.stats().tableCount, `${rounds} rounds`);
      assert.equal(isComplete(again, COUNT / 2, 0), true);
      await again.close();
    }
  });
});

test('a damaged input stops writing with the error of the worker', async () => {
  const fs = new MemoryFs();
  const calm = { l0TriggerCount: 64, baseLevelBytes: 64 * 1_048_576 };
  const { db } = await openThreaded(fs, { ...SMALL, ...calm, blockCacheBytes: 0 });
  write(db, COUNT, 0);
  await db.flush();
  const name = fs.list(DIRECTORY).find((one) => one.endsWith('.sst'))!;
  const file = fs.open(`${DIRECTORY}/${name}`, 'update');
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, 5000);
  byte[0]! ^= 1;
  file.write(byte, 0, 1, 5000);
  file.close();
  await assert.rejects(db.compact(), (error) => {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.equal(error.file, `${DIRECTORY}/${name}`);
    assert.ok(error.offset! > 0);
    return true;
  });
  assert.equal(orphans(fs, db), 0);
  await db.close();
});

/** The methods of simulated threads, to be put over. */
function portsOf(threads: SimulatedThreads): WorkerThreads {
  return {
    defaultCount: threads.defaultCount,
    start: (signals, number, listener) => threads.start(signals, number, listener),
    wait: (signals, seen, milliseconds) => threads.wait(signals, seen, milliseconds),
    timer: (milliseconds, callback) => threads.timer(milliseconds, callback),
  };
}
