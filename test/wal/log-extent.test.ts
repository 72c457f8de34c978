/**
 * Room ahead of the records of a log that is synced again and again.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { WalWriter } from '../../src/wal/wal-writer.ts';
import { pipelineOf } from '../block/pipelines.ts';
import {
  appendLengths,
  createLog,
  cut,
  flip,
  logPath,
  newDirectory,
  type Replayed,
  readBytes,
  replay,
  seqnosFrom,
  zero,
} from './wal-fixture.ts';

const MODES = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const;
/** More than it takes. */
const MANY = 20;

let ways: [string, Pipeline][];
before(async () => {
  ways = [
    ['in the clear', await pipelineOf({})],
    ['encrypted', await pipelineOf({ suite: 'aes-256-gcm' })],
    ['with a code', await pipelineOf({ ecc: { scheme: 'reed-solomon', data: 3, parity: 2 } })],
    [
      'all',
      await pipelineOf({
        suite: 'chacha20-poly1305',
        walCompression: 'lz4',
        ecc: { scheme: 'secded' },
      }),
    ],
  ];
});

function sizeOf(fs: MemoryFs): number {
  return readBytes(fs, logPath(1)).length;
}

/** Writes and syncs one record after the other; returns where each begins. */
function syncEach(log: WalWriter, count: number, length = 100, known = true): number[] {
  return Array.from({ length: count }, () => {
    const [start] = appendLengths(log, [length], known ? log.lastSeqno : 0);
    log.sync();
    return start!;
  });
}

function replayed(fs: MemoryFs, pipeline: Pipeline, more: object = {}): Replayed {
  return replay(fs, [1], 'tolerate-tail', { pipeline, firstLogNumber: 1, ...more });
}

describe('a log that is synced after each record', () => {
  test('grows in steps, each for many records', () => {
    const fs = newDirectory();
    const log = createLog(fs, 1, 0);
    syncEach(log, MANY);
    let sizes = 0;
    for (let i = 0; i < 3000; i++) {
      const size = sizeOf(fs);
      assert.ok(size > log.sizeBytes);
      syncEach(log, 1);
      if (sizeOf(fs) !== size) sizes++;
    }
    assert.ok(sizes > 0 && sizes <= 4, `${sizes} steps`);
    const added = readBytes(fs, logPath(1)).subarray(log.sizeBytes);
    assert.ok(added.every((byte) => byte === 0));
    assert.deepEqual(replay(fs, [1], 'absolute').seqnos, seqnosFrom(1, MANY + 3000));
  });

  test('does not while syncs are few, or there is much between them', async () => {
    const fs = newDirectory();
    const log = createLog(fs, 1, 0);
    syncEach(log, 7);
    assert.equal(sizeOf(fs), log.sizeBytes);
    for (let i = 0; i < MANY; i++) {
      appendLengths(log, [20_000, 20_000]);
      await log.syncAsync();
      assert.equal(sizeOf(fs), log.sizeBytes);
    }
  });

  test('does so too if it does not wait for its syncs', async () => {
    const fs = newDirectory();
    const log = createLog(fs, 1, 0);
    for (let i = 0; i < MANY; i++) {
      appendLengths(log, [100]);
      await log.syncAsync();
    }
    assert.ok(sizeOf(fs) > log.sizeBytes);
  });

  test('reads back whatever its mode, and is as long as its records when it is trimmed', () => {
    for (const [way, pipeline] of ways) {
      const fs = newDirectory();
      const log = createLog(fs, 1, 0, 0, pipeline);
      syncEach(log, MANY);
      assert.ok(sizeOf(fs) > log.sizeBytes, way);
      for (const mode of MODES) {
        const { seqnos, dropped } = replay(fs, [1], mode, { pipeline, firstLogNumber: 1 });
        assert.deepEqual([seqnos, dropped], [seqnosFrom(1, MANY), []], way);
      }
      const cleanEnds = new Map([[1, log.sizeBytes]]);
      assert.equal(replayed(fs, pipeline, { cleanEnds }).recordsRead, MANY);
      log.trim();
      assert.equal(sizeOf(fs), log.sizeBytes);
      syncEach(log, MANY);
      assert.equal(sizeOf(fs), log.sizeBytes, 'it is not filled again');
      assert.equal(replayed(fs, pipeline).recordsRead, 2 * MANY);
    }
  });

  test('is damaged if a byte of its last record has changed, or it is known and gone', () => {
    for (const [way, pipeline] of ways) {
      const fs = newDirectory();
      const log = createLog(fs, 1, 0, 0, pipeline);
      const last = syncEach(log, MANY).at(-1)!;
      const size = sizeOf(fs);
      for (let offset = last; offset < log.sizeBytes; offset += 3) {
        flip(fs, logPath(1), offset, 1 << (offset % 8));
        if (pipeline.logProtection.ecc === undefined) {
          const refused = { code: 'CORRUPTION', offset: last };
          assert.throws(() => replayed(fs, pipeline), refused, `${way} ${offset - last}`);
        } else {
          assert.equal(replayed(fs, pipeline).recordsRead, MANY, `${way} ${offset - last}`);
        }
        flip(fs, logPath(1), offset, 1 << (offset % 8));
      }
      zero(fs, logPath(1), last, log.sizeBytes);
      assert.equal(replayed(fs, pipeline).recordsRead, MANY - 1, 'it may never have been written');
      const cleanEnds = new Map([[1, log.sizeBytes]]);
      assert.throws(() => replayed(fs, pipeline, { cleanEnds }), { code: 'CORRUPTION' });
      cut(fs, logPath(1), last);
      assert.ok(size > last);
      assert.equal(replayed(fs, pipeline).recordsRead, MANY - 1);
    }
  });
});

