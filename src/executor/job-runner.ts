/**
 * What a worker does: it runs the jobs that it is given, flushes before compactions, in steps.
 * Between two steps its program takes in new orders, so a flush never waits for the end of a
 * compaction.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import type { Compression } from '../compress/port.ts';
import type { CryptoPrimitives } from '../crypto/port.ts';
import type { Clock, Random } from '../env/port.ts';
import type { VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { TableCache } from '../tables/table-cache.ts';
import { Merge } from './merge-job.ts';
import { cancelled } from './port.ts';
import { type Order, plainError, type Report } from './protocol.ts';
import { RateLimiter } from './rate-limiter.ts';

/** The ports of the worker's runtime. */
export interface WorkerEnvironment {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
  readonly crypto: CryptoPrimitives;
}

type RunOrder = Extract<Order, { type: 'run' }>;

/** A job, and what was opened for it. */
class OpenJob {
  readonly id: number;
  readonly merge: Merge;
  readonly #pipeline: Pipeline;
  readonly #tables: TableCache;

  constructor(order: RunOrder, ports: WorkerEnvironment, send: (report: Report) => void) {
    const { id, job, directory, lockToken, pipeline: share, rate } = order;
    const { clock, random, compression, crypto } = ports;
    const fs = new HeldFs(ports.fs, joinPath(directory, LOCK_NAME), lockToken);
    const onCorrection = (correction: Correction): void => send({ type: 'corrected', correction });
    const onCloseFailed = (error: VarveError): void =>
      send({ type: 'close-failed', error: plainError(error) });
    const told = { onCorrection, onCloseFailed };
    this.id = id;
    this.#pipeline = Pipeline.of(share, crypto, { random, compression, ...told });
    const inputs = 'runs' in job.input ? job.input.runs.length : 0;
    this.#tables = new TableCache(fs, directory, new BlockCache(0), this.#pipeline, inputs + 1);
    this.merge = new Merge(job, {
      fs,
      directory,
      pipeline: this.#pipeline,
      clock,
      tables: this.#tables,
      limiter: rate === undefined ? undefined : new RateLimiter(rate, clock),
    });
  }

  close(): void {
    this.#tables.closeAll();
    this.#pipeline.close();
  }
}

export class JobRunner {
  readonly #ports: WorkerEnvironment;
  readonly #send: (report: Report) => void;
  #open: OpenJob[];
  #hasZstd: boolean;

  /** @param hasZstd whether zstd has been loaded in this thread; if not, the first need loads it */
  constructor(ports: WorkerEnvironment, send: (report: Report) => void, hasZstd = false) {
    this.#ports = ports;
    this.#send = send;
    this.#open = [];
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
    else this.#begin(order);
    return undefined;
  }

  /** How long until {@link step} has a job that the rate limit lets go on. */
  get pauseMs(): number {
    return this.#open.length === 0 ? 0 : this.#next().merge.pauseMs;
  }

  /** Merges about `budgetBytes` of the most urgent job; not while idle. */
  step(budgetBytes: number): void {
    const open = this.#next();
    const { id } = open;
    try {
      const result = open.merge.step(budgetBytes);
      if (result === undefined) return;
      this.#close(open);
      this.#send({ type: 'done', id, result });
    } catch (error) {
      this.#close(open);
      this.#send({ type: 'failed', id, error: plainError(error) });
    }
  }

  /** The first of those that need not wait, or that waits the least; flushes before all others. */
  #next(): OpenJob {
    let best: OpenJob | undefined;
    for (const open of this.#open) {
      if (open.merge.job.work === 'flush') return open;
      if (best === undefined || open.merge.pauseMs < best.merge.pauseMs) best = open;
    }
    return best!;
  }

  async #loadZstd(order: RunOrder): Promise<void> {
    try {
      await this.#ports.compression.loadZstd();
      this.#hasZstd = true;
    } catch (error) {
      this.#send({ type: 'failed', id: order.id, error: plainError(error) });
      return;
    }
    this.#begin(order);
  }

  #begin(order: RunOrder): void {
    try {
      this.#open.push(new OpenJob(order, this.#ports, this.#send));
    } catch (error) {
      this.#send({ type: 'failed', id: order.id, error: plainError(error) });
    }
  }

  #cancel(id: number): void {
    const open = this.#open.find((other) => other.id === id);
    if (open === undefined) return;
    let error: unknown = cancelled();
    try {
      open.merge.abort();
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
