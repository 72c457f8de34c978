/**
 * Frozen memtables on their way into L0: groups that wait, that are being written, and that are
 * installed in the order in which they were frozen.
 * @module
 */
import type { Executor } from '../../executor/executor.ts';
import type { DbCore } from '../core.ts';
import type { Family } from '../family.ts';
import type { LossLimit } from '../loss-limit.ts';
import { FlushGroup, type FlushMember } from './flush-group.ts';

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
  #flushes: FlushGroup[];

  constructor(core: DbCore, executor: Executor, losses: LossLimit) {
    this.waitingMax = executor.isParallel ? WAITING_MAX : 1;
    this.#core = core;
    this.#executor = executor;
    this.#losses = losses;
    this.#flushes = [];
  }

  /** Groups that wait or are under way. */
  get count(): number {
    return this.#flushes.length;
  }

  /** The group that was queued last: when it is done, all others are. */
  get last(): FlushGroup | undefined {
    return this.#flushes.at(-1);
  }

  /** True when a group is being written; one that waits to be installed after others is not. */
  get isRunning(): boolean {
    return this.#flushes.some((flush) => flush.hasBegun && !flush.isWritten);
  }

  /** Queues memtables that were just frozen. */
  add(members: readonly FlushMember[]): void {
    const { lastSeqno } = this.#core;
    this.#flushes.push(new FlushGroup(this.#core, this.#executor, members, lastSeqno));
  }

  /** Makes one group of all that wait, so that they are installed together. */
  join(): void {
    const members = this.#flushes.flatMap((flush) => flush.members);
    for (const flush of this.#flushes) flush.abort();
    this.#flushes = [];
    if (members.length > 0) this.add(members);
  }

  /** True until the flush is done. */
  has(flush: FlushGroup): boolean {
    return this.#flushes.includes(flush);
  }

  /**
   * Installs what is written, and starts the oldest groups.
   * @returns true when a flush has begun or ended
   * @throws VarveError when a flush has failed; unless it was installed it stays in the queue
   */
  pump(mayBegin: boolean): boolean {
    let hasChanged = false;
    for (const flush of this.#flushes) {
      const { loss } = flush;
      if (loss !== undefined && this.#losses.mayRepeat(loss.cause)) flush.restart(flush.members);
    }
    // Also while nothing may begin: what has begun is to end.
    for (const flush of this.#flushes) if (flush.hasBegun) flush.goOn();
    while (this.#flushes[0]?.isWritten === true) {
      this.#installFirst(this.#flushes[0]);
      this.#losses.reset();
      hasChanged = true;
    }
    for (let i = 0; mayBegin && i < Math.min(this.#flushes.length, this.waitingMax); i++) {
      if (this.#flushes[i]!.hasBegun) continue;
      this.#flushes[i]!.begin();
      hasChanged = true;
    }
    return hasChanged;
  }

  #installFirst(flush: FlushGroup): void {
    try {
      flush.install();
    } finally {
      // Its memtables may be gone by now.
      if (flush.isInstalled) this.#flushes.shift();
    }
  }

  /** Gives up what is being written; all groups stay queued. */
  stop(): void {
    for (const flush of this.#flushes) flush.restart(flush.members);
  }

  /** Takes the memtables of a family out, which is being dropped. */
  forget(family: Family): void {
    for (const flush of this.#flushes) {
      const members = flush.members.filter((member) => member.family !== family);
      if (members.length < flush.members.length) flush.restart(members);
    }
    this.#flushes = this.#flushes.filter((flush) => flush.members.length > 0);
  }
}
