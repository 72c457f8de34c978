/**
 * Logs that are named: by the manifest, or by the last record of the log before them.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { fileHeaderBytes } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import type { LogIdentity } from '../../src/manifest/version-edit.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { WalRecoveryMode } from '../../src/wal/wal-replay.ts';
import type { WalWriter } from '../../src/wal/wal-writer.ts';
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
} from './wal-fixture.ts';

const MODES: WalRecoveryMode[] = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'];
const STRICT: readonly WalRecoveryMode[] = ['absolute', 'tolerate-tail'];

/** Logs 2, 4 and 7 of one process, of which the manifest names the first. */
interface Chain {
  readonly fs: MemoryFs;
  readonly pipeline: Pipeline;
  readonly logs: readonly WalWriter[];
  readonly names: ReadonlyMap<number, LogIdentity>;
}

const NUMBERS = [2, 4, 7];
/** Seqnos 1 to 6, 7 to 10, 11 and 12. */
const LENGTHS = [[40, 700, 90], [60, 60], [80]];
const ALL = seqnosFrom(1, 6);

function chain(pipeline: Pipeline, fs: MemoryFs = newDirectory(), durable = false): Chain {
  const logs: WalWriter[] = [];
  for (const [i, lengths] of LENGTHS.entries()) {
    const last = logs.at(-1);
    const base = last?.lastSeqno ?? 0;
    const log = createLog(fs, NUMBERS[i]!, base, last?.fileNumber, pipeline);
    last?.appendClosing(log.identity);
    appendLengths(log, lengths, durable ? base : 0);
    logs.push(log);
  }
  for (const log of logs) log.sync();
  return { fs, pipeline, logs, names: new Map([[2, logs[0]!.identity]]) };
}

function replayed(
  { fs, pipeline, names }: Pick<Chain, 'fs' | 'pipeline' | 'names'>,
  mode: WalRecoveryMode = 'tolerate-tail',
): Replayed {
  const numbers = fs.list(DIRECTORY).map((name) => Number.parseInt(name, 10));
  return replay(fs, numbers, mode, { pipeline, names, firstLogNumber: 2 });
}

function refuses(run: () => unknown, number: number, reason: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.equal(error.file, logPath(number));
    assert.match(error.message, reason);
    return true;
  });
}

let ways: Map<string, () => Promise<Pipeline>>;
before(() => {
  const random = new SeededRandom(5);
  ways = new Map([
    ['in the clear', () => pipelineOf({ random })],
    ['encrypted', () => pipelineOf({ random, suite: 'aes-256-gcm', epoch: 2 })],
    ['with a code', () => pipelineOf({ random, ecc: { scheme: 'xor', data: 2 } })],
    ['all', () => pipelineOf({ random, suite: 'chacha20-poly1305', ecc: { scheme: 'secded' } })],
  ]);
});

/** Runs `body` with a pipeline of each kind. */
async function each(body: (pipeline: Pipeline, way: string) => void): Promise<void> {
  for (const [way, make] of ways) body(await make(), way);
}

