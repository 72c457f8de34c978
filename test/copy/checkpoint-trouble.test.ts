/**
 * Checkpoints while the power goes, or calls of the file system fail: the new directory is a whole
 * database, or none, and the next checkpoint there clears away what was left.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import {
  COMBINATIONS,
  contentAfter,
  contentOf,
  expectState,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
} from './copy-fixture.ts';
import { cutEverywhere, failEverywhere, type Trouble } from './trouble.ts';

const COPY = 'copies/one';
const FIRST = 400;
const SECOND = 30;
const OPTIONS = [SMALL, COMBINATIONS[7]!];

/** A database with tables, closed; then a process that writes some more, and a checkpoint. */
async function troubleOf(options: typeof SMALL): Promise<Trouble> {
  const disk = new MemoryFs();
  const db = await openCopied(disk, options);
  const writer = new NumberedWriter(db);
  writer.write(FIRST);
  await db.flush();
  await db.close();
  const work = async (fs: Fs) => {
    const open = await openCopied(fs, options, SOURCE, { seed: 2 });
    new NumberedWriter(open, FIRST).write(SECOND);
    await open.checkpoint(COPY);
  };
  return { disk, work, check: (left, isDone) => expectWholeOrNone(left, options, isDone) };
}

async function expectWholeOrNone(
  disk: MemoryFs,
  options: typeof SMALL,
  isDone: boolean,
): Promise<void> {
  const live = disk.clone();
  const isThere = await isDatabase(live, options);
  if (isDone) assert.ok(isThere, 'a checkpoint that was made is there');
  if (isThere) await expectState(live, COPY, options, FIRST + SECOND);
  // Once more, from whatever the first one left; and a third, of a directory with a mark.
  const db = await openCopied(live, options, SOURCE, { seed: 3 });
  const found = contentOf(db);
  const { seqno } = db;
  assert.deepEqual(found, contentAfter(seqno));
  if (!isThere) {
    await db.checkpoint(COPY);
    await expectState(live, COPY, options, seqno);
  }
  await db.close();
  assert.ok(!live.list(COPY).includes('UNFINISHED'), 'the mark is gone');
}

/** Opening must show a whole database, or say that there is none. */
async function isDatabase(fs: MemoryFs, options: typeof SMALL): Promise<boolean> {
  try {
    const db = await openCopied(fs, { ...options, createIfMissing: false }, COPY, { seed: 9 });
    await db.close();
    return true;
  } catch (error) {
    if (!isVarveError(error, 'INVALID')) throw error;
    return false;
  }
}

suite('the power goes at every operation of a checkpoint', () => {
  for (const [i, options] of OPTIONS.entries()) {
    test(i === 0 ? 'plain' : 'all stages', async (t) => {
      await cutEverywhere(t, await troubleOf(options), i === 0 ? 2 : 5);
    });
  }
});

suite('each call of a checkpoint fails once', () => {
  for (const effect of ['IO', 'NOSPACE'] as const) {
    test(effect, async (t) => failEverywhere(t, await troubleOf(SMALL), effect));
  }
});
