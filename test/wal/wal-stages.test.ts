/**
 * The WAL with compression, encryption and error-correcting codes: what crashes and damage leave of
 * it, and that nothing made up passes for a torn tail.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Correction } from '../../src/block/block-reader.ts';
import { fileHeaderBytes } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { WalRecoveryMode } from '../../src/wal/wal-replay.ts';
import { resealChecksum } from '../block/block-file.ts';
import { pipelineOf } from '../block/pipelines.ts';
import {
  appendLengths,
  createLog,
  edit,
  flip,
  logPath,
  newDirectory,
  operationsOf,
  type Replayed,
  readBytes,
  replay,
  seqnosFrom,
} from './wal-fixture.ts';

const RS42: EccOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };
const corrections: Correction[] = [];

interface Stage {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly ecc: EccOptions | undefined;
}

const STAGES: readonly Stage[] = [
  {
    name: 'encrypted',
    pipeline: await pipelineOf({ corrections, suite: 'aes-256-gcm' }),
    ecc: undefined,
  },
  {
    name: 'compressed',
    pipeline: await pipelineOf({ corrections, walCompression: 'lz4' }),
    ecc: undefined,
  },
  { name: 'rs(4,2)', pipeline: await pipelineOf({ corrections, ecc: RS42 }), ecc: RS42 },
  {
    name: 'all stages',
    pipeline: await pipelineOf({
      corrections,
      suite: 'chacha20-poly1305',
      ecc: RS42,
      walCompression: 'lz4',
    }),
    ecc: RS42,
  },
  {
    name: 'xor, encrypted',
    pipeline: await pipelineOf({
      corrections,
      suite: 'aes-256-gcm',
      ecc: { scheme: 'xor', data: 3 },
    }),
    ecc: { scheme: 'xor', data: 3 },
  },
  {
    name: 'secded',
    pipeline: await pipelineOf({ corrections, ecc: { scheme: 'secded' } }),
    ecc: { scheme: 'secded' },
  },
];

interface Sample {
  readonly fs: MemoryFs;
  /** Where the header ends; in an encrypted log the record that vouches for it stands there. */
  readonly headerBytes: number;
  /** Where the batches begin, and where the last one ends. */
  readonly starts: number[];
  readonly size: number;
  readonly salt: Uint8Array;
}

/** One log of five records. */
function fiveRecords({ pipeline }: Stage, durableSeqno = 0): Sample {
  const fs = newDirectory();
  const log = createLog(fs, 3, 0, 0, pipeline);
  const starts = appendLengths(log, [40, 0, 1300, 90, 33], durableSeqno);
  log.close();
  const headerBytes = fileHeaderBytes(pipeline.logProtection);
  const salt = readBytes(fs, logPath(3)).slice(16, 32);
  return { fs, headerBytes, starts, size: log.sizeBytes, salt };
}

function replayed(stage: Stage, fs: MemoryFs, numbers = [3], mode?: WalRecoveryMode): Replayed {
  return replay(fs, numbers, mode, { pipeline: stage.pipeline });
}

