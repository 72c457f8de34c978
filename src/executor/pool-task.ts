/**
 * What databases give the pool of workers: who they are, and the jobs that wait or are under way.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import type { VarveError } from '../errors.ts';
import type { Job, Urgency } from '../job/job.ts';
import type { JobTask } from './job-task.ts';
import { type Claim, isTaken, newClaim, type Order, withdraw } from './protocol.ts';

/** A database as the pool sees it. */
export interface PoolClient {
  /** Workers that may have jobs of this database at a time. */
  readonly workerCount: number;
  /** Its jobs that wait or are with a worker. */
  readonly tasks: Set<PoolTask>;
  /** Ends of workers that had jobs of it when they were given up. */
  readonly endings: Set<Promise<void>>;
  /** Tasks have settled, or become the client's own, since it last looked. */
  hasNews: boolean;
  /**
   * The order of a job; its keys are fresh copies.
   * @throws VarveError `KEY` when a key provider fails
   */
  orderOf(id: number, task: PoolTask): Order;
  /** A worker has put damage right. */
  onCorrection(correction: Correction): void;
  /** A file of a worker could not be closed without an error. */
  onCloseFailed(error: VarveError): void;
  /** Removes what a job has left that nobody wants any more, or whose worker is gone. */
  sweep(job: Job): void;
  /** Takes a job over that no worker can be had for, and why. */
  onUnavailable(task: PoolTask, error: VarveError): void;
  /** Takes a job over that a worker could open no more files for; it has left none behind. */
  onStarved(task: PoolTask): void;
  /** There is news, and the client was not the one who asked. */
  onNews(): void;
}

/** A job of a client. */
export class PoolTask {
  readonly task: JobTask;
  readonly client: PoolClient;
  /** Of the order that was sent last. */
  claim: Claim;
  /** Since when it waits for somebody to begin it, on the monotonic clock. */
  readonly sinceMs: number;
  /** A worker may be started for it without delay. */
  startsAtOnce: boolean;
  /** Number of the worker that has its order; undefined while it waits for one. */
  worker: number | undefined;
  /** Of the order. */
  id: number;

  constructor(task: JobTask, client: PoolClient, sinceMs: number) {
    this.task = task;
    this.client = client;
    this.claim = newClaim();
    this.sinceMs = sinceMs;
    this.startsAtOnce = false;
    this.worker = undefined;
    this.id = -1;
  }

  get urgency(): Urgency {
    return this.task.job.urgency;
  }

  /** A worker works on it, or has. */
  get hasBegun(): boolean {
    return isTaken(this.claim);
  }

  /** Takes it back from its worker, who may be anywhere; false if that has begun it. */
  takeBack(): boolean {
    if (!withdraw(this.claim)) return false;
    this.claim = newClaim();
    return true;
  }
}
