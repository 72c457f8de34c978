import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { replayLogs, type WalRecoveryMode } from '../../src/wal/wal-replay.ts';
import { plainPipeline } from '../block/pipelines.ts';
import {
  appendLengths,
  createLog,
  cut,
  edit,
  flip,
  logPath,
  newDirectory,
  readBytes,
  replay,
  seqnosFrom,
  zero,
} from './wal-fixture.ts';

const MODES: WalRecoveryMode[] = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'];

before(loadChecksum);

/** One log of six records, the third longer than two sectors. */
function sixRecords(durableSeqno = 0): { fs: MemoryFs; starts: number[]; size: number } {
  const fs = newDirectory();
  const log = createLog(fs, 3, 0);
  const starts = appendLengths(log, [40, 0, 1300, 90, 500, 33], durableSeqno);
  log.close();
  return { fs, starts, size: log.sizeBytes };
}

function corruptionAt(file: string, offset: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.equal(error.file, file);
    assert.equal(error.offset, offset);
    return true;
  };
}

/** How many of the records end at or before `size`. */
function recordsWithin(starts: readonly number[], end: number, size: number): number {
  return [...starts.slice(1), end].filter((recordEnd) => recordEnd <= size).length;
}

describe('a sound log', () => {
  for (const mode of MODES) {
    test(`gives every record, in order, in mode ${mode}`, () => {
      const { fs } = sixRecords();
      const result = replay(fs, [3], mode);
      assert.deepEqual(result.seqnos, seqnosFrom(1, 6));
      assert.equal(result.lastSeqno, 12);
      assert.equal(result.recordsRead, 6);
      assert.deepEqual(result.dropped, []);
    });
  }

  test('without records gives its base as the last seqno', () => {
    const fs = newDirectory();
    createLog(fs, 3, 77).close();
    assert.equal(replay(fs, [3]).lastSeqno, 77);
    assert.equal(replay(fs, []).lastSeqno, 0);
  });

  test('may hold a record longer than the read window', () => {
    const fs = newDirectory();
    const log = createLog(fs, 3, 0);
    appendLengths(log, [10, 700_000, 300_000, 20]);
    assert.deepEqual(replay(fs, [3]).seqnos, seqnosFrom(1, 4));
  });
});

describe('a log cut at any length', () => {
  test('gives the records before the cut', () => {
    const { fs, starts, size } = sixRecords();
    const whole = readBytes(fs, logPath(3));
    for (let length = 0; length < size; length++) {
      edit(fs, logPath(3), () => whole.slice(0, length));
      const expected = seqnosFrom(1, recordsWithin(starts, size, length));
      for (const mode of ['tolerate-tail', 'point-in-time', 'skip'] as const) {
        const result = replay(fs, [3], mode);
        assert.deepEqual(result.seqnos, expected, `${mode} at ${length}`);
        const isHeaderOnly = length >= 64 && length <= 128;
        const isWhole = length === 0 || isHeaderOnly || starts.includes(length);
        assert.equal(result.dropped.length, isWhole ? 0 : 1, `${mode} at ${length}`);
      }
    }
  });

  test('is an error in mode absolute, unless the cut is between records', () => {
    const { fs, starts, size } = sixRecords();
    const whole = readBytes(fs, logPath(3));
    for (let length = 0; length < size; length += 3) {
      edit(fs, logPath(3), () => whole.slice(0, length));
      if (starts.includes(length)) {
        replay(fs, [3], 'absolute');
      } else if (length >= 64 && length < 128) {
        // One whole copy of the header is a header.
        assert.deepEqual(replay(fs, [3], 'absolute').seqnos, []);
      } else {
        const offset = length < 128 ? 0 : starts.findLast((start) => start <= length)!;
        assert.throws(() => replay(fs, [3], 'absolute'), corruptionAt(logPath(3), offset));
      }
    }
  });

  test('is an error below the clean end, in both modes that look for damage', () => {
    const { fs, size } = sixRecords();
    const whole = readBytes(fs, logPath(3));
    const cleanEnds = new Map([[3, size]]);
    for (let length = 0; length < size; length++) {
      edit(fs, logPath(3), () => whole.slice(0, length));
      for (const mode of ['absolute', 'tolerate-tail'] as const) {
        assert.throws(() => replay(fs, [3], mode, { cleanEnds }), { code: 'CORRUPTION' });
      }
      replay(fs, [3], 'point-in-time', { cleanEnds });
    }
    fs.remove(logPath(3));
    const missing = corruptionAt(logPath(3), 0);
    assert.throws(() => replay(fs, [], 'tolerate-tail', { cleanEnds }), missing);
  });
});