for (const stage of STAGES) {
  describe(`a log (${stage.name})`, () => {
    test('gives every record, in order, in every mode', () => {
      const { fs } = fiveRecords(stage);
      for (const mode of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
        const { seqnos, dropped, bytesRead } = replayed(stage, fs, [3], mode);
        assert.deepEqual(seqnos, seqnosFrom(1, 5));
        assert.deepEqual(dropped, []);
        assert.equal(bytesRead, 5 * 20 + 40 + 1300 + 90 + 33);
      }
    });

    test('does not show what was written, if it is encrypted', () => {
      const { fs } = fiveRecords(stage);
      const bytes = Buffer.from(readBytes(fs, logPath(3)));
      const isHidden = stage.pipeline.keys !== undefined;
      for (const [firstSeqno, length] of [
        [1, 40],
        [9, 33],
      ] as const) {
        assert.equal(!bytes.includes(Buffer.from(operationsOf(firstSeqno, length))), isHidden);
      }
    });

    test('cut anywhere ends there and is no damage', () => {
      const { fs, starts, size } = fiveRecords(stage);
      const whole = readBytes(fs, logPath(3));
      for (let length = 0; length < size; length += length < starts[0]! ? 16 : 7) {
        edit(fs, logPath(3), () => whole.slice(0, length));
        const { seqnos } = replayed(stage, fs);
        const whollyThere = starts.filter((_, i) => (starts[i + 1] ?? size) <= length).length;
        // A record whose parity section alone is cut counts as well.
        assert.ok(seqnos.length >= whollyThere && seqnos.length <= whollyThere + 1);
        assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length));
      }
    });

    test('with a flipped byte gives all of it, a right prefix or an error', () => {
      const { fs, headerBytes, starts, size } = fiveRecords(stage);
      const corrects = stage.ecc !== undefined && stage.ecc.scheme !== 'secded';
      for (let offset = 0; offset < size; offset += 3) {
        const bits = stage.ecc?.scheme === 'secded' ? 1 << (offset % 8) : 0xff;
        flip(fs, logPath(3), offset, bits);
        try {
          const { seqnos } = replayed(stage, fs);
          assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length));
          const isHeader = offset < headerBytes;
          const isWhole = isHeader || corrects || stage.ecc?.scheme === 'secded';
          if (isWhole) assert.equal(seqnos.length, 5, `byte ${offset}`);
          else assert.ok(seqnos.length === 4 && offset >= starts[4]!, `byte ${offset}`);
        } catch (error) {
          assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
          assert.equal(stage.ecc, undefined, `byte ${offset}`);
          assert.equal(
            error.offset,
            [headerBytes, ...starts].findLast((start) => start <= offset),
          );
        }
        flip(fs, logPath(3), offset, bits);
      }
    });

    test('keeps every synced write through a power cut at any operation', () => {
      for (let seed = 1; seed <= 3; seed++) {
        const run = (fs: CrashFs, seen: { durable: number; written: number }): void => {
          const random = new SeededRandom(seed);
          const logs = [createLog(fs, 1, 0, 0, stage.pipeline)];
          for (let step = 0; step < 12; step++) {
            const log = logs.at(-1)!;
            const choice = random.below(8);
            if (choice === 0) {
              const { fileNumber, lastSeqno } = log;
              logs.push(createLog(fs, fileNumber + 1, lastSeqno, fileNumber, stage.pipeline));
            } else if (choice === 1) {
              for (const one of logs) one.sync();
              seen.durable = seen.written;
            } else {
              const length = random.chance(0.3) ? random.below(1500) : random.below(120);
              appendLengths(log, [length], seen.durable);
              seen.written = log.lastSeqno;
            }
          }
        };
        const whole = new CrashFs(newDirectory());
        run(whole, { durable: 0, written: 0 });
        for (let n = 1; n <= whole.operations; n++) {
          const fs = new CrashFs(newDirectory());
          const seen = { durable: 0, written: 0 };
          fs.cutAfter(n);
          assert.throws(() => run(fs, seen), PowerCut);
          for (const variant of CRASH_VARIANTS) {
            const disk = fs.crash(variant, new SeededRandom(seed * 1000 + n));
            const numbers = disk.list('db').map((name) => Number.parseInt(name, 10));
            const context = `seed ${seed}, operation ${n}, ${variant}`;
            const { seqnos, lastSeqno } = replayed(stage, disk, numbers);
            assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length), context);
            assert.ok(lastSeqno >= seen.durable && lastSeqno <= seen.written + 2, context);
          }
        }
      }
    });
  });
}

/** Makes the last record one that is whole, has its right checksum, and was not written so. */
function forgeLast({ fs, starts, size, salt }: Sample, { ecc }: Stage): void {
  edit(fs, logPath(3), (bytes) => {
    const at = starts.at(-1)! + new RecordFrame(ecc, salt).sizeBytes;
    const length = new DataView(bytes.buffer).getUint32(at + 8, true) + 24;
    assert.ok(at + length <= size);
    const block = bytes.subarray(at, at + length);
    block.fill(0, 16, 40);
    resealChecksum(block, length, salt, at);
    return bytes;
  });
}

