/**
 * Jobs that no write waits for, only who asked for them: verification and the like.
 * @module
 */
import type { StopSignal } from '../../env/port.ts';
import { throwIfStopped } from '../../env/stop.ts';
import type { Executor } from '../../executor/executor.ts';
import type { AnyJob, ResultOf } from '../../executor/job-kinds.ts';
import type { JobTask } from '../../executor/job-task.ts';
import type { RateLimiter } from '../../job/rate-limiter.ts';
import type { DbCore, Lent } from '../core.ts';
import { LossLimit } from '../loss-limit.ts';

/** A wait looks this often whether it was called off. */
const LOOK_MS = 100;
/** A job is given files of so many bytes together. */
const PART_BYTES = 0x200_0000;

/** How somebody follows a job. */
export interface Watch {
  /** Calls the job off; undefined if nobody will. */
  readonly signal?: StopSignal | undefined;
  /** Told from time to time how much the job has read. */
  readonly onProgress?: ((bytesRead: number) => void) | undefined;
}

/** See the module head. */
export class PatientJobs {
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #turn: (milliseconds: number) => Promise<void>;
  /** Those of jobs that are under way. */
  readonly #tasks: Set<JobTask>;
  /** Calls that clear away what they have made before the database is closed. */
  readonly #calls: Set<Promise<unknown>>;

  /** @param turn lets the host and all background work get on, for so long at most */
  constructor(core: DbCore, executor: Executor, turn: (milliseconds: number) => Promise<void>) {
    this.#core = core;
    this.#executor = executor;
    this.#turn = turn;
    this.#tasks = new Set();
    this.#calls = new Set();
  }

  /** Of all background work; undefined without a limit. */
  get limiter(): RateLimiter | undefined {
    return this.#executor.limiter;
  }

  /** Whether jobs run on other threads. */
  get isParallel(): boolean {
    return this.#executor.isParallel;
  }

  /**
   * Runs a job to its end. One that is lost with its thread is begun again.
   * @param lent what it reads: kept until nobody does
   * @throws VarveError what it failed with; `CLOSED` when the database is closed meanwhile
   * @throws the reason of the signal when that has called it off
   */
  async run<J extends AnyJob>(job: J, lent: Lent, watch: Watch = {}): Promise<ResultOf<J>> {
    const losses = new LossLimit();
    for (;;) {
      const task = await this.#runOnce(job, lent, watch);
      if (task.result !== undefined) return task.result;
      if (!task.isLost || !losses.mayRepeat(task.error!.cause)) throw task.error;
    }
  }

  /**
   * Runs work on all parts of something, on as many as there can be jobs at the same time; the
   * first ones are begun first.
   * @throws what the work on a part threw first, when nothing goes on with any
   */
  async runParts<T>(
    parts: readonly T[],
    run: (part: T, i: number) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    const runLane = async (): Promise<void> => {
      try {
        while (next < parts.length) {
          const i = next++;
          await run(parts[i]!, i);
        }
      } finally {
        // After a failure the others need not begin another one.
        next = parts.length;
      }
    };
    const lanes = Array.from({ length: this.#executor.compactionJobsMax }, runLane);
    const ends = await Promise.allSettled(lanes);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** A close waits until this call has ended, which it does when it is called off. */
  async attend<T>(call: () => Promise<T>): Promise<T> {
    const promise = call();
    this.#calls.add(promise);
    try {
      return await promise;
    } finally {
      this.#calls.delete(promise);
    }
  }

  /** Calls all jobs off, when the database is closed. */
  cancelAll(): void {
    for (const task of this.#tasks) this.#executor.cancel(task);
  }

  /** Resolves when no call that is attended goes on. */
  async callsEnded(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }

  async #runOnce<J extends AnyJob>(job: J, lent: Lent, watch: Watch): Promise<JobTask<J>> {
    const { signal, onProgress } = watch;
    const core = this.#core;
    throwIfStopped(signal);
    core.assertOpen();
    const task = this.#executor.start(job);
    core.lend(lent, task);
    this.#tasks.add(task);
    try {
      let told = 0;
      while (!task.isSettled) {
        await this.#turn(LOOK_MS);
        core.assertOpen();
        throwIfStopped(signal);
        if (task.bytesRead > told) onProgress?.(task.bytesRead);
        told = task.bytesRead;
      }
    } finally {
      // By whatever it is left, nobody wants its result. What it writes to is not the caller's
      // before it has ended.
      if (!task.isSettled) this.#executor.cancel(task);
      while (!task.isSettled) await this.#executor.turn(LOOK_MS);
      this.#tasks.delete(task);
      core.collect();
    }
    return task;
  }
}

/** Files in their order, cut into parts for jobs, of {@link PART_BYTES} each; one file at least. */
export function inParts<T extends { readonly sizeBytes: number }>(files: readonly T[]): T[][] {
  const parts: T[][] = [];
  let bytes = PART_BYTES;
  for (const file of files) {
    if (bytes + file.sizeBytes > PART_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(file);
    bytes += file.sizeBytes;
  }
  return parts;
}
