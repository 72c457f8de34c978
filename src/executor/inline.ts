/**
 * Jobs in steps of the caller's time: the executor of runtimes without threads, of file systems
 * that live on one thread, and of simulations, where the steps happen in an order that repeats.
 * @module
 */
import type { HostLoop } from '../env/port.ts';
import { Merge, type MergeContext, type MergeJob } from '../merge/merge-job.ts';
import { cancelled, type Executor, MergeTask, type WorkerStats } from './port.ts';

/** Step of a wait, between two turns of the host. */
const WAIT_STEP_BYTES = 1_048_576;
/** A wait for the rate limit looks around this often. */
const PAUSE_MS_MAX = 20;

/** A task and its merge. */
interface Open {
  readonly task: MergeTask;
  merge: Merge | undefined;
}

export class InlineExecutor implements Executor {
  readonly isParallel: boolean;
  readonly compactionJobsMax: number;
  onReport: () => void;
  readonly #context: MergeContext;
  readonly #hostLoop: HostLoop;
  /** In the order in which they are worked on: one after the other. */
  #open: Open[];

  constructor(context: MergeContext, hostLoop: HostLoop) {
    this.isParallel = false;
    this.compactionJobsMax = 1;
    this.onReport = () => {};
    this.#context = context;
    this.#hostLoop = hostLoop;
    this.#open = [];
  }

  get workers(): WorkerStats {
    return { countMax: 0, runningCount: 0, error: undefined };
  }

  /** Jobs that are under way. */
  get openCount(): number {
    return this.#open.length;
  }

  start(job: MergeJob): MergeTask {
    const task = new MergeTask(job);
    this.adopt(task);
    return task;
  }

  /** The same, for a task that others were to do and have not begun. */
  adopt(task: MergeTask): void {
    const { job } = task;
    const open = { task, merge: undefined };
    const firstCompaction = this.#open.findIndex((other) => other.task.job.work === 'compaction');
    if (job.work === 'compaction' || firstCompaction < 0) this.#open.push(open);
    else this.#open.splice(firstCompaction, 0, open);
  }

  cancel(task: MergeTask): void {
    const open = this.#open.find((other) => other.task === task);
    if (open === undefined) return;
    this.#open = this.#open.filter((other) => other !== open);
    task.isCancelled = true;
    open.merge?.abort();
    task.fail(cancelled());
  }

  advance(budgetBytes: number): void {
    const open = this.#open[0];
    if (open !== undefined && (open.merge?.pauseMs ?? 0) === 0) this.#step(open, budgetBytes);
  }

  /** Who waits for a job in his own time goes before the rate limit. */
  block(): void {
    const open = this.#open[0];
    if (open !== undefined) this.#step(open, WAIT_STEP_BYTES);
  }

  async turn(milliseconds: number = PAUSE_MS_MAX): Promise<void> {
    this.advance(WAIT_STEP_BYTES);
    const pauseMs = Math.min(this.#open[0]?.merge?.pauseMs ?? 0, milliseconds, PAUSE_MS_MAX);
    const hostLoop = this.#hostLoop;
    if (pauseMs > 0 && hostLoop.delay !== undefined) await hostLoop.delay(pauseMs);
    else await hostLoop.turn();
  }

  async close(): Promise<void> {}

  #step(open: Open, budgetBytes: number): void {
    const { task } = open;
    try {
      open.merge ??= new Merge(task.job, this.#context);
      task.result = open.merge.step(budgetBytes);
      task.bytesRead = open.merge.bytesRead;
    } catch (error) {
      task.fail(error);
    }
    if (task.isSettled) this.#open.shift();
  }
}
