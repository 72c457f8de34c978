/**
 * Runs operations on a database and on the model, and compares what both show.
 * @module
 */
import type { ColumnFamily } from '../../src/db/column-family.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbCursor } from '../../src/db/db-cursor.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { RangeOptions } from '../../src/db/range.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { openSeeded } from './environment.ts';
import {
  bytesOf,
  describe,
  keyOf,
  ModelCursor,
  type ModelEntry,
  ModelFamily,
  type ModelRange,
  sameBytes,
} from './model.ts';
import { type CursorMove, type Operation, valueFor, type WriteSpec } from './operations.ts';

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

interface HeldSnapshot {
  readonly snapshot: Snapshot;
  readonly seqno: number;
}

interface HeldCursor {
  readonly cursor: DbCursor;
  readonly model: ModelCursor;
}

/**
 * Runs operations from an empty database on.
 * @param seed of the engine's own randomness
 * @throws Error that names the operation at which database and model differ
 */
export async function runOperations(
  operations: readonly Operation[],
  options: DbOptions,
  seed: number,
): Promise<RunTotals> {
  const runner = new Runner(options, seed);
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
  private readonly families: Map<number, ModelFamily>;
  private readonly snapshots: Map<number, HeldSnapshot>;
  private readonly cursors: Map<number, HeldCursor>;
  /** Syncs, flushes and compactions that nobody has waited for yet. */
  private background: Promise<unknown>[];
  private fs: MemoryFs;
  private lastSeqno: number;
  private db!: Db;

  constructor(options: DbOptions, seed: number) {
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
    this.families = new Map([[0, new ModelFamily('default')]]);
    this.snapshots = new Map();
    this.cursors = new Map();
    this.background = [];
    this.fs = new MemoryFs();
    this.lastSeqno = 0;
  }

  async begin(): Promise<void> {
    this.db = await openSeeded(this.fs, this.seed, this.options);
  }

  async run(operation: Operation): Promise<void> {
    this.totals.operations++;
    const done = this.perform(operation);
    if (done !== undefined) await done;
    // Lets background work take a few steps between the operations.
    await Promise.resolve();
    await Promise.resolve();
  }

  async end(): Promise<RunTotals> {
    this.checkAll();
    await this.reopen(true);
    this.checkAll();
    this.addUp();
    await this.db.close();
    return this.totals;
  }

  /** Compares all families in both directions, and the keys one by one. */
  checkAll(): void {
    const names = [...this.families.values()].map((family) => family.name).sort();
    expect(this.db.listColumnFamilies().sort().join(), names.join(), 'families');
    for (const place of this.families.keys()) {
      const family = this.families.get(place)!;
      const entries = family.entries(this.lastSeqno);
      const options = { columnFamily: family.name };
      this.compareEntries(this.db.entries(options), entries);
      this.compareEntries(this.db.entries({ ...options, reverse: true }), entries.toReversed());
      for (const [key, value] of entries) {
        this.compareValue(this.db.get(bytesOf(key), options), value, key);
      }
    }
    this.lookAtLevels();
  }

  private perform(operation: Operation): Promise<unknown> | undefined {
    switch (operation.do) {
      case 'write':
        return this.write([operation.write], this.canSync(operation.sync), true);
      case 'batch':
        return this.write(operation.writes, this.canSync(operation.sync), false);
      case 'get':
        return this.get(operation);
      case 'scan':
        return this.scan(operation);
      case 'open-cursor':
        return this.openCursor(operation);
      case 'move-cursor':
        return this.moveCursor(operation.place, operation.moves);
      case 'close-cursor':
        return this.closeCursor(operation.place);
      case 'take-snapshot':
        return this.takeSnapshot(operation.place);
      case 'release-snapshot':
        return this.releaseSnapshot(operation.place);
      case 'create-family':
        return this.createFamily(operation.family);
      case 'drop-family':
        return this.dropFamily(operation.family);
      case 'size':
        return this.checkSize(operation.family, operation.range);
      case 'verify':
        return this.verify();
      case 'reopen':
        return this.reopen(operation.clean);
      default:
        return this.work(operation);
    }
  }

  /** Without a log a synced write is refused. */
  private canSync(sync: boolean): boolean {
    return sync && this.options.wal !== false;
  }

  private write(writes: readonly WriteSpec[], sync: boolean, isSingle: boolean): undefined {
    const places = writes.map((write) => this.place(write.family));
    for (const [i, { key, value }] of writes.entries()) {
      const model = this.families.get(places[i]!)!;
      this.lastSeqno++;
      model.set(key, value === undefined ? undefined : valueFor(value), this.lastSeqno);
    }
    const returned = isSingle
      ? this.writeOne(writes[0]!, this.handle(places[0]!), sync)
      : this.writeBatch(writes, places, sync);
    expect(returned, this.lastSeqno, 'seqno of the write');
    for (const [i, { key }] of writes.entries()) this.compareKey(places[i]!, key);
    return undefined;
  }

  private writeOne({ key, value }: WriteSpec, columnFamily: ColumnFamily, sync: boolean): number {
    const options = { columnFamily, sync };
    return value === undefined
      ? this.db.delete(bytesOf(key), options)
      : this.db.put(bytesOf(key), valueFor(value), options);
  }

  private writeBatch(writes: readonly WriteSpec[], places: number[], sync: boolean): number {
    const batch = new WriteBatch();
    for (const [i, { key, value }] of writes.entries()) {
      const handle = this.handle(places[i]!);
      if (value === undefined) batch.delete(bytesOf(key), handle);
      else batch.put(bytesOf(key), valueFor(value), handle);
    }
    return this.db.write(batch, { sync });
  }

  private get(operation: Operation & { do: 'get' }): undefined {
    const { keys, how } = operation;
    const place = this.place(operation.family);
    const family = this.families.get(place)!;
    const { snapshot, seqno } = this.moment(operation.snapshot);
    const options = { ...snapshot, columnFamily: family.name };
    const wanted = keys.map((key) => family.get(key, seqno));
    if (how === 'many') {
      const values = this.db.getMany(keys.map(bytesOf), options);
      expect(values.length, keys.length, 'number of values');
      for (const [i, value] of values.entries()) this.compareValue(value, wanted[i], keys[i]!);
      return undefined;
    }
    const key = bytesOf(keys[0]!);
    if (how === 'has') {
      expect(this.db.has(key, options), wanted[0] !== undefined, 'has');
    } else {
      const value = this.db.get(key, { ...options, borrow: how === 'borrow' });
      this.compareValue(value, wanted[0], keys[0]!);
    }
    return undefined;
  }

  private scan(operation: Operation & { do: 'scan' }): undefined {
    const { range, reverse, limit, part, borrow } = operation;
    const family = this.families.get(this.place(operation.family))!;
    const { snapshot, seqno } = this.moment(operation.snapshot);
    let wanted = family.entries(seqno, range);
    if (reverse) wanted = wanted.toReversed();
    wanted = wanted.slice(0, limit ?? wanted.length);
    const options = {
      ...boundsOf(range),
      ...snapshot,
      ...(limit === undefined ? {} : { limit }),
      columnFamily: family.name,
      reverse,
      borrow,
    };
    if (part === 'entries') this.compareEntries(this.db.entries(options), wanted);
    else if (part === 'keys') this.compareParts(this.db.keys(options), wanted.map(keyPart));
    else this.compareParts(this.db.values(options), wanted.map(valuePart));
    return undefined;
  }

  private openCursor(operation: Operation & { do: 'open-cursor' }): undefined {
    const { place, range } = operation;
    this.closeCursor(place);
    const family = this.families.get(this.place(operation.family))!;
    const { snapshot, seqno } = this.moment(operation.snapshot);
    const cursor = this.db.cursor({
      ...boundsOf(range),
      ...snapshot,
      columnFamily: family.name,
    });
    expect(cursor.valid, false, 'a new cursor is valid');
    this.cursors.set(place, { cursor, model: new ModelCursor(family.entries(seqno, range)) });
    return undefined;
  }

  private moveCursor(place: number, moves: readonly CursorMove[]): undefined {
    const held = this.cursors.get(place);
    if (held === undefined) return undefined;
    for (const move of moves) {
      if ('key' in move) {
        held.model[move.to](move.key);
        this.compareCursor(held, held.cursor[move.to](bytesOf(move.key)), move);
        continue;
      }
      for (let i = 0; i < move.times; i++) {
        held.model[move.to]();
        this.compareCursor(held, held.cursor[move.to](), move);
      }
    }
    return undefined;
  }

  private closeCursor(place: number): undefined {
    this.cursors.get(place)?.cursor.close();
    this.cursors.delete(place);
    return undefined;
  }

  private takeSnapshot(place: number): undefined {
    this.releaseSnapshot(place);
    this.snapshots.set(place, { snapshot: this.db.snapshot(), seqno: this.lastSeqno });
    return undefined;
  }

  private releaseSnapshot(place: number): undefined {
    this.snapshots.get(place)?.snapshot.release();
    this.snapshots.delete(place);
    return undefined;
  }

  private createFamily(place: number): undefined {
    const name = `family-${place}`;
    if (this.families.has(place)) {
      expectCode(() => this.db.createColumnFamily(name), 'INVALID');
      return undefined;
    }
    this.db.createColumnFamily(name);
    this.families.set(place, new ModelFamily(name));
    return undefined;
  }

  private dropFamily(place: number): undefined {
    if (!this.families.has(place)) return undefined;
    const handle = this.handle(place);
    this.db.dropColumnFamily(handle);
    this.families.delete(place);
    expectCode(() => this.db.get('key', { columnFamily: handle }), 'INVALID');
    return undefined;
  }

  private work(operation: Operation & { do: 'sync' | 'flush' | 'compact' }): Promise<unknown> {
    const promise = this.startWork(operation);
    if (operation.wait) return promise;
    // A rejection must not count as unhandled before it is looked at.
    promise.catch(() => {});
    this.background.push(promise);
    return Promise.resolve();
  }

  private startWork(operation: Operation & { do: 'sync' | 'flush' | 'compact' }): Promise<void> {
    if (operation.do === 'sync') return this.db.sync();
    const columnFamily =
      operation.family === undefined
        ? {}
        : { columnFamily: this.handle(this.place(operation.family)) };
    if (operation.do === 'flush') return this.db.flush(columnFamily);
    const { from, to } = operation;
    return this.db.compact({
      ...columnFamily,
      ...(from === undefined ? {} : { from: bytesOf(from) }),
      ...(to === undefined ? {} : { to: bytesOf(to) }),
    });
  }

  private checkSize(place: number, range: ModelRange): undefined {
    const { name } = this.families.get(this.place(place))!;
    const stats = this.db.stats().columnFamilies.find((family) => family.name === name)!;
    const total = stats.levels.reduce((sum, level) => sum + level.sizeBytes, 0);
    expect(this.db.approximateSize({ columnFamily: name }), total, 'size of everything');
    const size = this.db.approximateSize({ ...boundsOf(range), columnFamily: name });
    if (!(size >= 0 && size <= total)) throw new Error(`size ${size} out of a total of ${total}`);
    return undefined;
  }

  private async verify(): Promise<void> {
    await this.settle();
    const { tableCount } = this.db.stats();
    const report = await this.db.verify();
    expect(report.uncorrectable.length, 0, 'damages found');
    // Background work may take some away before their turn; the first is read at once.
    const isRight = report.tableCount >= Math.min(1, tableCount) && report.tableCount <= tableCount;
    if (!isRight) throw new Error(`${report.tableCount} of ${tableCount} tables verified`);
  }

  /** Ends the database cleanly, or as the death of the process does: what was written stays. */
  private async reopen(clean: boolean): Promise<void> {
    await this.settle();
    this.addUp();
    const { db } = this;
    if (clean) {
      await db.close();
      expectCode(() => db.get('key'), 'CLOSED');
      for (const { cursor } of this.cursors.values()) expectCode(() => cursor.first(), 'CLOSED');
    } else {
      if (this.options.wal === false) await db.flush();
      this.fs = this.fs.clone();
    }
    this.cursors.clear();
    this.snapshots.clear();
    this.db = await openSeeded(this.fs, this.seed + this.totals.operations, this.options);
    this.totals.reopenings++;
    expect(this.db.seqno, this.lastSeqno, 'seqno after reopening');
    if (!clean) await db.close().catch(() => {});
    this.checkAll();
  }

  private async settle(): Promise<void> {
    await Promise.all(this.background);
    this.background = [];
  }

  private addUp(): void {
    const { flushCount, compactionCount, trivialMoveCount } = this.db.stats().counters;
    this.totals.flushes += flushCount;
    this.totals.compactions += compactionCount;
    this.totals.trivialMoves += trivialMoveCount;
    this.lookAtLevels();
  }

  private lookAtLevels(): void {
    for (const { levels } of this.db.stats().columnFamilies) {
      let tables = 0;
      for (const { level, tableCount } of levels) {
        tables += tableCount;
        if (tableCount > 0) this.totals.deepestLevel = Math.max(this.totals.deepestLevel, level);
      }
      this.totals.tablesMax = Math.max(this.totals.tablesMax, tables);
    }
  }

  /** The place itself if a family is there, the one of the default family otherwise. */
  private place(wanted: number): number {
    return this.families.has(wanted) ? wanted : 0;
  }

  private handle(place: number): ColumnFamily {
    return this.db.columnFamily(this.families.get(place)!.name);
  }

  private moment(place: number): { snapshot: { snapshot?: Snapshot }; seqno: number } {
    const held = this.snapshots.get(place);
    if (held === undefined) return { snapshot: {}, seqno: this.lastSeqno };
    return { snapshot: { snapshot: held.snapshot }, seqno: held.seqno };
  }

  private compareKey(place: number, key: string): void {
    const family = this.families.get(place)!;
    const value = this.db.get(bytesOf(key), { columnFamily: family.name });
    this.compareValue(value, family.get(key, this.lastSeqno), key);
  }

  private compareValue(value: Uint8Array | undefined, wanted: Uint8Array | undefined, key: string) {
    this.totals.comparisons++;
    if (sameBytes(value, wanted)) return;
    const text = JSON.stringify(key.slice(0, 50));
    throw new Error(`key ${text} has ${describe(value)} instead of ${describe(wanted)}`);
  }

  private compareEntries(
    found: Iterable<[key: Uint8Array, value: Uint8Array]>,
    wanted: readonly ModelEntry[],
  ): void {
    let at = 0;
    for (const [key, value] of found) {
      const text = keyOf(key);
      const [wantedKey, wantedValue] = wanted[at] ?? [undefined, undefined];
      expect(text, wantedKey, `key of entry ${at} of ${wanted.length}`);
      this.compareValue(value, wantedValue, text);
      at++;
    }
    expect(at, wanted.length, 'number of entries');
  }

  private compareParts(found: Iterable<Uint8Array>, wanted: readonly Uint8Array[]): void {
    let at = 0;
    for (const part of found) this.compareValue(part, wanted[at++], `part ${at}`);
    expect(at, wanted.length, 'number of parts');
  }

  private compareCursor({ cursor, model }: HeldCursor, moved: boolean, move: CursorMove): void {
    const { entry } = model;
    const what = `cursor after ${JSON.stringify(move).slice(0, 60)}`;
    expect(cursor.valid, entry !== undefined, `${what}: valid`);
    expect(moved, cursor.valid, `${what}: result`);
    if (entry === undefined) return;
    expect(keyOf(cursor.key()), entry[0], `${what}: key`);
    this.compareValue(cursor.value(), entry[1], entry[0]);
  }
}

function boundsOf(range: ModelRange): RangeOptions {
  return Object.fromEntries(Object.entries(range).map(([bound, key]) => [bound, bytesOf(key)]));
}

function keyPart([key]: ModelEntry): Uint8Array {
  return bytesOf(key);
}

function valuePart([, value]: ModelEntry): Uint8Array {
  return value;
}

function expect(actual: unknown, wanted: unknown, what: string): void {
  if (actual === wanted) return;
  const [is, should] = [actual, wanted].map((one) => String(JSON.stringify(one)).slice(0, 80));
  throw new Error(`${what}: ${is} instead of ${should}`);
}

function expectCode(action: () => unknown, code: 'CLOSED' | 'INVALID'): void {
  try {
    action();
  } catch (error) {
    if (isVarveError(error, code)) return;
    throw error;
  }
  throw new Error(`no ${code} error`);
}
