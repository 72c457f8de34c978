/**
 * Tables of L0 that are stuck above a lost one (`around.ts`): they are merged with each other, so
 * that there are few of them, by neighbours of like size.
 * @module
 */
import { isStuckAt } from './around.ts';
import type { Claims } from './claims.ts';
import { cheapestSpan, l0Weight } from './l0.ts';
import type { LeveledOptions } from './level-limits.ts';
import { type CompactionPlan, type Levels, type Obstacle, overlapping } from './plan.ts';

/** What stays in L0 is one table; a larger one would not fit its file. */
const MERGED_BYTES_MAX = 0x4000_0000;

/** What the number of stuck tables calls for. */
export function pickStuck(
  levels: Levels,
  options: LeveledOptions,
  claims: Claims,
): CompactionPlan | undefined {
  for (const obstacle of claims.obstacles) {
    const plan = pickOver(obstacle, levels, options, claims);
    if (plan !== undefined) return plan;
  }
  return undefined;
}

function pickOver(
  obstacle: Obstacle,
  levels: Levels,
  options: LeveledOptions,
  claims: Claims,
): CompactionPlan | undefined {
  const { smallestKey, largestKey } = obstacle.table;
  // None that meets the range may be passed; others have no key in common with what is merged.
  const near = overlapping(levels[0]!, smallestKey, largestKey);
  const isFree = near.map((table) => !claims.has(table) && isStuckAt(obstacle, 0, table));
  const free = near.filter((_, i) => isFree[i]);
  if (l0Weight(free, options) < options.l0TriggerCount) return undefined;
  const sizes = near.map(({ sizeBytes }, i) => (isFree[i] ? sizeBytes : Number.POSITIVE_INFINITY));
  const planOf = (from: number, end: number): CompactionPlan | undefined => {
    const inputs = [{ level: 0, tables: near.slice(from, end) }];
    return claims.admit({ kind: 'merge', inputs, outputLevel: 0, reason: 'l0-count' });
  };
  const span = cheapestSpan(sizes, (from, end, bytes) => {
    return bytes <= MERGED_BYTES_MAX && planOf(from, end) !== undefined;
  });
  return span === undefined ? undefined : planOf(...span);
}
