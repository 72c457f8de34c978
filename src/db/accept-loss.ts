/**
 * Giving up for good what tables have lost: see `Db.acceptLoss`, and docs/decisions/0047.
 * @module
 */
import { compareKeys, successorOf } from '../bytes/compare.ts';
import type { LostKeys } from '../errors.ts';
import type { LostPlace, LostRange, LostTable } from '../integrity/table-health.ts';
import type { KeyRange } from '../iterator/user-cursor.ts';
import { tableName } from '../manifest/file-names.ts';
import { keepBeside } from '../manifest/lost-files.ts';
import { emptyEdit } from '../manifest/version-edit.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { Scheduler } from './background/scheduler.ts';
import type { ColumnFamily } from './column-family.ts';
import type { DbCore } from './core.ts';
import { lookAgain, lostRangesOf } from './damage.ts';
import type { Family } from './family.ts';
import type { Bytes } from './input.ts';
import { LossNotAccepted, LossRewrite, readThrough } from './loss-rewrite.ts';
import { keyRangeOf } from './range.ts';

/** Which losses are accepted; without bounds, all of the family. */
export interface AcceptLossOptions {
  /** Keys at or after this one. */
  readonly gte?: Bytes;
  /** Keys after this one. */
  readonly gt?: Bytes;
  /** Keys at or before this one. */
  readonly lte?: Bytes;
  /** Keys before this one. */
  readonly lt?: Bytes;
  /** Only keys that begin with these bytes. */
  readonly prefix?: Bytes;
  /** The family, or its name; the default one if absent. */
  readonly columnFamily?: ColumnFamily | string;
}

/** What became of the losses of a range. */
export interface AcceptLossReport {
  /** Keys of these ranges that could not be read are absent. */
  readonly accepted: readonly LostRange[];
  /**
   * Losses within the range that stay: their tables, or ones below them, have lost keys outside of
   * it too, or cannot be read for another reason than damage.
   */
  readonly left: readonly LostRange[];
  /** Older versions that are hidden, so that they do not come back. */
  readonly hiddenCount: number;
}

/** All lost tables of a family, or of a part of its keys, one after the other. */
export async function acceptLosses(
  core: DbCore,
  scheduler: Scheduler,
  family: Family,
  options: AcceptLossOptions,
): Promise<AcceptLossReport> {
  const isWithin = coveredBy(keyRangeOf(options));
  const accepted: LostRange[] = [];
  const left: LostRange[] = [];
  let hiddenCount = 0;
  const tried = new Set<TableSlot>();
  // From the bottom: what is lost below might come back with a version that one above must hide.
  for (let slot = next(core, family, tried); slot !== undefined; slot = next(core, family, tried)) {
    tried.add(slot);
    const { fileNumber } = slot.meta;
    await inTurns(core, readThrough(core, slot));
    lookAgain(core, fileNumber);
    await scheduler.sourceHeals.settle();
    core.assertWritable();
    const lost = core.requests.health.of(fileNumber);
    if (lost === undefined || !lost.places.some(({ keys }) => isWithin(keys))) continue;
    const ranges = lostRangesOf(core, fileNumber);
    const hidden = isDamage(lost)
      ? await acceptOne(core, scheduler, family, slot, lost.places, isWithin)
      : undefined;
    if (hidden === undefined) {
      left.push(...lostRangesOf(core, fileNumber).filter(isWithin));
    } else {
      accepted.push(...ranges);
      hiddenCount += hidden;
    }
  }
  return { accepted, left, hiddenCount };
}

/** @returns the number of versions that it hides; undefined if the table stays */
async function acceptOne(
  core: DbCore,
  scheduler: Scheduler,
  family: Family,
  slot: TableSlot,
  places: readonly LostPlace[],
  isWithin: (keys: LostKeys) => boolean,
): Promise<number | undefined> {
  const { view } = family;
  const level = view.levels.findIndex((slots) => slots.includes(slot));
  if (level < 0) return undefined;
  view.pins++;
  let rewrite: LossRewrite | undefined;
  let isInstalled = false;
  try {
    rewrite = new LossRewrite(core, { family, view, level, slot, places }, isWithin);
    await inTurns(core, rewrite.steps());
    while (scheduler.isReading(slot.meta.fileNumber)) {
      await scheduler.untilUnread(slot.meta.fileNumber);
    }
    // It may have been mended meanwhile, or be gone.
    if (!core.requests.health.lost.has(slot.meta.fileNumber)) return undefined;
    core.assertWritable();
    // The file of the table stays, under another name.
    const { fs, location } = core;
    keepBeside(fs, location.directory, tableName(slot.meta.fileNumber));
    fs.syncDirectory(location.directory);
    // Should the edit fail, it may be on disk all the same: the tables must stay where they are.
    isInstalled = true;
    install(core, family, level, slot, rewrite);
    return rewrite.hiddenCount;
  } catch (error) {
    if (!(error instanceof LossNotAccepted)) throw error;
    return undefined;
  } finally {
    rewrite?.close(isInstalled);
    core.unpin(view);
  }
}

async function inTurns(core: DbCore, steps: Iterable<void>): Promise<void> {
  for (const _ of steps) {
    await core.location.hostLoop.turn();
    core.assertWritable();
  }
}

function install(
  core: DbCore,
  family: Family,
  level: number,
  slot: TableSlot,
  { outputs }: LossRewrite,
): void {
  const familyId = family.handle.id;
  const addedTables = outputs.map((meta) => ({ familyId, level, meta }));
  const removedTables = [{ familyId, level, fileNumber: slot.meta.fileNumber }];
  core.install({ ...emptyEdit(), addedTables, removedTables });
}

/** The deepest lost table that was not tried; losses may be met while others are given up. */
function next(core: DbCore, family: Family, tried: ReadonlySet<TableSlot>): TableSlot | undefined {
  const { health } = core.requests;
  return family.view.levels.flat().findLast((slot) => {
    return !tried.has(slot) && health.of(slot.meta.fileNumber) !== undefined;
  });
}

/** What the file system refuses to open may be sound, and what a later version wrote is. */
function isDamage({ places }: LostTable): boolean {
  return places.every(({ error, ordinal }) => {
    return error.code === 'CORRUPTION' || (error.code === 'IO' && ordinal !== undefined);
  });
}

/** Whether all keys of a loss lie in a range. */
function coveredBy({
  lower,
  lowerExclusive,
  upper,
  upperExclusive,
}: KeyRange): (keys: LostKeys) => boolean {
  const from = lower !== undefined && lowerExclusive ? successorOf(lower) : lower;
  const to = upper !== undefined && !upperExclusive ? successorOf(upper) : upper;
  return ({ gte, lt }) => {
    const isFrom = from === undefined || compareKeys(from, gte) <= 0;
    return isFrom && (to === undefined || compareKeys(lt, to) <= 0);
  };
}
