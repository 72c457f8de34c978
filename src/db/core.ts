/**
 * The state of an open database that the verbs (write, read, flush, compact, ...) share.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { ArenaPool } from '../bytes/arena.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { isVarveError, VarveError } from '../errors.ts';
import type { AnyJob } from '../executor/job-kinds.ts';
import type { JobTask } from '../executor/job-task.ts';
import { type Fs, type FsLock, joinPath } from '../fs/port.ts';
import { Removals } from '../fs/removals.ts';
import type { FileNumbers } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { removeTables } from '../job/leftovers.ts';
import type { RateLimiter } from '../job/rate-limiter.ts';
import { tableName, tableNumberOf } from '../manifest/file-names.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Version } from '../manifest/version.ts';
import type { VersionEdit } from '../manifest/version-edit.ts';
import { Memtable } from '../memtable/memtable.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableCache, type TableSlot } from '../tables/table-cache.ts';
import type { LogEnd, ReplayResult } from '../wal/wal-replay.ts';
import type { HealRequests } from './background/heal-requests.ts';
import type { TableRequests } from './background/table-requests.ts';
import { ColumnFamily } from './column-family.ts';
import { Counters } from './counters.ts';
import type { DroppedEvent, EventSink, KeptFile } from './events.ts';
import { Family, type FamilyView, LoggedMemtable } from './family.ts';
import { OpenCursors } from './open-cursors.ts';
import type { DbSettings, Environment, FamilySettings } from './options.ts';
import { Retired } from './retired.ts';
import { type Snapshot, SnapshotList } from './snapshot.ts';
import type { WalSet } from './wal-set.ts';
import { Watchers } from './watchers.ts';

/** Where the files are and how they are reached. */
export interface Location extends Environment {
  readonly directory: string;
  readonly pipeline: Pipeline;
  readonly events: EventSink;
  readonly requests: TableRequests;
  readonly heals: HealRequests;
}

/** A memtable fills up to this much more than the write buffer before it is weighed. */
const ARENA_SLACK_BYTES = 0x40_0000;

/** What a task reads. */
export interface Lent {
  readonly memtables: readonly Memtable[];
  readonly tables: readonly TableMeta[];
}

interface Loan {
  readonly task: JobTask;
  readonly memtables: readonly Memtable[];
  readonly slots: readonly TableSlot[];
}

/** What a reader compares to find out whether there is something new. */
export interface ReaderStamp {
  /** CURRENT, and the size of the manifest that it names. */
  readonly manifest: string;
  /** Undefined where all logs have to be read again. */
  readonly logEnd: LogEnd | undefined;
}

/** See the module head. */
export class DbCore {
  readonly fs: Fs;
  readonly location: Location;
  readonly pipeline: Pipeline;
  readonly events: EventSink;
  readonly settings: DbSettings;
  readonly lock: FsLock | undefined;
  readonly removals: Removals;
  readonly blocks: BlockCache;
  readonly tables: TableCache;
  readonly snapshots: SnapshotList;
  readonly arenas: ArenaPool;
  readonly counters: Counters;
  readonly requests: TableRequests;
  readonly families: Map<number, Family>;
  readonly #familiesByName: Map<string, Family>;
  /** Undefined in a database that is open read-only. */
  manifest: Manifest | undefined;
  /** What has to be durable before anything is written; undefined once it is. */
  beforeFirstWrite: (() => void) | undefined;
  /** Undefined without a WAL, or read-only. */
  wal: WalSet | undefined;
  version: Version;
  /** As they were when it was read. */
  readonly recordedLosses: Manifest['losses'];
  /** What replaying the logs gave. */
  recovery: ReplayResult | undefined;
  /** As of when a reader has looked at the directory; undefined for who writes. */
  found: ReaderStamp | undefined;
  /** What opening found that nothing refers to, and did not remove. */
  keptFiles: readonly KeptFile[];
  /** The newest write. */
  lastSeqno: number;
  /** Every write up to this one is in tables. */
  persistedSeqno: number;
  isClosed: boolean;
  /** Why writing stopped; reads go on. */
  backgroundError: VarveError | undefined;
  /** Why compactions wait; writing goes on. */
  spaceError: VarveError | undefined;
  readonly cursors: OpenCursors;
  readonly watchers: Watchers;
  /** Replaced views that some cursor still pins; they hold their memtables and tables. */
  readonly #pinned: Set<FamilyView>;
  /** They hold theirs too. */
  #loans: Loan[];
  readonly #retiredMemtables: Retired<Memtable>;
  readonly #retiredTables: Retired<TableSlot>;
  /** Numbers of tables whose edit failed: it may be on disk all the same. */
  readonly #uninstalled: number[];

