/**
 * Background work: flushes and compactions, started on an executor and installed here.
 *
 * Where jobs run in the caller's time, flushes go before compactions, in steps that writers pay for
 * as they go. A step's size follows the bytes written and what is left to do, so that a long import
 * slows down evenly instead of stopping. Where jobs run on other threads, writers only wait when
 * memory or L0 is full.
 * @module
 */
import { type CompactionPlan, compactionDebtBytes, planBytes } from '../compaction/pick.ts';
import { VarveError } from '../errors.ts';
import type { Executor } from '../executor/port.ts';
import { CompactionJob } from './compaction-job.ts';
import { CompactionPicker } from './compaction-picker.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { FlushJob, type FlushMember } from './flush-job.ts';
import { balanceMemory } from './memory-budget.ts';

/** Writers are charged in portions of this size. */
const CHARGE_BYTES = 65_536;
/** Bytes flushed per byte written: a flush ends before the next memtable is a third full. */
const FLUSH_RATIO = 3;
/** Bounds of bytes compacted per byte written. */
const COMPACTION_RATIO_MIN = 1;
const COMPACTION_RATIO_MAX = 64;
/** A memtable may not be frozen while L0 holds this many times its trigger. */
const L0_STOP_FACTOR = 3;
/** Groups of frozen memtables that may wait beside the active ones, where flushes run alongside. */
const WAITING_FLUSHES_MAX = 2;

/** How long compactions wait for space before they look again. */
const SPACE_WAIT_MS = 1000;
/** Lost threads in a row, after which background work stops with an error. */
const LOSSES_MAX = 3;

/** A compaction that somebody waits for. */
interface CompactionRequest {
  readonly family: Family;
  readonly pick: () => CompactionPlan | undefined;
  job: CompactionJob | undefined;
  /** Why it was given up. */
  error: VarveError | undefined;
}

/** See the module head. */
export class Scheduler {
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #picker: CompactionPicker;
  /** Groups of frozen memtables that wait, oldest first. */
  readonly #flushes: FlushJob[];
  #compaction: CompactionJob | undefined;
  /** Compactions that somebody asked for, in the order in which they will be done. */
  #requests: CompactionRequest[];
  /** Compactions of their own accord wait until then, on the monotonic clock. */
  #spaceWaitEndMs: number;
  /** Jobs in a row that were lost with their thread. */
  #lossCount: number;
  #chargedBytes: number;

  constructor(core: DbCore, executor: Executor) {
    this.#core = core;
    this.#executor = executor;
    this.#picker = new CompactionPicker(core);
    this.#flushes = [];
    this.#compaction = undefined;
    this.#requests = [];
    this.#spaceWaitEndMs = 0;
    this.#lossCount = 0;
    this.#chargedBytes = 0;
    executor.onReport = () => this.#pump();
  }

  /** True when no flush is waiting or under way. */
  get isFlushed(): boolean {
    return this.#flushes.length === 0;
  }

  /** True when some family has more L0 tables than it may keep for long. */
  get isL0Full(): boolean {
    for (const family of this.#core.families.values()) {
      // There all tables are in L0.
      if (family.settings.compaction.policy === 'fifo') continue;
      const limit = family.settings.l0TriggerCount * L0_STOP_FACTOR;
      if (family.view.levels[0]!.length >= limit) return true;
    }
    return false;
  }

