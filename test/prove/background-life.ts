/**
 * A database that is open while things go wrong: carries out operations, notes in the history what
 * they change and what is acknowledged, and accepts failures for reasons from outside, but no
 * others.
 *
 * A change that fails has not happened, as far as this database shows; on the disk it may have.
 * That remains open until the database has gone back to writing, or is opened anew.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import type { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import type { BackgroundCounts } from './background-counts.ts';
import type { TroubledDisk } from './background-disk.ts';
import { Judge } from './background-judge.ts';
import type { BackgroundOptions } from './background-options.ts';
import { batchOf, Driver, type WriteManner, writtenBy } from './driver.ts';
import { DIRECTORY } from './environment.ts';
import { expectSame } from './expect.ts';
import type { History, Written } from './history.ts';
import { CURSOR_PLACES, type Operation, type WriteSpec } from './operations.ts';
import { Reader } from './reader.ts';

/** Turns in which files that nobody needs any more are removed. */
const REMOVAL_TURNS = 20;

interface FamilyChange {
  readonly do: 'create' | 'drop';
  readonly family: string;
}

/** What happens whole or not at all. */
type Change = FamilyChange | { readonly do: 'write'; readonly writes: readonly Written[] };

/** Where and how a database is open. */
export interface LifePlan extends BackgroundOptions {
  readonly disk: TroubledDisk;
  /** True as long as nothing has gone wrong on the disk since the database was being opened. */
  readonly isUntroubled: () => boolean;
  readonly threads: SimulatedThreads | undefined;
  readonly clock: SimulatedClock;
  /** Errors that the database tells of, to be judged; taken out. */
  readonly errors: unknown[];
  /** To be added to. */
  readonly counts: BackgroundCounts;
}

/** See the module head. */
export class BackgroundLife {
  readonly plan: LifePlan;
  readonly db: Db;
  readonly history: History;
  private readonly counts: BackgroundCounts;
  private readonly driver: Driver;
  private readonly reader: Reader;
  private openChange: Change | undefined;
  private readonly judge: Judge;
  /** Threads that were lost since the last look: by the next one the database has noticed. */
  private lossCount: number;

  constructor(plan: LifePlan, db: Db, history: History) {
    this.plan = plan;
    this.db = db;
    this.history = history;
    this.driver = new Driver(db, history, plan.options);
    this.reader = new Reader(db, history);
    this.openChange = undefined;
    this.judge = new Judge();
    this.lossCount = 0;
    this.counts = plan.counts;
  }

  /** True when an error has stopped writing. */
  get isStopped(): boolean {
    return this.db.stats().backgroundError !== undefined;
  }

  /** @throws what has failed since the last time, other than for a reason from outside */
  look(): void {
    const { driver, counts, plan, judge } = this;
    if (this.lossCount > 0) judge.noteLosses(this.lossCount, this.jobCount);
    this.lossCount = 0;
    counts.stops += plan.errors.length;
    for (const error of plan.errors.splice(0)) judge.acceptStop(error);
    if (driver.failure !== undefined) judge.accept(driver.failure.error);
    driver.failure = undefined;
    if (judge.isClosing || this.openChange === undefined) return;
    if (!this.isStopped) this.openChange = undefined;
  }

  /** Carries out an operation, neither `reopen` nor `verify`. */
  async perform(operation: Operation, manner: WriteManner = 'plain'): Promise<void> {
    switch (operation.do) {
      case 'write':
        return this.write([operation.write], operation.sync, manner);
      case 'batch':
        return this.write(operation.writes, operation.sync, manner);
      case 'create-family':
        return this.changeFamily({ do: 'create', family: `family-${operation.family}` });
      case 'drop-family':
        return this.changeFamily({ do: 'drop', family: `family-${operation.family}` });
      case 'sync':
      case 'flush':
      case 'compact':
        if (operation.wait) this.unpause();
        await this.tolerate(() => this.driver.perform(operation));
        return;
      default:
        this.plan.disk.undisturbed(() => this.reader.perform(operation));
    }
  }

  /** Lets no work begin until {@link unpause} was called as often. */
  pause(): void {
    this.driver.watch(this.db.pauseBackgroundWork());
  }

