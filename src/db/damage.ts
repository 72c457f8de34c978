/**
 * Tables that cannot be read, of an open database: who notices it, looks again, and tells.
 * @module
 */

import { compareKeys } from '../bytes/compare.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { isVarveError, VarveError } from '../errors.ts';
import type { LostPlace, LostRange } from '../integrity/table-health.ts';
import type { Damage } from '../integrity/verify-file.ts';
import { tableNumberOf } from '../manifest/file-names.ts';
import { Table } from '../sstable/table.ts';
import { lostKeysOf, type TableSlot } from '../tables/table-cache.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { healFromCopies } from './heal-from.ts';
import { recallLosses, recordLosses } from './recorded-losses.ts';

/** From now on what reads cannot read is noted. */
export function watchForDamage(core: DbCore): void {
  const { health } = core.requests;
  core.tables.onLost = (slot, ordinal, error) => {
    health.suspect(slot.meta.fileNumber, { ordinal, keys: error.lostKeys!, error });
  };
  recallLosses(core);
}

/** Looks again at the tables whose time it is; true if something has changed by that. */
export function lookAtDue(core: DbCore): boolean {
  const { health } = core.requests;
  const due = health.due(core.location.clock.monotonic());
  if (due.length === 0) return false;
  for (const { fileNumber } of due) lookAt(core, fileNumber);
  recordLosses(core);
  return true;
}

/** Looks again at all lost tables of a family. */
export function lookAtFamily(core: DbCore, family: Family): void {
  for (const { fileNumber } of core.requests.health.all) {
    if (familyOf(core, fileNumber) === family) lookAt(core, fileNumber);
  }
  recordLosses(core);
}

/**
 * A compaction has failed over a table.
 * @throws VarveError that error, where it is about memory: it names no place in the file, and the
 * file is sound
 */
export function notePlanFailure(core: DbCore, fileNumber: number, error: VarveError): void {
  const slot = core.tables.find(fileNumber);
  if (slot === undefined) return;
  const found = look(core, slot, error);
  if (found.length > 0) healOrConfirm(core, slot, error, found);
  else if (error.code === 'CORRUPTION' && error.offset === undefined) throw error;
  else {
    // It went wrong, and may again: compactions come back to it with the next look.
    const place = { ordinal: undefined, keys: lostKeysOf(slot.meta), error };
    core.requests.health.confirm(fileNumber, [place], core.location.clock.monotonic());
  }
  recordLosses(core);
}

/** A verification, or a scrub, has found damage that cannot be put right. */
export function noteDamage(
  core: DbCore,
  { file, offset, cause }: Pick<Damage, 'file' | 'offset' | 'cause'>,
): void {
  const fileNumber = tableNumberOf(file);
  const slot = fileNumber === undefined ? undefined : core.tables.find(fileNumber);
  if (slot === undefined) return;
  const error = new VarveError('CORRUPTION', cause, { file, offset });
  const found = look(core, slot, error);
  if (found.length === 0) return;
  healOrConfirm(core, slot, error, found);
  recordLosses(core);
}

/** Of all families. Fresh. */
export function lostRanges(core: DbCore): LostRange[] {
  return core.requests.health.all.flatMap(({ fileNumber }) => lostRangesOf(core, fileNumber));
}

/** Of one table. Fresh. */
export function lostRangesOf(core: DbCore, fileNumber: number): LostRange[] {
  const places = core.requests.health.of(fileNumber)?.places ?? [];
  return places.map((place) => lostRange(core, fileNumber, place));
}

/** The error of the first table of a family that is lost and meets a range; undefined of none. */
export function lossWithin(
  core: DbCore,
  family: Family,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): VarveError | undefined {
  const { health } = core.requests;
  for (const slot of family.view.levels.flat()) {
    if (!health.lost.has(slot.meta.fileNumber)) continue;
    if (from !== undefined && compareKeys(slot.largestKey, from) < 0) continue;
    if (to !== undefined && compareKeys(slot.smallestKey, to) > 0) continue;
    return health.of(slot.meta.fileNumber)!.places[0]!.error;
  }
  return undefined;
}

