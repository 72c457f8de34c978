/**
 * Jobs that no write waits for, only who asked for them: verification and the like.
 * @module
 */
import type { StopSignal } from '../../env/port.ts';
import { throwIfStopped } from '../../env/stop.ts';
import type { Executor } from '../../executor/executor.ts';
import type { AnyJob, ResultOf } from '../../executor/job-kinds.ts';
import type { JobTask } from '../../executor/job-task.ts';
import type { DbCore, Lent } from '../core.ts';
import { LossLimit } from '../loss-limit.ts';

/** A wait looks this often whether it was called off. */
const LOOK_MS = 100;

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
  /** Those of jobs that are under way. */
  readonly #tasks: Set<JobTask>;

  constructor(core: DbCore, executor: Executor) {
    this.#core = core;
    this.#executor = executor;
    this.#tasks = new Set();
  }

  /** Jobs that can run at the same time. */
  get countMax(): number {
    return this.#executor.compactionJobsMax;
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

  /** Calls all jobs off, when the database is closed. */
  cancelAll(): void {
    for (const task of this.#tasks) this.#executor.cancel(task);
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
        await this.#executor.turn(LOOK_MS);
        core.assertOpen();
        throwIfStopped(signal);
        if (task.bytesRead > told) onProgress?.(task.bytesRead);
        told = task.bytesRead;
      }
    } finally {
      // By whatever it is left: nobody waits for it any more.
      if (!task.isSettled) this.#executor.cancel(task);
      this.#tasks.delete(task);
      core.collect();
    }
    return task;
  }
}
