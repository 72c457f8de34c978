/**
 * The workers of a thread, shared by all its databases that have the same `WorkerThreads`: as many
 * as the most demanding of them asks for. Each works on one or more jobs at a time; databases take
 * turns. Workers start when a job needs one and end when they have had none for some seconds.
 *
 * A worker that dies, or that shows no sign of life for long, loses its jobs: their tasks settle as
 * lost, what they had written is removed, and another worker takes its place when it is needed.
 * One that never came has no jobs to lose: they go to others, or back to their databases, which
 * do them themselves, and for a while no other is started.
 * @module
 */
import type { Clock } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import { Crew } from './crew.ts';
import { cancelled } from './job-task.ts';
import { inTurns, workerFor } from './placement.ts';
import { PoolNews } from './pool-news.ts';
import type { PoolClient, PoolTask } from './pool-task.ts';
import type { WorkerEndpoint, WorkerThreads } from './port.ts';
import {
  dropKeys,
  errorOf,
  HEARTBEAT_WORD,
  isTaken,
  type Order,
  REPORTS_WORD,
  type Report,
} from './protocol.ts';
import { StartLimit } from './start-limit.ts';

/** How often a wait looks whether the workers are alive. */
export const CHECK_MS = 1000;
/** A job that can wait gets no worker of its own before: its database may be closed by then. */
const START_DELAY_MS = 100;
/** Workers without a job end after so long. */
const IDLE_MS = 5000;
/** Words for this many; `workers` of a database allows no more. */
const WORKERS_MAX = 64;

/** By the threads of a runtime. */
const pools = new WeakMap<WorkerThreads, WorkerPool>();

/** See the module head. */
export class WorkerPool {
  readonly #threads: WorkerThreads;
  readonly #clock: Clock;
  readonly #signals: Int32Array;
  readonly #clients: Set<PoolClient>;
  /** By number; undefined where none was started yet, or it is gone. */
  readonly #crews: (Crew | undefined)[];
  /** Jobs that no worker has yet, the oldest first. */
  #waiting: PoolTask[];
  readonly #news: PoolNews;
  /** Reports that had been sent when reports were last taken in. */
  #reportsSeen: number;
  #nextId: number;
  readonly #starts: StartLimit;
  /** When jobs that can wait are looked at again; Infinity if there are none. */
  #startDueMs: number;
  /** A timer is set that ends idle workers. */
  #isIdleDue: boolean;

  private constructor(threads: WorkerThreads, clock: Clock) {
    this.#threads = threads;
    this.#clock = clock;
    const words = HEARTBEAT_WORD + WORKERS_MAX;
    this.#signals = new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
    this.#clients = new Set();
    this.#crews = Array.from({ length: WORKERS_MAX }, () => undefined);
    this.#waiting = [];
    this.#news = new PoolNews(threads, this.#clients, (isHeld) => this.#hold(isHeld));
    this.#reportsSeen = 0;
    this.#nextId = 0;
    this.#starts = new StartLimit(clock);
    this.#startDueMs = Number.POSITIVE_INFINITY;
    this.#isIdleDue = false;
  }

  /** The pool of these threads. @param clock the same for all who have them */
  static of(threads: WorkerThreads, clock: Clock): WorkerPool {
    let pool = pools.get(threads);
    if (pool === undefined) {
      pool = new WorkerPool(threads, clock);
      pools.set(threads, pool);
    }
    return pool;
  }

  /** Workers that run or are starting. */
  get runningCount(): number {
    return this.#crews.filter((crew) => crew !== undefined).length;
  }

  /** Why no worker can be started; undefined as far as is known. */
  get failure(): VarveError | undefined {
    return this.#starts.failure;
  }

