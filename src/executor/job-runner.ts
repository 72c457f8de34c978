/**
 * What a worker does: it runs the jobs that it is given, the most urgent first, in steps. Between
 * two steps its program takes in new orders, so a flush never waits for the end of a compaction.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import type { Compression } from '../compress/port.ts';
import type { CryptoPrimitives } from '../crypto/port.ts';
import { CheckedClock } from '../env/checked.ts';
import type { Clock, Random } from '../env/port.ts';
import type { VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { type JobRun, PATIENT } from '../job/job.ts';
import { RateLimiter } from '../job/rate-limiter.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { TableCache } from '../tables/table-cache.ts';
import { type AnyResult, beginJob } from './job-kinds.ts';
import { cancelled } from './job-task.ts';
import { dropKeys, type Order, plainError, type Report, take } from './protocol.ts';

/** While others are to go before them, patient jobs have one step of so many. */
const PATIENT_STEP_OF = 8;
/** Patient jobs tell how far they are after so many bytes. */
const PROGRESS_BYTES = 0x40_0000;

/** The ports of the worker's runtime. */
export interface WorkerEnvironment {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
  readonly crypto: CryptoPrimitives;
}

type RunOrder = Extract<Order, { type: 'run' }>;

/** A job that was ordered, and once it has begun what was opened for it. */
class OpenJob {
  readonly order: RunOrder;
  /** Undefined until it begins. */
  run: JobRun<AnyResult> | undefined;
  /** Of its progress. */
  toldBytes: number;
  #pipeline: Pipeline | undefined;
  #tables: TableCache | undefined;

  constructor(order: RunOrder) {
    this.order = order;
    this.run = undefined;
    this.toldBytes = 0;
    this.#pipeline = undefined;
    this.#tables = undefined;
  }

  /** Only once its claim is taken. */
  begin(ports: WorkerEnvironment, send: (report: Report) => void): JobRun<AnyResult> {
    const { id, job, directory, lockToken, pipeline: share, rate } = this.order;
    const { random, compression, crypto } = ports;
    const clock = new CheckedClock(ports.clock);
    const fs = new HeldFs(ports.fs, joinPath(directory, LOCK_NAME), lockToken);
    const told = {
      onCorrection: (correction: Correction): void => send({ type: 'corrected', id, correction }),
      onCloseFailed: (error: VarveError): void => {
        send({ type: 'close-failed', id, error: plainError(error) });
      },
    };
    const pipeline = Pipeline.of(share, crypto, { random, compression, ...told });
    this.#pipeline = pipeline;
    const tablesMax = job.reads.tablesMax + 1;
    const tables = new TableCache(fs, directory, new BlockCache(0), pipeline, tablesMax);
    this.#tables = tables;
    const limiter = rate === undefined ? undefined : new RateLimiter(rate, clock);
    this.run = beginJob(job, { fs, directory, pipeline, clock, tables, limiter });
    return this.run;
  }

  /** Nothing of the keys is left. */
  close(): void {
    this.#tables?.closeAll();
    this.#pipeline?.close();
    dropKeys(this.order);
  }
}

export class JobRunner {
  readonly #ports: WorkerEnvironment;
  readonly #send: (report: Report) => void;
  #open: OpenJob[];
  /** Steps since one of a patient job. */
  #stepsBefore: number;
  #hasZstd: boolean;

  /** @param hasZstd whether zstd has been loaded in this thread; if not, the first need loads it */
  constructor(ports: WorkerEnvironment, send: (report: Report) => void, hasZstd = false) {
    this.#ports = ports;
    this.#send = send;
    this.#open = [];
    this.#stepsBefore = 0;
    this.#hasZstd = hasZstd;
  }

  /** True when there is nothing to step. */
  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  /** Follows an order; what is returned, if anything, is to be awaited before the next step. */
  take(order: Order): Promise<void> | undefined {
    if (order.type === 'cancel') this.#cancel(order.id);
    else if (order.pipeline.needsZstd && !this.#hasZstd) return this.#loadZstd(order);
    else this.#open.push(new OpenJob(order));
    return undefined;
  }

  /** How long until {@link step} has a job that the rate limit lets go on. */
  get pauseMs(): number {
    return this.#open.length === 0 ? 0 : pauseMsOf(this.#next());
  }

  /**
   * Works through about `budgetBytes` of the most urgent job; not while idle. A job that has not
   * begun begins, unless it was withdrawn.
   */
  step(budgetBytes: number): void {
    const open = this.#next();
    this.#stepsBefore = isPatient(open) ? 0 : this.#stepsBefore + 1;
    if (open.run === undefined && !take(open.order.claim)) {
      this.#close(open);
      return;
    }
    const { id } = open.order;
    try {
      const run = open.run ?? open.begin(this.#ports, this.#send);
      const result = run.step(budgetBytes);
      if (result === undefined) {
        this.#tellProgress(open, run.bytesRead);
        return;
      }
      this.#close(open);
      this.#send({ type: 'done', id, result });
    } catch (error) {
      this.#close(open);
      this.#send({ type: 'failed', id, error: plainError(error) });
    }
  }

  /** The job whose turn it is. */
  #next(): OpenJob {
    const first = mostUrgent(this.#open);
    if (isPatient(first)) return first;
    const mayWait = this.#stepsBefore < PATIENT_STEP_OF - 1 && pauseMsOf(first) === 0;
    if (mayWait) return first;
    const patient = this.#open.filter((open) => isPatient(open) && pauseMsOf(open) === 0);
    return patient.length === 0 ? first : mostUrgent(patient);
  }

  #tellProgress(open: OpenJob, bytesRead: number): void {
    if (!isPatient(open) || bytesRead - open.toldBytes < PROGRESS_BYTES) return;
    open.toldBytes = bytesRead;
    this.#send({ type: 'progress', id: open.order.id, bytesRead });
  }

  async #loadZstd(order: RunOrder): Promise<void> {
    try {
      await this.#ports.compression.loadZstd();
      this.#hasZstd = true;
    } catch (error) {
      dropKeys(order);
      if (!take(order.claim)) return;
      this.#send({ type: 'failed', id: order.id, error: plainError(error) });
      return;
    }
    this.#open.push(new OpenJob(order));
  }

  /** Of a job that has begun: others are withdrawn. */
  #cancel(id: number): void {
    const open = this.#open.find((other) => other.order.id === id);
    if (open === undefined) return;
    let error: unknown = cancelled();
    try {
      open.run?.abort();
    } catch (failure) {
      error = failure;
    }
    this.#close(open);
    this.#send({ type: 'failed', id, error: plainError(error) });
  }

  #close(open: OpenJob): void {
    this.#open = this.#open.filter((other) => other !== open);
    open.close();
  }
}

/** Of the most urgent ones the first that need not wait, or that waits the least. */
function mostUrgent(jobs: readonly OpenJob[]): OpenJob {
  let best = jobs[0]!;
  for (const open of jobs) {
    const rank = open.order.job.urgency - best.order.job.urgency;
    if (rank < 0 || (rank === 0 && pauseMsOf(open) < pauseMsOf(best))) best = open;
  }
  return best;
}

function isPatient({ order }: OpenJob): boolean {
  return order.job.urgency === PATIENT;
}

function pauseMsOf({ run }: OpenJob): number {
  return run?.pauseMs ?? 0;
}
