/**
 * Compactions that a user asks for. Running ones are not looked at: who asks waits for them.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { LeveledOptions } from './level-limits.ts';
import { levelBelowL0, planInto } from './leveled.ts';
import {
  type CompactionPlan,
  keyRange,
  type LevelInputs,
  type Levels,
  overlapping,
  overlapsInLevel,
  rangeOf,
} from './plan.ts';

/**
 * The first half of compacting a bounded key range: takes L0 down, for L0 tables mostly span all
 * keys and would drag everything into the second half.
 * @param from first user key, undefined for no bound
 * @param to last user key, inclusive, undefined for no bound
 * @returns undefined when no L0 table meets the range
 */
export function pickManualL0(
  levels: Levels,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
  options: LeveledOptions,
): CompactionPlan | undefined {
  if (overlapping(levels[0]!, from, to).length === 0) return undefined;
  const outputLevel = levelBelowL0(levels, options);
  return planInto(levels, 0, levels[0]!, outputLevel, 'manual', options);
}

/**
 * Merges everything in a key range into the deepest level that holds any of it. Parameters as for
 * {@link pickManualL0}.
 * @param isOutdated whether a table is worth rewriting for how it is stored alone; absent: none is
 * @returns undefined when nothing is to be gained
 */
export function pickManual(
  levels: Levels,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
  isOutdated: (table: TableMeta) => boolean = () => false,
): CompactionPlan | undefined {
  const inputs = closureOverLevels(levels, from, to);
  const bottom = inputs.at(-1);
  if (bottom === undefined) return undefined;
  const { level, tables } = bottom;
  const outputLevel = Math.max(1, level);
  const isOneRun = inputs.length === 1 && level > 0;
  // A run that was merged down while no snapshot needed its seqnos has lost them and all excess.
  if (!isOneRun || tables.some((table) => table.largestSeqno > 0)) {
    return { kind: 'merge', inputs, outputLevel, reason: 'manual' };
  }
  const first = tables.findIndex(isOutdated);
  if (first < 0) return undefined;
  // With all between them: no output may reach across a table that stays.
  const rewritten = tables.slice(first, tables.findLastIndex(isOutdated) + 1);
  const input = { level, tables: rewritten };
  return { kind: 'merge', inputs: [input], outputLevel, reason: 'manual' };
}

/**
 * A part of what {@link pickManual} would merge that needs less space at a time: one table of the
 * topmost level that holds any of the range goes into the next one that does, L0 as a whole. Doing
 * so again and again ends with one sorted run, of which then each outdated table is rewritten.
 * Parameters as for {@link pickManualL0} and {@link pickManual}.
 * @returns undefined when the range is one sorted run and nothing of it is outdated
 */
export function pickManualSlice(
  levels: Levels,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
  options: LeveledOptions,
  isOutdated: (table: TableMeta) => boolean = () => false,
): CompactionPlan | undefined {
  const l0 = pickManualL0(levels, from, to, options);
  if (l0 !== undefined) return l0;
  const level = levels.findIndex((tables) => overlapping(tables, from, to).length > 0);
  const below = levels.findIndex(
    (tables, index) => index > level && overlapping(tables, from, to).length > 0,
  );
  if (level < 0) return undefined;
  const tables = overlapping(levels[level]!, from, to);
  if (below < 0) {
    const outdated = tables.find(isOutdated);
    if (outdated === undefined) return undefined;
    const inputs = [{ level, tables: [outdated] }];
    return { kind: 'merge', inputs, outputLevel: level, reason: 'manual' };
  }
  const table = tables[0]!;
  // It may reach beyond the range, and must not pass what is in its way there.
  const target = levels.findIndex(
    (tables, index) =>
      index === below || (index > level && overlapsInLevel(tables, rangeOf(table)).length > 0),
  );
  return planInto(levels, level, [table], target, 'manual', options);
}

/** Tables of all levels in the range, widened until no chosen table reaches past it. */
function closureOverLevels(
  levels: Levels,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): LevelInputs[] {
  let low = from;
  let high = to;
  let count = -1;
  for (;;) {
    const inputs: LevelInputs[] = [];
    for (let level = 0; level < levels.length; level++) {
      const tables = overlapping(levels[level]!, low, high);
      if (tables.length > 0) inputs.push({ level, tables });
    }
    const all = inputs.flatMap((input) => input.tables);
    if (all.length === count || all.length === 0) return inputs;
    count = all.length;
    const { smallest, largest } = keyRange(all);
    if (low !== undefined && compareKeys(smallest, low) < 0) low = smallest;
    if (high !== undefined && compareKeys(largest, high) > 0) high = largest;
  }
}
