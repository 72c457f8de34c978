/**
 * The size-tiered policy: a bounded number of sorted runs, merged by neighbours of like size.
 *
 * Every table of L0 is a run, and every deeper level that holds tables is one; the deeper, the
 * older. In order of urgency:
 *
 * - At `l0TriggerCount` tables of L0, those and perhaps the runs after them become one.
 * - When what lies above the last run, L0 aside, exceeds `spaceAmplificationPercent` of it, all
 *   deeper runs become one.
 * - At more than `deepRunCountMax` deeper runs, some of them become one.
 *
 * Which runs is for `cheapestSpan` to say: the neighbours that cost the least for each run that
 * goes away. The result goes as deep as the next older run allows; with none, to the last level,
 * where tombstones end. Before all else, runs move down to leave L1 free: so L0 need not wait for a
 * merge of deeper runs.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import type { Claims } from './claims.ts';
import { cheapestSpan, l0Weight } from './l0.ts';
import type { LeveledOptions } from './level-limits.ts';
import type { SizeTieredPolicy } from './options.ts';
import {
  areDisjoint,
  type CompactionPlan,
  type CompactionReason,
  type LevelInputs,
  type Levels,
  totalBytes,
} from './plan.ts';

/** A sorted run. */
interface Run {
  readonly level: number;
  readonly tables: readonly TableMeta[];
  /** Infinite while a running compaction has tables of it. */
  readonly bytes: number;
}

/** Neighbours among the runs: the first, and the one after the last. */
type Span = readonly [from: number, end: number];

/** Runs of tables below this share of the target size on average are merged, not moved. */
const CRUMB_SHARE = 1 / 4;

/** The merge that the number or the sizes of the runs call for, and running ones allow. */
export function pickRuns(
  levels: Levels,
  options: LeveledOptions,
  policy: SizeTieredPolicy,
  claims: Claims,
): CompactionPlan | undefined {
  const runs = runsOf(levels, claims);
  const choices: [CompactionReason, Span | undefined][] = [
    ['run-count', crowdedSpan(levels, runs)],
    ['l0-count', youngSpan(levels, runs, options, claims)],
    ['space-amplification', wastefulSpan(runs, policy)],
    ['run-count', deepSpan(levels, runs, options, policy, claims)],
  ];
  for (const [reason, span] of choices) {
    if (span === undefined) continue;
    const plan = planRuns(levels, runs, span, reason, options, claims);
    const admitted = claims.admit(plan);
    if (admitted !== undefined) return admitted;
  }
  return undefined;
}

/** Bytes that are too many: in L0 by the number of its tables, and above the last run. */
export function tieredDebtBytes(
  levels: Levels,
  options: LeveledOptions,
  policy: SizeTieredPolicy,
): number {
  const l0 = levels[0]!;
  const share =
    l0.length === 0 ? 0 : 1 - (options.l0TriggerCount - 1) / Math.floor(l0Weight(l0, options));
  const sizes = levels.slice(1).map(totalBytes);
  const last = sizes.findLast((bytes) => bytes > 0) ?? 0;
  const above = sizes.reduce((sum, bytes) => sum + bytes, 0) - last;
  const garbage = above - (policy.spaceAmplificationPercent / 100) * last;
  return Math.max(0, share) * totalBytes(l0) + Math.max(0, garbage);
}

/** From newest to oldest; lost tables are in none. */
function runsOf(levels: Levels, claims: Claims): Run[] {
  const run = (level: number, tables: readonly TableMeta[]): Run => {
    const bytes = claims.hasAny(tables) ? Number.POSITIVE_INFINITY : totalBytes(tables);
    return { level, tables, bytes };
  };
  const sound = levels.map((tables) => tables.filter((table) => !claims.isLost(table)));
  const runs = sound[0]!.map((table) => run(0, [table]));
  for (let level = 1; level < levels.length; level++) {
    if (sound[level]!.length > 0) runs.push(run(level, sound[level]!));
  }
  return runs;
}

/** The oldest run that can make way, if L1 is taken: L0 needs a free level to go to. */
function crowdedSpan(levels: Levels, runs: readonly Run[]): Span | undefined {
  if (levels[1]!.length === 0) return undefined;
  const canSink = (run: Run, i: number) =>
    run.level > 0 && isFree(run) && outputLevelOf(levels, runs, i + 1) > run.level;
  const at = runs.findLastIndex(canSink);
  return at < 0 ? undefined : [at, at + 1];
}

