/**
 * The first write of a process: a log of its own and a manifest that names it.
 *
 * A database that was closed cleanly is left as it is until then. What its last logs hold stays in
 * them and is read into memtables again by the next process, until it is worth a table: so a short
 * session adds a log, and nothing else.
 * @module
 */
import { emptyEdit, type LogIdentity } from '../manifest/version-edit.ts';
import type { DbCore } from './core.ts';
import { logNames } from './persisted.ts';
import { WalSet } from './wal-set.ts';

/**
 * Logs that are kept from earlier processes, and their bytes: every process that opens the database
 * reads them.
 */
const KEPT_LOGS_MAX = 8;
const KEPT_LOG_BYTES_MAX = 0x4_0000;

/**
 * True if the database can stay as it was found. Whatever is not quite as a clean close of this
 * version with these settings leaves it is written anew at once.
 * @param neededLogs numbers of the logs that some family needs
 */
export function mayRest(core: DbCore, neededLogs: readonly number[]): boolean {
  const { manifest, recovery, settings, events } = core;
  const { walEnds, wasClosedCleanly, isSealedAsNow, logIdentities, version } = manifest!;
  if (!wasClosedCleanly || !isSealedAsNow) return false;
  const first = version.firstLogNumber();
  // An older version does not name its logs.
  if (first > 0 && !logIdentities.has(first)) return false;
  if (recovery!.dropped.length > 0 || events.correctionCount > 0) return false;
  if (neededLogs.length > KEPT_LOGS_MAX) return false;
  // Without a WAL a process leaves an empty log behind, whose end nobody records.
  const isEmpty = recovery!.recordsRead === 0;
  if (!isEmpty && neededLogs.some((number) => !walEnds.has(number))) return false;
  let logBytes = 0;
  for (const sizeBytes of walEnds.values()) logBytes += sizeBytes;
  if (logBytes > Math.min(KEPT_LOG_BYTES_MAX, settings.writeBufferBytes / 4)) return false;
  // Nothing else would make it durable that a later process goes on without them.
  return settings.wal || hasEmptyMemtables(core);
}

function hasEmptyMemtables(core: DbCore): boolean {
  for (const { active } of core.families.values()) if (!active.memtable.isEmpty) return false;
  return true;
}

/**
 * Begins a log, and lets the manifest name it: for families that need no older one. Without a WAL
 * an empty log is left behind all the same: the manifest always refers to one that exists, so that
 * a lost log is noticed.
 */
export function beginWriting(core: DbCore): void {
  // A manifest that begins syncs the directory for both, before CURRENT names it and so the log.
  const isManifestNew = core.manifest!.startsLater;
  const log = startLog(core, !isManifestNew);
  const logNumber = log.fileNumber;
  const names =
    core.wal === undefined
      ? [...core.families.keys()].map((familyId) => ({ familyId, logNumber }))
      : logNames(core).logNumbers;
  core.install({ ...emptyEdit(), logNumbers: names, logIdentities: [log] });
  if (isManifestNew) core.wal?.noteEntry();
}

/**
 * Starts the log of this process; returns what the manifest says of it.
 * @param syncsEntry false where its name is made durable before the manifest that names it counts
 */
export function startLog(core: DbCore, syncsEntry = true): LogIdentity {
  const { fs, directory, pipeline } = core.location;
  const number = core.newFileNumber();
  if (core.wal !== undefined) {
    core.wal.rotate(number, core.lastSeqno, syncsEntry);
    return core.wal.identity(number);
  }
  // What was written without a log and is in no table yet does not count after a crash.
  const base = core.persistedSeqno;
  const wal = new WalSet(fs, directory, pipeline, core.removals, base);
  wal.rotate(number, base, syncsEntry);
  const log = wal.identity(number);
  wal.closeFiles();
  return log;
}
