/**
 * Jobs on worker threads. Workers are started when the first job needs them and live as long as the
 * database; each works on one or more jobs at a time.
 *
 * A worker that dies, or that shows no sign of life for long, loses its jobs: their tasks settle as
 * lost, what they had written is removed, and another worker takes its place when it is needed.
 * @module
 */

import type { Correction } from '../block/block-reader.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import type { Clock } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { fileNumberOf, numbersOf, removeTables } from './directory-sink.ts';
import type { MergeJob } from './merge-job.ts';
import { cancelled, type Executor, MergeTask } from './port.ts';
import {
  errorOf,
  HEARTBEAT_ENDED,
  HEARTBEAT_WORD,
  type Order,
  REPORTS_WORD,
  type Report,
} from './protocol.ts';
import type { RateShare } from './rate-limiter.ts';

/** A worker as its database sees it. */
export interface WorkerEndpoint {
  send(order: Order): void;
  /** The next report, if one has arrived. */
  receive(): Report | undefined;
  /** Whether the host must not end before the worker reports. */
  hold(isHeld: boolean): void;
  /** Ends the worker, whatever it does. */
  terminate(): Promise<void>;
}

/** What a worker tells without being asked. */
export interface WorkerListener {
  /** Reports can be received. */
  onReport(): void;
  /** The worker has ended. */
  onDeath(cause: unknown): void;
}

/** The threads of a runtime. */
export interface WorkerThreads {
  /** Workers that fit the machine. */
  readonly defaultCount: number;
  /** @param signals see protocol.ts @param number of the worker, from 0 */
  start(signals: Int32Array, number: number, listener: WorkerListener): WorkerEndpoint;
  /** Blocks until the word at `REPORTS_WORD` is not `seen` any more, or a time has passed. */
  wait(signals: Int32Array, seen: number, milliseconds: number): void;
  /** Calls back once after a time; returns how to call it off. */
  timer(milliseconds: number, callback: () => void): () => void;
}

/** What the executor itself needs of the database. */
export interface WorkerExecutorOptions {
  readonly threads: WorkerThreads;
  readonly workerCount: number;
  readonly fs: Fs;
  readonly directory: string;
  /** Of the lock of the directory. */
  readonly lockToken: string;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly rate: RateShare | undefined;
  readonly onCorrection: (correction: Correction) => void;
}

/** How often a wait looks whether the workers are alive. */
const CHECK_MS = 1000;
/** A worker that cannot take orders after so long does not come. */
const START_MS_MAX = 20_000;
/** A worker without a sign of life for so long is given up; to sync a large file takes a while. */
const SILENCE_MS_MAX = 120_000;

/** Number of the worker that does all flushes. */
const FLUSH_WORKER = 0;

/** A worker that has been started. */
interface Crew {
  readonly number: number;
  readonly endpoint: WorkerEndpoint;
  readonly tasks: Map<number, MergeTask>;
  heartbeat: number;
  heardAtMs: number;
}

export class WorkerExecutor implements Executor {
  readonly isParallel: boolean;
  readonly compactionJobsMax: number;
  onReport: () => void;
  readonly #options: WorkerExecutorOptions;
  readonly #signals: Int32Array;
  /** By number; undefined where none was started yet, or it was lost. */
  readonly #crews: (Crew | undefined)[];
  /** Compactions that no worker has yet. */
  #queue: MergeTask[];
  readonly #waiters: Set<() => void>;
  /** Workers that were given up and may not have ended yet. */
  readonly #endings: Set<Promise<void>>;
  /** Reports that had been sent when reports were last taken in. */
  #reportsSeen: number;
  #nextId: number;
  #isClosed: boolean;

  constructor(options: WorkerExecutorOptions) {
    this.isParallel = true;
    this.compactionJobsMax = options.workerCount;
    this.onReport = () => {};
    this.#options = options;
    const words = HEARTBEAT_WORD + options.workerCount;
    this.#signals = new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
    this.#crews = Array.from({ length: options.workerCount }, () => undefined);
    this.#queue = [];
    this.#waiters = new Set();
    this.#endings = new Set();
    this.#reportsSeen = 0;
    this.#nextId = 0;
    this.#isClosed = false;
  }

