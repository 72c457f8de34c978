/**
 * The record with which an encrypted log begins: without a record that opens, a header is nobody's.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import { decodeFileHeader, encodeFileHeader, FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import { RecordLogWriter } from '../../src/block/record-log-writer.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { walName } from '../../src/manifest/file-names.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openLog } from '../../src/wal/log-head.ts';
import type { ReplayOptions, WalRecoveryMode } from '../../src/wal/wal-replay.ts';
import { pipelineOf } from '../block/pipelines.ts';
import {
  appendLengths,
  createLog,
  cut,
  DIRECTORY,
  edit,
  flip,
  logPath,
  newDirectory,
  type Replayed,
  readBytes,
  replay,
  seqnosFrom,
  zero,
} from './wal-fixture.ts';

const RS = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

/** Nothing but the header, tag and checksum of a block. */
const OPENING_BLOCK_BYTES = 16 + 16 + 8;

interface Way {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly headerBytes: number;
}

const WAYS: readonly Way[] = [
  {
    name: 'aes-256-gcm',
    pipeline: await pipelineOf({ suite: 'aes-256-gcm' }),
    headerBytes: 128,
  },
  {
    name: 'chacha20-poly1305, lz4',
    pipeline: await pipelineOf({ suite: 'chacha20-poly1305', walCompression: 'lz4' }),
    headerBytes: 128,
  },
  {
    name: 'aes-256-gcm, secded',
    pipeline: await pipelineOf({ suite: 'aes-256-gcm', ecc: { scheme: 'secded' } }),
    headerBytes: 144,
  },
  {
    name: 'chacha20-poly1305, rs(4,2)',
    pipeline: await pipelineOf({ suite: 'chacha20-poly1305', ecc: RS }),
    headerBytes: 192,
  },
];

/** Two logs as a process left them that died: 1 with seqnos 1 to 6, 2 with 7 to 10. */
function twoLogs({ pipeline }: Way): MemoryFs {
  const fs = newDirectory();
  appendLengths(createLog(fs, 1, 0, 0, pipeline), [30, 40, 50]);
  appendLengths(createLog(fs, 2, 6, 1, pipeline), [60, 70]);
  return fs;
}

/** Gives the log another base and leaves it `records` bytes of what followed its header. */
function rebase(fs: MemoryFs, fileNumber: number, baseSeqno: number, records: number): void {
  edit(fs, logPath(fileNumber), (bytes) => {
    const header = decodeFileHeader(bytes, bytes.length, '')!;
    const made = encodeFileHeader({ ...header, baseSeqno });
    return Buffer.concat([made, bytes.subarray(made.length, made.length + records)]);
  });
}

/** Where the block of the first record ends. */
function openingEnd({ pipeline, headerBytes }: Way): number {
  const frame = new RecordFrame(pipeline.logProtection.ecc, new Uint8Array(16));
  return headerBytes + frame.sizeBytes + OPENING_BLOCK_BYTES;
}

function replayed(
  { pipeline }: Way,
  fs: MemoryFs,
  mode: WalRecoveryMode = 'tolerate-tail',
  more: Partial<ReplayOptions> = {},
): Replayed {
  return replay(fs, [1, 2], mode, { pipeline, ...more });
}

const ALL = [...seqnosFrom(1, 3), ...seqnosFrom(7, 2)];