/** Tables of L0, if there are too many, and older runs if that is cheaper for each that goes. */
function youngSpan(
  levels: Levels,
  runs: readonly Run[],
  options: LeveledOptions,
  claims: Claims,
): Span | undefined {
  const l0Count = l0CountOf(runs);
  const free = runs
    .slice(0, l0Count)
    .filter(isFree)
    .flatMap(({ tables }) => tables)
    .filter((table) => !claims.isStuck(0, table));
  if (l0Weight(free, options) < options.l0TriggerCount) return undefined;
  if (runs.length === 1) return [0, 1];
  const sizes = runs.map((run) => run.bytes);
  // What stays in L0 is one table; there a run must not grow beyond the size of one.
  return cheapestSpan(sizes, (from, end, bytes) => {
    if (from >= l0Count) return false;
    if (outputLevelOf(levels, runs, end) === 0 && bytes > options.targetTableBytes) return false;
    return isWorthIt(levels, runs, [from, end], options, claims);
  });
}

/** All runs but L0, if too much of them may be garbage. */
function wastefulSpan(runs: readonly Run[], policy: SizeTieredPolicy): Span | undefined {
  const l0Count = l0CountOf(runs);
  const deep = runs.slice(l0Count);
  if (deep.length < 2 || !deep.every(isFree)) return undefined;
  const above = deep.slice(0, -1).reduce((sum, run) => sum + run.bytes, 0);
  const isWasteful = above * 100 > policy.spaceAmplificationPercent * deep.at(-1)!.bytes;
  return isWasteful ? [l0Count, runs.length] : undefined;
}

/** Runs below L0, if there are too many. */
function deepSpan(
  levels: Levels,
  runs: readonly Run[],
  options: LeveledOptions,
  policy: SizeTieredPolicy,
  claims: Claims,
): Span | undefined {
  const l0Count = l0CountOf(runs);
  const deep = runs.slice(l0Count);
  // Runs that are being merged will soon be one.
  const free = deep.filter(isFree).length;
  const count = free + (free < deep.length ? 1 : 0);
  if (count <= policy.deepRunCountMax) return undefined;
  const sizes = deep.map((run) => run.bytes);
  const inRuns = (from: number, end: number): Span => [l0Count + from, l0Count + end];
  const span = cheapestSpan(sizes, (from, end) =>
    isWorthIt(levels, runs, inRuns(from, end), options, claims),
  );
  return span === undefined ? undefined : inRuns(...span);
}

/** False when lost tables leave nothing to be gained by merging some runs. */
function isWorthIt(
  levels: Levels,
  runs: readonly Run[],
  span: Span,
  options: LeveledOptions,
  claims: Claims,
): boolean {
  if (!claims.hasLost) return true;
  return claims.admit(planRuns(levels, runs, span, 'run-count', options, claims)) !== undefined;
}

function l0CountOf(runs: readonly Run[]): number {
  return runs.filter(({ level }) => level === 0).length;
}

function isFree(run: Run): boolean {
  return run.bytes < Number.POSITIVE_INFINITY;
}

/** Where the runs up to `end` go: just above the next older one. */
function outputLevelOf(levels: Levels, runs: readonly Run[], end: number): number {
  const older = runs[end];
  return older === undefined ? levels.length - 1 : Math.max(0, older.level - 1);
}

function planRuns(
  levels: Levels,
  runs: readonly Run[],
  [from, end]: Span,
  reason: CompactionReason,
  options: LeveledOptions,
  claims: Claims,
): CompactionPlan {
  const outputLevel = outputLevelOf(levels, runs, end);
  const chosen = runs.slice(from, end);
  const tables = chosen.flatMap((run) => run.tables);
  const isOneLevel = chosen.length === 1 && chosen[0]!.level > 0;
  const isCoarse = totalBytes(tables) >= CRUMB_SHARE * options.targetTableBytes * tables.length;
  const isMove = isOneLevel || (outputLevel > 0 && isCoarse && areDisjoint(tables));
  const merge = { kind: 'merge', inputs: inputsOf(chosen), outputLevel, reason } as const;
  if (!isMove) return merge;
  const inputs = inputsOf(chosen.filter((run) => run.level < outputLevel));
  const move = { kind: 'move', inputs, outputLevel, reason } as const;
  return claims.isParted(move) ? merge : move;
}

function inputsOf(runs: readonly Run[]): LevelInputs[] {
  const l0 = runs.filter((run) => run.level === 0).flatMap((run) => run.tables);
  const deeper = runs
    .filter((run) => run.level > 0)
    .map(({ level, tables }) => ({ level, tables }));
  return l0.length === 0 ? deeper : [{ level: 0, tables: l0 }, ...deeper];
}