describe('a log with one damaged byte', () => {
  test('gives a right prefix or an error, whatever the byte', () => {
    const { fs, starts, size } = sixRecords();
    for (let offset = 0; offset < size; offset++) {
      for (const bits of [0xff, 1 << (offset % 8)]) {
        flip(fs, logPath(3), offset, bits);
        const record = starts.findLast((start) => start <= offset);
        if (record === undefined) {
          assert.equal(replay(fs, [3]).seqnos.length, 6, `header byte ${offset}`);
        } else {
          assert.throws(() => replay(fs, [3]), corruptionAt(logPath(3), record), `byte ${offset}`);
        }
        flip(fs, logPath(3), offset, bits);
      }
    }
  });

  test('is an error at the record after a clean close', () => {
    const { fs, starts, size } = sixRecords();
    const cleanEnds = new Map([[3, size]]);
    for (let offset = 128; offset < size; offset++) {
      flip(fs, logPath(3), offset);
      const record = starts.findLast((start) => start <= offset)!;
      const check = corruptionAt(logPath(3), record);
      assert.throws(() => replay(fs, [3], 'tolerate-tail', { cleanEnds }), check);
      flip(fs, logPath(3), offset);
    }
  });

  test('loses only the damaged record in mode skip, and the rest in point-in-time', () => {
    const { fs, starts, size } = sixRecords();
    for (let offset = 128; offset < size; offset++) {
      flip(fs, logPath(3), offset);
      const index = starts.findLastIndex((start) => start <= offset);
      const all = seqnosFrom(1, 6);
      const skipped = replay(fs, [3], 'skip');
      assert.deepEqual(skipped.seqnos, all.toSpliced(index, 1), `byte ${offset}`);
      assert.equal(skipped.dropped[0]!.offset, starts[index]);
      assert.deepEqual(replay(fs, [3], 'point-in-time').seqnos, all.slice(0, index));
      flip(fs, logPath(3), offset);
    }
  });

  test('is not an error if both header copies are gone and nothing stands behind them', () => {
    const fs = newDirectory();
    createLog(fs, 3, 9).close();
    zero(fs, logPath(3), 0, 128);
    assert.deepEqual(replay(fs, [3]).seqnos, []);
    const { fs: used } = sixRecords();
    flip(used, logPath(3), 20);
    flip(used, logPath(3), 84);
    assert.throws(() => replay(used, [3]), corruptionAt(logPath(3), 0));
    assert.deepEqual(replay(used, [3], 'point-in-time').seqnos, []);
  });
});

describe('a log with an unwritten range before sound records', () => {
  test('ends there, as after a power cut that reordered unsynced writes', () => {
    const { fs, starts } = sixRecords();
    const whole = readBytes(fs, logPath(3));
    for (const [from, to] of [
      [starts[0]!, starts[1]!],
      [starts[1]!, starts[2]!],
      [512, 1024],
      [1024, 1536],
      [starts[3]!, starts[4]!],
    ] as const) {
      edit(fs, logPath(3), () => whole.slice());
      zero(fs, logPath(3), from, to);
      const result = replay(fs, [3]);
      assert.deepEqual(
        result.seqnos,
        seqnosFrom(
          1,
          starts.findLastIndex((start) => start <= from),
        ),
      );
      assert.equal(result.dropped.length, 1);
    }
  });

  test('is damaged if a later record knows that the range was durable', () => {
    const fs = newDirectory();
    const log = createLog(fs, 3, 0);
    const starts = appendLengths(log, [600, 600]);
    appendLengths(log, [600], 4);
    zero(fs, logPath(3), starts[1]!, starts[1]! + 600);
    assert.throws(() => replay(fs, [3]), corruptionAt(logPath(3), starts[1]!));
    assert.deepEqual(replay(fs, [3], 'point-in-time').seqnos, [1]);
  });
});

