/**
 * Jobs in steps of the caller's time: the executor of runtimes without threads, of file systems
 * that live on one thread, and of simulations, where the steps happen in an order that repeats.
 * @module
 */
import type { HostLoop } from '../env/port.ts';
import { type JobRun, PATIENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import type { RateLimiter } from '../job/rate-limiter.ts';
import type { Executor, WorkerStats } from './executor.ts';
import { type AnyJob, type AnyResult, beginJob } from './job-kinds.ts';
import { cancelled, JobTask } from './job-task.ts';

/** Step of a wait, between two turns of the host. */
const WAIT_STEP_BYTES = 1_048_576;
/** A wait for the rate limit looks around this often. */
const PAUSE_MS_MAX = 20;
/** While others go before them, patient jobs have one turn of so many. */
const PATIENT_TURN_OF = 8;

/** A task and the run of its job, once that has begun. */
interface Open {
  readonly task: JobTask;
  run: JobRun<AnyResult> | undefined;
}

export class InlineExecutor implements Executor {
  readonly isParallel: boolean;
  readonly compactionJobsMax: number;
  onReport: () => void;
  readonly #context: JobContext;
  readonly #hostLoop: HostLoop;
  /** In the order in which they are worked on, one after the other: the most urgent first. */
  #open: Open[];
  /** Turns of other jobs since one of a patient job. */
  #turnsBefore: number;

  constructor(context: JobContext, hostLoop: HostLoop) {
    this.isParallel = false;
    this.compactionJobsMax = 1;
    this.onReport = () => {};
    this.#context = context;
    this.#hostLoop = hostLoop;
    this.#open = [];
    this.#turnsBefore = 0;
  }

  get workers(): WorkerStats {
    return { countMax: 0, runningCount: 0, error: undefined };
  }

  get limiter(): RateLimiter | undefined {
    return this.#context.limiter;
  }

  /** Jobs that are under way. */
  get openCount(): number {
    return this.#open.length;
  }

  /** True if a job is under way that somebody may block his thread for. */
  get isPressed(): boolean {
    const first = this.#open[0];
    return first !== undefined && !isPatient(first);
  }

  /** How long the next step is to wait; 0 if it need not, or there is none. */
  get pauseMs(): number {
    const first = this.#open[0];
    return first === undefined ? 0 : pauseMsOf(first);
  }

  start<J extends AnyJob>(job: J): JobTask<J> {
    const task = new JobTask(job);
    this.adopt(task);
    return task;
  }

  startHere<J extends AnyJob>(job: J): JobTask<J> {
    return this.start(job);
  }

  /** The same, for a task that others were to do and have not begun. */
  adopt(task: JobTask): void {
    const { urgency } = task.job;
    const next = this.#open.findIndex((other) => other.task.job.urgency > urgency);
    this.#open.splice(next < 0 ? this.#open.length : next, 0, { task, run: undefined });
  }

  cancel(task: JobTask): void {
    const open = this.#open.find((other) => other.task === task);
    if (open === undefined) return;
    this.#open = this.#open.filter((other) => other !== open);
    task.isCancelled = true;
    open.run?.abort();
    task.fail(cancelled());
  }

  advance(budgetBytes: number): void {
    const open = this.#open[0];
    if (open !== undefined && this.pauseMs === 0) this.#step(open, budgetBytes);
  }

  /** Who waits for a job in his own time goes before the rate limit. */
  block(): void {
    const open = this.#open[0];
    if (open !== undefined) this.#step(open, WAIT_STEP_BYTES);
  }

  async turn(milliseconds: number = PAUSE_MS_MAX): Promise<void> {
    const open = this.#next();
    if (open !== undefined && pauseMsOf(open) === 0) this.#step(open, WAIT_STEP_BYTES);
    const pauseMs = Math.min(this.pauseMs, milliseconds, PAUSE_MS_MAX);
    const hostLoop = this.#hostLoop;
    if (pauseMs > 0 && hostLoop.delay !== undefined) await hostLoop.delay(pauseMs);
    else await hostLoop.turn();
  }

  async close(): Promise<void> {}

  /** The job whose turn it is: whoever lets the host go on may wait for a patient one. */
  #next(): Open | undefined {
    const first = this.#open[0];
    if (first === undefined || isPatient(first)) return first;
    this.#turnsBefore++;
    if (this.#turnsBefore < PATIENT_TURN_OF) return first;
    this.#turnsBefore = 0;
    return this.#open.find((open) => isPatient(open) && pauseMsOf(open) === 0) ?? first;
  }

  #step(open: Open, budgetBytes: number): void {
    const { task } = open;
    try {
      open.run ??= beginJob(task.job, this.#context);
      const result = open.run.step(budgetBytes);
      task.bytesRead = open.run.bytesRead;
      if (result !== undefined) task.succeed(result);
    } catch (error) {
      task.fail(error);
    }
    if (task.isSettled) this.#open = this.#open.filter((other) => other !== open);
  }
}

function isPatient({ task }: Open): boolean {
  return task.job.urgency === PATIENT;
}

function pauseMsOf({ run }: Open): number {
  return run?.pauseMs ?? 0;
}