describe('logs that name each other', () => {
  test('are read as one', () =>
    each((pipeline, way) => {
      for (const mode of MODES) {
        const { seqnos, dropped, lastSeqno, logsRead } = replayed(chain(pipeline), mode);
        assert.deepEqual([seqnos, dropped, lastSeqno, logsRead], [ALL, [], 12, 3], way);
      }
    }));

  test('are all there, with whole headers, or it is damage, whatever stands behind', () =>
    each((pipeline) => {
      const header = fileHeaderBytes(pipeline.logProtection);
      for (const [i, number] of NUMBERS.entries()) {
        for (const size of [-1, 0, 63, 64, 100, header - 1]) {
          const whole = chain(pipeline);
          if (size < 0) whole.fs.remove(logPath(number));
          else cut(whole.fs, logPath(number), size);
          for (const mode of STRICT) {
            refuses(() => replayed(whole, mode), number, /no (crash leaves that|flaw is allowed)/);
          }
          const before = ALL.filter((seqno) => seqno <= whole.logs[i - 1]?.lastSeqno);
          const point = replayed(whole, 'point-in-time');
          assert.deepEqual(point.seqnos, before);
          assert.equal(point.dropped[0]!.file, logPath(number));
          const lost = seqnosFrom(before.length * 2 + 1, LENGTHS[i]!.length);
          const skip = replayed(whole, 'skip');
          assert.deepEqual(
            skip.seqnos,
            ALL.filter((seqno) => !lost.includes(seqno)),
          );
          assert.ok(skip.dropped.some(({ file }) => file === logPath(number)));
        }
      }
    }));

  test('are the very files that were named, in every mode', () =>
    each((pipeline) => {
      for (const [i, number] of NUMBERS.entries()) {
        const whole = chain(pipeline);
        // The same in all but its salt: of a copy of the database that went on, say.
        const { fs: other } = chain(pipeline);
        edit(whole.fs, logPath(number), () => readBytes(other, logPath(number)));
        for (const mode of STRICT) refuses(() => replayed(whole, mode), number, /another one/);
        const left = ALL.filter((seqno) => seqno <= (whole.logs[i - 1]?.lastSeqno ?? 0));
        assert.deepEqual(replayed(whole, 'point-in-time').seqnos, left);
        const { seqnos } = replayed(whole, 'skip');
        assert.ok(
          !seqnos.some((seqno) => seqno > left.length * 2 && seqno <= whole.logs[i]!.lastSeqno),
        );
      }
    }));

  test('are sealed as they were named: a retired key is of no use', async () => {
    const retired = await pipelineOf({ suite: 'aes-256-gcm', epoch: 1 });
    const current = await pipelineOf({ suite: 'aes-256-gcm', epoch: 2 });
    for (const number of NUMBERS) {
      const whole = chain(current);
      const { salt } = whole.logs[NUMBERS.indexOf(number)]!.identity;
      // The attacker may choose the salt.
      const forged = newDirectory();
      retired.newSalt = () => salt;
      appendLengths(createLog(forged, number, 0, 0, retired), [50]);
      edit(whole.fs, logPath(number), () => readBytes(forged, logPath(number)));
      for (const mode of STRICT) refuses(() => replayed(whole, mode), number, /another one/);
      whole.fs.remove(logPath(2));
      for (const mode of ['point-in-time', 'skip'] as const) {
        const { seqnos, dropped } = replayed(whole, mode);
        assert.ok(dropped.length > 0);
        if (number !== 7) assert.ok(!seqnos.includes(1), 'nothing forged counts');
      }
    }
  });

  test('end behind the record that names the next one', () =>
    each((pipeline) => {
      const fs = newDirectory();
      const log = createLog(fs, 2, 0, 0, pipeline);
      const next = createLog(fs, 4, 2, 2, pipeline);
      appendLengths(log, [40]);
      log.appendClosing(next.identity);
      appendLengths(log, [40]);
      const names = new Map([[2, log.identity]]);
      refuses(() => replayed({ fs, pipeline, names }), 2, /behind the end of the log/);
    }));

  test('name only logs that come later', () =>
    each((pipeline) => {
      for (const number of [1, 2]) {
        const fs = newDirectory();
        const log = createLog(fs, 2, 0, 0, pipeline);
        log.appendClosing({ ...log.identity, fileNumber: number });
        const names = new Map([[2, log.identity]]);
        refuses(() => replayed({ fs, pipeline, names }), 2, /cannot follow/);
      }
    }));

  test('follow where the one before ends', () =>
    each((pipeline) => {
      for (const base of [1, 3]) {
        const fs = newDirectory();
        const log = createLog(fs, 2, 0, 0, pipeline);
        appendLengths(log, [40]);
        const next = createLog(fs, 4, base, 2, pipeline);
        log.appendClosing(next.identity);
        const names = new Map([[2, log.identity]]);
        refuses(() => replayed({ fs, pipeline, names }), 4, /begins before|are missing/);
      }
    }));
});

