/**
 * The end of an open database.
 * @module
 */
import type { DbCore } from './core.ts';
import type { Scheduler } from './scheduler.ts';
import type { WritePath } from './write.ts';

/**
 * Makes everything durable and records where the logs end, as far as writing has not stopped
 * before; then releases all resources in any case.
 * @throws VarveError the first failure, or the one that stopped writing if it leaves writes that
 * are not durable or not in the directory; everything is released all the same
 */
export async function closeDatabase(
  core: DbCore,
  scheduler: Scheduler,
  writes: WritePath,
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
  // Without a turn for others before it is closed: what they wrote would be lost.
  const keepWrites = () => {
    try {
      if (core.wal === undefined) writes.flushNow();
      else core.wal.syncNow();
    } catch (error) {
      failure ??= error;
    }
  };
  if (canWrite) keepWrites();
  // What fails there leaves writes that are durable, and no clean end.
  if (canWrite && failure === undefined) scheduler.doSome();
  // Listeners that were told of that may have written.
  if (canWrite && core.backgroundError === undefined && failure === undefined) {
    keepWrites();
  }
  core.isClosed = true;
  await attempt(() => scheduler.close());
  await attempt(() => core.cursors.releaseAll());
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
