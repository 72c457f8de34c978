import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { WalWriter } from '../../src/wal/wal-writer.ts';
import {
  appendBatch,
  appendLengths,
  createLog,
  DIRECTORY,
  flip,
  logPath,
  newDirectory,
  replay,
  seqnosFrom,
} from './wal-fixture.ts';

before(loadChecksum);

/** What a workload has acknowledged when the power goes. */
interface Acknowledged {
  written: number;
  durable: number;
}

/** Random appends, syncs and rotations over logs 1, 2, 3, ...; keeps `seen` up to date. */
function workload(fs: CrashFs, seed: number, seen: Acknowledged): void {
  const random = new SeededRandom(seed);
  const rotations = seed % 4;
  const logs: WalWriter[] = [createLog(fs, 1, 0)];
  for (let step = 0; step < 25; step++) {
    const log = logs.at(-1)!;
    const choice = random.below(10);
    if (choice <= rotations) {
      logs.push(createLog(fs, log.fileNumber + 1, log.lastSeqno, log.fileNumber));
    } else if (choice === 9) {
      for (const one of logs) one.sync();
      seen.durable = seen.written;
    } else {
      const length = random.chance(0.3) ? random.below(1500) : random.below(120);
      const firstSeqno = log.lastSeqno + 1;
      appendBatch(log, { firstSeqno, count: 2, length, durableSeqno: seen.durable });
      seen.written = log.lastSeqno;
    }
  }
}

function logNumbersIn(fs: MemoryFs): number[] {
  return fs
    .list(DIRECTORY)
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

function newCrashFs(): CrashFs {
  return new CrashFs(newDirectory());
}

describe('a power cut at any operation', () => {
  test('keeps every synced write, invents none, and never reports damage', () => {
    let states = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const whole = newCrashFs();
      workload(whole, seed, { written: 0, durable: 0 });
      for (let n = 1; n <= whole.operations; n++) {
        const fs = newCrashFs();
        const seen: Acknowledged = { written: 0, durable: 0 };
        fs.cutAfter(n);
        assert.throws(() => workload(fs, seed, seen), PowerCut);
        for (const variant of CRASH_VARIANTS) {
          const disk = fs.crash(variant, new SeededRandom(seed * 1000 + n));
          const context = `seed ${seed}, operation ${n}, ${variant}`;
          checkSurvivors(disk, seen, context);
          states++;
        }
      }
    }
    assert.ok(states > 1000);
  });
});

describe('a second power cut, behind a recovery that kept the old logs', () => {
  test('keeps every synced write of both processes and invents none', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const first = newCrashFs();
      first.cutAfter(5 + random.below(30));
      assert.throws(() => workload(first, seed, { written: 0, durable: 0 }), PowerCut);
      const variant = CRASH_VARIANTS[seed % CRASH_VARIANTS.length]!;
      const fs = new CrashFs(first.crash(variant, random));
      const numbers = fs.list(DIRECTORY).map((name) => Number.parseInt(name, 10));
      const { lastSeqno: base } = replay(fs, numbers);
      const log = createLog(fs, Math.max(0, ...numbers) + 1, base);
      appendLengths(log, [30, 700, 30], base);
      log.sync();
      appendLengths(log, [30, 700, 30, 30], base + 6);
      const seen = { durable: base + 6, written: base + 14 };
      for (const second of CRASH_VARIANTS) {
        const context = `seed ${seed}, ${variant}, then ${second}`;
        checkSurvivors(fs.crash(second, random), seen, context);
      }
    }
  });
});

function checkSurvivors(disk: MemoryFs, seen: Acknowledged, context: string): void {
  const { seqnos, lastSeqno } = replay(disk, logNumbersIn(disk));
  assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length), context);
  assert.ok(lastSeqno >= seen.durable, `${context}: ${lastSeqno} < ${seen.durable}`);
  assert.ok(lastSeqno <= seen.written + 2, context);
}