describe('an encrypted log', () => {
  const sealed = STAGES.filter(({ pipeline }) => pipeline.keys !== undefined);

  for (const stage of sealed) {
    test(`with a forged last record is damaged, not torn (${stage.name})`, () => {
      const sample = fiveRecords(stage);
      const { fs, starts } = sample;
      forgeLast(sample, stage);
      for (const mode of ['absolute', 'tolerate-tail'] as const) {
        assert.throws(
          () => replayed(stage, fs, [3], mode),
          (error) => {
            assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
            assert.equal(error.offset, starts.at(-1));
            assert.match(error.message, /not authentic/);
            return true;
          },
        );
      }
      assert.deepEqual(replayed(stage, fs, [3], 'point-in-time').seqnos, seqnosFrom(1, 4));
      assert.deepEqual(replayed(stage, fs, [3], 'skip').seqnos, seqnosFrom(1, 4));
    });

    test(`of another database is an error (${stage.name})`, () => {
      const { fs } = fiveRecords(stage);
      const { databaseId } = stage.pipeline;
      stage.pipeline.databaseId = databaseId.map((byte) => byte ^ 0xff);
      try {
        assert.throws(() => replayed(stage, fs), { code: 'CORRUPTION' });
      } finally {
        stage.pipeline.databaseId = databaseId;
      }
    });
  }

  test('of two epochs is read with both keys', async () => {
    const old = await pipelineOf({ suite: 'aes-256-gcm', epoch: 1 });
    const current = await pipelineOf({ suite: 'chacha20-poly1305', epoch: 2 });
    const fs = newDirectory();
    appendLengths(createLog(fs, 3, 0, 0, old), [40, 50]);
    appendLengths(createLog(fs, 4, 4, 3, current), [60]);
    assert.deepEqual(replay(fs, [3, 4], 'absolute', { pipeline: current }).seqnos, [1, 3, 5]);
    assert.throws(() => replay(fs, [3, 4], 'absolute', { pipeline: old }), { code: 'KEY' });
  });

  test('in whose place one in the clear was put is damaged', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
    const plain = await pipelineOf({});
    const fs = newDirectory();
    appendLengths(createLog(fs, 3, 0, 0, plain), [40]);
    pipeline.sealedFrom = 4;
    assert.deepEqual(replay(fs, [3], 'absolute', { pipeline }).seqnos, [1]);
    pipeline.sealedFrom = 3;
    for (const mode of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
      assert.throws(() => replay(fs, [3], mode, { pipeline }), { code: 'CORRUPTION' });
    }
  });
});

describe('a log with a code', () => {
  const stage = STAGES.find(({ name }) => name === 'all stages')!;

  test('whose records are damaged within the budget reads back, and says so', () => {
    const { fs, starts } = fiveRecords(stage);
    const frameBytes = new RecordFrame(stage.ecc, new Uint8Array(16)).sizeBytes;
    for (const start of starts) flip(fs, logPath(3), start + frameBytes + 3);
    corrections.length = 0;
    assert.deepEqual(replayed(stage, fs, [3], 'absolute').seqnos, seqnosFrom(1, 5));
    assert.deepEqual(
      corrections.map(({ file, offset }) => [file, offset]),
      starts.map((start) => [logPath(3), start + frameBytes]),
    );
  });

  test('beyond the budget is an error where it was durable, and the end in point-in-time', () => {
    const { fs, starts } = fiveRecords(stage);
    edit(fs, logPath(3), (bytes) => {
      new SeededRandom(3).fill(bytes.subarray(starts[2]! + 24, starts[3]! - 200));
      return bytes;
    });
    assert.throws(() => replayed(stage, fs), { code: 'CORRUPTION', offset: starts[2] });
    assert.deepEqual(replayed(stage, fs, [3], 'point-in-time').seqnos, [1, 3]);
    assert.deepEqual(replayed(stage, fs, [3], 'skip').seqnos, [1, 3, 7, 9]);
  });
});