  constructor(
    location: Location,
    settings: DbSettings,
    lock: FsLock | undefined,
    recovered: Manifest,
    live?: DbCore,
  ) {
    this.fs = location.fs;
    this.location = location;
    this.pipeline = location.pipeline;
    this.events = location.events;
    this.settings = settings;
    this.lock = lock;
    this.removals = new Removals(location.fs);
    this.blocks = live?.blocks ?? new BlockCache(cacheBytesOf(settings));
    this.tables = live?.tables ?? newTableCache(location, this.blocks, settings.openTablesMax);
    this.snapshots = new SnapshotList(
      (seqno) => this.#tellDropped('snapshot', seqno),
      (view) => this.unpin(view),
    );
    this.arenas = live?.arenas ?? new ArenaPool(settings.writeBufferBytes + ARENA_SLACK_BYTES);
    this.counters = new Counters();
    this.requests = location.requests;
    this.families = new Map();
    this.#familiesByName = new Map();
    this.manifest = undefined;
    this.beforeFirstWrite = undefined;
    this.wal = undefined;
    this.version = recovered.version;
    this.recordedLosses = recovered.losses;
    this.lastSeqno = recovered.lastSeqno;
    this.persistedSeqno = recovered.lastSeqno;
    this.recovery = undefined;
    this.found = undefined;
    this.keptFiles = [];
    this.isClosed = false;
    this.backgroundError = undefined;
    this.spaceError = undefined;
    this.cursors = new OpenCursors(
      (view) => this.unpin(view),
      ({ seqno }) => this.#tellDropped('cursor', seqno),
    );
    this.watchers = new Watchers(() => this.#tellDropped('watch', this.lastSeqno));
    this.#pinned = new Set();
    this.#loans = [];
    this.#retiredMemtables = new Retired();
    this.#retiredTables = new Retired();
    this.#uninstalled = [];
  }

  /** @throws VarveError `CLOSED` */
  assertOpen(): void {
    if (this.isClosed) throw new VarveError('CLOSED', 'the database is closed');
  }

  /** @throws VarveError `CLOSED`, `UNSUPPORTED` when read-only, or why writing stopped */
  assertWritable(): void {
    this.assertOpen();
    if (this.manifest === undefined) {
      throw new VarveError('UNSUPPORTED', 'the database is open read-only');
    }
    const error = this.backgroundError;
    if (error !== undefined) {
      const text = `writing stopped after an error; see cause, then resume(): ${error.message}`;
      throw new VarveError(error.code, text, {
        cause: error,
        file: error.file,
        offset: error.offset,
      });
    }
  }

  /** Stops writing; the first error counts. Returns it as a VarveError. */
  fail(cause: unknown): VarveError {
    const error = isVarveError(cause)
      ? cause
      : new VarveError('IO', `unexpected failure: ${String(cause)}`, { cause });
    if (this.backgroundError === undefined) {
      this.backgroundError = error;
      this.events.tell({ type: 'error', error });
    }
    return error;
  }

  /** Where jobs run that are done in the caller's time. */
  jobContext(limiter?: RateLimiter): JobContext {
    const { fs, pipeline, tables, location } = this;
    return { fs, pipeline, tables, limiter, directory: location.directory, clock: location.clock };
  }

  /**
   * To be called before anything is written: the first time begins a log and a manifest of this
   * process.
   * @returns true if it did
   * @throws VarveError when they cannot be made durable; the caller stops writing with it
   */
  begin(): boolean {
    const work = this.beforeFirstWrite;
    if (work === undefined) return false;
    this.beforeFirstWrite = undefined;
    work();
    return true;
  }

  /** A file number that was never used before. */
  newFileNumber(): number {
    this.begin();
    return this.manifest!.newFileNumber();
  }

  /** The same, for the tables of a job. */
  newFileNumbers(count: number): FileNumbers {
    this.begin();
    return { first: this.manifest!.newFileNumber(count), count };
  }

  /** Takes back those of a job that is done which its tables did not need. */
  returnFileNumbers({ first, count }: FileNumbers, usedCount: number): void {
    this.manifest!.returnFileNumbers(first + usedCount, count - usedCount);
  }

  /** Keeps what a task reads until it is settled. */
  lend({ memtables, tables }: Lent, task: JobTask): void {
    const slots = tables.map((meta) => this.tables.slot(meta));
    for (const memtable of memtables) this.#retiredMemtables.hold(memtable);
    for (const slot of slots) this.#retiredTables.hold(slot);
    this.#loans.push({ task, memtables, slots });
  }

  /**
   * Keeps the files of tables of the version, whatever compactions do, until what is returned is
   * called; calling that again is allowed.
   */
  holdTables(tables: readonly TableMeta[]): () => void {
    const slots = tables.map((meta) => this.tables.slot(meta));
    for (const slot of slots) this.#retiredTables.hold(slot);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#letGo([], slots);
      if (!this.isClosed) this.collect();
    };
  }