describe('damage to what the power cut left', () => {
  test('of a durable record is an error or has no effect on the durable prefix', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const fs = newCrashFs();
      const log = createLog(fs, 1, 0);
      appendLengths(log, [30, 30, 30]);
      log.sync();
      const size = log.sizeBytes;
      appendLengths(log, [30, 700, 30, 30], 6);
      const base = fs.crash('reorder', new SeededRandom(seed));
      for (let offset = 0; offset < size; offset++) {
        const disk = base.clone();
        flip(disk, logPath(1), offset);
        try {
          const { seqnos } = replay(disk, [1]);
          assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length));
        } catch (error) {
          assert.ok(isVarveError(error, 'CORRUPTION'));
        }
      }
    }
  });
});

describe('a new log', () => {
  test('is there after a power cut, and so is what was synced', async () => {
    for (const sync of ['sync', 'syncAsync'] as const) {
      const fs = newCrashFs();
      const log = createLog(fs, 1, 4);
      appendLengths(log, [10]);
      await log[sync]();
      appendLengths(log, [10]);
      createLog(fs, 2, 8, 1);
      const disk = fs.crash('dropAll', new SeededRandom(1));
      assert.deepEqual(logNumbersIn(disk), [1, 2]);
      assert.deepEqual(replay(disk, [1, 2]).seqnos, [5]);
    }
  });
});

describe('a writer that failed', () => {
  test('throws its first error at every later append and sync', async () => {
    for (const operation of ['write', 'sync', 'syncAsync'] as const) {
      const fs = new FaultFs(newDirectory());
      const log = createLog(fs, 1, 0);
      appendLengths(log, [10]);
      fs.addRule({ operation, effect: 'NOSPACE', shortWriteBytes: 7 });
      const attempts = {
        write: () => appendLengths(log, [10]),
        sync: () => log.sync(),
        syncAsync: () => log.syncAsync(),
      };
      await assert.rejects(async () => attempts[operation](), { code: 'NOSPACE' });
      const failure = log.failure!;
      assert.throws(() => appendLengths(log, [10]), failure);
      assert.throws(() => log.sync(), failure);
      await assert.rejects(log.syncAsync(), failure);
      assert.equal(log.lastSeqno, 2);
      log.close();
    }
  });

  test('gives way to a new log, and nothing it left counts', () => {
    for (const shortWriteBytes of [0, 1, 16, 40, 1000]) {
      const disk = newDirectory();
      const fs = new FaultFs(disk);
      const log = createLog(fs, 1, 0);
      appendLengths(log, [10]);
      fs.addRule({ operation: 'write', shortWriteBytes });
      assert.throws(() => appendLengths(log, [300]), { code: 'IO' });
      appendLengths(createLog(fs, 2, log.lastSeqno, 1), [20, 30]);
      assert.deepEqual(replay(disk, [1, 2]).seqnos, [1, 3, 5]);
      assert.equal(replay(disk, [1, 2]).bytesRead, 60 + 3 * 20);
    }
  });

  test('during creation leaves no file', () => {
    const disk = newDirectory();
    const fs = new FaultFs(disk, [{ operation: 'write', shortWriteBytes: 70 }]);
    assert.throws(() => createLog(fs, 1, 0), { code: 'IO' });
    assert.deepEqual(disk.list(DIRECTORY), []);
  });

  test('during the sync of its creation leaves no file either', () => {
    const disk = newDirectory();
    for (const operation of ['sync', 'syncDirectory'] as const) {
      const fs = new FaultFs(disk, [{ operation }]);
      assert.throws(() => createLog(fs, 1, 0), { code: 'IO' });
      assert.deepEqual(disk.list(DIRECTORY), []);
    }
  });
});

test('a record is one write', () => {
  const disk = new MemoryFs();
  disk.createDirectory(DIRECTORY);
  const fs = new CrashFs(disk);
  const log = createLog(fs, 1, 0);
  const before = fs.operations;
  appendLengths(log, [10, 20, 30]);
  assert.equal(fs.operations - before, 3);
});
