/**
 * Carries out operations that change an open database and notes in the history what they change and
 * what the database acknowledges.
 * @module
 */
import type { ColumnFamily } from '../../src/db/column-family.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { isVarveError } from '../../src/errors.ts';
import { expectCode, expectSame } from './expect.ts';
import type { History, Written } from './history.ts';
import { bytesOf } from './model.ts';
import { type Operation, valueFor, type WriteSpec } from './operations.ts';

/**
 * How writes are made: `async` without blocking, `no-wait` refused where they would have to wait.
 */
export type WriteManner = 'plain' | 'async' | 'no-wait';

/** See the module head. */
export class Driver {
  readonly db: Db;
  readonly history: History;
  /** The first failure of work that nobody waited for, if there was one. */
  failure: { readonly error: unknown } | undefined;
  /** Writes that were refused, and changed nothing. */
  refusals: number;
  private readonly options: DbOptions;
  private readonly manner: WriteManner;
  private isPaused: boolean;
  /** Work that nobody has waited for yet. */
  private background: Promise<void>[];

  /** @param options that the database was opened with */
  constructor(db: Db, history: History, options: DbOptions, manner: WriteManner = 'plain') {
    this.db = db;
    this.history = history;
    this.failure = undefined;
    this.refusals = 0;
    this.options = options;
    this.manner = manner;
    this.isPaused = false;
    this.background = [];
  }

  /** Lets no flush and no compaction begin until {@link unpause}. */
  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.watch(this.db.pauseBackgroundWork());
  }

  unpause(): void {
    if (this.isPaused) this.db.continueBackgroundWork();
    this.isPaused = false;
  }

  /** Waits for all work, whatever becomes of it. */
  async abandon(): Promise<void> {
    this.unpause();
    await Promise.allSettled(this.background);
  }

  /** Waits for all work; throws what some of it threw. */
  async settle(): Promise<void> {
    this.unpause();
    const { background } = this;
    this.background = [];
    await Promise.all(background);
  }

  /** Closes the database, which acknowledges what it holds; throws what work left over threw. */
  async close(): Promise<void> {
    await this.abandon();
    await this.db.close();
    this.history.acknowledge(this.db.seqno);
    await this.settle();
  }

  /** Takes on work that nobody waits for. */
  watch(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.failure ??= { error };
    });
    this.background.push(work);
  }

  /** Carries out one operation of those that matter to durability. */
  async perform(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'write':
        return this.write([operation.write], operation.sync, true);
      case 'batch':
        return this.write(operation.writes, operation.sync, false);
      case 'create-family':
        return this.createFamily(`family-${operation.family}`);
      case 'drop-family':
        return this.dropFamily(`family-${operation.family}`);
      case 'sync':
        return this.acknowledged(this.db.sync(), undefined, operation.wait);
      case 'flush':
        return this.flush(operation);
      case 'compact':
        return this.compact(operation);
      case 'verify':
        return this.history.expectAll(this.db);
      default:
        throw new Error(`${operation.do} says nothing about durability`);
    }
  }

  private async write(
    writes: readonly WriteSpec[],
    asked: boolean,
    isSingle: boolean,
  ): Promise<void> {
    const { history } = this;
    // Without a log a synced write is refused.
    const sync = asked && this.options.wal !== false;
    const noted = writtenBy(writes, history);
    const before = history.lastSeqno;
    history.write(noted);
    try {
      const isPlain = isSingle && this.manner !== 'async';
      const seqno = isPlain ? this.writeOne(noted[0]!, sync) : await this.writeBatch(noted, sync);
      expectSame(seqno, history.lastSeqno, 'seqno of the write');
      if (sync) history.acknowledge(seqno);
    } catch (error) {
      const mayRefuse = this.isPaused || this.manner === 'no-wait';
      if (!mayRefuse || !isVarveError(error, 'BUSY')) throw error;
      history.undo(before);
      this.refusals++;
    }
  }

  private writeOne([columnFamily, key, value]: Written, sync: boolean): number {
    const options = { columnFamily, sync, noWait: this.manner === 'no-wait' };
    return value === undefined
      ? this.db.delete(bytesOf(key), options)
      : this.db.put(bytesOf(key), value, options);
  }

  private writeBatch(writes: readonly Written[], sync: boolean): number | Promise<number> {
    const batch = batchOf(writes, this.db);
    if (this.manner === 'async') return this.db.writeAsync(batch, { sync });
    return this.db.write(batch, { sync, noWait: this.manner === 'no-wait' });
  }

  private createFamily(name: string): void {
    if (this.history.families.has(name)) {
      expectCode(() => this.db.createColumnFamily(name), 'INVALID');
      return;
    }
    const own = this.options.columnFamilies ?? {};
    const options = Array.isArray(own) ? {} : Object.fromEntries(Object.entries(own))[name];
    this.history.addFamily(name);
    this.db.createColumnFamily(name, options);
    this.history.settleFamilies();
  }

  private dropFamily(name: string): void {
    if (!this.history.families.has(name)) return;
    const handle = this.db.columnFamily(name);
    this.history.removeFamily(name);
    this.db.dropColumnFamily(handle);
    this.history.settleFamilies();
    expectCode(() => this.db.get('key', { columnFamily: handle }), 'INVALID');
  }

  private flush({ family, wait }: Operation & { do: 'flush' }): Promise<void> {
    return this.acknowledged(this.db.flush(this.scope(family)), family, wait);
  }

  private compact(operation: Operation & { do: 'compact' }): Promise<void> {
    const { family, from, to, wait, bottommost = false } = operation;
    const done = this.db.compact({
      ...this.scope(family),
      bottommost,
      ...(from === undefined ? {} : { from: bytesOf(from) }),
      ...(to === undefined ? {} : { to: bytesOf(to) }),
    });
    return this.acknowledged(done, family, wait);
  }

  private scope(family: number | undefined): { columnFamily?: ColumnFamily } {
    if (family === undefined) return {};
    return { columnFamily: this.db.columnFamily(this.history.familyAt(family).name) };
  }

  /**
   * Notes that what is written to a family, or to all, and what is older, is durable when the
   * promise has resolved; unless the family was dropped, which may end the work early.
   */
  private async acknowledged(
    done: Promise<void>,
    family: number | undefined,
    wait: boolean,
  ): Promise<void> {
    if (wait) this.unpause();
    const { history } = this;
    const scope = family === undefined ? undefined : history.familyAt(family);
    const seqno = scope === undefined ? history.lastSeqno : scope.newestSeqno;
    const isDropped = () => scope !== undefined && history.families.get(scope.name) !== scope;
    const noted = done.then(
      () => {
        if (!isDropped()) history.acknowledge(seqno);
      },
      (error: unknown) => {
        if (!isDropped() || !isVarveError(error, 'INVALID')) throw error;
      },
    );
    if (wait) return noted;
    this.watch(noted);
  }
}

/** What writes come to in the families that there are. */
export function writtenBy(specs: readonly WriteSpec[], history: History): Written[] {
  return specs.map(({ family, key, value }) => {
    const bytes = value === undefined ? undefined : valueFor(value);
    return [history.familyAt(family).name, key, bytes];
  });
}

/** The same as one write to a database that has these families. */
export function batchOf(writes: readonly Written[], db: Db): WriteBatch {
  const batch = new WriteBatch();
  for (const [name, key, value] of writes) {
    const family = db.columnFamily(name);
    if (value === undefined) batch.delete(bytesOf(key), family);
    else batch.put(bytesOf(key), value, family);
  }
  return batch;
}
