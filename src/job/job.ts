/**
 * What every kind of background job has: a description of it as plain data, which may travel to
 * another thread, and its run where that is taken up. The table of kinds, which says how each
 * begins to run, is `executor/job-kinds.ts`.
 * @module
 */

/**
 * Which jobs go first:
 *
 * - `URGENT` memory waits for them: flushes
 * - `NORMAL` the trees wait for them: compactions
 * - `PATIENT` no write ever waits for them: verification, scrubbing, copies. They have the time
 *   that the others leave, and a small share of it in any case, so that they come to an end
 */
export type Urgency = 0 | 1 | 2;
export const URGENT = 0;
export const NORMAL = 1;
export const PATIENT = 2;

/** File numbers that were never used before: `[first, first + count)`. */
export interface FileNumbers {
  readonly first: number;
  readonly count: number;
}

/** What a job reads. */
export interface JobReads {
  /** About so many bytes. */
  readonly bytes: number;
  /** Tables that it has open at a time, at most. */
  readonly tablesMax: number;
  /** Epochs of the keys that it needs, for what it writes as well. */
  readonly epochs: readonly number[];
}

/** See the module head. */
export interface Job {
  /** Name of its row in the table of kinds. */
  readonly kind: string;
  readonly urgency: Urgency;
  readonly reads: JobReads;
  /** What it takes in memory while it runs, about, beside memtables that it reads. */
  readonly memoryBytes: number;
  /**
   * Set aside for the tables that it writes. Whoever gives it up, or finds its thread gone, removes
   * all files of these numbers.
   */
  readonly fileNumbers: FileNumbers;
}

/** A job under way, on one thread. */
export interface JobRun<Result> {
  /** Bytes of what it reads that it is through with, as {@link JobReads} counts them. */
  readonly bytesRead: number;
  /** How many milliseconds the next step should wait for a limit on its rate; 0 without one. */
  readonly pauseMs: number;
  /**
   * Works through about `budgetBytes`, less where a limit wants smaller steps.
   * @returns the result when there is nothing left; then, and after an error, the run is over
   * @throws VarveError what it failed with; nothing of the job is left behind then
   */
  step(budgetBytes: number): Result | undefined;
  /** Gives up and removes what was written; a run that is over stays as it is. */
  abort(): void;
}
