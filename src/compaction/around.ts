/**
 * Compaction around tables that cannot be read.
 *
 * Such a table stays where it is: whoever reads a key of its range has to meet it before older
 * versions, which may have been deleted or overwritten by what is lost. So nothing may pass it from
 * above, within its range. Everything else goes on: a plan that reaches beyond the range is carried
 * out in parts. At the ends of the range its keys are cut, and between them what is above the table
 * is merged with itself and stays above, in the deepest level that it came from; what is below is
 * merged and goes on down.
 *
 * A table that lies within the range of a lost one below it is *stuck*: no plan can bring it down.
 * A plan that would leave every key in as many runs and at the level that it found them has no use,
 * and is none; otherwise one could follow another for ever.
 * @module
 */
import { compareKeys, successorOf } from '../bytes/compare.ts';
import { compareNewestFirst } from '../manifest/version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import {
  type CompactionPlan,
  isWithin,
  type KeyRange,
  keyRange,
  type LevelInputs,
  type Levels,
  meets,
  type Obstacle,
  overlapping,
  rangeOf,
} from './plan.ts';

/** What a plan does with a range of user keys. */
export interface PlanPart {
  /** First user key, and the one behind the last; undefined for no bound. */
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
  /** The inputs that meet the range, as far as they may become one run. */
  readonly inputs: readonly LevelInputs[];
  readonly outputLevel: number;
}

/** The lost tables of a tree. */
export function obstaclesIn(levels: Levels, lost: ReadonlySet<number>): Obstacle[] {
  if (lost.size === 0) return [];
  return levels.flatMap((tables, level) =>
    tables.filter((table) => lost.has(table.fileNumber)).map((table) => ({ level, table })),
  );
}

/** True when a table cannot go down for a lost one below it. */
export function isStuck(obstacles: readonly Obstacle[], level: number, table: TableMeta): boolean {
  return obstacles.some((lost) => isStuckAt(lost, level, table));
}

/** True when it cannot for this lost one. */
export function isStuckAt(lost: Obstacle, level: number, table: TableMeta): boolean {
  return isAbove(level, table, lost) && isWithin(rangeOf(table), rangeOf(lost.table));
}

/** True when a lost table lies below some level and meets a range. */
export function isOverLost(
  obstacles: readonly Obstacle[],
  level: number,
  range: KeyRange,
): boolean {
  return obstacles.some((lost) => lost.level > level && meets(rangeOf(lost.table), range));
}

/** A tree as far as compaction can work on it: without lost tables and what is stuck above them. */
export function workable(levels: Levels, obstacles: readonly Obstacle[]): Levels {
  if (obstacles.length === 0) return levels;
  const lost = new Set(obstacles.map(({ table }) => table));
  return levels.map((tables, level) =>
    tables.filter((table) => !lost.has(table) && !isStuck(obstacles, level, table)),
  );
}

/** True when a plan cannot be carried out as a whole for lost tables. */
export function isParted(plan: CompactionPlan, obstacles: readonly Obstacle[]): boolean {
  return obstacles.some((lost) => isInTheWay(plan, lost));
}

/**
 * Whether tables of L0 may become one: no lost one lies between them, and what is stuck joins only
 * what is stuck at the same one, and only for a gain, lest the next plan cuts it off again.
 */
function mayJoin(obstacles: readonly Obstacle[], tables: readonly TableMeta[]): boolean {
  const isOne = obstacles.some((lost) => tables.every((table) => isStuckAt(lost, 0, table)));
  const isAnyStuck = tables.some((table) => isStuck(obstacles, 0, table));
  if (isAnyStuck && !(isOne && isGain(obstacles, tables))) return false;
  return obstacles.every((lost) => {
    if (!meets(rangeOf(lost.table), keyRange(tables))) return true;
    const aboveCount = tables.filter((table) => isAbove(0, table, lost)).length;
    return aboveCount === 0 || aboveCount === tables.length;
  });
}

/**
 * Whether there are fewer runs between the ends of lost ranges when tables become one, and nowhere
 * more.
 */
function isGain(obstacles: readonly Obstacle[], tables: readonly TableMeta[]): boolean {
  const { smallest, largest } = keyRange(tables);
  const inside = edgesOf(obstacles).filter((key) => {
    return compareKeys(key, smallest) > 0 && compareKeys(key, largest) <= 0;
  });
  const bounds = distinctKeys(inside);
  const counts = [undefined, ...bounds].map(
    (from, i) => overlapsPart(tables, from, bounds[i]).length,
  );
  return !counts.includes(0) && counts.some((count) => count > 1);
}

/**
 * The plan with the lost tables that it has to step around.
 * @param plan none of its inputs is lost
 * @param l0 all tables of L0
 * @returns undefined when nothing is gained by it, or others of L0 are in its way
 */
export function planAround(
  plan: CompactionPlan,
  obstacles: readonly Obstacle[],
  l0: readonly TableMeta[],
): CompactionPlan | undefined {
  if (obstacles.length === 0 || plan.kind === 'drop') return plan;
  if (plan.outputLevel === 0) return mayJoin(obstacles, plan.inputs[0]!.tables) ? plan : undefined;
  const isRewrite = plan.inputs.length === 1 && plan.inputs[0]!.level === plan.outputLevel;
  if (!isParted(plan, obstacles)) return plan;
  const merge: CompactionPlan = { ...plan, kind: 'merge' };
  const met = obstacles.filter((lost) => isInTheWay(merge, lost));
  const around: CompactionPlan = { ...merge, around: met };
  const parts = partsOf(around);
  if (parts.some((part) => part.outputLevel === 0 && passesOthers(part, plan, l0)))
    return undefined;
  return isRewrite || parts.some(isUseful) ? around : undefined;
}

