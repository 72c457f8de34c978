/**
 * What a workload is. The list of all is in workloads.ts.
 * @module
 */
import type { Engine } from './engine.ts';
import type { Run } from './run.ts';

/**
 * What the database must hold when a workload begins: nothing; `entries`: keys 0 to num-1, as other
 * workloads left them; `records`: the same, loaded for this workload.
 */
export type Needs = 'empty' | 'entries' | 'records';

export interface Workload {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly needs: Needs;
  /** Bytes of its values if no flag says otherwise; 100 if absent. */
  readonly valueBytes?: number;
  /** It changes nothing, so a second run finds what the first found. */
  readonly readsOnly: boolean;
  /** Every write waits for stable storage, whatever the flags say. */
  readonly sync?: boolean;
  /** False where a store lacks what the workload is about; true for all if absent. */
  supports?(engine: Engine): boolean;
  /** Begins the clock itself, by `loop` or `begin`; the caller ends it. */
  run(run: Run): Promise<void>;
}
