/**
 * One part of one file that a scrub looks at, as a job: small ones in the caller's time, others on
 * a worker.
 * @module
 */
import type { VarveError } from '../../errors.ts';
import type { Executor } from '../../executor/executor.ts';
import type { JobTask } from '../../executor/job-task.ts';
import { type ScrubJob, type ScrubResult, scrubJob } from '../../integrity/scrub-job.ts';
import { RANK_CURRENT } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import type { ScrubTarget } from './scrub-targets.ts';

/** What is read in the caller's time at once: about a millisecond's work. */
export const HERE_BYTES_MAX = 0x4_0000;

/** See the module head. */
export class ScrubSlice {
  readonly target: ScrubTarget;
  readonly resumeAt: number;
  readonly #task: JobTask<ScrubJob>;
  readonly #executor: Executor;
  /** It is done in the caller's time. */
  readonly isHere: boolean;

  /** Begins it. @param bytes about how much to look at */
  constructor(
    core: DbCore,
    executor: Executor,
    target: ScrubTarget,
    resumeAt: number,
    bytes: number,
  ) {
    this.target = target;
    this.resumeAt = resumeAt;
    this.#executor = executor;
    this.isHere = isDoneHere(executor, target, bytes);
    const job = scrubJob(target.fileName, target.expected, resumeAt, bytes);
    this.#task = this.isHere ? executor.startHere(job) : executor.start(job);
    const tables = target.meta === undefined ? [] : [target.meta];
    core.lend({ memtables: [], tables }, this.#task);
  }

  /** Nobody works on it any more. */
  get isSettled(): boolean {
    return this.#task.isSettled;
  }

  /** Undefined unless it went well. */
  get result(): ScrubResult | undefined {
    return this.#task.result;
  }

  /** Why it failed. */
  get error(): VarveError | undefined {
    return this.#task.error;
  }

  /** Its thread is gone, and it can be done again. */
  get isLost(): boolean {
    return this.#task.isLost;
  }

  /** Gets on with a slice in the caller's time. */
  advance(): void {
    this.#executor.advance(HERE_BYTES_MAX);
  }

  cancel(): void {
    if (!this.isSettled) this.#executor.cancel(this.#task);
  }
}

/** Bytes of a slice that may take so many on workers. */
export function fittingBytes(executor: Executor, bytes: number): number {
  return executor.isParallel ? bytes : Math.min(bytes, HERE_BYTES_MAX);
}

/** CURRENT is written in place by this thread: no other one could tell damage from that. */
function isDoneHere(executor: Executor, { rank }: ScrubTarget, bytes: number): boolean {
  if (!executor.isParallel || rank === RANK_CURRENT) return true;
  return bytes <= HERE_BYTES_MAX && executor.workers.runningCount === 0;
}
