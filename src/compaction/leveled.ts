/**
 * The leveled policy: which tables go down, and to where.
 *
 * The level that is most over its limit comes first (`level-limits.ts`); if running compactions are
 * in its way, the next. L0 counts by its tables, for each costs every read, less if they are tiny
 * (`l0.ts`), and by its bytes: whichever is worse.
 *
 * - From L0 go the oldest table and all that are linked to it by overlaps. Should that drag far
 *   more from below into the merge than it brings, tables of L0 are merged with each other first,
 *   until there are bytes enough; also when L0 fills up while the way down is taken.
 * - From a deeper level goes the table that drags the least along for its size. A table that was
 *   passed over grows cheaper with every table written since, so that none is passed over for ever:
 *   its cost falls towards zero while that of a fresh table is at least the table itself.
 * - What meets nothing below only moves, unless it is a crumb of L0: those are merged first, lest
 *   they pile up below.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { Claims } from './claims.ts';
import { cheapestSpan, closureOf, freeToLeave, l0Weight } from './l0.ts';
import {
  GRANDPARENT_TABLES_MAX,
  type LeveledOptions,
  type LevelLimits,
  levelLimits,
} from './level-limits.ts';
import type { LeveledPolicy } from './options.ts';
import {
  areDisjoint,
  type CompactionPlan,
  type CompactionReason,
  type KeyRange,
  keyRange,
  type Levels,
  overlapsInLevel,
  planTables,
  rangeOf,
  totalBytes,
} from './plan.ts';
import { entryBytesBelow, totalWeight, weightOf } from './tombstone-weight.ts';

/** What the picking of one plan works with. */
interface Tree {
  readonly levels: Levels;
  readonly options: LeveledOptions;
  readonly policy: LeveledPolicy;
  readonly claims: Claims;
  readonly limits: LevelLimits;
  /** See `entryBytesBelow`. */
  readonly entryBytes: readonly number[];
}

/** Neighbours that cost nothing more go along up to this many target sizes. */
const NEIGHBOUR_TABLES_MAX = 8;
/** A table of L0 below this share of the target size is a crumb. */
const CRUMB_SHARE = 1 / 16;
/**
 * Beside a way down that is taken, tables of L0 are merged with each other from this many times the
 * trigger on: they will go down soon, and are written once more for it.
 */
const CROWDED_FACTOR = 3;
/** A table costs half when the tree was written this many times since. */
const PATIENCE_TURNOVERS = 1;

/** The most urgent compaction that sizes call for and running ones allow. */
export function pickBySize(
  levels: Levels,
  options: LeveledOptions,
  policy: LeveledPolicy,
  claims: Claims,
): CompactionPlan | undefined {
  const limits = levelLimits(levels, options);
  const tree = { levels, options, policy, claims, limits, entryBytes: entryBytesBelow(levels) };
  for (const level of urgentLevels(tree)) {
    const plan = level === 0 ? pickFromL0(tree) : pickFromLevel(tree, level);
    if (plan !== undefined) return plan;
  }
  return undefined;
}

/**
 * Brings tables of a level down: the range of the inputs may meet nothing between the levels.
 * @param tables of L0 a closure
 */
export function planInto(
  levels: Levels,
  level: number,
  tables: readonly TableMeta[],
  outputLevel: number,
  reason: CompactionReason,
  options: LeveledOptions,
  claims: Claims,
): CompactionPlan {
  const met = overlapsInLevel(levels[outputLevel]!, keyRange(tables));
  const below = met.filter((table) => !claims.isLost(table));
  const upper = { level, tables };
  if (below.length > 0) {
    return {
      kind: 'merge',
      inputs: [upper, { level: outputLevel, tables: below }],
      outputLevel,
      reason,
    };
  }
  const next = levels[outputLevel + 1] ?? [];
  const mayMove = tables.every((table) => isLight(table, next, options)) && areDisjoint(tables);
  return { kind: mayMove ? 'move' : 'merge', inputs: [upper], outputLevel, reason };
}

/** Where L0 goes: the first level that holds tables, but not beyond the base level. */
export function levelBelowL0(levels: Levels, options: LeveledOptions): number {
  return levelBelow(levels, 0, levelLimits(levels, options));
}

/**
 * Bytes that size-driven compaction still has to read, about: what each level has too much, with
 * what comes from above, and the share of the level below that it is merged with. Where that is
 * empty, tables only move. No level below counts for more than its limit: its own excess will have
 * moved on.
 */
export function leveledDebtBytes(levels: Levels, options: LeveledOptions): number {
  const limits = levelLimits(levels, options);
  const entryBytes = entryBytesBelow(levels);
  let debt = 0;
  let inflow = 0;
  for (let level = 0; level < levels.length - 1; level++) {
    const tables = levels[level]!;
    const own = level === 0 ? totalBytes(tables) : totalWeight(tables, entryBytes[level]!);
    const bytes = own + inflow;
    const share = level === 0 ? l0Excess(levels, options) : 1 - limits.limitBytes[level]! / bytes;
    inflow = bytes > 0 && share > 0 ? bytes * share : 0;
    if (inflow === 0) continue;
    const outputLevel = levelBelow(levels, level, limits);
    const below = totalBytes(levels[outputLevel]!);
    if (level > 0 && below === 0) continue;
    debt += inflow + share * Math.min(below, limits.limitBytes[outputLevel]!);
  }
  return debt;
}

