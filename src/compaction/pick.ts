/**
 * Which tables to compact next. Pure functions over the levels of one column family: no I/O and no
 * state, so that policies can be simulated. What the sizes of levels and runs call for comes first
 * (`leveled.ts`, `size-tiered.ts`, `fifo.ts`), then what single tables ask for (`upkeep.ts`).
 * @module
 */
import { Claims } from './claims.ts';
import { pickFifo } from './fifo.ts';
import type { LeveledOptions } from './level-limits.ts';
import { leveledDebtBytes, pickBySize } from './leveled.ts';
import type { CompactionPolicy } from './options.ts';
import type { CompactionPlan, Levels } from './plan.ts';
import { pickRuns, tieredDebtBytes } from './size-tiered.ts';
import { pickStuck } from './stuck.ts';
import { pickUpkeep, type Requests } from './upkeep.ts';

export { obstaclesIn, type PlanPart, partsOf, planAround, workable } from './around.ts';
export { l0Weight, TINY_WEIGHT_MIN } from './l0.ts';
export { type LeveledOptions, levelLimits } from './level-limits.ts';
export {
  type ManualScope,
  pickManualRewrite,
  pickManualSlice,
  pickManualStep,
  pickManualWhole,
} from './manual.ts';
export {
  type CompactionPlan,
  type LevelInputs,
  type Levels,
  type Obstacle,
  overlapping,
  planBytes,
  planTables,
  totalBytes,
} from './plan.ts';
export { garbageOf } from './tombstone-weight.ts';

/** What the choice of a compaction depends on. */
export interface PickInput extends Requests {
  readonly levels: Levels;
  readonly options: LeveledOptions;
  readonly policy: CompactionPolicy;
  /** Compactions of the family that are under way; see `claims.ts`. */
  readonly running: readonly CompactionPlan[];
  /** Numbers of tables that cannot be read: plans step around them. Absent: none. */
  readonly lost?: ReadonlySet<number>;
}

/** The most urgent compaction that running ones allow, or undefined when none is called for. */
export function pickCompaction(input: PickInput): CompactionPlan | undefined {
  const { levels, options, policy } = input;
  const claims = new Claims(input.running, levels, input.lost);
  switch (policy.policy) {
    case 'leveled':
      return (
        pickBySize(levels, options, policy, claims) ??
        pickStuck(levels, options, claims) ??
        pickUpkeep(levels, options, policy, input, claims)
      );
    case 'size-tiered':
      return (
        pickRuns(levels, options, policy, claims) ??
        pickStuck(levels, options, claims) ??
        pickUpkeep(levels, options, policy, input, claims)
      );
    case 'fifo':
      return pickFifo(levels, options, policy, input.nowMs, claims);
  }
}

/**
 * Bytes that the sizes of levels and runs still have compaction read, about; 0 when they call for
 * nothing. It grows smoothly, for writers that are to be slowed by it. What single tables ask for
 * and what FIFO does is not counted.
 */
export function compactionDebtBytes(
  levels: Levels,
  options: LeveledOptions,
  policy: CompactionPolicy,
): number {
  switch (policy.policy) {
    case 'leveled':
      return leveledDebtBytes(levels, options);
    case 'size-tiered':
      return tieredDebtBytes(levels, options, policy);
    case 'fifo':
      return 0;
  }
}
