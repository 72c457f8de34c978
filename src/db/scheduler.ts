/**
 * Background work, done inline: flushes first, then compactions, in steps that writers pay for as
 * they go. A step's size follows the bytes written and what is left to do, so that a long import
 * slows down evenly instead of stopping.
 * @module
 */
import { type CompactionPlan, compactionDebtBytes, pickLeveled } from '../compaction/pick.ts';
import { CompactionJob } from './compaction-job.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { FlushJob, type FlushMember } from './flush-job.ts';

/** Writers are charged in portions of this size. */
const CHARGE_BYTES = 65_536;
/** Bytes flushed per byte written: a flush ends before the next memtable is a third full. */
const FLUSH_RATIO = 3;
/** Bounds of bytes compacted per byte written. */
const COMPACTION_RATIO_MIN = 1;
const COMPACTION_RATIO_MAX = 64;
/** A memtable may not be frozen while L0 holds this many times its trigger. */
const L0_STOP_FACTOR = 3;
/** Step of a wait for background work, between two turns of the host. */
const DRAIN_STEP_BYTES = 1_048_576;

/** See the module head. */
export class Scheduler {
  readonly #core: DbCore;
  /** Groups of frozen memtables that wait, oldest first. */
  readonly #flushes: FlushJob[];
  #compaction: CompactionJob | undefined;
  #chargedBytes: number;

  constructor(core: DbCore) {
    this.#core = core;
    this.#flushes = [];
    this.#compaction = undefined;
    this.#chargedBytes = 0;
  }

  /** True when no flush is waiting or under way. */
  get isFlushed(): boolean {
    return this.#flushes.length === 0;
  }

  /** True when some family has more L0 tables than it may keep for long. */
  get isL0Full(): boolean {
    for (const family of this.#core.families.values()) {
      const limit = family.settings.l0TriggerCount * L0_STOP_FACTOR;
      if (family.view.levels[0]!.length >= limit) return true;
    }
    return false;
  }

  /** Queues the flush of memtables that were just frozen. */
  addFlush(members: readonly FlushMember[]): FlushJob {
    const job = new FlushJob(this.#core, members, this.#core.lastSeqno);
    this.#flushes.push(job);
    return job;
  }

  /** Makes one group of all flushes that wait, so that they are installed together. */
  joinFlushes(): void {
    const members = this.#flushes.flatMap((job) => job.members);
    for (const job of this.#flushes) job.abort();
    this.#flushes.length = 0;
    if (members.length > 0) this.addFlush(members);
  }

  /** True until the job is done. */
  isPending(job: FlushJob): boolean {
    return this.#flushes.includes(job);
  }

  /**
   * Takes the price of a write out in background work. Never throws: the write is already safe, so
   * a failure stops the next one.
   */
  charge(bytes: number): void {
    this.#chargedBytes += bytes;
    if (this.#chargedBytes < CHARGE_BYTES) return;
    const charged = this.#chargedBytes;
    this.#chargedBytes = 0;
    if (this.#flushes.length > 0) this.step(charged * FLUSH_RATIO);
    else if (this.#hasCompaction()) this.step(charged * this.#compactionRatio());
  }

  /**
   * Blocks until there is room for another frozen memtable: all flushes are done and L0 is not
   * overfull.
   */
  makeRoom(): void {
    const { clock } = this.#core.location;
    if (!this.#mustWait()) return;
    const begin = clock.monotonic();
    while (this.#mustWait() && this.step(DRAIN_STEP_BYTES));
    this.#core.counters.stallCount++;
    this.#core.counters.stallMs += clock.monotonic() - begin;
  }

  /** Works in steps with turns of the host between them, until `isDone` or nothing is left. */
  async drain(isDone: () => boolean): Promise<void> {
    while (!isDone() && this.step(DRAIN_STEP_BYTES)) {
      await this.#core.location.hostLoop.turn();
      if (this.#core.isClosed) break;
    }
    const error = this.#core.backgroundError;
    if (error !== undefined) throw error;
    this.#core.assertOpen();
  }

  /**
   * Runs one plan to its end, after the compaction that may be under way.
   * @param pick asked for the plan when it can begin
   */
  async compact(family: Family, pick: () => CompactionPlan | undefined): Promise<void> {
    const before = this.#compaction;
    if (before !== undefined) {
      await this.drain(() => this.#compaction !== before);
      return this.compact(family, pick);
    }
    const plan = pick();
    if (plan === undefined) return;
    const job = new CompactionJob(this.#core, family, plan);
    this.#compaction = job;
    await this.drain(() => this.#compaction !== job);
  }

  /**
   * Does about `budgetBytes` of the most urgent work.
   * @returns false when there is nothing to do, the database is closed, or an error has stopped
   * background work
   */
  step(budgetBytes: number): boolean {
    if (this.#core.isClosed || this.#core.backgroundError !== undefined) return false;
    const flush = this.#flushes[0];
    try {
      if (flush !== undefined) {
        if (flush.step(budgetBytes)) this.#flushes.shift();
        return true;
      }
      if (!this.#hasCompaction()) return false;
      if (this.#compaction!.step(budgetBytes)) this.#compaction = undefined;
      return true;
    } catch (error) {
      this.#core.fail(error);
      this.stop();
      return false;
    }
  }

  /** Gives up what is under way; frozen memtables stay queued. */
  stop(): void {
    this.#compaction?.abort();
    this.#compaction = undefined;
    for (const job of this.#flushes) job.restart(job.members);
  }

  /** Removes what concerns a family that is being dropped. */
  forget(family: Family): void {
    if (this.#compaction?.family === family) {
      this.#compaction.abort();
      this.#compaction = undefined;
    }
    for (let i = this.#flushes.length - 1; i >= 0; i--) {
      const job = this.#flushes[i]!;
      const members = job.members.filter((member) => member.family !== family);
      if (members.length === job.members.length) continue;
      job.restart(members);
      if (members.length === 0) this.#flushes.splice(i, 1);
    }
  }

  #mustWait(): boolean {
    if (this.#core.backgroundError !== undefined) return false;
    return this.#flushes.length > 0 || this.isL0Full;
  }

  /** Makes sure that a compaction is under way, if one is called for. */
  #hasCompaction(): boolean {
    if (this.#compaction !== undefined) return true;
    for (const [id, family] of this.#core.families) {
      const levels = this.#core.version.families.get(id)!.levels;
      const plan = pickLeveled(levels, family.settings);
      if (plan === undefined) continue;
      this.#compaction = new CompactionJob(this.#core, family, plan);
      return true;
    }
    return false;
  }

  /** Bytes to compact per byte written, so that the job ends before the memtable is full. */
  #compactionRatio(): number {
    const core = this.#core;
    let active = 0;
    for (const family of core.families.values()) active += family.active.memtable.sizeBytes;
    const buffer = core.settings.writeBufferBytes;
    const room = Math.max(buffer - active, buffer / 16);
    const family = this.#compaction!.family;
    const levels = core.version.families.get(family.handle.id)!.levels;
    const debt = compactionDebtBytes(levels, family.settings);
    const remaining = Math.max(this.#compaction!.remainingBytes, Math.min(debt, buffer * 4));
    const ratio = remaining / room;
    return Math.min(COMPACTION_RATIO_MAX, Math.max(COMPACTION_RATIO_MIN, ratio));
  }
}
