/**
 * Who runs background jobs: the caller in steps of its own time, or other threads.
 *
 * The database starts jobs, gives the executor time with `advance`, `block` or `turn`, and looks at
 * the tasks afterwards. Where jobs run on other threads, giving time means taking in what they
 * report; reports that arrive while the host is idle are announced by `onReport`.
 * @module
 */
import type { RateLimiter } from '../job/rate-limiter.ts';
import type { AnyJob } from './job-kinds.ts';
import type { JobTask } from './job-task.ts';

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
  /** Jobs of compactions that can run at the same time. */
  readonly compactionJobsMax: number;
  /** Of all background work of the database; undefined without a limit. */
  readonly limiter: RateLimiter | undefined;
  /** Called, after other work of the host, when tasks have settled in the meantime. */
  onReport: () => void;
  start<J extends AnyJob>(job: J): JobTask<J>;
  /** The same, in the caller's time, whatever threads there are. */
  startHere<J extends AnyJob>(job: J): JobTask<J>;
  /** Asks a task to end soon; it settles with an error unless it has settled before. */
  cancel(task: JobTask): void;
  /**
   * Gives jobs the time in which they get through about `budgetBytes`; on return, tasks that have
   * ended are settled. Costs next to nothing where jobs run elsewhere.
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