/**
 * Levels over their limits, the worst first. What running compactions take, and what cannot be
 * brought down, does not count.
 */
function urgentLevels({ levels, options, claims, limits, entryBytes }: Tree): number[] {
  const scores = levels.map((tables, level) => {
    const waiting = tables.filter((table) => !claims.has(table) && !claims.isStuck(level, table));
    if (level === 0) return l0Score(waiting, options);
    const limit = limits.limitBytes[level]!;
    const bytes = totalWeight(waiting, entryBytes[level]!);
    if (bytes === 0) return 0;
    // Above the base level nothing should be; it may take its turn all the same.
    return limit > 0 ? bytes / limit : 1 + bytes / options.baseLevelBytes;
  });
  const isUrgent = (level: number) => scores[level]! > 1 || (level === 0 && scores[0]! >= 1);
  return scores
    .map((_, level) => level)
    .slice(0, -1)
    .filter(isUrgent)
    .sort((a, b) => scores[b]! - scores[a]!);
}

function l0Score(l0: readonly TableMeta[], options: LeveledOptions): number {
  const bySize = totalBytes(l0) / options.baseLevelBytes;
  // Exactly at the limit is within it; exactly at the trigger is not.
  return Math.max(l0Weight(l0, options) / options.l0TriggerCount, bySize > 1 ? bySize : 0);
}

/** The share of L0 that is too much. */
function l0Excess(levels: Levels, options: LeveledOptions): number {
  const l0 = levels[0]!;
  if (l0.length === 0) return 0;
  const byCount = 1 - (options.l0TriggerCount - 1) / Math.floor(l0Weight(l0, options));
  return Math.max(0, byCount, 1 - options.baseLevelBytes / totalBytes(l0));
}

/** The first level under `level` that holds tables, at most the one that it is meant to go to. */
function levelBelow(levels: Levels, level: number, { baseLevel }: LevelLimits): number {
  const last = Math.max(baseLevel, level + 1);
  let below = level + 1;
  while (below < last && levels[below]!.length === 0) below++;
  return below;
}

function pickFromL0(tree: Tree): CompactionPlan | undefined {
  const { levels, options, policy, claims } = tree;
  const l0 = levels[0]!;
  const waiting = l0.filter((table) => !claims.has(table) && !claims.isStuck(0, table));
  const isLarge = totalBytes(waiting) > options.baseLevelBytes;
  const reason = isLarge ? 'l0-size' : 'l0-count';
  const down = planDown(tree, reason);
  if (down !== undefined && (isLarge || !isDear(down, policy))) return down;
  // One merge inside of L0 after another would never leave the way down free.
  if (claims.hasOutputIn(0)) return undefined;
  const isCrowded = l0Weight(waiting, options) >= options.l0TriggerCount * CROWDED_FACTOR;
  if (down === undefined && !isCrowded) return undefined;
  const sizes = l0.map((table) => {
    const isHeld = claims.has(table) || claims.isStuck(0, table);
    return isHeld ? Number.POSITIVE_INFINITY : table.sizeBytes;
  });
  const span = cheapestSpan(sizes);
  // What is being merged here will soon weigh more.
  if (span === undefined) return l0.some((table) => claims.isInput(table)) ? undefined : down;
  const inputs = [{ level: 0, tables: l0.slice(...span) }];
  return { kind: 'merge', inputs, outputLevel: 0, reason };
}

/** The way down from L0, or undefined if it is taken or there is none. */
function planDown(tree: Tree, reason: CompactionReason): CompactionPlan | undefined {
  const { levels, options, claims, limits } = tree;
  const free = freeToLeave(levels[0]!, claims);
  const seed = free.findLast((table) => !claims.isStuck(0, table));
  if (seed === undefined) return undefined;
  const closure = closureOf(seed, free);
  const isCrumb = totalBytes(closure) < CRUMB_SHARE * options.targetTableBytes;
  const tables = isCrumb ? free : closure;
  const plan = planInto(levels, 0, tables, levelBelow(levels, 0, limits), reason, options, claims);
  const isMove = plan.kind === 'move' && !(isCrumb && tables.length > 1);
  return claims.admit(isMove ? plan : { ...plan, kind: 'merge' });
}

/** True when a merge from L0 would mostly rewrite what is below. */
function isDear({ kind, inputs }: CompactionPlan, policy: LeveledPolicy): boolean {
  if (kind === 'move' || inputs.length === 1) return false;
  const [upper, lower] = inputs;
  const bytes = totalBytes(lower!.tables);
  return bytes > policy.l0OverlapRatioMax * totalBytes(upper!.tables);
}

