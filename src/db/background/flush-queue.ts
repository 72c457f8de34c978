/**
 * Frozen memtables on their way into L0: groups that wait, that are being written, and that are
 * installed in the order in which they were frozen.
 * @module
 */
import type { Executor } from '../../executor/port.ts';
import type { DbCore } from '../core.ts';
import type { Family } from '../family.ts';
import type { LossLimit } from '../loss-limit.ts';
import { FlushJob, type FlushMember } from './flush-job.ts';

/** Groups that may wait beside the active memtables, where flushes run alongside. */
const WAITING_MAX = 2;

/** See the module head. */
export class FlushQueue {
  /** So many groups may wait before writers do. */
  readonly waitingMax: number;
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #losses: LossLimit;
  /** Oldest first. */
  #jobs: FlushJob[];

  constructor(core: DbCore, executor: Executor, losses: LossLimit) {
    this.waitingMax = executor.isParallel ? WAITING_MAX : 1;
    this.#core = core;
    this.#executor = executor;
    this.#losses = losses;
    this.#jobs = [];
  }

  /** Groups that wait or are under way. */
  get count(): number {
    return this.#jobs.length;
  }

  /** The group that was queued last: when it is done, all others are. */
  get last(): FlushJob | undefined {
    return this.#jobs.at(-1);
  }

  /** True when a group is being written; one that waits to be installed after others is not. */
  get isRunning(): boolean {
    return this.#jobs.some((job) => job.hasBegun && !job.isWritten);
  }

  /** Queues memtables that were just frozen. */
  add(members: readonly FlushMember[]): FlushJob {
    const job = new FlushJob(this.#core, this.#executor, members, this.#core.lastSeqno);
    this.#jobs.push(job);
    return job;
  }

  /** Makes one group of all that wait, so that they are installed together. */
  join(): void {
    const members = this.#jobs.flatMap((job) => job.members);
    for (const job of this.#jobs) job.abort();
    this.#jobs = [];
    if (members.length > 0) this.add(members);
  }

  /** True until the job is done. */
  has(job: FlushJob): boolean {
    return this.#jobs.includes(job);
  }

  /**
   * Installs what is written, and starts the oldest groups.
   * @returns true when a flush has begun or ended
   * @throws VarveError when a flush has failed; unless it was installed it stays in the queue
   */
  pump(mayBegin: boolean): boolean {
    let hasChanged = false;
    for (const job of this.#jobs) {
      const { loss } = job;
      if (loss !== undefined && this.#losses.mayRepeat(loss.cause)) job.restart(job.members);
    }
    // Also while nothing may begin: what has begun is to end.
    for (const job of this.#jobs) if (job.hasBegun) job.goOn();
    while (this.#jobs[0]?.isWritten === true) {
      this.#installFirst(this.#jobs[0]);
      this.#losses.reset();
      hasChanged = true;
    }
    for (let i = 0; mayBegin && i < Math.min(this.#jobs.length, this.waitingMax); i++) {
      if (this.#jobs[i]!.hasBegun) continue;
      this.#jobs[i]!.begin();
      hasChanged = true;
    }
    return hasChanged;
  }

  #installFirst(job: FlushJob): void {
    try {
      job.install();
    } finally {
      // Its memtables may be gone by now.
      if (job.isInstalled) this.#jobs.shift();
    }
  }

  /** Gives up what is being written; all groups stay queued. */
  stop(): void {
    for (const job of this.#jobs) job.restart(job.members);
  }

  /** Takes the memtables of a family out, which is being dropped. */
  forget(family: Family): void {
    for (const job of this.#jobs) {
      const members = job.members.filter((member) => member.family !== family);
      if (members.length < job.members.length) job.restart(members);
    }
    this.#jobs = this.#jobs.filter((job) => job.members.length > 0);
  }
}
