/**
 * The job of verification: reads files whole, past every cache of the engine, and tells what is
 * wrong with them.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { isVarveError } from '../errors.ts';
import { type Job, type JobRun, PATIENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { Pace } from '../job/pace.ts';
import { RateLimiter, type RateShare } from '../job/rate-limiter.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { type Damage, TableVerification } from './table-verification.ts';

/** What the check of a file takes in memory: a read, a block, and the index and filter. */
const MEMORY_BYTES = 0x30_0000;
const TABLE_METADATA_SHARE = 0.02;

/** See the module head. */
export interface VerifyJob extends Job {
  readonly kind: 'verify';
  readonly tables: readonly TableMeta[];
  /** A limit of its own, beside that of all jobs; undefined for none. */
  readonly rate: RateShare | undefined;
}

/** What a job has found; plain data. */
export interface VerifyResult {
  /** Tables that were read. */
  readonly tableCount: number;
  /** Damage that was corrected, each place once. */
  readonly corrected: readonly Correction[];
  readonly uncorrectable: readonly Damage[];
}

/** The job that verifies these tables. */
export function verifyJob(tables: readonly TableMeta[], rate: RateShare | undefined): VerifyJob {
  const sealed = tables.filter(({ protection }) => protection.suiteId !== SUITE_NONE);
  let bytes = 0;
  let largest = 0;
  for (const { sizeBytes } of tables) {
    bytes += sizeBytes;
    largest = Math.max(largest, sizeBytes);
  }
  return {
    kind: 'verify',
    urgency: PATIENT,
    reads: {
      bytes,
      tablesMax: 1,
      epochs: [...new Set(sealed.map(({ protection }) => protection.epoch))],
    },
    memoryBytes: MEMORY_BYTES + largest * TABLE_METADATA_SHARE,
    fileNumbers: { first: 0, count: 0 },
    tables,
    rate,
  };
}

/** The run of a job: one table after the other. */
export class VerifyJobRun implements JobRun<VerifyResult> {
  readonly #job: VerifyJob;
  readonly #context: JobContext;
  readonly #pace: Pace;
  readonly #corrections: Map<string, Correction>;
  readonly #damages: Damage[];
  /** The next table. */
  #next: number;
  #tableCount: number;
  #current: TableVerification | undefined;
  /** Of the tables before the current one. */
  #doneBytes: number;

  constructor(job: VerifyJob, context: JobContext) {
    const { clock } = context;
    const own = job.rate === undefined ? undefined : new RateLimiter(job.rate, clock);
    this.#job = job;
    this.#corrections = new Map();
    const onCorrection = (correction: Correction): void => {
      this.#corrections.set(`${correction.file}@${correction.offset}`, correction);
    };
    this.#context = { ...context, pipeline: context.pipeline.telling(onCorrection) };
    this.#pace = new Pace([context.limiter, own], clock, job.urgency);
    this.#damages = [];
    this.#next = 0;
    this.#tableCount = 0;
    this.#current = undefined;
    this.#doneBytes = 0;
  }

  get bytesRead(): number {
    return this.#doneBytes + (this.#current?.bytesRead ?? 0);
  }

  get pauseMs(): number {
    return this.#pace.pauseMs;
  }

  step(budgetBytes: number): VerifyResult | undefined {
    try {
      this.#current ??= this.#begin();
      if (this.#current?.step(this.#pace.stepBytes(budgetBytes)) === false) this.#end();
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#pace.note(this.bytesRead);
    if (this.#current !== undefined || this.#next < this.#job.tables.length) return undefined;
    return {
      tableCount: this.#tableCount,
      corrected: [...this.#corrections.values()],
      uncorrectable: this.#damages,
    };
  }

  abort(): void {
    this.#current?.close();
    this.#current = undefined;
  }

  /** Undefined if the next table is gone, or there is none. */
  #begin(): TableVerification | undefined {
    const meta = this.#job.tables[this.#next++];
    if (meta === undefined) return undefined;
    try {
      const verification = new TableVerification(meta, this.#context, new BlockCache(0));
      this.#tableCount++;
      return verification;
    } catch (error) {
      // The writer beside this reader has removed it: it is no part of the database any more.
      if (!isVarveError(error, 'STALE')) throw error;
      this.#doneBytes += meta.sizeBytes;
      return undefined;
    }
  }

  #end(): void {
    const current = this.#current!;
    this.#current = undefined;
    this.#damages.push(...current.damages);
    this.#doneBytes += current.meta.sizeBytes;
    current.close();
  }
}
