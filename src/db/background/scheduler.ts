/**
 * Background work: flushes and compactions, started on an executor and installed here, and what
 * writers pay for it.
 *
 * Where jobs run in the caller's time, flushes go before compactions, in steps that writers pay for
 * as they go. A step's size follows the bytes written and what is left to do, so that a long import
 * slows down evenly instead of stopping. Where jobs run on other threads, writers are slowed as the
 * trees fall behind, and wait when memory or L0 is full; see `write-pressure.ts`.
 * @module
 */
import { compactionDebtBytes, l0Weight, TINY_WEIGHT_MIN } from '../../compaction/pick.ts';
import { VarveError } from '../../errors.ts';
import type { Executor, WorkerStats } from '../../executor/executor.ts';
import type { TableSlot } from '../../tables/table-cache.ts';
import type { DbCore } from '../core.ts';
import type { StallReason } from '../events.ts';
import type { Family } from '../family.ts';
import { LossLimit } from '../loss-limit.ts';
import { balanceMemory } from '../memory-budget.ts';
import { CompactionQueue, type Wish } from './compaction-queue.ts';
import type { FlushMember } from './flush-group.ts';
import { FlushQueue } from './flush-queue.ts';
import type { HealFallbacks } from './healer.ts';
import { PatientJobs } from './patient-jobs.ts';
import { Scrubber } from './scrubber.ts';
import { SourceHeals } from './source-heals.ts';
import { StallLog, type StallStats } from './stall-log.ts';
import { type Pressure, PressureGauge } from './write-pressure.ts';

/** Writers are charged in portions of this size. */
const CHARGE_BYTES = 65_536;
/** Bytes flushed per byte written: a flush ends before the next memtable is a third full. */
const FLUSH_RATIO = 3;
/** Bounds of bytes compacted per byte written. */
const COMPACTION_RATIO_MIN = 1;
const COMPACTION_RATIO_MAX = 64;
/** Of the time since a writer was last held back, no more counts as its own. */
const WRITER_MS_MAX = 20;
/** Flushing and opening wait while L0 counts as this many times its trigger. */
const L0_SETTLED_FACTOR = 3;
/** A writer that is only slowed gets on at this share of its pace at least. */
const SLOWDOWN_SHARE_MAX = 0.95;

/** A process that has been there for so long looks for compactions without a write. */
const SETTLING_MS = 500;
/** What the compactions that a close does read together, at most; and as how much one counts. */
const SHORT_DEBT_BYTES = 0x4_0000;
const SHORT_DEBT_BYTES_MIN = SHORT_DEBT_BYTES / 8;

/** A write that waits until something has got better. Times are on the monotonic clock. */
interface Stop {
  readonly reason: StallReason;
  readonly beginMs: number;
}

/** A write that is held back for a moment; not at all where there is no reason. */
interface Hold {
  readonly reason: StallReason | undefined;
  readonly beginMs: number;
  readonly endMs: number;
}

/** See the module head. */
export class Scheduler {
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #flushes: FlushQueue;
  readonly #compactions: CompactionQueue;
  /** Jobs that no write waits for. */
  readonly patientJobs: PatientJobs;
  readonly #stalls: StallLog;
  readonly #pressure: PressureGauge;
  #chargedBytes: number;
  /** When a writer was last held back, or found that it need not be; on the monotonic clock. */
  #weighedAtMs: number;
  /** While this is not 0, nothing begins. */
  #pauseCount: number;
  /** Called when the last pause ends. */
  #unpaused: (() => void)[];
  #callOff: (() => void) | undefined;
  /** Undefined in a database that cannot be written. */
  readonly scrubber: Scrubber | undefined;
  readonly sourceHeals: SourceHeals;