  /** Queues the flush of memtables that were just frozen. */
  addFlush(members: readonly FlushMember[]): FlushJob {
    const job = new FlushJob(this.#core, this.#executor, members, this.#core.lastSeqno);
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
    if (!this.#pump()) return;
    const ratio = this.#flushes.length > 0 ? FLUSH_RATIO : this.#compactionRatio();
    this.#executor.advance(charged * ratio);
    this.#pump();
  }

  /** Blocks until there is room for another frozen memtable: few flushes wait, L0 is not full. */
  makeRoom(): void {
    const { clock } = this.#core.location;
    if (!this.#mustWait()) return;
    const begin = clock.monotonic();
    this.blockUntil(() => !this.#mustWait());
    this.#core.counters.stallCount++;
    this.#core.counters.stallMs += clock.monotonic() - begin;
  }

  /** Blocks the thread until `isDone`, or nothing is left to do, or an error has stopped it. */
  blockUntil(isDone: () => boolean): void {
    while (this.#pump() && !isDone()) this.#executor.block();
  }

  /** Waits, with turns of the host, until `isDone` or nothing is left to do. */
  async drain(isDone: () => boolean): Promise<void> {
    while (this.#pump() && !isDone()) {
      await this.#executor.turn();
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
    const request: CompactionRequest = { family, pick, job: undefined, error: undefined };
    this.#requests.push(request);
    await this.drain(() => !this.#requests.includes(request));
    if (request.error !== undefined) throw request.error;
  }

  /** Gives up what is under way; frozen memtables stay queued. */
  stop(): void {
    this.#compaction?.abort();
    this.#compaction = undefined;
    for (const request of this.#requests) request.error = this.#core.backgroundError;
    this.#requests = [];
    for (const job of this.#flushes) job.restart(job.members);
  }

  /** Ends all background work, and the threads that did it. */
  async close(): Promise<void> {
    this.stop();
    await this.#executor.close();
    this.#core.collect();
  }

  /** Removes what concerns a family that is being dropped. */
  forget(family: Family): void {
    if (this.#compaction?.family === family) {
      this.#compaction.abort();
      this.#compaction = undefined;
    }
    this.#requests = this.#requests.filter((request) => request.family !== family);
    for (let i = this.#flushes.length - 1; i >= 0; i--) {
      const job = this.#flushes[i]!;
      const members = job.members.filter((member) => member.family !== family);
      if (members.length === job.members.length) continue;
      job.restart(members);
      if (members.length === 0) this.#flushes.splice(i, 1);
    }
  }

  /**
   * Installs what is written and starts what can begin.
   * @returns false when there is nothing to wait for: no work, a closed database, or an error that
   * has stopped background work
   */
  #pump(): boolean {
    if (this.#core.isClosed || this.#core.backgroundError !== undefined) return false;
    try {
      this.#pumpFlushes();
      this.#pumpCompaction();
      balanceMemory(this.#core);
    } catch (error) {
      this.#core.fail(error);
      this.stop();
      return false;
    }
    return this.#flushes.length > 0 || this.#compaction !== undefined || this.#requests.length > 0;
  }

  #pumpFlushes(): void {
    const limit = this.#executor.isParallel ? WAITING_FLUSHES_MAX : 1;
    for (const job of this.#flushes) {
      if (job.isLost && this.#mayRepeat()) job.restart(job.members);
    }
    while (this.#flushes[0]?.isWritten === true) {
      this.#flushes[0].install();
      this.#flushes.shift();
      this.#lossCount = 0;
    }
    for (const job of this.#flushes.slice(0, limit)) if (!job.hasBegun) job.begin();
  }

  #pumpCompaction(): void {
    // A plan that is made in the caller's time should know what the flush before it adds.
    const mayBegin = this.#executor.isParallel || this.#flushes.length === 0;
    for (;;) {
      const job = this.#compaction;
      if (job === undefined) {
        if (!mayBegin || !this.#beginCompaction()) return;
      } else if (job.isLost && this.#mayRepeat()) {
        job.abort();
        this.#compaction = undefined;
      } else if (job.isWritten) {
        const error = job.spaceError;
        if (error === undefined) job.install();
        else job.abort();
        this.#compaction = undefined;
        this.#settleRequest(job, error);
        this.#lossCount = 0;
        this.#waitForSpace(error);
      } else {
        return;
      }
    }
  }

  #settleRequest(job: CompactionJob, error: VarveError | undefined): void {
    const request = this.#requests.find((one) => one.job === job);
    if (request === undefined) return;
    request.error = error;
    this.#requests = this.#requests.filter((one) => one !== request);
  }

  /** A full disk stops no write that fits: only compactions wait, and look again after a while. */
  #waitForSpace(error: VarveError | undefined): void {
    this.#core.spaceError = error;
    const now = this.#core.location.clock.monotonic();
    this.#spaceWaitEndMs = error === undefined ? 0 : now + SPACE_WAIT_MS;
  }

  /** Whether the disk has room for what a plan writes, as far as can be told. */
  #hasSpaceFor(plan: CompactionPlan): boolean {
    if (plan.kind !== 'merge') return true;
    const { fs, location, settings } = this.#core;
    const freeBytes = fs.freeBytes(location.directory);
    const neededBytes = planBytes(plan) + settings.writeBufferBytes;
    if (freeBytes === undefined || freeBytes >= neededBytes) return true;
    const text = `a compaction needs ${neededBytes} bytes, of which ${freeBytes} are free`;
    this.#waitForSpace(new VarveError('NOSPACE', text, { file: location.directory }));
    return false;
  }

  /** Whether a job that was lost is worth another try: what kills threads may kill them all. */
  #mayRepeat(): boolean {
    return ++this.#lossCount <= LOSSES_MAX;
  }

  #mustWait(): boolean {
    if (this.#core.backgroundError !== undefined) return false;
    const limit = this.#executor.isParallel ? WAITING_FLUSHES_MAX : 1;
    return this.#flushes.length >= limit || this.isL0Full;
  }

  /** Starts the compaction that was asked for first, or else one that is called for. */
  #beginCompaction(): boolean {
    for (let request = this.#requests[0]; request !== undefined; request = this.#requests[0]) {
      const plan = request.pick();
      if (plan !== undefined) {
        request.job = new CompactionJob(this.#core, this.#executor, request.family, plan);
        this.#compaction = request.job;
        return true;
      }
      this.#requests.shift();
    }
    if (this.#spaceWaitEndMs > this.#core.location.clock.monotonic()) return false;
    const picked = this.#picker.pick();
    if (picked === undefined || !this.#hasSpaceFor(picked.plan)) return false;
    this.#core.spaceError = undefined;
    this.#compaction = new CompactionJob(this.#core, this.#executor, picked.family, picked.plan);
    return true;
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
    const debt = compactionDebtBytes(levels, family.settings, family.settings.compaction);
    const remaining = Math.max(this.#compaction!.remainingBytes, Math.min(debt, buffer * 4));
    const ratio = remaining / room;
    return Math.min(COMPACTION_RATIO_MAX, Math.max(COMPACTION_RATIO_MIN, ratio));
  }
}