describe('several logs', () => {
  /** Log 3 with seqnos 1 to 6, log 5 with 7 to 10, log 8 with 11 and 12. */
  function threeLogs(durableInLast = 0): { fs: MemoryFs; starts: number[][]; sizes: number[] } {
    const fs = newDirectory();
    const logs = [createLog(fs, 3, 0), createLog(fs, 5, 6, 3), createLog(fs, 8, 10, 5)];
    const starts = [
      appendLengths(logs[0]!, [40, 700, 90]),
      appendLengths(logs[1]!, [60, 60]),
      appendLengths(logs[2]!, [80], durableInLast),
    ];
    return { fs, starts, sizes: logs.map((log) => log.sizeBytes) };
  }

  test('are read as one', () => {
    const { fs } = threeLogs();
    for (const mode of MODES) {
      const result = replay(fs, [3, 5, 8], mode);
      assert.deepEqual(result.seqnos, seqnosFrom(1, 6));
      assert.equal(result.lastSeqno, 12);
      assert.equal(result.logsRead, 3);
    }
  });

  test('end at a torn tail of an earlier one, if nothing behind it is known to be durable', () => {
    const { fs, starts, sizes } = threeLogs();
    cut(fs, logPath(3), sizes[0]! - 1);
    const result = replay(fs, [3, 5, 8]);
    assert.deepEqual(result.seqnos, [1, 3]);
    assert.deepEqual(
      result.dropped.map(({ file, offset }) => [file, offset]),
      [
        [logPath(3), starts[0]![2]],
        [logPath(5), 0],
        [logPath(8), 0],
      ],
    );
    assert.deepEqual(replay(fs, [3, 5, 8], 'skip').seqnos, [1, 3, 7, 9, 11]);
    assert.throws(() => replay(fs, [3, 5, 8], 'absolute'), { code: 'CORRUPTION' });
  });

  test('end at a missing record between two of them', () => {
    const { fs, starts } = threeLogs();
    cut(fs, logPath(3), starts[0]![2]!);
    const result = replay(fs, [3, 5, 8]);
    assert.deepEqual(result.seqnos, [1, 3]);
    assert.equal(result.dropped[0]!.file, logPath(5));
    assert.throws(() => replay(fs, [3, 5, 8], 'absolute'), corruptionAt(logPath(5), 0));
  });

  test('are damaged if a later one knows that the missing records were durable', () => {
    const { fs, starts, sizes } = threeLogs(6);
    cut(fs, logPath(3), starts[0]![2]!);
    assert.throws(() => replay(fs, [3, 5, 8]), corruptionAt(logPath(5), 0));
    const { fs: torn } = threeLogs(6);
    cut(torn, logPath(3), sizes[0]! - 1);
    assert.throws(() => replay(torn, [3, 5, 8]), corruptionAt(logPath(3), starts[0]![2]!));
  });

  test('are damaged if a later one was closed cleanly', () => {
    const { fs, sizes } = threeLogs();
    cut(fs, logPath(3), sizes[0]! - 1);
    const cleanEnds = new Map([[8, sizes[2]!]]);
    assert.throws(() => replay(fs, [3, 5, 8], 'tolerate-tail', { cleanEnds }), {
      code: 'CORRUPTION',
      file: logPath(3),
    });
  });

  test('are damaged if one of them is missing and a later one knows better', () => {
    const { fs } = threeLogs(8);
    fs.remove(logPath(5));
    assert.throws(() => replay(fs, [3, 8]), corruptionAt(logPath(8), 0));
    assert.throws(() => replay(fs, [3, 5, 8]), corruptionAt(logPath(5), 0));
  });

  test('must begin where the tables end', () => {
    const fs = newDirectory();
    appendLengths(createLog(fs, 5, 6), [10]);
    assert.deepEqual(replay(fs, [5], 'absolute', { firstSeqno: 7 }).seqnos, [7]);
    assert.deepEqual(replay(fs, [5], 'absolute', { firstSeqno: 9 }).seqnos, [7]);
    const early = { firstSeqno: 6 };
    assert.throws(() => replay(fs, [5], 'absolute', early), corruptionAt(logPath(5), 0));
    assert.deepEqual(replay(fs, [5], 'tolerate-tail', early).seqnos, []);
    assert.equal(replay(fs, [5], 'tolerate-tail', early).lastSeqno, 5);
  });

  test('or with the first log that is needed, wherever that begins', () => {
    const fs = newDirectory();
    appendLengths(createLog(fs, 5, 6), [10]);
    const early = { firstSeqno: 3, firstLogNumber: 5 };
    assert.deepEqual(replay(fs, [5], 'absolute', early).seqnos, [7]);
    const later = { firstSeqno: 3, firstLogNumber: 4 };
    assert.deepEqual(replay(fs, [5], 'tolerate-tail', later).seqnos, []);
  });

  test('go on after a failed append: its torn record and void records do not count', () => {
    const fs = newDirectory();
    const first = createLog(fs, 3, 0);
    const starts = appendLengths(first, [40, 40, 40]);
    const torn = createLog(fs, 4, 4, 3);
    appendLengths(torn, [50]);
    for (const end of [starts[2]! + 20, first.sizeBytes]) {
      cut(fs, logPath(3), end);
      for (const mode of ['tolerate-tail', 'point-in-time', 'skip'] as const) {
        const result = replay(fs, [3, 4], mode);
        assert.deepEqual(result.seqnos, [1, 3, 5]);
        assert.deepEqual(result.dropped, []);
      }
    }
  });

  test('may hold whole void records in mode absolute, but no torn one', () => {
    const fs = newDirectory();
    const first = createLog(fs, 3, 0);
    const starts = appendLengths(first, [40, 40, 40]);
    appendLengths(createLog(fs, 4, 4, 3), [50]);
    assert.deepEqual(replay(fs, [3, 4], 'absolute').seqnos, [1, 3, 5]);
    cut(fs, logPath(3), first.sizeBytes - 1);
    assert.throws(() => replay(fs, [3, 4], 'absolute'), corruptionAt(logPath(3), starts[2]!));
  });

  test('include a log that is void as a whole', () => {
    const fs = newDirectory();
    appendLengths(createLog(fs, 3, 0), [40, 40]);
    appendLengths(createLog(fs, 4, 10, 3), [50]);
    appendLengths(createLog(fs, 6, 2, 4), [60]);
    const result = replay(fs, [3, 4, 6]);
    assert.deepEqual(result.seqnos, [1, 3]);
    assert.equal(result.lastSeqno, 4);
    assert.deepEqual(result.dropped, []);
  });

  test('count one whose creation was cut off as empty, unless the chain says otherwise', () => {
    const { fs } = threeLogs();
    createLog(fs, 9, 12, 8).close();
    for (const size of [0, 30, 128]) {
      cut(fs, logPath(9), size);
      zero(fs, logPath(9), 0, size);
      assert.deepEqual(replay(fs, [3, 5, 8, 9]).seqnos, seqnosFrom(1, 6));
      appendLengths(createLog(fs, 10, 12, 9), [50]);
      assert.deepEqual(replay(fs, [3, 5, 8, 9, 10]).seqnos, seqnosFrom(1, 7));
      fs.remove(logPath(10));
    }
    const { fs: inside } = threeLogs();
    cut(inside, logPath(5), 30);
    const result = replay(inside, [3, 5, 8]);
    assert.deepEqual(result.seqnos, seqnosFrom(1, 3));
    assert.equal(result.dropped.at(-1)!.file, logPath(8));
    const { fs: known } = threeLogs(10);
    cut(known, logPath(5), 30);
    assert.throws(() => replay(known, [3, 5, 8]), corruptionAt(logPath(8), 0));
  });

  test('are damaged where records have lost their header', () => {
    const { fs } = threeLogs();
    zero(fs, logPath(8), 0, 128);
    assert.throws(() => replay(fs, [3, 5, 8]), corruptionAt(logPath(8), 0));
    assert.deepEqual(replay(fs, [3, 5, 8], 'point-in-time').seqnos, seqnosFrom(1, 5));
  });
});

