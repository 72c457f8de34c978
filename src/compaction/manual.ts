/**
 * Compactions that a user asks for. Running ones are not looked at: who asks waits for them. Lost
 * tables are stepped around (`around.ts`).
 *
 * All of a family is merged at once, which writes every byte once. A range of keys goes down step
 * by step instead: the tables of a level that meet the range, with those that they overlap in the
 * next level that holds any. In one merge, a table of an upper level would drag along all that lies
 * below its whole width, and each of those all below theirs. Nothing ever drags along what is above
 * it: what stays above is newer.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import { Claims } from './claims.ts';
import type { LeveledOptions } from './level-limits.ts';
import { levelBelowL0, planInto } from './leveled.ts';
import {
  type CompactionPlan,
  keyRange,
  type Levels,
  meets,
  overlapping,
  overlapsInLevel,
  rangeOf,
} from './plan.ts';

/** What is to be compacted. */
export interface ManualScope {
  /** First user key; undefined for no bound. */
  readonly from: Uint8Array | undefined;
  /** Last user key, inclusive; undefined for no bound. */
  readonly to: Uint8Array | undefined;
  /**
   * Tables of L0 that only hold newer writes are left alone: who asks does not wait for what others
   * go on to write.
   */
  readonly seqno: number;
}

const NO_CLAIMS: Claims = new Claims([]);

/**
 * Merges all of a family into the deepest level that is in use.
 * @param isOutdated whether a table is worth rewriting for how it is stored alone
 * @returns undefined when nothing is to be gained
 */
export function pickManualWhole(
  levels: Levels,
  scope: ManualScope,
  isOutdated: (table: TableMeta) => boolean,
  claims: Claims = NO_CLAIMS,
): CompactionPlan | undefined {
  const inputs = levels
    .map((tables) => tables.filter((table) => !claims.isLost(table)))
    .map((tables, level) => ({ level, tables: level === 0 ? leavingL0(tables, scope) : tables }))
    .filter(({ tables }) => tables.length > 0);
  const bottom = inputs.at(-1);
  if (bottom === undefined) return undefined;
  // A run that was merged down while no snapshot needed its seqnos has lost them and all excess.
  const hasExcess = bottom.tables.some((table) => table.largestSeqno > 0);
  if (inputs.length === 1 && bottom.level > 0 && !hasExcess) {
    return pickManualRewrite(levels, scope, isOutdated, claims);
  }
  const outputLevel = Math.max(1, bottom.level);
  return claims.admit({ kind: 'merge', inputs, outputLevel, reason: 'manual' });
}

/**
 * One step of compacting a range: what a level holds of it goes into the next level that holds any.
 * Done once for each level, from L0 on, that leaves the range in one sorted run.
 * @returns undefined when the level holds nothing of it, or no deeper one does
 */
export function pickManualStep(
  levels: Levels,
  level: number,
  scope: ManualScope,
  options: LeveledOptions,
  claims: Claims = NO_CLAIMS,
): CompactionPlan | undefined {
  const sound = levels[level]!.filter((table) => !claims.isLost(table));
  if (level > 0) {
    return planDown(levels, level, overlappingScope(sound, scope), scope, options, claims);
  }
  const tables = leavingL0(sound, scope);
  if (tables.length === 0) return undefined;
  const outputLevel = levelBelowL0(levels, options);
  return claims.admit(planInto(levels, 0, tables, outputLevel, 'manual', options, claims));
}

/**
 * Rewrites the tables of the deepest level that holds any of the range, from the first to the last
 * that are worth it: no output may reach across a table that stays.
 * @param isWorthIt must be false for new tables
 * @returns undefined when none is
 */
export function pickManualRewrite(
  levels: Levels,
  scope: ManualScope,
  isWorthIt: (table: TableMeta) => boolean,
  claims: Claims = NO_CLAIMS,
): CompactionPlan | undefined {
  const inScope = levels.map((tables) =>
    overlappingScope(tables, scope).filter((table) => !claims.isLost(table)),
  );
  const level = inScope.findLastIndex((tables) => tables.length > 0);
  if (level < 1) return undefined;
  const tables = inScope[level]!;
  const first = tables.findIndex(isWorthIt);
  if (first < 0) return undefined;
  const rewritten = tables.slice(first, tables.findLastIndex(isWorthIt) + 1);
  const inputs = [{ level, tables: rewritten }];
  return claims.admit({ kind: 'merge', inputs, outputLevel: level, reason: 'manual' });
}

/**
 * A part of the whole that needs less space at a time: one table of the topmost level that holds
 * any of the range goes into the next one that does, what leaves L0 together. Doing so again and
 * again ends with one sorted run, of which then each outdated table is rewritten.
 * @returns undefined when the range is one sorted run, as far as lost tables allow it, and nothing
 * of it is outdated
 */
export function pickManualSlice(
  levels: Levels,
  scope: ManualScope,
  options: LeveledOptions,
  isOutdated: (table: TableMeta) => boolean = () => false,
  claims: Claims = NO_CLAIMS,
): CompactionPlan | undefined {
  const l0 = pickManualStep(levels, 0, scope, options, claims);
  if (l0 !== undefined) return l0;
  for (let level = 1; level < levels.length; level++) {
    const tables = overlappingScope(levels[level]!, scope).filter(
      (table) => !claims.isLost(table) && !claims.isStuck(level, table),
    );
    for (const table of tables) {
      const down = planDown(levels, level, [table], scope, options, claims);
      if (down !== undefined) return down;
    }
    if (tables.length === 0) continue;
    const outdated = tables.find(isOutdated);
    if (outdated === undefined) return undefined;
    const inputs = [{ level, tables: [outdated] }];
    return { kind: 'merge', inputs, outputLevel: level, reason: 'manual' };
  }
  return undefined;
}

/** Brings tables of a deeper level down to the next that holds any of the range. */
function planDown(
  levels: Levels,
  level: number,
  tables: readonly TableMeta[],
  scope: ManualScope,
  options: LeveledOptions,
  claims: Claims,
): CompactionPlan | undefined {
  if (tables.length === 0) return undefined;
  const holdsAny = (index: number) => overlappingScope(levels[index]!, scope).length > 0;
  const range = keyRange(tables);
  let below = level + 1;
  while (below < levels.length && !holdsAny(below)) below++;
  if (below === levels.length) return undefined;
  // They may reach beyond the range, and must not pass what is in their way there.
  let target = level + 1;
  while (target < below && overlapsInLevel(levels[target]!, range).length === 0) target++;
  return claims.admit(planInto(levels, level, tables, target, 'manual', options, claims));
}

function overlappingScope(tables: readonly TableMeta[], { from, to }: ManualScope): TableMeta[] {
  return overlapping(tables, from, to);
}

/** Tables of L0 in the range, with all older ones that would otherwise stay above them. */
function leavingL0(l0: readonly TableMeta[], scope: ManualScope): TableMeta[] {
  const inRange = new Set(overlappingScope(l0, scope));
  const leaving: TableMeta[] = [];
  for (const table of l0) {
    const isWanted = inRange.has(table) && table.smallestSeqno <= scope.seqno;
    const range = rangeOf(table);
    if (isWanted || leaving.some((newer) => meets(rangeOf(newer), range))) leaving.push(table);
  }
  return leaving;
}
