/**
 * The way back from a background error.
 * @module
 */
import type { Scheduler } from './background/scheduler.ts';
import type { DbCore } from './core.ts';
import type { Flusher } from './flush.ts';
import { releaseLogs } from './persisted.ts';

/**
 * Puts all that memory holds into tables, under a new manifest and a new log, and allows writing
 * again. The failed files are not trusted: what they may or may not hold no longer counts.
 * @throws VarveError the error that stopped it; writing stays stopped
 */
export function resumeWriting(core: DbCore, scheduler: Scheduler, flusher: Flusher): void {
  if (core.backgroundError === undefined) return;
  // What is under way may have failed too, and nobody has looked yet.
  scheduler.stop();
  // What was found damaged may be so in memory only.
  core.blocks.clear();
  core.backgroundError = undefined;
  core.beforeFirstWrite = undefined;
  try {
    core.manifest!.start();
    core.removeUninstalled();
    // A new log even if all memtables are empty: the active one may be the one that failed.
    core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    flusher.flushNow();
    releaseLogs(core);
  } catch (error) {
    throw core.fail(error);
  }
}
