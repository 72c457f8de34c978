/**
 * Who runs background jobs: the caller in steps of its own time, or other threads.
 *
 * The database starts jobs, gives the executor time with `advance`, `block` or `turn`, and looks at
 * the tasks afterwards. Where jobs run on other threads, giving time means taking in what they
 * report; reports that arrive while the host is idle are announced by `onReport`.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import type { MergeJob, MergeResult } from '../merge/merge-job.ts';

/** A job that was started; the executor fills it in. */
export class MergeTask {
  readonly job: MergeJob;
  /** Set when the job is done. */
  result: MergeResult | undefined;
  /** Set when it failed or was cancelled; nothing of it is left behind then. */
  error: VarveError | undefined;
  /** Key and value bytes read so far, where the job runs in the caller's time. */
  bytesRead: number;
  /** Nobody wants the result any more; it is removed when there is one all the same. */
  isCancelled: boolean;
  /** It failed because the thread that it ran on is gone: it may do better on another one. */
  isLost: boolean;

  constructor(job: MergeJob) {
    this.job = job;
    this.result = undefined;
    this.error = undefined;
    this.bytesRead = 0;
    this.isCancelled = false;
    this.isLost = false;
  }

  /** True when nobody works on it any more. */
  get isSettled(): boolean {
    return this.result !== undefined || this.error !== undefined;
  }

  /** For executors: ends the task with what a failing job threw. */
  fail(cause: unknown): void {
    this.error = isVarveError(cause)
      ? cause
      : new VarveError('IO', `unexpected failure of a ${this.job.work}: ${String(cause)}`, {
          cause,
        });
  }
}

/** What a database has of worker threads. */
export interface WorkerStats {
  /** Workers that it may keep busy at a time; 0 where its jobs run in the caller's time. */
  readonly countMax: number;
  /** Workers that run or are starting, for all databases of the thread. */
  readonly runningCount: number;
  /** Why none can be started, and jobs run in the caller's time; tried again after a while. */
  readonly error: string | undefined;
}

/** See the module head. */
export interface Executor {
  readonly workers: WorkerStats;
  /** Jobs go on while the caller does something else. */
  readonly isParallel: boolean;
  /** Compaction jobs that can run at the same time. */
  readonly compactionJobsMax: number;
  /** Called, after other work of the host, when tasks have settled in the meantime. */
  onReport: () => void;
  start(job: MergeJob): MergeTask;
  /** Asks a task to end soon; it settles with an error unless it has settled before. */
  cancel(task: MergeTask): void;
  /**
   * Gives jobs the time in which about `budgetBytes` of entries are merged; on return, tasks that
   * have ended are settled. Costs next to nothing where jobs run elsewhere.
   */
  advance(budgetBytes: number): void;
  /**
   * As `advance`, and waits until jobs have got on, blocking the thread; only with open tasks.
   * @param milliseconds at most, about; a while if absent. Where jobs run in the caller's time they
   * get on by one step
   */
  block(milliseconds?: number): void;
  /** As `block`, and the host goes on meanwhile. */
  turn(milliseconds?: number): Promise<void>;
  /** After all tasks were cancelled: resolves when nothing of them goes on anywhere. */
  close(): Promise<void>;
}

/** The error of a task that was cancelled. */
export function cancelled(): VarveError {
  return new VarveError('CLOSED', 'the job was cancelled');
}
