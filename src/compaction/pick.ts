/**
 * Leveled picking: which tables to merge next. Pure functions over the levels of one column family;
 * no I/O and no state, so that policies can be simulated.
 *
 * L0 holds whole flushes, newest first, and its tables may overlap. L1 and below are sorted and
 * disjoint; level n may hold `baseLevelBytes * levelRatio^(n-1)`. The level that is most over its
 * limit compacts first; L0 counts by tables, because every one of them costs each read.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** Tables by level; L0 newest first, deeper levels by smallest key. */
export type Levels = readonly (readonly TableMeta[])[];

/** Shape of the tree. */
export interface LeveledOptions {
  /** L0 tables at which a compaction starts. */
  readonly l0TriggerCount: number;
  /** Limit of L1 in bytes. */
  readonly baseLevelBytes: number;
  /** Limit of a level by that of the level above it. */
  readonly levelRatio: number;
  /** Size at which an output table ends. */
  readonly targetTableBytes: number;
}

/** The tables of one level that take part. */
export interface LevelInputs {
  readonly level: number;
  readonly tables: readonly TableMeta[];
}

/** One compaction; plain data. */
export interface CompactionPlan {
  /** From the topmost level down; the last one may be the output level itself. */
  readonly inputs: readonly LevelInputs[];
  readonly outputLevel: number;
  /** The only input table just changes its level: nothing below overlaps it. */
  readonly isTrivialMove: boolean;
  readonly reason: 'l0-count' | 'level-size' | 'manual';
}

/** Below this many target sizes in the level after next, a table may move without a merge. */
const GRANDPARENT_TABLES_MAX = 10;
/** Oldest L0 tables that one compaction takes at most: each is open and has a read buffer. */
const L0_INPUTS_MAX = 64;

/** Bytes that level `level` (1 or deeper) may hold. */
export function levelLimitBytes(level: number, options: LeveledOptions): number {
  return options.baseLevelBytes * options.levelRatio ** (level - 1);
}

/** The most urgent compaction, or undefined when every level is within its limit. */
export function pickLeveled(levels: Levels, options: LeveledOptions): CompactionPlan | undefined {
  let level = 0;
  let score = levels[0]!.length / options.l0TriggerCount;
  for (let n = 1; n < levels.length - 1; n++) {
    const fill = totalBytes(levels[n]!) / levelLimitBytes(n, options);
    if (fill > 1 && fill > score) {
      score = fill;
      level = n;
    }
  }
  if (score < 1) return undefined;
  if (level === 0) {
    const oldest = levels[0]!.slice(-L0_INPUTS_MAX);
    return planInto(levels, 0, oldestClosure(oldest), 'l0-count', options);
  }
  const table = leastOverlap(levels[level]!, levels[level + 1]!);
  return planInto(levels, level, [table], 'level-size', options);
}

/**
 * The first half of compacting a bounded key range: takes L0 to L1, for L0 tables mostly span all
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
  return planInto(levels, 0, levels[0]!, 'manual', options);
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
    return { inputs, outputLevel, isTrivialMove: false, reason: 'manual' };
  }
  const first = tables.findIndex(isOutdated);
  if (first < 0) return undefined;
  // With all between them: no output may reach across a table that stays.
  const rewritten = tables.slice(first, tables.findLastIndex(isOutdated) + 1);
  const input = { level, tables: rewritten };
  return { inputs: [input], outputLevel, isTrivialMove: false, reason: 'manual' };
}

/** Bytes that compaction still has to rewrite before every level is within its limit. */
export function compactionDebtBytes(levels: Levels, options: LeveledOptions): number {
  let debt = levels[0]!.length >= options.l0TriggerCount ? totalBytes(levels[0]!) : 0;
  for (let n = 1; n < levels.length - 1; n++) {
    debt += Math.max(0, totalBytes(levels[n]!) - levelLimitBytes(n, options));
  }
  return debt;
}

/** Bytes of all tables together. */
export function totalBytes(tables: readonly TableMeta[]): number {
  let sum = 0;
  for (const table of tables) sum += table.sizeBytes;
  return sum;
}

/** Bytes that a plan reads. */
export function planBytes(plan: CompactionPlan): number {
  let sum = 0;
  for (const input of plan.inputs) sum += totalBytes(input.tables);
  return sum;
}

/** Tables whose key range meets `[from, to]`; undefined stands for no bound. Keeps the order. */
export function overlapping(
  tables: readonly TableMeta[],
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): TableMeta[] {
  return tables.filter(
    (table) =>
      (from === undefined || compareKeys(table.largestKey, from) >= 0) &&
      (to === undefined || compareKeys(table.smallestKey, to) <= 0),
  );
}

function planInto(
  levels: Levels,
  level: number,
  tables: readonly TableMeta[],
  reason: CompactionPlan['reason'],
  options: LeveledOptions,
): CompactionPlan {
  const outputLevel = level + 1;
  const [from, to] = keyRange(tables);
  const below = overlapping(levels[outputLevel]!, from, to);
  if (below.length > 0) {
    const inputs = [
      { level, tables },
      { level: outputLevel, tables: below },
    ];
    return { inputs, outputLevel, isTrivialMove: false, reason };
  }
  const grandparents = totalBytes(overlapping(levels[outputLevel + 1] ?? [], from, to));
  const isTrivialMove =
    tables.length === 1 && grandparents <= GRANDPARENT_TABLES_MAX * options.targetTableBytes;
  return { inputs: [{ level, tables }], outputLevel, isTrivialMove, reason };
}

/**
 * The oldest L0 table and all that overlap it, directly or through others. Taking less would let an
 * older version of a key stay above a newer one.
 */
function oldestClosure(l0: readonly TableMeta[]): TableMeta[] {
  let chosen = [l0.at(-1)!];
  for (;;) {
    const [from, to] = keyRange(chosen);
    const wider = overlapping(l0, from, to);
    if (wider.length === chosen.length) return wider;
    chosen = wider;
  }
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
    const [smallest, largest] = keyRange(all);
    if (low !== undefined && compareKeys(smallest, low) < 0) low = smallest;
    if (high !== undefined && compareKeys(largest, high) > 0) high = largest;
  }
}

/** The table that drags the least of the next level into its merge, by its own size. */
function leastOverlap(tables: readonly TableMeta[], below: readonly TableMeta[]): TableMeta {
  let best = tables[0]!;
  let bestRatio = Number.POSITIVE_INFINITY;
  let firstBelow = 0;
  for (const table of tables) {
    // Both levels are sorted, so the search for overlaps never goes back.
    while (
      firstBelow < below.length &&
      compareKeys(below[firstBelow]!.largestKey, table.smallestKey) < 0
    ) {
      firstBelow++;
    }
    let bytes = 0;
    for (let i = firstBelow; i < below.length; i++) {
      if (compareKeys(below[i]!.smallestKey, table.largestKey) > 0) break;
      bytes += below[i]!.sizeBytes;
    }
    const ratio = bytes / table.sizeBytes;
    if (ratio < bestRatio) {
      bestRatio = ratio;
      best = table;
    }
  }
  return best;
}

function keyRange(tables: readonly TableMeta[]): [smallest: Uint8Array, largest: Uint8Array] {
  let smallest = tables[0]!.smallestKey;
  let largest = tables[0]!.largestKey;
  for (const table of tables) {
    if (compareKeys(table.smallestKey, smallest) < 0) smallest = table.smallestKey;
    if (compareKeys(table.largestKey, largest) > 0) largest = table.largestKey;
  }
  return [smallest, largest];
}
