/**
 * What databases and their workers say to each other. Messages are plain data.
 *
 * A database sends `run` and `cancel`; the worker answers each `run` with `done` or `failed`, and
 * tells of damage that it put right on the way, of files that closed with an error, and of the
 * progress of patient jobs. After each
 * message the worker raises the count of reports, so that a thread that cannot take in messages by
 * events sees that there is one.
 *
 * The claim of an order, one word of its own, says whose the job is: a worker begins no job that it
 * has not taken, and what no worker has taken yet can be withdrawn, also from one that never comes.
 * The worker does not answer what was withdrawn.
 *
 * The shared words, one Int32Array for all workers of a thread:
 *
 *     word  meaning
 *     0     reports sent by all workers, modulo 2^32; notified with each
 *     1+n   heartbeat of worker n: 0 before it can take orders, then changing while it works;
 *           HEARTBEAT_ENDED once it has ended, as far as it can tell
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import type { PipelineShare } from '../block/pipeline.ts';
import { type ErrorCode, isError, isVarveError, VarveError } from '../errors.ts';
import type { RateShare } from '../job/rate-limiter.ts';
import type { AnyJob, AnyResult } from './job-kinds.ts';

export const REPORTS_WORD = 0;
export const HEARTBEAT_WORD = 1;
export const HEARTBEAT_ENDED = -1;

const CLAIM_FREE = 0;
const CLAIM_TAKEN = 1;
const CLAIM_WITHDRAWN = 2;

/** Whose a job is; see the module head. */
export type Claim = Int32Array;

/** Of a job that nobody has begun. */
export function newClaim(): Claim {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** For workers: false when the job was withdrawn. */
export function take(claim: Claim): boolean {
  return Atomics.compareExchange(claim, 0, CLAIM_FREE, CLAIM_TAKEN) === CLAIM_FREE;
}

/** From now on no worker begins the job; false when one has. */
export function withdraw(claim: Claim): boolean {
  return Atomics.compareExchange(claim, 0, CLAIM_FREE, CLAIM_WITHDRAWN) !== CLAIM_TAKEN;
}

export function isTaken(claim: Claim): boolean {
  return Atomics.load(claim, 0) === CLAIM_TAKEN;
}

/** To a worker. `id` tells jobs of one worker apart. */
export type Order =
  | {
      readonly type: 'run';
      readonly id: number;
      readonly claim: Claim;
      readonly job: AnyJob;
      readonly directory: string;
      /** Of the lock of the directory, which the sender holds. */
      readonly lockToken: string;
      readonly pipeline: PipelineShare;
      readonly rate: RateShare | undefined;
    }
  | { readonly type: 'cancel'; readonly id: number };

/** From a worker. */
export type Report =
  | { readonly type: 'done'; readonly id: number; readonly result: AnyResult }
  | { readonly type: 'failed'; readonly id: number; readonly error: PlainError }
  | { readonly type: 'progress'; readonly id: number; readonly bytesRead: number }
  | { readonly type: 'corrected'; readonly id: number; readonly correction: Correction }
  | { readonly type: 'close-failed'; readonly id: number; readonly error: PlainError };

/** Overwrites the keys of an order that is not followed, or was sent. */
export function dropKeys(order: Order): void {
  if (order.type === 'cancel') return;
  for (const key of order.pipeline.keys?.keys.values() ?? []) key.fill(0);
}

/** A VarveError as plain data. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  /** An error, or a description of what else was thrown. */
  readonly cause: unknown;
}

export function plainError(thrown: unknown): PlainError {
  if (!isVarveError(thrown)) {
    const message = `unexpected failure on a worker: ${String(thrown)}`;
    return { code: 'IO', message, file: undefined, offset: undefined, cause: plainCause(thrown) };
  }
  const { code, message, file, offset, cause } = thrown;
  return { code, message, file, offset, cause: plainCause(cause) };
}

export function errorOf({ code, message, file, offset, cause }: PlainError): VarveError {
  return new VarveError(code, message, { file, offset, cause });
}

/** Errors can be cloned; of others, what they say is kept. */
function plainCause(cause: unknown): unknown {
  return cause === undefined || isError(cause) ? cause : String(cause);
}
