/**
 * A job that was started, as seen by who started it.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import type { AnyJob, AnyResult, ResultOf } from './job-kinds.ts';

/** See the module head; the executor fills it in. */
export class JobTask<J extends AnyJob = AnyJob> {
  readonly job: J;
  /** Set when the job is done. */
  result: ResultOf<J> | undefined;
  /** Set when it failed or was cancelled; nothing of it is left behind then. */
  error: VarveError | undefined;
  /** What it is through with of what it reads, as far as is known: of a merge on a worker 0. */
  bytesRead: number;
  /** Nobody wants the result any more; it is removed when there is one all the same. */
  isCancelled: boolean;
  /** It failed because the thread that it ran on is gone: it may do better on another one. */
  isLost: boolean;

  constructor(job: J) {
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

  /** For executors: ends the task with what the run of its job has returned. */
  succeed(result: AnyResult): void {
    this.result = result as ResultOf<J>;
  }

  /** For executors: ends the task with what a failing job threw. */
  fail(cause: unknown): void {
    this.error = isVarveError(cause)
      ? cause
      : new VarveError('IO', `unexpected failure of a ${this.job.kind}: ${String(cause)}`, {
          cause,
        });
  }
}

/** The error of a task that was cancelled. */
export function cancelled(): VarveError {
  return new VarveError('CLOSED', 'the job was cancelled');
}
