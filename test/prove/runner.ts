/**
 * Runs operations on a database and on the model, and compares what both show.
 * @module
 */
import type { DbOptions } from '../../src/db/options.ts';
import type { Fs } from '../../src/fs/port.ts';
import { Driver } from './driver.ts';
import { openSeeded } from './environment.ts';
import { expectCode, expectSame } from './expect.ts';
import { History } from './history.ts';
import { type Lives, MemoryLives } from './lives.ts';
import type { Operation } from './operations.ts';
import { Reader } from './reader.ts';

/** Everything is compared after this many operations. */
const FULL_CHECK_INTERVAL = 250;

/** What a run did, to show that it met what it was meant to meet. */
export interface RunTotals {
  operations: number;
  comparisons: number;
  flushes: number;
  compactions: number;
  trivialMoves: number;
  reopenings: number;
  deepestLevel: number;
  /** Most tables that one family had at once. */
  tablesMax: number;
}

/**
 * Runs operations from an empty database on.
 * @param seed of the engine's own randomness
 * @param lives where its files are
 * @throws Error that names the operation at which database and model differ
 */
export async function runOperations(
  operations: readonly Operation[],
  options: DbOptions,
  seed: number,
  lives: Lives = new MemoryLives(),
): Promise<RunTotals> {
  const runner = new Runner(options, seed, lives);
  await runner.begin();
  for (const [index, operation] of operations.entries()) {
    try {
      await runner.run(operation);
      if (index % FULL_CHECK_INTERVAL === FULL_CHECK_INTERVAL - 1) runner.checkAll();
    } catch (cause) {
      const text = JSON.stringify(operation).slice(0, 400);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`operation ${index} of ${operations.length}, ${text}: ${why}`, { cause });
    }
  }
  return runner.end();
}

class Runner {
  private readonly options: DbOptions;
  private readonly seed: number;
  private readonly totals: RunTotals;
  private readonly history: History;
  private readonly lives: Lives;
  private fs!: Fs;
  private driver!: Driver;
  private reader!: Reader;

  constructor(options: DbOptions, seed: number, lives: Lives) {
    this.options = options;
    this.seed = seed;
    this.totals = {
      operations: 0,
      comparisons: 0,
      flushes: 0,
      compactions: 0,
      trivialMoves: 0,
      reopenings: 0,
      deepestLevel: 0,
      tablesMax: 0,
    };
    this.history = new History();
    this.lives = lives;
  }

  async begin(): Promise<void> {
    this.fs = await this.lives.next();
    await this.open();
  }

  private async open(): Promise<void> {
    const seed = this.seed + this.totals.operations;
    const db = await openSeeded(this.fs, seed, this.options);
    this.driver = new Driver(db, this.history, this.options);
    this.reader = new Reader(db, this.history);
  }

  async run(operation: Operation): Promise<void> {
    this.totals.operations++;
    if (operation.do === 'reopen') await this.reopen(operation.clean);
    else if (operation.do === 'verify') await this.verify();
    else if (!this.reader.perform(operation)) await this.change(operation);
    // Lets background work take a few steps between the operations.
    await this.lives.turn();
  }

  async end(): Promise<RunTotals> {
    this.checkAll();
    await this.reopen(true);
    this.checkAll();
    this.addUp();
    await this.driver.close();
    return this.totals;
  }

  /** Compares everything. */
  checkAll(): void {
    this.reader.checkAll();
    this.lookAtLevels();
  }

  private async change(operation: Operation): Promise<void> {
    await this.driver.perform(operation);
    const writes =
      operation.do === 'write'
        ? [operation.write]
        : operation.do === 'batch'
          ? operation.writes
          : [];
    for (const { family, key } of writes) {
      this.reader.checkKey(this.history.familyAt(family), key);
    }
  }

  private async verify(): Promise<void> {
    const { db } = this.driver;
    await this.driver.settle();
    const { tableCount } = db.stats();
    const report = await db.verify();
    expectSame(report.uncorrectable.length, 0, 'damages found');
    // Background work may take some away before their turn, and bring others; one is read at once.
    const isRight = report.tableCount >= Math.min(1, tableCount);
    if (!isRight) throw new Error(`${report.tableCount} of ${tableCount} tables verified`);
  }

  /** Ends the database cleanly, or as the death of the process does: what was written stays. */
  private async reopen(clean: boolean): Promise<void> {
    await this.driver.settle();
    this.addUp();
    const { driver, reader } = this;
    if (clean) {
      await driver.close();
      expectCode(() => driver.db.get('key'), 'CLOSED');
      reader.expectCursorsClosed();
      await this.open();
    } else {
      if (this.options.wal === false) await driver.db.flush();
      await this.begin();
    }
    this.totals.reopenings++;
    expectSame(this.driver.db.seqno, this.history.lastSeqno, 'seqno after reopening');
    if (!clean) await driver.db.close().catch(() => {});
    this.checkAll();
  }

  private addUp(): void {
    const { flushCount, compactionCount, trivialMoveCount } = this.driver.db.stats().counters;
    this.totals.comparisons += this.reader.comparisons;
    this.totals.flushes += flushCount;
    this.totals.compactions += compactionCount;
    this.totals.trivialMoves += trivialMoveCount;
    this.lookAtLevels();
  }

  private lookAtLevels(): void {
    for (const { levels } of this.driver.db.stats().columnFamilies) {
      let tables = 0;
      for (const { level, tableCount } of levels) {
        tables += tableCount;
        if (tableCount > 0) this.totals.deepestLevel = Math.max(this.totals.deepestLevel, level);
      }
      this.totals.tablesMax = Math.max(this.totals.tablesMax, tables);
    }
  }
}