describe('a log that nobody names', () => {
  test('does not count without records, and its base voids nothing', () =>
    each((pipeline) => {
      for (const base of [0, 4, 12, 100]) {
        const whole = chain(pipeline);
        createLog(whole.fs, 9, base, 7, pipeline);
        for (const mode of STRICT) {
          const { seqnos, dropped } = replayed(whole, mode);
          assert.deepEqual([seqnos, dropped], [ALL, []]);
        }
      }
    }));

  test('is told where it has records, and is damage if they show that more was durable', () =>
    each((pipeline) => {
      const whole = chain(pipeline);
      const log = createLog(whole.fs, 9, 14, 7, pipeline);
      appendLengths(log, [40], 12);
      const { seqnos, dropped, leftOut } = replayed(whole);
      assert.deepEqual([seqnos, leftOut], [ALL, [logPath(9)]]);
      assert.deepEqual(
        dropped.map(({ file, reason }) => [file, reason]),
        [[logPath(9), 'no sound record and no manifest names this log']],
      );
      refuses(() => replayed(whole, 'absolute'), 9, /no flaw is allowed/);
      appendLengths(log, [40], 13);
      refuses(() => replayed(whole), 9, /shows that it was on stable storage/);
      assert.deepEqual(replayed(whole, 'point-in-time').seqnos, ALL);
      assert.deepEqual(replayed(whole, 'skip').seqnos, [...ALL, 15, 17]);
    }));

  test('because that record is lost ends the logs if nothing in it is known to be durable', () =>
    each((pipeline) => {
      for (const durable of [false, true]) {
        const whole = chain(pipeline, newDirectory(), durable);
        const [first] = whole.logs;
        const fresh = createLog(newDirectory(), 4, 0, 0, pipeline);
        const { sizeBytes } = fresh;
        fresh.appendClosing(first!.identity);
        cut(whole.fs, logPath(2), first!.sizeBytes - (fresh.sizeBytes - sizeBytes));
        assert.deepEqual(replayed(whole, 'skip').seqnos, ALL);
        if (durable) {
          refuses(() => replayed(whole), 4, /shows that it was on stable storage/);
          continue;
        }
        const { seqnos, dropped, leftOut } = replayed(whole);
        assert.deepEqual(seqnos, seqnosFrom(1, 3));
        assert.deepEqual(leftOut, [logPath(4), logPath(7)]);
        assert.deepEqual(
          dropped.map(({ file }) => file),
          [logPath(4), logPath(7)],
        );
      }
    }));
});

test('a power cut at any time leaves what was synced, and takes no log for lost', () =>
  each((pipeline, way) => {
    for (let seed = 0; seed < 8; seed++) {
      const fs = new CrashFs(newDirectory());
      const random = new SeededRandom(seed);
      const logs = [createLog(fs, 2, 0, 0, pipeline)];
      const names = new Map([[2, logs[0]!.identity]]);
      let durableSeqno = 0;
      for (let step = 0; step < 25; step++) {
        const log = logs.at(-1)!;
        const { lastSeqno } = log;
        const choice = random.below(6);
        if (choice === 0) {
          const next = createLog(fs, log.fileNumber + 2, lastSeqno, log.fileNumber, pipeline);
          log.appendClosing(next.identity);
          logs.push(next);
        } else if (choice === 1) {
          for (const one of logs) if (one.needsSync(durableSeqno)) one.sync();
          durableSeqno = lastSeqno;
        } else {
          appendLengths(log, [random.below(900)], durableSeqno);
        }
        for (const variant of CRASH_VARIANTS) {
          const disk = fs.crash(variant, random);
          const context = `${way}, seed ${seed}, step ${step}, ${variant}`;
          const { seqnos } = replayed({ fs: disk, pipeline, names });
          assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length), context);
          assert.ok(seqnos.length * 2 >= durableSeqno, context);
        }
      }
    }
  }));

test('of a byte that changed in any log a right prefix is read, or an error', () =>
  each((pipeline, way) => {
    const whole = chain(pipeline, newDirectory(), true);
    for (const number of NUMBERS) {
      const size = readBytes(whole.fs, logPath(number)).length;
      for (let offset = 0; offset < size; offset += 3) {
        flip(whole.fs, logPath(number), offset);
        try {
          const { seqnos } = replayed(whole);
          assert.deepEqual(seqnos, seqnosFrom(1, seqnos.length));
          assert.ok(seqnos.length >= 5, `${way}: ${logPath(number)} ${offset}`);
        } catch (error) {
          assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
        }
        flip(whole.fs, logPath(number), offset);
      }
    }
  }));