describe('a log that no crash leaves', () => {
  test('is an error when it is another file', () => {
    const { fs } = sixRecords();
    fs.rename(logPath(3), logPath(4));
    assert.throws(() => replay(fs, [4]), corruptionAt(logPath(4), 0));
  });

  test('is an error when a record does not follow the one before', () => {
    const fs = newDirectory();
    const log = createLog(fs, 3, 0);
    const starts = appendLengths(log, [40, 40]);
    log.lastSeqno = 10;
    appendLengths(log, [40]);
    assert.throws(() => replay(fs, [3]), corruptionAt(logPath(3), starts[1]! + 84));
    assert.deepEqual(replay(fs, [3], 'point-in-time').seqnos, [1, 3]);
    assert.deepEqual(replay(fs, [3], 'skip').seqnos, [1, 3, 11]);
  });

  test('passes on what the visitor throws', () => {
    const { fs } = sixRecords();
    const boom = new Error('boom');
    const visit = (): void => {
      throw boom;
    };
    const cleanEnds = new Map();
    const pipeline = plainPipeline();
    const options = {
      fs,
      directory: 'db',
      pipeline,
      logNumbers: [3],
      mode: 'skip' as const,
      cleanEnds,
    };
    assert.throws(() => replayLogs(options, visit), boom);
  });
});