test('a power cut at any time leaves what was synced, in order', () => {
  for (const [way, pipeline] of ways) {
    for (let seed = 0; seed < 1; seed++) {
      const fs = new CrashFs(newDirectory());
      const random = new SeededRandom(seed);
      const log = createLog(fs, 1, 0, 0, pipeline);
      let durable = 0;
      for (let step = 0; step < 33; step++) {
        const { lastSeqno } = log;
        if (step % 3 === 2) {
          log.sync();
          durable = lastSeqno;
        } else {
          appendLengths(log, [random.below(100)], durable);
        }
        for (const variant of CRASH_VARIANTS) {
          const disk = fs.crash(variant, random);
          const { seqnos } = replayed(disk, pipeline);
          const context = `${way}, seed ${seed}, step ${step}, ${variant}`;
          assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length), context);
          assert.ok(seqnos.length * 2 >= durable, context);
        }
      }
      assert.ok(sizeOf(fs.crash('keepAll', random)) > log.sizeBytes, 'there was room ahead');
    }
  }
});

describe('a disk', () => {
  test('without space for room ahead takes records all the same', () => {
    for (const shortWriteBytes of [0, 1000]) {
      const disk = newDirectory();
      const fs = new FaultFs(disk);
      const log = createLog(fs, 1, 0);
      syncEach(log, 7);
      fs.addRule({ operation: 'write', skip: 1, effect: 'NOSPACE', shortWriteBytes });
      syncEach(log, 2 * MANY);
      assert.equal(log.failure, undefined);
      assert.equal(replay(disk, [1], 'absolute').recordsRead, 7 + 2 * MANY);
      assert.ok(sizeOf(disk) >= log.sizeBytes);
    }
  });

  test('that fails there is told, and the log takes nothing more', () => {
    const disk = newDirectory();
    const fs = new FaultFs(disk);
    const log = createLog(fs, 1, 0);
    syncEach(log, 7);
    fs.addRule({ operation: 'write', skip: 1 });
    assert.throws(
      () => syncEach(log, 1),
      (error) => isVarveError(error, 'IO'),
    );
    assert.throws(() => syncEach(log, 1), log.failure);
    assert.equal(replay(disk, [1]).recordsRead, 8);
  });
});