  start(job: MergeJob): MergeTask {
    const task = new MergeTask(job);
    if (job.work === 'flush') {
      this.#send(FLUSH_WORKER, task);
    } else {
      this.#queue.push(task);
      this.#assign();
    }
    return task;
  }

  cancel(task: MergeTask): void {
    if (this.#queue.includes(task)) {
      this.#queue = this.#queue.filter((other) => other !== task);
      task.fail(cancelled());
    }
    for (const crew of this.#crews) {
      for (const [id, other] of crew?.tasks ?? []) {
        if (other !== task) continue;
        task.isCancelled = true;
        crew!.endpoint.send({ type: 'cancel', id });
      }
    }
  }

  advance(): void {
    if (Atomics.load(this.#signals, REPORTS_WORD) !== this.#reportsSeen) this.#takeIn();
  }

  block(milliseconds: number = CHECK_MS): void {
    const seen = Atomics.load(this.#signals, REPORTS_WORD);
    if (this.#takeIn() > 0 || this.#openTasks() === 0) return;
    this.#options.threads.wait(this.#signals, seen, Math.min(milliseconds, CHECK_MS));
    if (this.#takeIn() === 0) this.#giveUpSilent();
  }

  async turn(milliseconds: number = CHECK_MS): Promise<void> {
    if (this.#takeIn() > 0 || this.#openTasks() === 0) return;
    await new Promise<void>((resolve) => {
      const callOff = this.#options.threads.timer(Math.min(milliseconds, CHECK_MS), () => {
        this.#giveUpSilent();
        done();
      });
      const done = (): void => {
        callOff();
        this.#waiters.delete(done);
        if (this.#waiters.size === 0) this.#hold(false);
        resolve();
      };
      this.#waiters.add(done);
      this.#hold(true);
    });
  }

  async close(): Promise<void> {
    while (this.#openTasks() > 0) await this.turn();
    this.#isClosed = true;
    const crews = this.#crews.filter((crew) => crew !== undefined);
    this.#crews.fill(undefined);
    const endings = crews.map(({ endpoint }) => endpoint.terminate());
    await Promise.all([...endings, ...this.#endings]);
  }

  #openTasks(): number {
    let count = 0;
    for (const crew of this.#crews) count += crew?.tasks.size ?? 0;
    return count;
  }

  /** Gives compactions that wait to workers that have little else to do. */
  #assign(): void {
    while (this.#queue.length > 0) {
      const number = this.#freeWorker();
      if (number === undefined) return;
      this.#send(number, this.#queue.shift()!);
    }
  }

  /**
   * Who takes the next compaction: of the workers that have none, the last, which does no flushes.
   * A worker that does the same again does it faster: it has the code compiled. One that flushes
   * now takes none if there are others, for the flushes would hold it up. None has a second one
   * waiting, which another might begin before.
   */
  #freeWorker(): number | undefined {
    for (let number = this.#crews.length - 1; number >= 0; number--) {
      const tasks = [...(this.#crews[number]?.tasks.values() ?? [])];
      if (tasks.some(({ job }) => job.work === 'compaction')) continue;
      if (tasks.length === 0 || this.#crews.length === 1) return number;
    }
    return undefined;
  }

  #send(number: number, task: MergeTask): void {
    const { job } = task;
    const { directory, lockToken, pipeline, rate } = this.#options;
    try {
      const order: Order = {
        type: 'run',
        id: this.#nextId++,
        job,
        directory,
        lockToken,
        pipeline: pipeline.share(epochsOf(job)),
        rate,
      };
      const crew = this.#crews[number] ?? this.#startWorker(number);
      crew.endpoint.send(order);
      // It was silent for want of work, for however long.
      if (crew.tasks.size === 0) crew.heardAtMs = this.#options.clock.monotonic();
      crew.tasks.set(order.id, task);
    } catch (error) {
      task.fail(error);
    }
  }

  #startWorker(number: number): Crew {
    const { clock, threads } = this.#options;
    // A worker of this number may have ended before.
    Atomics.store(this.#signals, HEARTBEAT_WORD + number, 0);
    const endpoint = threads.start(this.#signals, number, {
      onReport: () => this.#takeInLate(),
      onDeath: (cause) => {
        if (this.#crews[number]?.endpoint === endpoint) this.#lose(number, cause);
        this.#takeInLate();
      },
    });
    const crew = {
      number,
      endpoint,
      tasks: new Map<number, MergeTask>(),
      heartbeat: 0,
      heardAtMs: clock.monotonic(),
    };
    this.#crews[number] = crew;
    if (this.#waiters.size > 0) endpoint.hold(true);
    return crew;
  }

  /** Takes in what came while the host did something else. */
  #takeInLate(): void {
    this.#takeIn();
    if (!this.#isClosed) this.onReport();
  }

  /** Settles the tasks whose reports have come. Returns the number of reports. */
  #takeIn(): number {
    this.#reportsSeen = Atomics.load(this.#signals, REPORTS_WORD);
    let count = 0;
    for (const crew of this.#crews) {
      if (crew === undefined) continue;
      for (let report = crew.endpoint.receive(); report !== undefined; count++) {
        this.#settle(crew, report);
        report = crew.endpoint.receive();
      }
    }
    if (count > 0) {
      this.#assign();
      this.#wake();
    }
    return count;
  }

  #settle(crew: Crew, report: Report): void {
    crew.heardAtMs = this.#options.clock.monotonic();
    if (report.type === 'corrected') {
      this.#options.onCorrection(report.correction);
      return;
    }
    if (report.type === 'close-failed') {
      this.#options.pipeline.onCloseFailed?.(errorOf(report.error));
      return;
    }
    const task = crew.tasks.get(report.id)!;
    crew.tasks.delete(report.id);
    if (report.type === 'failed') {
      task.error = errorOf(report.error);
    } else if (task.isCancelled) {
      // It was done before the worker heard that nobody wants it.
      const { fs, directory } = this.#options;
      removeTables(fs, directory, report.result.outputs.map(fileNumberOf));
      task.error = cancelled();
    } else {
      task.result = report.result;
    }
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #hold(isHeld: boolean): void {
    for (const crew of this.#crews) crew?.endpoint.hold(isHeld);
  }

  #giveUpSilent(): void {
    const now = this.#options.clock.monotonic();
    for (const crew of this.#crews) {
      if (crew === undefined) continue;
      const heartbeat = Atomics.load(this.#signals, HEARTBEAT_WORD + crew.number);
      const silenceMs = now - crew.heardAtMs;
      if (heartbeat === HEARTBEAT_ENDED) {
        this.#giveUp(crew, 'it has ended');
      } else if (heartbeat !== crew.heartbeat || crew.tasks.size === 0) {
        crew.heartbeat = heartbeat;
        crew.heardAtMs = now;
      } else if (silenceMs > (heartbeat === 0 ? START_MS_MAX : SILENCE_MS_MAX)) {
        this.#giveUp(crew, 'it showed no sign of life');
      }
    }
  }

  #giveUp(crew: Crew, why: string): void {
    const tasks = [...crew.tasks.values()];
    // It may go on for a moment: what it writes then has to go as well, before somebody else has
    // the directory, who may use its file numbers again.
    const ending = crew.endpoint.terminate().then(() => {
      this.#sweep(tasks);
      this.#endings.delete(ending);
    });
    this.#endings.add(ending);
    this.#lose(crew.number, new Error(why));
  }

  #sweep(tasks: Iterable<MergeTask>): void {
    const { fs, directory } = this.#options;
    for (const { job } of tasks) removeTables(fs, directory, numbersOf(job.fileNumbers));
  }

  /** Settles the tasks of a worker that is gone, and removes what it left. */
  #lose(number: number, cause: unknown): void {
    const crew = this.#crews[number]!;
    this.#crews[number] = undefined;
    for (const task of crew.tasks.values()) {
      task.isLost = true;
      const text = `the worker that ran a ${task.job.work} is gone`;
      task.error = new VarveError('IO', text, { cause });
    }
    this.#sweep(crew.tasks.values());
    this.#assign();
    this.#wake();
  }
}

/** Epochs of the keys that a job needs. */
function epochsOf({ table, input }: MergeJob): Set<number> {
  const inputs = 'runs' in input ? input.runs.flat() : [];
  const protections = [table.protection, ...inputs.map((meta) => meta.protection)];
  return new Set(
    protections.filter(({ suiteId }) => suiteId !== SUITE_NONE).map(({ epoch }) => epoch),
  );
}