for (const way of WAYS) {
  describe(`an encrypted log (${way.name})`, () => {
    const { pipeline, headerBytes } = way;

    test('begins with a record without content, which is no batch', () => {
      const fs = twoLogs(way);
      const reader = openLog({ fs, pipeline }, { path: logPath(2), fileNumber: 2 });
      const found: number[] = [];
      while (reader.next() === 'record') found.push(reader.contentLen);
      reader.close();
      assert.deepEqual(found, [0, 80, 90]);
      const { seqnos, recordsRead, dropped } = replayed(way, fs, 'absolute');
      assert.deepEqual([seqnos, recordsRead, dropped], [ALL, 5, []]);
    });

    test('has that record on stable storage when it is created', () => {
      const fs = newDirectory();
      const log = createLog(fs, 1, 0, 0, pipeline);
      assert.equal(log.sizeBytes, readBytes(fs, logPath(1)).length);
      assert.ok(log.sizeBytes >= openingEnd(way));
      assert.deepEqual(replay(fs, [1], 'absolute', { pipeline, firstLogNumber: 1 }).seqnos, []);
    });

    test('whose first record cannot be written is not there', () => {
      const inner = newDirectory();
      const fs = new FaultFs(inner, [{ operation: 'write', skip: 1, shortWriteBytes: 20 }]);
      assert.throws(() => createLog(fs, 1, 0, 0, pipeline), { code: 'IO' });
      assert.deepEqual(inner.list(DIRECTORY), []);
    });

    test('whose creation is cut off by a power loss, whatever is left of it, is empty', () => {
      const before = newDirectory();
      appendLengths(createLog(before, 1, 0, 0, pipeline), [30, 40, 50]);
      const whole = new CrashFs(before.clone());
      createLog(whole, 2, 6, 1, pipeline);
      for (let cutAt = 1; cutAt <= whole.operations; cutAt++) {
        const fs = new CrashFs(before.clone());
        fs.cutAfter(cutAt);
        assert.throws(() => createLog(fs, 2, 6, 1, pipeline), PowerCut);
        for (const variant of CRASH_VARIANTS) {
          for (let seed = 0; seed < 8; seed++) {
            const disk = fs.crash(variant, new SeededRandom(seed));
            const logs = disk.exists(logPath(2)) ? [1, 2] : [1];
            const { seqnos } = replay(disk, logs, 'tolerate-tail', { pipeline });
            assert.deepEqual(seqnos, seqnosFrom(1, 3), `operation ${cutAt}, ${variant}`);
          }
        }
      }
    });

    test('cut within its creation is empty, unless it was in use', () => {
      const { sizeBytes } = createLog(newDirectory(), 2, 6, 1, pipeline);
      const whole = twoLogs(way);
      for (let size = 0; size < sizeBytes; size += 5) {
        const fs = whole.clone();
        cut(fs, logPath(2), size);
        assert.deepEqual(replayed(way, fs).seqnos, seqnosFrom(1, 3), `${size} bytes`);
        zero(fs, logPath(2), 0, size);
        assert.deepEqual(replayed(way, fs).seqnos, seqnosFrom(1, 3), `${size} zeros`);
        // What is missing of its parity section alone is not missed.
        if (size >= openingEnd(way)) continue;
        cut(fs, logPath(1), size);
        assert.throws(() => replayed(way, fs, 'tolerate-tail', { firstLogNumber: 1 }), {
          code: 'CORRUPTION',
          file: logPath(1),
        });
      }
    });

    test('that is emptied voids nothing, whatever base its header has', () => {
      for (const baseSeqno of [0, 2, 4, 6, 1000]) {
        const fs = twoLogs(way);
        rebase(fs, 2, baseSeqno, 0);
        const { seqnos, dropped } = replayed(way, fs);
        assert.deepEqual(seqnos, seqnosFrom(1, 3));
        assert.deepEqual(
          dropped.map(({ file, reason }) => [file, reason]),
          [[logPath(2), 'file header is unwritten']],
        );
        assert.throws(() => replayed(way, fs, 'absolute'), { code: 'CORRUPTION' });
        const cleanEnds = new Map([[2, headerBytes]]);
        assert.throws(() => replayed(way, fs, 'tolerate-tail', { cleanEnds }), {
          code: 'CORRUPTION',
        });
      }
    });

    test('whose header was made to fit is refused, with all of its records or some', () => {
      const { sizeBytes } = createLog(newDirectory(), 2, 6, 1, pipeline);
      for (const records of [sizeBytes - headerBytes, 10_000]) {
        for (const baseSeqno of [0, 4, 1000]) {
          const fs = twoLogs(way);
          rebase(fs, 2, baseSeqno, records);
          for (const mode of ['absolute', 'tolerate-tail'] as const) {
            assert.throws(
              () => replayed(way, fs, mode),
              (error) => {
                assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
                assert.deepEqual([error.file, error.offset], [logPath(2), 0]);
                assert.match(error.message, /log is not authentic, and /);
                return true;
              },
            );
          }
          assert.deepEqual(replayed(way, fs, 'point-in-time').seqnos, seqnosFrom(1, 3));
          assert.deepEqual(replayed(way, fs, 'skip').seqnos, seqnosFrom(1, 3));
        }
      }
    });

    test('whose first record is lost is damaged, and `skip` finds the others', () => {
      const fs = twoLogs(way);
      const end = openingEnd(way);
      edit(fs, logPath(1), (bytes) => bytes.fill(0xa5, end - OPENING_BLOCK_BYTES, end));
      for (const mode of ['absolute', 'tolerate-tail'] as const) {
        const damaged = { code: 'CORRUPTION', file: logPath(1), offset: headerBytes };
        assert.throws(() => replayed(way, fs, mode), damaged);
      }
      assert.deepEqual(replayed(way, fs, 'skip').seqnos, ALL);
    });
  });
}

describe('an encrypted log of which only the first record is there', () => {
  test('is damaged, not torn, if a byte of that is wrong', () => {
    const pipeline = WAYS[0]!.pipeline;
    const whole = newDirectory();
    const { sizeBytes } = createLog(whole, 1, 0, 0, pipeline);
    for (let offset = 128; offset < sizeBytes; offset++) {
      const fs = whole.clone();
      flip(fs, logPath(1), offset);
      const where = `byte ${offset}`;
      try {
        const { dropped } = replay(fs, [1], 'tolerate-tail', { pipeline });
        // A type or length that no writer makes may be what a cut left of the record.
        assert.ok(offset < 128 + 16, where);
        assert.equal(dropped[0]!.reason, 'file header is unwritten', where);
      } catch (error) {
        assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
        assert.match(error.message, /file header is damaged/, where);
      }
    }
  });

  test('is repaired if it has a code', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm', ecc: RS });
    const whole = newDirectory();
    const { sizeBytes } = createLog(whole, 1, 0, 0, pipeline);
    for (let offset = 0; offset < sizeBytes; offset++) {
      const fs = whole.clone();
      flip(fs, logPath(1), offset);
      const { dropped } = replay(fs, [1], 'absolute', { pipeline, firstLogNumber: 1 });
      assert.deepEqual(dropped, [], `byte ${offset}`);
    }
  });
});

describe('a log in the clear', () => {
  test('has no such record, and one without content is damage', async () => {
    const pipeline = await pipelineOf({ ecc: RS });
    const fs = newDirectory();
    assert.equal(createLog(fs, 1, 0, 0, pipeline).sizeBytes, 192);
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_WAL,
      fileNumber: 2,
      previousNumber: 1,
      baseSeqno: 0,
      protection: pipeline.logProtection,
    });
    const type = BLOCK_WAL_RECORD;
    const log = RecordLogWriter.create(fs, DIRECTORY, walName(2), header, type, pipeline);
    const out = new ByteWriter(BLOCK_HEADER_BYTES);
    out.reset(BLOCK_HEADER_BYTES);
    log.append(out);
    log.close();
    assert.throws(() => replay(fs, [1, 2], 'tolerate-tail', { pipeline }), {
      code: 'CORRUPTION',
      message: /record is not a write batch/,
    });
  });
});