  /** Ends so many pauses, or all. */
  unpause(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count && this.db.stats().isPaused; i++) this.db.continueBackgroundWork();
  }

  /** A thread is lost in the midst of its work; false when none has any. */
  kill(): boolean {
    const { plan, isStopped } = this;
    if (plan.threads?.kill() !== true) return false;
    if (!isStopped) this.lossCount++;
    return true;
  }

  /** Time passes. */
  sleep(milliseconds: number): void {
    this.plan.clock.advance(milliseconds);
    this.judge.notePause(milliseconds, this.jobCount);
  }

  /** Goes back to writing, unless what stopped it does so again. */
  async resume(): Promise<void> {
    if (await this.tolerate(() => this.db.resume())) this.noteResumed(this.db.seqno);
    else this.counts.failedResumes++;
  }

  /** Compares everything. */
  checkAll(): void {
    this.plan.disk.undisturbed(() => this.reader.checkAll());
  }

  /** On a disk that is sound again: all work comes to its end, and leaves nothing behind. */
  async settle(): Promise<void> {
    const { db, history } = this;
    this.unpause();
    // What began before may have failed already, or be about to.
    await this.tolerate(() => db.pauseBackgroundWork());
    this.unpause();
    if (this.isStopped) {
      await db.resume();
      this.noteResumed(db.seqno);
    }
    await db.flush();
    history.acknowledge(db.seqno);
    for (const { name, memtableEntryCount } of db.stats().columnFamilies) {
      expectSame(memtableEntryCount, 0, `entries of ${name} in memory after a flush`);
    }
    await this.driver.abandon();
    this.checkAll();
    expectSame((await db.verify()).uncorrectable.length, 0, 'damages found');
    await this.expectNoOrphans();
  }

  /**
   * Closes the database. Where that fails it must end all the same, and let go of everything.
   * @returns the oldest seqno as of which the next one may show the state
   */
  async close(): Promise<number> {
    const { db, driver, plan } = this;
    this.look();
    this.addUp();
    this.judge.isClosing = true;
    const isClosed = await this.tolerate(() => db.close());
    if (!isClosed) this.counts.failedCloses++;
    await driver.abandon();
    this.look();
    if (this.openChange !== undefined) begin(this.openChange, this.history);
    return isClosed || plan.options.wal !== false ? db.seqno : db.persistedSeqno;
  }

  /** @returns false when the work failed for a reason from outside */
  private async tolerate(work: () => unknown): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.judge.accept(error);
      return false;
    }
  }

  private async write(
    specs: readonly WriteSpec[],
    asked: boolean,
    manner: WriteManner,
  ): Promise<void> {
    const { db, history, plan } = this;
    const sync = asked && plan.options.wal !== false;
    const writes = writtenBy(specs, history);
    const { seqno, backgroundError, counters } = db.stats();
    await this.tryToWrite(writes, sync, manner);
    if (backgroundError !== undefined && !this.isStopped) {
      this.counts.selfResumes++;
      this.noteResumed(seqno);
    }
    const change: Change = { do: 'write', writes };
    if (db.seqno > seqno) begin(change, history);
    else if (db.stats().counters.operationsWritten > counters.operationsWritten) {
      this.leaveOpen(change);
    }
    for (const { family, key } of specs) {
      plan.disk.undisturbed(() => this.reader.checkKey(history.familyAt(family), key));
    }
  }

  private async tryToWrite(
    writes: readonly Written[],
    sync: boolean,
    manner: WriteManner,
  ): Promise<void> {
    const { db, counts } = this;
    const wanted = db.seqno + writes.length;
    const batch = batchOf(writes, db);
    try {
      if (manner === 'async') await db.writeAsync(batch, { sync });
      else db.write(batch, { sync, noWait: manner === 'no-wait' });
      expectSame(db.seqno, wanted, 'seqno of the write');
      counts.writes++;
    } catch (error) {
      const mayRefuse = manner === 'no-wait' || db.stats().isPaused;
      if (mayRefuse && isVarveError(error, 'BUSY')) counts.refusals++;
      else this.judge.accept(error);
    }
  }

  /** Drops a family that is there, or makes one that is not. */
  private async changeFamily(change: FamilyChange): Promise<void> {
    const { db, history, counts, isStopped: wasStopped } = this;
    const { family } = change;
    const isDrop = change.do === 'drop';
    if (history.families.has(family) !== isDrop) return;
    const isDone = await this.tolerate(() =>
      isDrop ? db.dropColumnFamily(family) : db.createColumnFamily(family),
    );
    if (isDone) {
      begin(change, history);
      history.settleFamilies();
      counts[isDrop ? 'droppedFamilies' : 'createdFamilies']++;
    } else if (!wasStopped) {
      this.leaveOpen(change);
    }
  }

  /** Flushes and compactions that were done. */
  private get jobCount(): number {
    const { flushCount, compactionCount } = this.db.stats().counters;
    return flushCount + compactionCount;
  }

  private leaveOpen(change: Change): void {
    this.openChange = change;
    this.counts.openChanges++;
  }

  /** What failed before did not happen, and what was written up to this seqno is in tables. */
  private noteResumed(seqno: number): void {
    this.openChange = undefined;
    this.history.acknowledge(seqno);
    this.counts.resumes++;
  }

  /** Nothing but tables of the database is left, unless something kept it from removing them. */
  private async expectNoOrphans(): Promise<void> {
    const { db, reader, plan } = this;
    for (let place = 0; place < CURSOR_PLACES; place++) {
      reader.perform({ do: 'close-cursor', place });
    }
    await db.pauseBackgroundWork();
    for (let turn = 0; turn < REMOVAL_TURNS; turn++) await Promise.resolve();
    const files = plan.disk.filesOf(DIRECTORY, '.sst').length;
    if (plan.isUntroubled()) {
      expectSame(files, db.stats().tableCount, 'table files');
    }
    db.continueBackgroundWork();
  }

  private addUp(): void {
    const { counts, reader } = this;
    const { counters, stalls } = this.db.stats();
    counts.comparisons += reader.comparisons;
    counts.flushes += counters.flushCount;
    counts.compactions += counters.compactionCount;
    counts.trivialMoves += counters.trivialMoveCount;
    for (const { count } of stalls) counts.stalls += count;
  }
}

/** Notes in the history a change that happens, or may happen. */
function begin(change: Change, history: History): void {
  if (change.do === 'write') history.write(change.writes);
  else if (change.do === 'create') history.addFamily(change.family);
  else history.removeFamily(change.family);
}