  /** From now on the database can be changed. */
  startWriting(manifest: Manifest): void {
    this.manifest = manifest;
    this.version = manifest.version;
  }

  /** @param before the memtable of the family that it comes after */
  newMemtable(settings: FamilySettings, before?: Memtable): LoggedMemtable {
    const { entryChecksums } = settings;
    const expectedKeys = before?.keyCount ?? 0;
    const memtable = new Memtable({ arenaPool: this.arenas, entryChecksums, expectedKeys });
    return new LoggedMemtable(memtable, this.wal?.activeNumber ?? 0);
  }

  /** Brings a family of the version into memory, with no memtable content. */
  addFamily(id: number, name: string, settings: FamilySettings): Family {
    const handle = new ColumnFamily(name, id, settings.entryChecksums);
    const memtable = this.newMemtable(settings);
    const family = new Family(handle, settings, memtable, this.#slotsOf(id), this.requests);
    this.families.set(id, family);
    this.#familiesByName.set(name, family);
    return family;
  }

  /** The family of a name, if there is one. */
  familyNamed(name: string): Family | undefined {
    return this.#familiesByName.get(name);
  }

  /** Forgets a family that was dropped; cursors on it go on. */
  removeFamily(family: Family): void {
    this.families.delete(family.handle.id);
    this.#familiesByName.delete(family.handle.name);
    for (const { meta } of family.view.levels.flat()) this.requests.forget(meta.fileNumber);
    for (const memtable of family.view.memtables) this.#retiredMemtables.add(memtable);
    for (const slot of family.view.levels.flat()) this.#retiredTables.add(slot);
    this.#retire(family.view);
    this.collect();
  }

  /**
   * Removes the tables of edits that failed. It takes a manifest that was written since: until then
   * nobody knows whether such an edit counts after a crash.
   */
  removeUninstalled(): void {
    removeTables(this.fs, this.location.directory, this.#uninstalled.splice(0));
  }

  #append(edit: VersionEdit): Version {
    try {
      return this.manifest!.append(edit);
    } catch (error) {
      const moved = new Set(edit.removedTables.map(({ fileNumber }) => fileNumber));
      const added = edit.addedTables.map(({ meta }) => meta.fileNumber);
      this.#uninstalled.push(...added.filter((fileNumber) => !moved.has(fileNumber)));
      throw error;
    }
  }

  /**
   * Makes an edit durable and part of the version.
   * Memtables and tables that it makes obsolete go as soon as no cursor stands on them.
   * @throws VarveError when the manifest cannot be written; the database then stops writing
   */
  install(edit: VersionEdit, flushed: readonly Memtable[] = []): void {
    this.begin();
    this.version = this.#append(edit);
    this.cursors.watchNew();
    this.snapshots.watchNew();
    for (const memtable of flushed) this.#retiredMemtables.add(memtable);
    this.#tellAdded(edit);
    const kept = new Set(edit.addedTables.map(({ meta }) => meta.fileNumber));
    for (const { fileNumber } of edit.removedTables) {
      if (kept.has(fileNumber)) continue;
      this.#retiredTables.add(this.tables.slotOf(fileNumber));
      this.requests.forget(fileNumber);
    }
    const touched = new Set(
      [...edit.addedTables, ...edit.removedTables, ...edit.logNumbers].map((one) => one.familyId),
    );
    for (const id of touched) {
      const family = this.families.get(id);
      if (family !== undefined) this.refreshView(family);
    }
    this.collect();
  }

  /**
   * Goes over to the state of a core that shares the tables of this one, and is given up. What
   * cursors and snapshots see stays until they are closed.
   */
  adopt(newer: DbCore): void {
    this.version = newer.version;
    this.recovery = newer.recovery;
    this.lastSeqno = newer.lastSeqno;
    this.persistedSeqno = newer.persistedSeqno;
    this.found = newer.found;
    this.cursors.watchNew();
    this.snapshots.watchNew();
    for (const family of [...this.families.values()]) {
      if (!newer.families.has(family.handle.id)) this.removeFamily(family);
    }
    for (const [id, { handle, settings, active }] of newer.families) {
      const family = this.families.get(id) ?? this.addFamily(id, handle.name, settings);
      const before = family.view;
      this.#retiredMemtables.add(family.active.memtable);
      family.replaceMemtable(active);
      this.refreshView(family);
      const kept = new Set(family.view.levels.flat());
      for (const slot of before.levels.flat()) if (!kept.has(slot)) this.#retiredTables.add(slot);
    }
    this.collect();
  }

  /** As of now; the caller releases it. */
  takeSnapshot(): Snapshot {
    // Compactions of another process know nothing of it, so what it sees is pinned.
    const views = this.lock === undefined ? this.#pinViews() : undefined;
    return this.snapshots.take(this.lastSeqno, this.location.clock.monotonic(), views);
  }

  #pinViews(): Map<number, FamilyView> {
    const views = new Map<number, FamilyView>();
    for (const [id, { view }] of this.families) {
      view.pins++;
      views.set(id, view);
    }
    return views;
  }