/**
 * In the order of the keys; of those with the same keys, the upper ones first.
 * @param cuts keys at which parts may end besides
 */
export function partsOf(plan: CompactionPlan, cuts: readonly Uint8Array[] = []): PlanPart[] {
  const { around = [], inputs, outputLevel } = plan;
  // What stays above a lost table is to be one table.
  const isHeld = (key: Uint8Array) => around.some(({ table }) => isInPart(table, key));
  const bounds = distinctKeys([...cuts.filter((key) => !isHeld(key)), ...edgesOf(around)]);
  return [undefined, ...bounds].flatMap((from, i) => {
    const to = bounds[i];
    const here = around.filter(({ table }) => isInPart(table, from));
    if (here.length === 0) return partOf(from, to, inputs, outputLevel);
    // A lost table has all of a part or nothing of it, so that counting them tells what may meet.
    const groups = Array.from({ length: here.length + 1 }, (_, passed) =>
      inputs.map(({ level, tables }) => ({
        level,
        tables: tables.filter((table) => {
          return here.filter((lost) => !isAbove(level, table, lost)).length === passed;
        }),
      })),
    );
    return groups.flatMap((group, passed) => {
      const last = group.findLast(({ tables }) => overlapsPart(tables, from, to).length > 0);
      const isFree = passed === here.length;
      return last === undefined ? [] : partOf(from, to, group, isFree ? outputLevel : last.level);
    });
  });
}

/** Levels in which a plan leaves something. */
export function outputLevelsOf(plan: CompactionPlan): number[] {
  if (plan.around === undefined) return [plan.outputLevel];
  return [...new Set(partsOf(plan).map(({ outputLevel }) => outputLevel))];
}

/** Whether a part makes runs fewer, or brings one down. */
function isUseful({ inputs, outputLevel }: PlanPart): boolean {
  const [first] = inputs;
  if (inputs.length > 1 || first!.level !== outputLevel) return true;
  return outputLevel === 0 && first!.tables.length > 1;
}

/**
 * True when what stays in L0 as one table would bring older versions above a table that takes no
 * part: one between those that it is made of.
 */
function passesOthers(
  { inputs, from, to }: PlanPart,
  plan: CompactionPlan,
  l0: readonly TableMeta[],
): boolean {
  const { tables } = inputs[0]!;
  const first = l0.indexOf(tables[0]!);
  const between = l0.slice(first, l0.indexOf(tables.at(-1)!) + 1);
  const others = between.filter((table) => !plan.inputs[0]!.tables.includes(table));
  const range = keyRange(tables);
  return overlapsPart(others, from, to).some((table) => meets(rangeOf(table), range));
}

/** A merge passes, or writes over, all that lies between its levels; a move only what it meets. */
function isInTheWay({ kind, inputs, outputLevel }: CompactionPlan, lost: Obstacle): boolean {
  const range = rangeOf(lost.table);
  if (lost.level > outputLevel) return false;
  if (kind === 'merge') {
    const tables = inputs.flatMap((input) => input.tables);
    return lost.level >= inputs[0]!.level && meets(keyRange(tables), range);
  }
  return inputs.some(({ level, tables }) =>
    tables.some((table) => isAbove(level, table, lost) && meets(rangeOf(table), range)),
  );
}

/** True when a table holds newer versions than a lost one, should they have a key in common. */
function isAbove(level: number, table: TableMeta, lost: Obstacle): boolean {
  if (level !== lost.level) return level < lost.level;
  return level === 0 && compareNewestFirst(table, lost.table) < 0;
}

function partOf(
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
  inputs: readonly LevelInputs[],
  outputLevel: number,
): PlanPart[] {
  const met = inputs
    .map(({ level, tables }) => ({ level, tables: overlapsPart(tables, from, to) }))
    .filter(({ tables }) => tables.length > 0);
  return met.length === 0 ? [] : [{ from, to, inputs: met, outputLevel }];
}

function overlapsPart(
  tables: readonly TableMeta[],
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): TableMeta[] {
  const met = overlapping(tables, from, to);
  return to === undefined ? met : met.filter((table) => compareKeys(table.smallestKey, to) < 0);
}

/** Parts end where lost tables do. */
function isInPart({ smallestKey, largestKey }: TableMeta, from: Uint8Array | undefined): boolean {
  if (from === undefined) return false;
  return compareKeys(smallestKey, from) <= 0 && compareKeys(from, largestKey) <= 0;
}

/** Where lost ranges begin, and where they have ended. */
function edgesOf(obstacles: readonly Obstacle[]): Uint8Array[] {
  return obstacles.flatMap(({ table }) => [table.smallestKey, successorOf(table.largestKey)]);
}

/** Ascending. */
function distinctKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  const sorted = keys.toSorted(compareKeys);
  return sorted.filter((key, i) => i === 0 || compareKeys(sorted[i - 1]!, key) < 0);
}