  /** @param fallbacks what the scrub needs of those who write */
  constructor(core: DbCore, executor: Executor, fallbacks: HealFallbacks) {
    const losses = new LossLimit();
    this.#core = core;
    this.#executor = executor;
    this.#flushes = new FlushQueue(core, executor, losses);
    this.#compactions = new CompactionQueue(core, executor, losses);
    this.patientJobs = new PatientJobs(core, executor, (milliseconds) => this.#turn(milliseconds));
    this.#stalls = new StallLog(core.counters, core.events);
    this.#pressure = new PressureGauge(core);
    this.#chargedBytes = 0;
    this.#weighedAtMs = core.location.clock.monotonic();
    this.#pauseCount = 0;
    this.#unpaused = [];
    this.#callOff = undefined;
    this.scrubber = core.manifest === undefined ? undefined : this.#newScrubber(fallbacks);
    this.sourceHeals = new SourceHeals(core);
    executor.onReport = () => this.#pump();
  }

  #newScrubber(fallbacks: HealFallbacks): Scrubber {
    return new Scrubber(this.#core, this.#executor, {
      ...fallbacks,
      hasWork: () => this.#hasWork,
      isPaused: () => this.isPaused,
      untilUnpaused: () => this.#untilUnpaused(),
      turn: () => this.#turn(),
    });
  }

  /** Lets the host and all background work get on: what is due begins, what is done ends. */
  async #turn(milliseconds?: number): Promise<void> {
    await this.#executor.turn(milliseconds);
    this.#pump();
  }

  /** True when no flush is waiting or under way. */
  get isFlushed(): boolean {
    return this.#flushes.count === 0;
  }

  /** What there is of worker threads; fresh. */
  get workers(): WorkerStats {
    return this.#executor.workers;
  }

  get isPaused(): boolean {
    return this.#pauseCount > 0;
  }

  /** What writes have waited for so far; fresh. */
  get stalls(): StallStats[] {
    return this.#stalls.stats;
  }

  /** Queues the flush of memtables that were just frozen. */
  addFlush(members: readonly FlushMember[]): void {
    this.#flushes.add(members);
  }

  /** Makes one group of all flushes that wait, so that they are installed together. */
  joinFlushes(): void {
    this.#flushes.join();
  }

  /** Resolves when all flushes that wait now are done, whatever is queued behind them. */
  async untilFlushed(): Promise<void> {
    const { last } = this.#flushes;
    if (last !== undefined) await this.drain(() => !this.#flushes.has(last));
  }

  /**
   * Resolves when of the L0 tables that families have now no more are left than are to stay when
   * nobody writes; of those that are written meanwhile there may be any number. A disk that is too
   * full for compactions is not waited for.
   */
  async settleL0(families: Iterable<Family>): Promise<void> {
    const core = this.#core;
    const crowds = [...families]
      .map((family) => ({ family, slots: new Set(family.view.levels[0]) }))
      .filter(({ family, slots }) => isL0Crowded(family, slots));
    await this.drain(
      () =>
        core.spaceError !== undefined ||
        crowds.every(({ family, slots }) => {
          const isDropped = core.families.get(family.handle.id) !== family;
          return isDropped || !isL0Crowded(family, slots);
        }),
    );
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
    if (!this.#pump() || this.isPaused) return;
    const ratio = this.#flushes.count > 0 ? FLUSH_RATIO : this.#compactionRatio();
    this.#executor.advance(charged * ratio);
    this.#pump();
  }

  /**
   * Blocks as long as writes have to wait, and then for the moment that they are to be slowed by.
   * @param isFull whether the write needs room for another frozen memtable
   * @throws VarveError `BUSY` while background work is paused, without which that would not end
   */
  makeRoom(isFull: boolean): void {
    const stop = this.#beginStop(isFull);
    if (stop !== undefined) {
      this.blockUntil(() => this.#stopReason(isFull) === undefined);
      this.#endStop(stop);
    }
    const hold = this.#beginHold();
    while (this.#now() < hold.endMs && this.#pump()) {
      this.#executor.block(hold.endMs - this.#now());
    }
    this.#endHold(hold);
  }

  /**
   * The same, without blocking the thread. Rejects as that throws.
   * @param isFull asked again and again: writes that block may come before this one each time, and
   * make room for it
   */
  async makeRoomAsync(isFull: () => boolean): Promise<void> {
    const stop = this.#beginStop(isFull());
    if (stop !== undefined) {
      await this.drain(() => this.#stopReason(isFull()) === undefined);
      this.#endStop(stop);
    }
    const hold = this.#beginHold();
    while (this.#now() < hold.endMs && this.#pump()) {
      await this.#executor.turn(hold.endMs - this.#now());
    }
    this.#core.assertWritable();
    this.#endHold(hold);
  }

  /**
   * For writes that must not wait.
   * @throws VarveError `BUSY` when this one would have to
   */
  assertRoom(isFull: boolean): void {
    if (this.#pump() && !this.isPaused) this.#executor.advance(CHARGE_BYTES);
    this.#pump();
    const reason = this.#stopReason(isFull) ?? this.#slowdown()?.reason;
    if (reason !== undefined) throw new VarveError('BUSY', `a write would have to wait: ${reason}`);
  }

  /**
   * Blocks the thread until `isDone`, or nothing is left to do, or an error has stopped it. Pauses
   * do not count meanwhile: nobody could end them.
   */
  blockUntil(isDone: () => boolean): void {
    const pauseCount = this.#pauseCount;
    this.#pauseCount = 0;
    try {
      while (this.#pump() && !isDone()) this.#executor.block();
    } finally {
      this.#pauseCount = pauseCount;
    }
  }

  /** Waits, with turns of the host, until `isDone` or nothing is left to do. */
  async drain(isDone: () => boolean): Promise<void> {
    while (this.#pump() && !isDone()) {
      if (this.isPaused && !this.#isRunning) await this.#untilUnpaused();
      else await this.#executor.turn();
      if (this.#core.isClosed) break;
    }
    const error = this.#core.backgroundError;
    if (error !== undefined) throw error;
    this.#core.assertOpen();
  }

  /** Does what is wished, after the compactions of the family that are under way. */
  async compact(wish: Wish): Promise<void> {
    const request = this.#compactions.add(wish);
    await this.drain(() => this.#compactions.isSettled(request));
    if (request.error !== undefined) throw request.error;
  }

  /** True if a compaction that is not installed reads a table. */
  isReading(fileNumber: number): boolean {
    return this.#compactions.reads(fileNumber);
  }

  /** Waits until none does. */
  async untilUnread(fileNumber: number): Promise<void> {
    await this.drain(() => !this.#compactions.reads(fileNumber));
  }

  /** Lets nothing begin from now on; resolves when nothing is under way any more. */
  async pause(): Promise<void> {
    this.#pauseCount++;
    while (this.#pump() && this.#isRunning && this.isPaused) await this.#executor.turn();
    this.#core.assertOpen();
  }

  /** Ends one pause; the last one lets work begin again. Nothing happens without one. */
  unpause(): void {
    if (this.#pauseCount === 0) return;
    this.#pauseCount--;
    if (this.isPaused) return;
    for (const wake of this.#unpaused.splice(0)) wake();
    this.#pump();
  }

  /** Ends all pauses. */
  unpauseAll(): void {
    while (this.isPaused) this.unpause();
  }

  /** Gives up what is under way; frozen memtables stay queued. */
  stop(): void {
    this.#compactions.stop();
    this.#flushes.stop();
  }

  /**
   * To be called when the database is open: waits until L0 is below its limit. Where it is, the
   * compactions that earlier processes have left begin once the process has proved to last: what a
   * short one began would come to nothing.
   */
  async settle(): Promise<void> {
    this.scrubber?.start();
    const families = [...this.#core.families.values()];
    if (families.some((family) => isL0Crowded(family, new Set(family.view.levels[0])))) {
      return this.#settleUnlimited(families);
    }
    const { hostLoop } = this.#core.location;
    if (hostLoop.later === undefined) this.#pump();
    else this.#callOff = hostLoop.later(SETTLING_MS, () => this.#pump());
  }

  /** Whoever opens waits for it: the limit is for work that nobody waits for. */
  async #settleUnlimited(families: readonly Family[]): Promise<void> {
    const { limiter } = this.#executor;
    limiter?.suspend();
    try {
      await this.settleL0(families);
    } finally {
      limiter?.resume();
    }
  }

  /**
   * Does a little of what compactions are due, blocking the thread: processes that are never
   * there for long would otherwise leave it to grow. Never throws: a failure stops writing.
   */
  doSome(): void {
    const compactions = this.#compactions;
    let bytesLeft = SHORT_DEBT_BYTES;
    try {
      // A flush may have begun one, which would be given up otherwise.
      let bytes: number | undefined = compactions.remainingBytes;
      while (bytes !== undefined && bytes <= bytesLeft && !this.isPaused && this.isFlushed) {
        if (compactions.isRunning) bytesLeft -= Math.max(bytes, SHORT_DEBT_BYTES_MIN);
        for (compactions.pump(false); compactions.isRunning; compactions.pump(false)) {
          this.#executor.block();
        }
        bytes = bytesLeft > 0 ? compactions.beginSmall(bytesLeft) : undefined;
      }
    } catch (error) {
      this.#core.fail(error);
    }
  }

  /** Ends all background work, and the threads that did it. */
  async close(): Promise<void> {
    this.#callOff?.();
    this.scrubber?.close();
    this.stop();
    this.patientJobs.cancelAll();
    this.unpauseAll();
    this.#stalls.slowed(undefined, 0);
    await this.#executor.close();
    await this.patientJobs.callsEnded();
    this.#core.collect();
  }

  /** Removes what concerns a family that is being dropped. */
  forget(family: Family): void {
    this.#compactions.forget(family);
    this.#flushes.forget(family);
  }

  get #isRunning(): boolean {
    const isScrubbing = this.scrubber?.isRunning === true;
    return this.#flushes.isRunning || this.#compactions.isRunning || isScrubbing;
  }

  /**
   * Installs what is written and starts what can begin.
   * @returns false when there is nothing to wait for: no work, a database that is closed or only
   * read, or an error that has stopped background work
   */
  #pump(): boolean {
    const core = this.#core;
    if (core.isClosed || core.backgroundError !== undefined) return false;
    if (core.manifest === undefined) return false;
    try {
      const hasFlushed = this.#flushes.pump(!this.isPaused);
      // A plan that is made in the caller's time should know what the flush before it adds.
      const mayCompact = this.#executor.isParallel || this.#flushes.count === 0;
      const hasCompacted = this.#compactions.pump(mayCompact && !this.isPaused);
      if (hasFlushed || hasCompacted) balanceMemory(core);
      this.scrubber?.pump();
    } catch (error) {
      core.fail(error);
      this.stop();
      return false;
    }
    return this.#hasWork;
  }

  /** Flushes or compactions are under way, or wait. */
  get #hasWork(): boolean {
    const { isRunning, hasRequests } = this.#compactions;
    return this.#flushes.count > 0 || isRunning || hasRequests;
  }

  #now(): number {
    return this.#core.location.clock.monotonic();
  }

  #untilUnpaused(): Promise<void> {
    return new Promise((resolve) => this.#unpaused.push(resolve));
  }

  /** Set when a write has to wait. */
  #beginStop(isFull: boolean): Stop | undefined {
    const reason = this.#stopReason(isFull);
    if (reason === undefined) return undefined;
    if (!this.isPaused) return { reason, beginMs: this.#now() };
    const text = `a write would have to wait (${reason}), and background work is paused`;
    throw new VarveError('BUSY', text);
  }

  #endStop({ reason, beginMs }: Stop): void {
    this.#stalls.stopped(reason, this.#now() - beginMs);
  }

  /** Holds a write back for a share of the time since that was last asked. */
  #beginHold(): Hold {
    const slowdown = this.#slowdown();
    const share = Math.min(slowdown?.share ?? 0, SLOWDOWN_SHARE_MAX);
    const beginMs = this.#now();
    const writerMs = Math.min(beginMs - this.#weighedAtMs, WRITER_MS_MAX);
    return { reason: slowdown?.reason, beginMs, endMs: beginMs + (writerMs * share) / (1 - share) };
  }

  #endHold({ reason, beginMs }: Hold): void {
    this.#weighedAtMs = this.#now();
    this.#stalls.slowed(reason, this.#weighedAtMs - beginMs);
  }

  /** Why a write cannot go on now. What nobody works on does not get better by waiting. */
  #stopReason(isFull: boolean): StallReason | undefined {
    if (!isFull || this.#core.backgroundError !== undefined) return undefined;
    if (!this.#pump() && !this.isPaused) return undefined;
    if (this.#flushes.count >= this.#flushes.waitingMax) return 'memtables';
    const pressure = this.#pressure.worst;
    return pressure.share >= 1 ? pressure.reason : undefined;
  }

  /** Set where writes are held back. Jobs in their own time hold them back enough. */
  #slowdown(): Pressure | undefined {
    if (!this.#executor.isParallel || this.isPaused || !this.#pump()) return undefined;
    const pressure = this.#pressure.worst;
    return pressure.share > 0 ? pressure : undefined;
  }

  /** Bytes to compact per byte written, so that the job ends before the memtable is full. */
  #compactionRatio(): number {
    const core = this.#core;
    let active = 0;
    for (const family of core.families.values()) active += family.active.memtable.sizeBytes;
    const buffer = core.settings.writeBufferBytes;
    const room = Math.max(buffer - active, buffer / 16);
    let debt = 0;
    for (const family of this.#compactions.busyFamilies) {
      const { levels } = core.version.families.get(family.handle.id)!;
      debt += compactionDebtBytes(levels, family.settings, family.settings.compaction);
    }
    const remaining = Math.max(this.#compactions.remainingBytes, Math.min(debt, buffer * 4));
    const ratio = remaining / room;
    return Math.min(COMPACTION_RATIO_MAX, Math.max(COMPACTION_RATIO_MIN, ratio));
  }
}

/** True when a family has more of some L0 tables than are to stay when nobody writes. */
function isL0Crowded({ settings, view }: Family, among: ReadonlySet<TableSlot>): boolean {
  // There all tables are in L0.
  if (settings.compaction.policy === 'fifo') return false;
  const tables = view.levels[0]!.filter((slot) => among.has(slot)).map(({ meta }) => meta);
  const limit = Math.min(settings.l0TriggerCount * L0_SETTLED_FACTOR, settings.l0SlowdownCount);
  // So many are to be merged even if they are tiny.
  const tinyLimit = settings.l0TriggerCount / TINY_WEIGHT_MIN;
  return l0Weight(tables, settings) >= limit || tables.length > tinyLimit;
}