  #tellDropped(what: DroppedEvent['what'], seqno: number): void {
    this.events.tell({ type: 'dropped', what, seqno });
  }

  #tellAdded({ addedTables, removedTables }: VersionEdit): void {
    const moved = new Set(removedTables.map(({ fileNumber }) => fileNumber));
    for (const { familyId, level, meta } of addedTables) {
      const { fileNumber, sizeBytes, entryCount } = meta;
      if (moved.has(fileNumber)) continue;
      const columnFamily = this.families.get(familyId)!.handle.name;
      const type = 'table-created';
      this.events.tell({ type, columnFamily, fileNumber, level, sizeBytes, entryCount });
    }
  }

  /** Rebuilds a family's view after its memtables or tables changed. */
  refreshView(family: Family): void {
    this.#retire(family.refresh(this.#slotsOf(family.handle.id)));
  }

  unpin(view: FamilyView): void {
    view.pins--;
    if (view.pins > 0 || !this.#pinned.delete(view)) return;
    this.#letGo(view.memtables, view.levels.flat());
    this.collect();
  }

  /** Bytes of memtables that only cursors and jobs still read. */
  get retiredMemtableBytes(): number {
    let sum = 0;
    for (const memtable of this.#retiredMemtables) sum += memtable.sizeBytes;
    return sum;
  }

  /** Tables that are no part of the database, and whose files may still be there; ascending. */
  retiredTableNumbers(): number[] {
    const numbers = [...this.#retiredTables].map(({ meta }) => meta.fileNumber);
    for (const path of this.removals) {
      const fileNumber = tableNumberOf(path);
      if (fileNumber !== undefined) numbers.push(fileNumber);
    }
    return numbers.sort((a, b) => a - b);
  }

  /** Jobs whose tasks are not settled. */
  runningJobs(): AnyJob[] {
    return this.#loans.filter(({ task }) => !task.isSettled).map(({ task }) => task.job);
  }

  /** Releases retired memtables and removes retired files that no view shows any more. */
  collect(): void {
    this.#endLoans();
    for (const memtable of this.#retiredMemtables.takeFree()) memtable.release();
    // All at once, so that none is met again if one cannot be closed.
    for (const slot of this.#retiredTables.takeFree()) {
      if (slot.pins > 0) this.#retiredTables.add(slot);
      else this.#removeTable(slot);
    }
  }

  #removeTable(slot: TableSlot): void {
    this.tables.forget(slot);
    // A reader leaves files to the writer.
    if (this.lock === undefined) return;
    const { fileNumber, sizeBytes } = slot.meta;
    this.removals.add(joinPath(this.location.directory, tableName(fileNumber)));
    this.events.tell({ type: 'table-deleted', fileNumber, sizeBytes });
  }

  #endLoans(): void {
    if (!this.#loans.some(({ task }) => task.isSettled)) return;
    const open: Loan[] = [];
    for (const loan of this.#loans) {
      if (loan.task.isSettled) this.#letGo(loan.memtables, loan.slots);
      else open.push(loan);
    }
    this.#loans = open;
  }

  #letGo(memtables: readonly Memtable[], slots: readonly TableSlot[]): void {
    for (const memtable of memtables) this.#retiredMemtables.letGo(memtable);
    for (const slot of slots) this.#retiredTables.letGo(slot);
  }

  #retire(view: FamilyView): void {
    if (view.pins === 0) return;
    this.#pinned.add(view);
    for (const memtable of view.memtables) this.#retiredMemtables.hold(memtable);
    for (const level of view.levels) for (const slot of level) this.#retiredTables.hold(slot);
  }

  #slotsOf(familyId: number): TableSlot[][] {
    const levels = this.version.families.get(familyId)!.levels;
    return levels.map((tables) => tables.map((meta) => this.tables.slot(meta)));
  }
}

function cacheBytesOf({ blockCacheBytes, memoryBudgetBytes }: DbSettings): number {
  return blockCacheBytes ?? memoryBudgetBytes;
}

function newTableCache(location: Location, blocks: BlockCache, openMax: number): TableCache {
  return new TableCache(location.fs, location.directory, blocks, location.pipeline, openMax);
}
