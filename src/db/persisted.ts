/**
 * How far what was written is in tables, and so which logs are still needed.
 * @module
 */
import { emptyEdit, type VersionEdit } from '../manifest/version-edit.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';

/** The log from which each family still needs writes, for families where that changed. */
export function logNames(core: DbCore): Pick<VersionEdit, 'logNumbers' | 'logIdentities'> {
  const { wal } = core;
  const changed: VersionEdit['logNumbers'] = [];
  if (wal === undefined) return { logNumbers: changed };
  const active = wal.activeNumber;
  for (const [familyId, family] of core.families) {
    const logNumber = family.oldestLogNumber(active);
    const known = core.version.families.get(familyId)!.logNumber;
    if (logNumber !== known) changed.push({ familyId, logNumber });
  }
  const named = new Set(changed.map(({ logNumber }) => logNumber));
  return { logNumbers: changed, logIdentities: [...named].map((number) => wal.identity(number)) };
}

/** Lets go of the logs that no family needs any more: first in the manifest, then on disk. */
export function releaseLogs(core: DbCore): void {
  const names = logNames(core);
  if (names.logNumbers.length > 0) core.install({ ...emptyEdit(), ...names });
  removeOldLogs(core);
}

/** Removes logs below those that the manifest refers to. */
export function removeOldLogs(core: DbCore): void {
  core.wal?.removeBelow(core.version.firstLogNumber());
}

/**
 * {@link persistedSeqno}, from which without a log the next process goes on. There it is the end of
 * a batch: what a dropped family leaves may end in the midst of one.
 * @param end of a batch up to which every write is in tables
 * @param dropped a family whose writes nobody needs any more
 */
export function persistedFrom(core: DbCore, end: number, dropped?: Family): number {
  const persisted = persistedSeqno(core, dropped);
  return core.wal === undefined && persisted < core.lastSeqno ? end : persisted;
}

/**
 * Every write up to this seqno is in tables.
 * @param dropped see {@link persistedFrom}
 */
export function persistedSeqno(core: DbCore, dropped?: Family): number {
  let persisted = core.lastSeqno;
  for (const family of core.families.values()) {
    if (family === dropped) continue;
    for (const { memtable } of [...family.frozen, family.active]) {
      if (!memtable.isEmpty) persisted = Math.min(persisted, memtable.smallestSeqno - 1);
    }
  }
  return persisted;
}
