/**
 * The job of verification: reads files whole, past every cache of the engine, and tells what is
 * wrong with them.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { isVarveError } from '../errors.ts';
import { type Job, type JobRun, PATIENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { Pace } from '../job/pace.ts';
import { RateLimiter, type RateShare } from '../job/rate-limiter.ts';
import { FileVerification } from './file-verification.ts';
import { LogVerification } from './log-verification.ts';
import { TableVerification } from './table-verification.ts';
import type { Damage, VerifyDepth, VerifyFile } from './verify-file.ts';

/** What the check of a file takes in memory: a read, a block, and the index and filter. */
const MEMORY_BYTES = 0x30_0000;
const TABLE_METADATA_SHARE = 0.02;
/** Damages of one job that are told apart; a file that is worn out has no more to say. */
const DAMAGES_MAX = 4096;

/** See the module head. */
export interface VerifyJob extends Job {
  readonly kind: 'verify';
  readonly depth: VerifyDepth;
  readonly files: readonly VerifyFile[];
  /** A limit of its own, beside that of all jobs; undefined for none. */
  readonly rate: RateShare | undefined;
}

/** What a job has found; plain data. */
export interface VerifyResult {
  /** Files that were looked at; one that is missing counts. */
  readonly fileCount: number;
  /** In the order of the files. */
  readonly damages: readonly Damage[];
  /** Damages beside those. */
  readonly omittedCount: number;
  /** How contents were corrected, each place once; the damages have those places as well. */
  readonly corrections: readonly Correction[];
}

/** The verification of one file. */
export interface Verification {
  /** Bytes of the file that were looked at. */
  readonly position: number;
  /** Bytes that were read, some of them perhaps twice. */
  readonly bytesRead: number;
  /** Looks at about so much more; false when all was looked at. */
  step(budgetBytes: number): boolean;
  close(): void;
}

/** The job that verifies these files. */
export function verifyJob(
  files: readonly VerifyFile[],
  depth: VerifyDepth,
  rate: RateShare | undefined,
): VerifyJob {
  let bytes = 0;
  let largest = 0;
  const epochs = new Set<number>();
  for (const { sizeBytes, epoch, table } of files) {
    bytes += sizeBytes;
    if (table !== undefined) largest = Math.max(largest, sizeBytes);
    if (epoch !== undefined) epochs.add(epoch);
  }
  return {
    kind: 'verify',
    urgency: PATIENT,
    reads: { bytes, tablesMax: 1, epochs: [...epochs] },
    memoryBytes: MEMORY_BYTES + largest * TABLE_METADATA_SHARE,
    fileNumbers: { first: 0, count: 0 },
    depth,
    files,
    rate,
  };
}

/** The epoch under which a file is sealed; undefined for a file in the clear. */
export function epochOf(
  protection: { readonly suiteId: number; readonly epoch: number } | undefined,
): number | undefined {
  return protection === undefined || protection.suiteId === SUITE_NONE
    ? undefined
    : protection.epoch;
}

/** The run of a job: one file after the other. */
export class VerifyJobRun implements JobRun<VerifyResult> {
  readonly #job: VerifyJob;
  readonly #context: JobContext;
  readonly #pace: Pace;
  readonly #corrections: Map<string, Correction>;
  readonly #damages: Damage[];
  #omittedCount: number;
  /** The next file. */
  #next: number;
  #fileCount: number;
  #current: Verification | undefined;
  /** Of the files before the current one: their sizes, and what was read of them. */
  #doneBytes: number;
  #readBytes: number;

  constructor(job: VerifyJob, context: JobContext) {
    const { clock } = context;
    const own = job.rate === undefined ? undefined : new RateLimiter(job.rate, clock);
    this.#job = job;
    this.#corrections = new Map();
    const onCorrection = (correction: Correction): void => {
      if (this.#corrections.size >= DAMAGES_MAX) return;
      this.#corrections.set(`${correction.file}@${correction.offset}`, correction);
    };
    this.#context = { ...context, pipeline: context.pipeline.telling(onCorrection) };
    this.#pace = new Pace([context.limiter, own], clock, job.urgency);
    this.#damages = [];
    this.#omittedCount = 0;
    this.#next = 0;
    this.#fileCount = 0;
    this.#current = undefined;
    this.#doneBytes = 0;
    this.#readBytes = 0;
  }

  get bytesRead(): number {
    return this.#doneBytes + (this.#current?.position ?? 0);
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
    this.#pace.note(this.#readBytes + (this.#current?.bytesRead ?? 0));
    if (this.#current !== undefined || this.#next < this.#job.files.length) return undefined;
    return {
      fileCount: this.#fileCount,
      damages: this.#damages,
      omittedCount: this.#omittedCount,
      corrections: [...this.#corrections.values()],
    };
  }

  abort(): void {
    this.#current?.close();
    this.#current = undefined;
  }

  /** Undefined if the next file is gone, or there is none. */
  #begin(): Verification | undefined {
    const file = this.#job.files[this.#next++];
    if (file === undefined) return undefined;
    try {
      const verification = this.#open(file);
      this.#fileCount++;
      return verification;
    } catch (error) {
      // The writer beside this reader has removed it: it is no part of the database any more.
      if (!isVarveError(error, 'STALE')) throw error;
      this.#doneBytes += file.sizeBytes;
      return undefined;
    }
  }

  #open(file: VerifyFile): Verification {
    const onDamage = (damage: Damage): void => {
      if (this.#damages.length < DAMAGES_MAX) this.#damages.push(damage);
      else this.#omittedCount++;
    };
    const { fileClass } = file.expected;
    const isFull = this.#job.depth === 'full';
    if (file.table !== undefined) {
      const before = this.#corrections.size;
      const wasCorrected = (): boolean => this.#corrections.size > before;
      return new TableVerification(file, isFull, this.#context, onDamage, wasCorrected);
    }
    return isFull && fileClass === 'wal'
      ? new LogVerification(file, this.#context, onDamage)
      : new FileVerification(file, this.#context, onDamage);
  }

  #end(): void {
    const current = this.#current!;
    this.#current = undefined;
    this.#doneBytes += this.#job.files[this.#next - 1]!.sizeBytes;
    this.#readBytes += current.bytesRead;
    current.close();
  }
}
