/**
 * What a load costs a store, in figures that stores have in common.
 * @module
 */

export const TENTHS = 10;

/** How much is loaded, and how. */
export interface LoadPlan {
  readonly preset: string;
  readonly directory: string;
  readonly num: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly compressionRatio: number;
  readonly seed: number;
  /** Entries of a write. */
  readonly batchSize: number;
  /** Point reads after the load. */
  readonly reads: number;
}

/** See the module head. */
export interface LoadCost {
  readonly store: string;
  /** Entries per second, of each tenth of the load. */
  readonly rates: readonly number[];
  /** Bytes that the log, flushes and compactions wrote, until compactions had ended. */
  readonly walBytes: number;
  readonly flushBytes: number;
  readonly compactionBytes: number;
  /** Sorted runs when compactions had ended: tables of L0 and levels in use. */
  readonly sortedRuns: number;
  /** Tables that a read looked into, past their filters. */
  readonly tablesPerRead: number;
  readonly diskBytes: number;
  /** Of everything merged into one sorted run. */
  readonly compactedBytes: number;
  readonly peakRssBytes: number;
}