function pickFromLevel(tree: Tree, level: number): CompactionPlan | undefined {
  const { levels, claims, limits } = tree;
  const outputLevel = levelBelow(levels, level, limits);
  const costs = costsOf(tree, level, outputLevel);
  for (;;) {
    let at = 0;
    for (let i = 1; i < costs.length; i++) if (costs[i]! < costs[at]!) at = i;
    if (costs[at] === Number.POSITIVE_INFINITY) return undefined;
    for (const plan of plansFor(tree, level, at, outputLevel)) {
      const admitted = claims.admit(plan);
      if (admitted !== undefined) return admitted;
    }
    costs[at] = Number.POSITIVE_INFINITY;
  }
}

/** Ways to bring a table down, the better one first. */
function plansFor(tree: Tree, level: number, at: number, outputLevel: number): CompactionPlan[] {
  const { levels, options, claims } = tree;
  const table = levels[level]![at]!;
  const alone = planInto(levels, level, [table], outputLevel, 'level-size', options, claims);
  // What steps around a lost table is merged, and cannot reach across what does not move with it.
  if (alone.kind === 'move' && claims.isParted(alone)) return [alone];
  if (alone.kind === 'move') {
    const tables = movesBeside(tree, level, at, outputLevel);
    return [{ ...alone, inputs: [{ level, tables }] }, alone];
  }
  if (alone.inputs.length === 1) return [alone];
  const tables = neighboursOver(tree, level, at, keyRange(planTables(alone)));
  return [planInto(levels, level, tables, outputLevel, 'level-size', options, claims), alone];
}

/**
 * Bytes of a merge by those that it brings down, less for tables that have waited; infinite where a
 * running compaction is in the way.
 */
function costsOf(tree: Tree, level: number, outputLevel: number): number[] {
  const { levels, claims } = tree;
  const below = levels[outputLevel]!;
  const entryBytes = tree.entryBytes[level]!;
  const patience = PATIENCE_TURNOVERS * tableCount(levels);
  const newest = newestNumber(levels);
  let firstBelow = 0;
  return levels[level]!.map((table) => {
    const range = rangeOf(table);
    // Both levels are sorted, so the search for overlaps never goes back.
    while (firstBelow < below.length && isBefore(below[firstBelow]!, range.smallest)) firstBelow++;
    if (claims.has(table) || claims.isStuck(level, table)) return Number.POSITIVE_INFINITY;
    let bytes = table.sizeBytes;
    for (let i = firstBelow; i < below.length; i++) {
      if (compareKeys(below[i]!.smallestKey, range.largest) > 0) break;
      if (claims.isInput(below[i]!)) return Number.POSITIVE_INFINITY;
      if (!claims.isLost(below[i]!)) bytes += below[i]!.sizeBytes;
    }
    const waited = (newest - table.fileNumber) / patience;
    return bytes / weightOf(table, entryBytes) / (1 + waited);
  });
}

/** A table that can move, and others of its level that can, as far as the level is too large. */
function movesBeside(tree: Tree, level: number, at: number, outputLevel: number): TableMeta[] {
  const { levels, options, claims, limits } = tree;
  const tables = levels[level]!;
  let excess = totalBytes(tables) - limits.limitBytes[level]! - tables[at]!.sizeBytes;
  return tables.filter((table, i) => {
    if (i === at) return true;
    if (excess <= 0 || claims.has(table)) return false;
    const range = rangeOf(table);
    if (overlapsInLevel(levels[outputLevel]!, range).length > 0) return false;
    if (!isLight(table, levels[outputLevel + 1] ?? [], options)) return false;
    excess -= table.sizeBytes;
    return true;
  });
}

/** A table and its neighbours that lie within a range: they drag nothing more into its merge. */
function neighboursOver(
  { levels, options, claims }: Tree,
  level: number,
  at: number,
  { smallest, largest }: KeyRange,
): TableMeta[] {
  const tables = levels[level]!;
  let room = NEIGHBOUR_TABLES_MAX * options.targetTableBytes - tables[at]!.sizeBytes;
  const joins = (table: TableMeta | undefined): boolean =>
    table !== undefined &&
    !claims.has(table) &&
    !claims.isStuck(level, table) &&
    compareKeys(table.smallestKey, smallest) >= 0 &&
    compareKeys(table.largestKey, largest) <= 0 &&
    (room -= table.sizeBytes) >= 0;
  let first = at;
  let end = at + 1;
  while (joins(tables[first - 1])) first--;
  while (joins(tables[end])) end++;
  return tables.slice(first, end);
}

/** True when a table may lie unmerged above these tables of the level after next. */
function isLight(
  table: TableMeta,
  grandparents: readonly TableMeta[],
  options: LeveledOptions,
): boolean {
  const bytes = totalBytes(overlapsInLevel(grandparents, rangeOf(table)));
  return bytes <= GRANDPARENT_TABLES_MAX * options.targetTableBytes;
}

function isBefore(table: TableMeta, key: Uint8Array): boolean {
  return compareKeys(table.largestKey, key) < 0;
}

function tableCount(levels: Levels): number {
  return levels.reduce((sum, tables) => sum + tables.length, 0);
}

function newestNumber(levels: Levels): number {
  let newest = 0;
  for (const tables of levels) {
    for (const { fileNumber } of tables) newest = Math.max(newest, fileNumber);
  }
  return newest;
}
