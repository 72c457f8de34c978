/**
 * Jobs of one database on the workers of the pool. What no worker has begun, and somebody waits
 * for, is done here, in the caller's time: small jobs for which no worker runs yet, jobs for which
 * no worker can be had, and those of a caller who blocks his thread while workers still start. For
 * the start of a worker may depend on that very thread, which hooks of module loaders bring about.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import type { VarveError } from '../errors.ts';
import { type Job, PATIENT, URGENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { removeLeftovers } from '../job/leftovers.ts';
import type { RateLimiter, RateShare } from '../job/rate-limiter.ts';
import type { Executor, WorkerStats } from './executor.ts';
import type { InlineExecutor } from './inline.ts';
import type { AnyJob } from './job-kinds.ts';
import { cancelled, JobTask } from './job-task.ts';
import { type PoolClient, PoolTask } from './pool-task.ts';
import type { WorkerThreads } from './port.ts';
import type { Order } from './protocol.ts';
import { CHECK_MS, WorkerPool } from './worker-pool.ts';

/** What the executor itself needs of the database. */
export interface WorkerExecutorOptions {
  readonly threads: WorkerThreads;
  readonly workerCount: number;
  /** For jobs that are done here. */
  readonly inline: InlineExecutor;
  readonly context: JobContext;
  /** Of the lock of the directory. */
  readonly lockToken: string;
  readonly rate: RateShare | undefined;
  /** Told when jobs have to be done here for want of a worker; not again until there was one. */
  readonly onUnavailable: (error: VarveError) => void;
}

/** A job of so many bytes is done while a worker would start. */
const SMALL_BYTES = 0x4_0000;
/** Urgent jobs of more, which come of many writes, have a worker started at once. */
const LARGE_BYTES = 0x10_0000;
/** Who waits for a job does it himself if nobody has begun it after so long. */
const PATIENCE_MS = 2000;

export class WorkerExecutor implements Executor, PoolClient {
  readonly isParallel: boolean;
  readonly compactionJobsMax: number;
  readonly workerCount: number;
  readonly tasks: Set<PoolTask>;
  readonly endings: Set<Promise<void>>;
  hasNews: boolean;
  onReport: () => void;
  readonly #options: WorkerExecutorOptions;
  readonly #inline: InlineExecutor;
  readonly #pool: WorkerPool;
  /** Why no worker could be had, as it was told. */
  #toldFailure: VarveError | undefined;

  constructor(options: WorkerExecutorOptions) {
    this.isParallel = true;
    this.compactionJobsMax = options.workerCount;
    this.workerCount = options.workerCount;
    this.tasks = new Set();
    this.endings = new Set();
    this.hasNews = false;
    this.onReport = () => {};
    this.#options = options;
    this.#inline = options.inline;
    this.#pool = WorkerPool.of(options.threads, options.context.clock);
    this.#pool.join(this);
    this.#toldFailure = undefined;
  }

  get workers(): WorkerStats {
    const { runningCount, failure } = this.#pool;
    return { countMax: this.workerCount, runningCount, error: failure?.message };
  }

  get limiter(): RateLimiter | undefined {
    return this.#options.context.limiter;
  }

