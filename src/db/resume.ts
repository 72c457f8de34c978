/**
 * The way back from a background error.
 * @module
 */
import type { DbCore } from './core.ts';
import { releaseLogs } from './flush-job.ts';
import type { Scheduler } from './scheduler.ts';
import type { WritePath } from './write.ts';

/** Bytes of one flush step; nothing else runs between the steps. */
const STEP_BYTES = 4_194_304;

/**
 * Puts all that memory holds into tables, under a new manifest and a new log, and allows writing
 * again. The failed files are not trusted: what they may or may not hold no longer counts.
 * @throws VarveError the error that stopped it; writing stays stopped
 */
export function resumeWriting(core: DbCore, scheduler: Scheduler, writes: WritePath): void {
  if (core.backgroundError === undefined) return;
  core.backgroundError = undefined;
  try {
    core.manifest!.start(core.location.random);
    // A new log even if all memtables are empty: the active one may be the one that failed.
    core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    flushNow(core, scheduler, writes);
    releaseLogs(core);
  } catch (error) {
    throw core.fail(error);
  }
}

/**
 * Puts everything that memory holds into tables, without giving anyone else a turn.
 * @throws VarveError what stopped it
 */
export function flushNow(core: DbCore, scheduler: Scheduler, writes: WritePath): void {
  writes.freeze([...core.families.values()]);
  // In one group: a failed log cannot be relied on to hold what one part leaves to a later one.
  scheduler.joinFlushes();
  while (!scheduler.isFlushed && scheduler.step(STEP_BYTES));
  if (core.backgroundError !== undefined) throw core.backgroundError;
}
