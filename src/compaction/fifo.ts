/**
 * The FIFO policy: the oldest tables are dropped, for their age or the size of all. What is read is
 * then wrong in one way only: old entries are missing.
 *
 * Tables go in the order of what they hold: the deepest level first (a family that was leveled has
 * some), in L0 the one with the oldest seqnos, whether tables overlap or not. Were one dropped
 * before an older one, versions that it hid would come back; so a table that may go waits for those
 * before it. The newest table is never dropped for size.
 *
 * With `mergeTableCount`, so many small neighbours in L0 become one table, no larger than a table
 * should be. A merged table counts as new, so only young ones are merged, and none more than once
 * for each time that its size doubles.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import type { Claims } from './claims.ts';
import { cheapestSpan } from './l0.ts';
import type { LeveledOptions } from './level-limits.ts';
import type { FifoPolicy } from './options.ts';
import { type CompactionPlan, type Levels, totalBytes } from './plan.ts';

/** A merge may make data this share of `maxAgeMs` younger than it is. */
const YOUNG_SHARE = 1 / 10;
/** A merged table is at most this share of `maxBytes`: so coarse is what a drop takes. */
const MERGED_SHARE = 1 / 8;

/** What is to be dropped, or else to be merged. */
export function pickFifo(
  levels: Levels,
  options: LeveledOptions,
  policy: FifoPolicy,
  nowMs: number,
  claims: Claims,
): CompactionPlan | undefined {
  return (
    pickDrop(levels, policy, nowMs, claims) ?? pickMerge(levels, options, policy, nowMs, claims)
  );
}

function pickDrop(
  levels: Levels,
  policy: FifoPolicy,
  nowMs: number,
  claims: Claims,
): CompactionPlan | undefined {
  const tables = oldestFirst(levels);
  // What cannot be read can be dropped.
  const claimed = tables.findIndex((table) => claims.isInput(table));
  const free = claimed < 0 ? tables : tables.slice(0, claimed);
  const expired =
    policy.maxAgeMs === 0 ? 0 : leading(free, (one) => isOlder(one, nowMs, policy.maxAgeMs));
  let excess = totalBytes(tables) - policy.maxBytes;
  const surplus = leading(free.slice(0, tables.length - 1), (table) => {
    if (excess <= 0) return false;
    excess -= table.sizeBytes;
    return true;
  });
  const count = Math.max(expired, surplus);
  if (count === 0) return undefined;
  const dropped = new Set(free.slice(0, count));
  const inputs = levels
    .map((list, level) => ({ level, tables: list.filter((table) => dropped.has(table)) }))
    .filter((input) => input.tables.length > 0);
  const reason = expired >= surplus ? 'fifo-age' : 'fifo-size';
  return { kind: 'drop', inputs, outputLevel: inputs.at(-1)!.level, reason };
}

function pickMerge(
  levels: Levels,
  options: LeveledOptions,
  policy: FifoPolicy,
  nowMs: number,
  claims: Claims,
): CompactionPlan | undefined {
  if (policy.mergeTableCount === 0) return undefined;
  const l0 = levels[0]!;
  const sizes = l0.map((table) => {
    const isOld = policy.maxAgeMs > 0 && isOlder(table, nowMs, policy.maxAgeMs * YOUNG_SHARE);
    return isOld || claims.has(table) ? Number.POSITIVE_INFINITY : table.sizeBytes;
  });
  const bytesMax = Math.min(options.targetTableBytes, policy.maxBytes * MERGED_SHARE);
  const span = cheapestSpan(sizes, (from, end, bytes) => {
    if (end - from < policy.mergeTableCount || bytes > bytesMax) return false;
    return Math.max(...sizes.slice(from, end)) * 2 <= bytes;
  });
  if (span === undefined) return undefined;
  const inputs = [{ level: 0, tables: l0.slice(...span) }];
  const plan: CompactionPlan = { kind: 'merge', inputs, outputLevel: 0, reason: 'small-tables' };
  return claims.admit(plan);
}

/** All tables; none comes before one that holds older versions of its keys. */
function oldestFirst(levels: Levels): TableMeta[] {
  const deeper = levels
    .slice(1)
    .reverse()
    .flatMap((tables) => tables.toSorted((a, b) => a.createdAtMs - b.createdAtMs));
  return [...deeper, ...levels[0]!.toReversed()];
}

function isOlder(table: TableMeta, nowMs: number, ageMs: number): boolean {
  return nowMs - table.createdAtMs >= ageMs;
}

/** How many tables at the start satisfy a condition. */
function leading(tables: readonly TableMeta[], holds: (table: TableMeta) => boolean): number {
  const end = tables.findIndex((table) => !holds(table));
  return end < 0 ? tables.length : end;
}