/** Looks again at one table: what other copies give back is healed. */
export function lookAgain(core: DbCore, fileNumber: number): void {
  lookAt(core, fileNumber);
  recordLosses(core);
}

function lookAt(core: DbCore, fileNumber: number): void {
  const { health } = core.requests;
  const slot = core.tables.find(fileNumber);
  const places = slot === undefined ? [] : look(core, slot, undefined);
  if (places.length > 0) healOrConfirm(core, slot!, undefined, places);
  else health.clear(fileNumber);
}

/** What other copies of the table cannot give back is lost. */
function healOrConfirm(
  core: DbCore,
  slot: TableSlot,
  failure: VarveError | undefined,
  found: readonly LostPlace[],
): void {
  const { fileNumber } = slot.meta;
  const places = healFromCopies(core, slot) ? look(core, slot, failure) : found;
  if (places.length > 0) confirm(core, fileNumber, places);
  else core.requests.health.clear(fileNumber);
}

function confirm(core: DbCore, fileNumber: number, places: readonly LostPlace[]): void {
  const { health } = core.requests;
  for (const place of health.confirm(fileNumber, places, core.location.clock.monotonic())) {
    core.events.tell({ type: 'lost', ...lostRange(core, fileNumber, place) });
  }
}

/**
 * Reads what is said to be lost of a table from its file, past all caches.
 * @param failure what somebody else met; undefined to look at what is noted
 * @returns what cannot be read
 */
function look(core: DbCore, slot: TableSlot, failure: VarveError | undefined): LostPlace[] {
  const { meta } = slot;
  const whole = (error: VarveError) => [{ ordinal: undefined, keys: lostKeysOf(meta), error }];
  const noted = core.requests.health.of(meta.fileNumber)?.places ?? [];
  let table: Table;
  try {
    table = Table.open(core.tables.openFile(slot), meta, new BlockCache(0), core.pipeline);
  } catch (error) {
    if (isVarveError(error)) return whole(error);
    throw error;
  }
  try {
    if (failure !== undefined && failure.offset === undefined) return verify(table, failure);
    const places = noted.map(({ ordinal }) => ordinal);
    if (failure !== undefined) places.push(table.blocks.index.ordinalAt(failure.offset!));
    const ordinals = new Set(places.filter((ordinal) => ordinal !== undefined));
    return [...ordinals].flatMap((ordinal) => read(table, ordinal));
  } finally {
    table.close();
  }
}

function read(table: Table, ordinal: number): LostPlace[] {
  try {
    table.blocks.at(ordinal);
    return [];
  } catch (error) {
    if (!isVarveError(error)) throw error;
    const keys = table.lostKeys(ordinal);
    return [{ ordinal, keys, error: withKeys(error, keys) }];
  }
}

/** Of a table that was read, and what it holds is not what was written. */
function verify(table: Table, failure: VarveError): LostPlace[] {
  try {
    table.verify();
    return [];
  } catch (error) {
    if (!isVarveError(error)) throw error;
    const { offset } = error;
    const ordinal = offset === undefined ? undefined : table.blocks.index.ordinalAt(offset);
    const keys = ordinal === undefined ? lostKeysOf(table.meta) : table.lostKeys(ordinal);
    return [{ ordinal, keys, error: withKeys(failure, keys) }];
  }
}

function withKeys(error: VarveError, lostKeys: LostPlace['keys']): VarveError {
  const { code, message, file, offset, cause } = error;
  return new VarveError(code, message, { file, offset, lostKeys, cause });
}

function lostRange(core: DbCore, fileNumber: number, place: LostPlace): LostRange {
  const { keys, error, ordinal } = place;
  return {
    columnFamily: familyOf(core, fileNumber)?.handle.name ?? '',
    file: error.file ?? '',
    fileNumber,
    offset: ordinal === undefined ? undefined : error.offset,
    gte: keys.gte,
    lt: keys.lt,
    message: error.message,
  };
}

function familyOf(core: DbCore, fileNumber: number): Family | undefined {
  for (const family of core.families.values()) {
    const levels = family.view.levels;
    if (levels.some((slots) => slots.some((slot) => slot.meta.fileNumber === fileNumber))) {
      return family;
    }
  }
  return undefined;
}