  start<J extends AnyJob>(job: J): JobTask<J> {
    const task = new JobTask(job);
    const pooled = new PoolTask(task, this, this.#options.context.clock.monotonic());
    pooled.startsAtOnce = job.urgency === URGENT && job.reads.bytes > LARGE_BYTES;
    this.tasks.add(pooled);
    this.#pool.add(pooled);
    return task;
  }

  startHere<J extends AnyJob>(job: J): JobTask<J> {
    return this.#inline.start(job);
  }

  cancel(task: JobTask): void {
    this.#inline.cancel(task);
    for (const pooled of this.tasks) {
      if (pooled.task !== task) continue;
      if (this.#pool.giveBack(pooled)) {
        task.fail(cancelled());
      } else {
        task.isCancelled = true;
        this.#pool.cancel(pooled);
      }
      return;
    }
  }

  advance(budgetBytes: number): void {
    this.#pool.poll(this);
    this.hasNews = false;
    if (this.#inline.openCount > 0) this.#inline.advance(budgetBytes);
  }

  block(milliseconds?: number): void {
    this.#pool.takeIn(this);
    if (this.#tookNews() || this.#openCount === 0) return;
    if (!this.#inline.isPressed && milliseconds === undefined) {
      this.#takeOver((task) => task.urgency !== PATIENT && this.#isNobodys(task));
    }
    if (this.#inline.isPressed || this.tasks.size === 0) {
      this.#inline.block();
    } else {
      this.#pool.block(this, milliseconds ?? CHECK_MS);
      this.hasNews = false;
    }
  }

  async turn(milliseconds: number = CHECK_MS): Promise<void> {
    this.#pool.takeIn(this);
    if (this.#tookNews() || this.#openCount === 0) return;
    if (!this.#inline.isPressed) {
      this.#takeOver((task) => this.#isQuicklyDone(task) || this.#isLate(task));
      if (!this.#inline.isPressed) this.#pool.urge(this);
    }
    const { pauseMs } = this.#inline;
    if (this.#inline.openCount > 0 && (pauseMs === 0 || this.tasks.size === 0)) {
      await this.#inline.turn(milliseconds);
    } else if (!this.#tookNews()) {
      await this.#pool.turn(pauseMs > 0 ? Math.min(pauseMs, milliseconds) : milliseconds);
    }
  }

  async close(): Promise<void> {
    for (const task of this.tasks) this.#pool.giveBack(task);
    while (this.tasks.size > 0) await this.turn();
    await this.#pool.leave(this);
  }

  orderOf(id: number, { claim, task: { job } }: PoolTask): Order {
    const { context, lockToken, rate } = this.#options;
    const { directory } = context;
    const pipeline = context.pipeline.share(job.reads.epochs);
    return { type: 'run', id, claim, job, directory, lockToken, pipeline, rate };
  }

  onCorrection(correction: Correction): void {
    this.#options.context.pipeline.onCorrection(correction);
  }

  onCloseFailed(error: VarveError): void {
    this.#options.context.pipeline.onCloseFailed?.(error);
  }

  sweep(job: Job): void {
    const { fs, directory } = this.#options.context;
    removeLeftovers(fs, directory, job);
  }

  onUnavailable({ task }: PoolTask, error: VarveError): void {
    this.#inline.adopt(task);
    if (this.#toldFailure === error) return;
    this.#toldFailure = error;
    this.#options.onUnavailable(error);
  }

  /**
   * The thread of the database can close tables to open others, which workers cannot. The job has
   * its file numbers again, so what the worker could not remove either must be gone.
   */
  onStarved({ task }: PoolTask): void {
    this.sweep(task.job);
    this.#inline.adopt(task);
  }

  onNews(): void {
    this.hasNews = false;
    this.onReport();
  }

  #tookNews(): boolean {
    const { hasNews } = this;
    this.hasNews = false;
    return hasNews;
  }

  get #openCount(): number {
    return this.tasks.size + this.#inline.openCount;
  }

  /** Does such a job here, the most urgent one, unless a worker begins it just now. */
  #takeOver(isWanted: (task: PoolTask) => boolean): void {
    const wanted = [...this.tasks].filter((task) => !task.hasBegun && isWanted(task));
    wanted.sort((a, b) => a.urgency - b.urgency);
    const [task] = wanted;
    if (task !== undefined && this.#pool.giveBack(task)) this.#inline.adopt(task.task);
  }

  /** True if a thread that blocks for a job would wait for nobody who works on it, or soon will. */
  #isNobodys(task: PoolTask): boolean {
    for (const { hasBegun, urgency } of this.tasks) {
      if (hasBegun && urgency <= task.urgency) return false;
    }
    return !this.#pool.isWithReady(task) || this.#isLate(task);
  }

  #isQuicklyDone(task: PoolTask): boolean {
    return task.task.job.reads.bytes <= SMALL_BYTES && this.#pool.needsStart(task);
  }

  #isLate(task: PoolTask): boolean {
    const { clock } = this.#options.context;
    return task.worker !== undefined && clock.monotonic() - task.sinceMs > PATIENCE_MS;
  }
}
