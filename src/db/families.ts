/**
 * Making and dropping column families.
 * @module
 */
import { utf8LengthMax, writeUtf8 } from '../bytes/utf8.ts';
import { VarveError } from '../errors.ts';
import { emptyEdit } from '../manifest/version-edit.ts';
import { FAMILY_NAME_BYTES_MAX } from '../manifest/version-edit-codec.ts';
import type { Scheduler } from './background/scheduler.ts';
import { type ColumnFamily, DEFAULT_FAMILY_ID } from './column-family.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import type { FamilySettings } from './options.ts';
import { persistedFrom } from './persisted.ts';

/** Makes a family durable and brings it into memory. */
export function createFamily(core: DbCore, name: string, settings: FamilySettings): ColumnFamily {
  checkFamilyName(name);
  if (core.familyNamed(name) !== undefined) {
    throw new VarveError('INVALID', `column family '${name}' exists already`);
  }
  createFamilies(core, [[name, settings]]);
  return core.familyNamed(name)!.handle;
}

/**
 * Makes any number of families durable, by one edit, and brings them into memory.
 * @param families names that are right and free, each once
 */
export function createFamilies(
  core: DbCore,
  families: readonly (readonly [name: string, settings: FamilySettings])[],
): void {
  if (families.length === 0) return;
  const firstId = core.version.nextFamilyId;
  const edit = emptyEdit();
  try {
    core.begin();
    const { wal } = core;
    const { logNumber: oldest } = core.version.families.get(DEFAULT_FAMILY_ID)!;
    // Without a WAL too: logs of earlier processes may come back after power loss.
    const logNumber = wal?.activeNumber ?? oldest;
    families.forEach(([name], i) => {
      edit.createdFamilies.push({ id: firstId + i, name });
      edit.logNumbers.push({ familyId: firstId + i, logNumber });
    });
    const logIdentities = wal === undefined ? [] : [wal.identity(logNumber)];
    core.install({ ...edit, logIdentities });
  } catch (error) {
    throw core.fail(error);
  }
  families.forEach(([name, settings], i) => {
    core.addFamily(firstId + i, name, settings);
  });
}

/** Makes the end of a family durable and lets go of what it held. */
export function dropFamily(core: DbCore, scheduler: Scheduler, family: Family): void {
  const { id } = family.handle;
  if (id === DEFAULT_FAMILY_ID) {
    throw new VarveError('INVALID', 'the default column family cannot be dropped');
  }
  const persisted = persistedFrom(core, core.persistedSeqno, family);
  const edit = { ...emptyEdit(), droppedFamilies: [id] };
  try {
    // What the family wrote into logs that others need must not be missed there, and its seqnos
    // not be given out again; without a log, and if nothing else is to be flushed, the edit tells.
    core.wal?.syncNow();
    core.install(core.wal === undefined ? { ...edit, lastSeqno: persisted } : edit);
  } catch (error) {
    throw core.fail(error);
  }
  core.persistedSeqno = persisted;
  // Only now: had the edit failed, the family would go on and need its flushes.
  scheduler.forget(family);
  core.removeFamily(family);
  core.watchers.noteDrop(id, core.lastSeqno);
}

/** @throws TypeError, RangeError for what cannot be the name of a family */
export function checkFamilyName(name: string): void {
  if (typeof name !== 'string') throw new TypeError('the name of a family must be a string');
  const length = writeUtf8(name, new Uint8Array(utf8LengthMax(name)), 0);
  if (length === 0 || length > FAMILY_NAME_BYTES_MAX) {
    throw new RangeError(`the name of a family has 1 to ${FAMILY_NAME_BYTES_MAX} bytes`);
  }
}