  /** Workers start with a job that lasts, and end when idle. */
  get #sparesWorkers(): boolean {
    return this.#threads.later !== undefined;
  }

  join(client: PoolClient): void {
    this.#clients.add(client);
  }

  /** The client has no jobs any more. Resolves when nothing of its jobs goes on anywhere. */
  async leave(client: PoolClient): Promise<void> {
    this.#clients.delete(client);
    const endings = [...client.endings];
    for (const crew of this.#crews) {
      if (crew === undefined || this.#clients.size > 0) continue;
      // One that is still starting is of no use to anybody, and nobody waits for its end.
      if (!this.#sparesWorkers) endings.push(this.#end(crew));
      else if (!this.#isReady(crew)) void this.#end(crew);
    }
    await Promise.all(endings);
  }

  /** Looks for a worker for a job; the client may be told at once that there is none. */
  add(task: PoolTask): void {
    this.#waiting.push(task);
    this.#assign();
  }

  /** Jobs of this client get workers without delay. */
  urge(client: PoolClient): void {
    let hasUrged = false;
    for (const task of this.#waiting) {
      if (task.client !== client || task.startsAtOnce) continue;
      task.startsAtOnce = true;
      hasUrged = true;
    }
    if (hasUrged) this.#assign();
  }

  /** Gives a job back to its client; false if a worker has begun it. */
  giveBack(task: PoolTask): boolean {
    const crew = task.worker === undefined ? undefined : this.#crews[task.worker];
    if (crew === undefined) this.#waiting = this.#waiting.filter((other) => other !== task);
    else if (task.takeBack()) this.#release(crew, task);
    else return false;
    task.client.tasks.delete(task);
    return true;
  }

  /** Tells the worker that has begun a job to end it; it reports that. */
  cancel(task: PoolTask): void {
    this.#crews[task.worker!]?.endpoint.send({ type: 'cancel', id: task.id });
  }

  /** True if a worker would have to be started for a job that waits. */
  needsStart(task: PoolTask): boolean {
    if (task.worker !== undefined) return false;
    const number = this.#workerFor(task);
    return number !== undefined && this.#crews[number] === undefined;
  }

  /** True if a worker that takes orders has the order of a job. */
  isWithReady(task: PoolTask): boolean {
    const crew = task.worker === undefined ? undefined : this.#crews[task.worker];
    return crew !== undefined && this.#isReady(crew);
  }

  /** Costs next to nothing when nothing has happened. */
  poll(client: PoolClient): void {
    const hasReports = Atomics.load(this.#signals, REPORTS_WORD) !== this.#reportsSeen;
    const isDue = this.#startDueMs < Number.POSITIVE_INFINITY;
    if (hasReports || (isDue && this.#clock.monotonic() >= this.#startDueMs)) this.takeIn(client);
  }

  /** Settles the tasks whose reports have come. @param asker looks at its news itself */
  takeIn(asker: PoolClient): void {
    this.#receive();
    this.#news.spread(asker);
  }

  #receive(): void {
    this.#reportsSeen = Atomics.load(this.#signals, REPORTS_WORD);
    let count = 0;
    for (const crew of this.#crews) {
      if (crew === undefined) continue;
      for (let report = crew.endpoint.receive(); report !== undefined; count++) {
        this.#settle(crew, report);
        report = crew.endpoint.receive();
      }
    }
    if (count > 0 || this.#startDueMs <= this.#clock.monotonic()) this.#assign();
  }

  /** Blocks the thread until there are reports, {@link CHECK_MS} at most, and takes them in. */
  block(asker: PoolClient, milliseconds: number): void {
    this.#threads.wait(this.#signals, this.#reportsSeen, Math.min(milliseconds, CHECK_MS));
    this.#receive();
    this.#giveUpSilent();
    this.#news.spread(asker);
  }

  /** The same, while the host goes on. */
  turn(milliseconds: number): Promise<void> {
    return this.#news.wait(Math.min(milliseconds, CHECK_MS), () => this.#giveUpSilent());
  }

  /** Gives jobs that wait to workers that have little else to do, as their databases take turns. */
  #assign(): void {
    this.#startDueMs = Number.POSITIVE_INFINITY;
    for (const task of inTurns(this.#waiting)) this.#place(task);
  }

  #place(task: PoolTask): void {
    const number = this.#workerFor(task);
    if (number === undefined) {
      // Either all are busy, or there will be none for now.
      if (this.runningCount === 0) this.#refuse(task);
      return;
    }
    if (this.#crews[number] === undefined) {
      if (!this.#isDue(task)) return;
      this.#start(number);
    }
    const crew = this.#crews[number];
    if (crew === undefined) this.#place(task);
    else this.#send(crew, task);
  }

  #workerFor(task: PoolTask): number | undefined {
    return workerFor(task, this.#clients, this.#crews, this.#starts.mayTry);
  }

  /** True when a job may have a worker started; otherwise it is looked at again. */
  #isDue(task: PoolTask): boolean {
    if (!this.#sparesWorkers || task.startsAtOnce) return true;
    const dueMs = task.sinceMs + START_DELAY_MS;
    const now = this.#clock.monotonic();
    if (now >= dueMs) return true;
    if (this.#startDueMs === Number.POSITIVE_INFINITY) {
      this.#threads.later!(dueMs - now + 1, () => {
        this.#assign();
        this.#news.tell();
      });
    }
    this.#startDueMs = Math.min(this.#startDueMs, dueMs);
    return false;
  }

  #refuse(task: PoolTask): void {
    this.#waiting = this.#waiting.filter((other) => other !== task);
    const { client } = task;
    client.tasks.delete(task);
    client.hasNews = true;
    client.onUnavailable(task, this.#starts.failure!);
  }

  #send(crew: Crew, task: PoolTask): void {
    this.#waiting = this.#waiting.filter((other) => other !== task);
    const { client } = task;
    task.id = this.#nextId++;
    let order: Order | undefined;
    try {
      order = client.orderOf(task.id, task);
      crew.endpoint.send(order);
      // It was silent for want of work, for however long.
      if (crew.tasks.size === 0 && this.#isReady(crew)) crew.hear(this.#clock.monotonic());
      crew.tasks.set(task.id, task);
      task.worker = crew.number;
    } catch (error) {
      client.tasks.delete(task);
      client.hasNews = true;
      task.task.fail(error);
    } finally {
      if (order !== undefined) dropKeys(order);
    }
  }

  #start(number: number): void {
    // A worker of this number may have ended before.
    Atomics.store(this.#signals, HEARTBEAT_WORD + number, 0);
    let endpoint: WorkerEndpoint;
    try {
      endpoint = this.#threads.start(this.#signals, number, {
        onReport: () => {
          this.#receive();
          this.#news.tell();
        },
        onDeath: (cause) => {
          // What it has reported stands.
          this.#receive();
          const crew = this.#crews[number];
          if (crew?.endpoint === endpoint) this.#lose(crew, cause);
          this.#news.tell();
        },
      });
    } catch (error) {
      this.#starts.fail(error);
      return;
    }
    this.#crews[number] = new Crew(number, endpoint, this.#signals, this.#clock.monotonic());
    if (this.#news.isAwaited) endpoint.hold(true);
  }

  #isReady(crew: Crew): boolean {
    if (crew.isReady) return true;
    if (crew.look()) this.#starts.succeed();
    return crew.isReady;
  }

  #settle(crew: Crew, report: Report): void {
    crew.hear(this.#clock.monotonic());
    const task = crew.tasks.get(report.id);
    if (task === undefined) return;
    const { client, task: started } = task;
    if (report.type === 'corrected') {
      client.onCorrection(report.correction);
      return;
    }
    if (report.type === 'progress') {
      started.bytesRead = report.bytesRead;
      client.hasNews = true;
      return;
    }
    if (report.type === 'close-failed') {
      client.onCloseFailed(errorOf(report.error));
      return;
    }
    this.#release(crew, task);
    client.tasks.delete(task);
    client.hasNews = true;
    if (report.type === 'failed' && report.error.code === 'HANDLES' && !started.isCancelled) {
      client.onStarved(task);
    } else if (report.type === 'failed') {
      started.fail(errorOf(report.error));
    } else if (started.isCancelled) {
      // It was done before the worker heard that nobody wants it.
      client.sweep(started.job);
      started.fail(cancelled());
    } else {
      started.succeed(report.result);
    }
  }

  /** The worker has this job no longer. */
  #release(crew: Crew, task: PoolTask): void {
    crew.tasks.delete(task.id);
    task.worker = undefined;
    if (crew.tasks.size > 0) return;
    crew.idleAtMs = this.#clock.monotonic();
    this.#endIdleLater();
  }

  #endIdleLater(): void {
    if (!this.#sparesWorkers || this.#isIdleDue) return;
    this.#isIdleDue = true;
    this.#threads.later!(IDLE_MS, () => {
      this.#isIdleDue = false;
      const idle = this.#crews.filter((crew) => crew?.tasks.size === 0);
      const before = this.#clock.monotonic() - IDLE_MS;
      for (const crew of idle) {
        if (crew!.idleAtMs <= before) void this.#end(crew!);
        else this.#endIdleLater();
      }
    });
  }

  /** Ends a worker without jobs. */
  #end(crew: Crew): Promise<void> {
    this.#crews[crew.number] = undefined;
    return crew.endpoint.terminate();
  }

  #giveUpSilent(): void {
    const now = this.#clock.monotonic();
    for (const crew of this.#crews) {
      if (crew === undefined) continue;
      this.#isReady(crew);
      const why = crew.missing(now);
      if (why !== undefined) this.#giveUp(crew, why);
    }
  }

  #giveUp(crew: Crew, why: string): void {
    const begun = [...crew.tasks.values()].filter((task) => task.hasBegun);
    // It may go on for a moment: what it writes then has to go as well, before somebody else has
    // the directory, who may use its file numbers again.
    const ending = crew.endpoint.terminate().then(() => {
      for (const { client, task } of begun) {
        client.sweep(task.job);
        client.endings.delete(ending);
      }
    });
    for (const { client } of begun) client.endings.add(ending);
    this.#lose(crew, new Error(why));
  }

  /** Settles the tasks of a worker that is gone, or finds others to do them if it never came. */
  #lose(crew: Crew, cause: unknown): void {
    this.#crews[crew.number] = undefined;
    const tasks = [...crew.tasks.values()];
    const hasCome = this.#isReady(crew) || tasks.some(({ claim }) => isTaken(claim));
    if (!hasCome) this.#starts.fail(cause);
    for (const task of tasks) {
      const hasBegun = !task.takeBack();
      task.worker = undefined;
      if (!hasCome) {
        this.#waiting.push(task);
        continue;
      }
      const { client, task: started } = task;
      client.tasks.delete(task);
      client.hasNews = true;
      started.isLost = true;
      const text = `the worker that ran a ${started.job.kind} is gone`;
      started.fail(new VarveError('IO', text, { cause }));
      if (hasBegun) client.sweep(started.job);
    }
    this.#assign();
  }

  #hold(isHeld: boolean): void {
    for (const crew of this.#crews) crew?.endpoint.hold(isHeld);
  }
}
