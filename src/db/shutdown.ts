/**
 * The end of an open database.
 * @module
 */
import type { Scheduler } from './background/scheduler.ts';
import type { DbCore } from './core.ts';
import type { Flusher } from './flush.ts';

/**
 * Makes everything durable and records where the logs end, as far as writing has not stopped
 * before; then releases all resources in any case.
 * @throws VarveError the first failure, or the one that stopped writing if it leaves writes that
 * are not durable or not in the directory; everything is released all the same
 */
export async function closeDatabase(
  core: DbCore,
  scheduler: Scheduler,
  flusher: Flusher,
): Promise<void> {
  let failure: unknown = isSafe(core) ? undefined : core.backgroundError;
  const attempt = async (work: () => unknown) => {
    try {
      await work();
    } catch (error) {
      failure ??= error;
    }
  };
  const canWrite = core.manifest !== undefined && core.backgroundError === undefined;
  // From here to where it is closed nobody else has a turn, so no listener: what one wrote would be
  // in no table, or in a log beyond what was synced, and the database marked clean all the same.
  if (canWrite) {
    try {
      if (core.wal === undefined) flusher.flushNow();
      else core.wal.syncNow();
      // What fails there leaves writes that are durable, and no clean end.
      scheduler.doSome();
    } catch (error) {
      failure ??= error;
    }
  }
  core.isClosed = true;
  await attempt(() => scheduler.close());
  await attempt(() => core.cursors.releaseAll());
  core.watchers.endAll();
  if (canWrite && core.backgroundError === undefined && failure === undefined) {
    core.wal?.trim();
    const walEnds = core.wal?.ends() ?? [];
    await attempt(() => core.manifest!.close({ walEnds, lastSeqno: core.lastSeqno }));
  } else {
    await attempt(() => core.manifest?.close());
  }
  await attempt(() => core.wal?.close());
  await attempt(() => core.tables.closeAll());
  // Before somebody else has the directory, who may use the names again.
  await core.removals.settle();
  core.pipeline.close();
  await attempt(() => core.lock?.release());
  if (failure !== undefined) throw failure;
}

/** True when what was written is in the directory, and power loss would take nothing of it. */
function isSafe(core: DbCore): boolean {
  if (core.backgroundError?.code === 'DETACHED') return false;
  return (core.wal?.durableSeqno ?? core.persistedSeqno) >= core.lastSeqno;
}
