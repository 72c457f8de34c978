/**
 * The way back from a background error.
 * @module
 */
import type { DbCore } from './core.ts';
import { releaseLogs } from './flush-job.ts';
import type { WritePath } from './write.ts';

/**
 * Puts all that memory holds into tables, under a new manifest and a new log, and allows writing
 * again. The failed files are not trusted: what they may or may not hold no longer counts.
 * @throws VarveError the error that stopped it; writing stays stopped
 */
export function resumeWriting(core: DbCore, writes: WritePath): void {
  if (core.backgroundError === undefined) return;
  // What was found damaged may be so in memory only.
  core.blocks.clear();
  core.backgroundError = undefined;
  try {
    core.manifest!.start();
    // A new log even if all memtables are empty: the active one may be the one that failed.
    core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    writes.flushNow();
    releaseLogs(core);
  } catch (error) {
    throw core.fail(error);
  }
}
