/**
 * The database as its users hold it.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { needsZstd } from '../compress/options.ts';
import type { Capture } from '../copy/capture.ts';
import type { CheckpointReport } from '../copy/checkpoint.ts';
import type { CopyOptions } from '../copy/pace.ts';
import type { Executor } from '../executor/executor.ts';
import { type AcceptLossOptions, type AcceptLossReport, acceptLosses } from './accept-loss.ts';
import { Scheduler } from './background/scheduler.ts';
import {
  ACCEPT_LOSS_OPTIONS,
  COMPACT_OPTIONS,
  checkPutOptions,
  checkReadOptions,
  ENTRIES_OPTIONS,
  FLUSH_OPTIONS,
  RANGE_OPTIONS,
  SCRUB_OPTIONS,
  VERIFY_OPTIONS,
  WRITE_ASYNC_OPTIONS,
  WRITE_OPTIONS,
} from './call-checks.ts';
import type {
  CompactOptions,
  PutOptions,
  ReadOptions,
  VerifyOptions,
  VerifyReport,
  WriteAsyncOptions,
  WriteOptions,
} from './call-options.ts';
import { captureDatabase, makeCheckpoint } from './checkpoint.ts';
import { type ColumnFamily, DEFAULT_FAMILY_ID } from './column-family.ts';
import { compactDatabase } from './compact.ts';
import type { DbCore } from './core.ts';
import { watchForDamage } from './damage.ts';
import { DbCursor } from './db-cursor.ts';
import { checkLimit, type EntriesOptions, EntryIterator, type EntryPart } from './entries.ts';
import { createFamily, dropFamily } from './families.ts';
import type { Family } from './family.ts';
import { familyNamed, familyOf } from './find-family.ts';
import { Flusher } from './flush.ts';
import type { Bytes } from './input.ts';
import { balanceMemory } from './memory-budget.ts';
import type { ColumnFamilyOptions } from './options.ts';
import { approximateSize, keyRangeOf, type RangeOptions } from './range.ts';
import { ReadPath } from './read.ts';
import { refreshReader } from './refresh.ts';
import { resolveNewFamily } from './resolve-options.ts';
import { resumeWriting } from './resume.ts';
import type { DbScrubOptions, DbScrubReport } from './scrub.ts';
import { closeDatabase } from './shutdown.ts';
import { Snapshot, viewOf } from './snapshot.ts';
import { type DbStats, statsOf } from './stats.ts';
import { verifyDatabase } from './verify.ts';
import type { Watch, WatchOptions } from './watch.ts';
import { type WatchRange, watchDatabase } from './watch-ranges.ts';
import { WritePath } from './write.ts';
import { BatchEncoder, WriteBatch } from './write-batch.ts';

/**
 * An open database. Reads and writes are synchronous; promises appear where stable storage or long
 * work is waited for. Every method throws `CLOSED` after {@link close}.
 *
 * Keys are at most 64 KiB, values at most 256 MiB, ordered bytewise; strings stand for their UTF-8
 * bytes. A wrong type is a TypeError, a wrong size a RangeError.
 */
export class Db {
  readonly #core: DbCore;
  readonly #scheduler: Scheduler;
  readonly #flusher: Flusher;
  readonly #writes: WritePath;
  readonly #reads: ReadPath;
  readonly #single: BatchEncoder;
  readonly #default: Family;
  #closing: Promise<void> | undefined;
  #refreshing: Promise<number> | undefined;

  /** Made by `open`; takes both. */
  constructor(core: DbCore, executor: Executor) {
    this.#core = core;
    this.#scheduler = new Scheduler(core, executor, { leaveLogs: () => this.#flusher.freezeAll() });
    this.#flusher = new Flusher(core, this.#scheduler);
    this.#writes = new WritePath(core, this.#scheduler, this.#flusher);
    this.#reads = new ReadPath(core);
    this.#default = core.families.get(DEFAULT_FAMILY_ID)!;
    core.tables.onOpened = () => balanceMemory(core);
    watchForDamage(core);
    balanceMemory(core);
    this.#single = new BatchEncoder(this.#default.settings.entryChecksums);
    this.#closing = undefined;
    this.#refreshing = undefined;
  }

  /** The directory that `open` was given. */
  get path(): string {
    return this.#core.location.directory;
  }

  /** Seqno of the newest write; 0 in a new database. */
  get seqno(): number {
    return this.#core.lastSeqno;
  }

  /** Every write up to this seqno is in tables: an embedder's own log may be trimmed there. */
  get persistedSeqno(): number {
    return this.#core.persistedSeqno;
  }

  /**
   * Sets a key. On return the write survives the death of the process, with `sync` power loss too.
   * Borrows key and value.
   * @returns the seqno of the write
   * @throws VarveError `IO` or `NOSPACE` when it cannot be logged; writing then stops until
   * {@link resume}
   */
  put(key: Bytes, value: Bytes, options?: PutOptions): number {
    if (options !== undefined) checkPutOptions(options);
    this.#single.clear();
    this.#single.put(this.#writeFamily(options), key, value);
    return this.#write(this.#single, options);
  }

  /** Removes a key; an absent one is no error. Otherwise as {@link put}. */
  delete(key: Bytes, options?: PutOptions): number {
    if (options !== undefined) checkPutOptions(options);
    this.#single.clear();
    this.#single.delete(this.#writeFamily(options), key);
    return this.#write(this.#single, options);
  }

  /**
   * Writes a batch, which may span column families: all of it or, after a crash, none. Borrows the
   * batch, which may be written again.
   * @returns the seqno of its last operation
   * @throws RangeError for a batch that the code of `ecc` makes longer than 2 GiB, which is more
   * than a record of the log may be; nothing was written then. Otherwise as {@link put}
   */
  write(batch: WriteBatch, options?: WriteOptions): number {
    if (options !== undefined) WRITE_OPTIONS.check(options);
    return this.#write(this.#encoderOf(batch), options);
  }

  /**
   * Like {@link write}, without blocking the thread: where that waits for memory, background work
   * or stable storage, the host goes on meanwhile. Calls take effect in their order; other writes
   * may come between. Borrows the batch until the promise settles.
   * @returns the seqno of its last operation
   */
  async writeAsync(batch: WriteBatch, options?: WriteAsyncOptions): Promise<number> {
    if (options !== undefined) WRITE_ASYNC_OPTIONS.check(options);
    return this.#writes.writeAsync(this.#encoderOf(batch), options?.sync === true);
  }

  /** The value of a key, or undefined: a fresh copy, or a view with `borrow`. Borrows the key. */
  get(key: Bytes, options?: ReadOptions): Uint8Array | undefined {
    if (options !== undefined) checkReadOptions(options);
    const family = this.#readFamily(options);
    const seqno = this.#readSeqno(options?.snapshot);
    const view = viewOf(family, options?.snapshot);
    if (options?.borrow === true) return this.#reads.borrow(view, key, seqno);
    return this.#reads.get(view, key, seqno);
  }

  /**
   * The values of many keys, fresh copies in the order of the keys, all as of the same moment.
   * `borrow` is refused: a view would not stand until the next one.
   */
  getMany(keys: readonly Bytes[], options?: ReadOptions): (Uint8Array | undefined)[] {
    if (!Array.isArray(keys)) throw new TypeError('getMany takes an array of keys');
    if (options !== undefined) checkReadOptions(options);
    if (options?.borrow === true) throw new TypeError('getMany cannot lend views');
    const family = this.#readFamily(options);
    const seqno = this.#readSeqno(options?.snapshot);
    const view = viewOf(family, options?.snapshot);
    return keys.map((key) => this.#reads.get(view, key, seqno));
  }

  /** True when the key has a value. */
  has(key: Bytes, options?: ReadOptions): boolean {
    if (options !== undefined) checkReadOptions(options);
    const family = this.#readFamily(options);
    const seqno = this.#readSeqno(options?.snapshot);
    return this.#reads.has(viewOf(family, options?.snapshot), key, seqno);
  }

  /** Iterates `[key, value]` pairs of a range, as of the call; fresh copies unless `borrow`. */
  entries(options: EntriesOptions = {}): EntryIterator<[key: Uint8Array, value: Uint8Array]> {
    return this.#iterate('entry', options);
  }

  /** Iterates the keys of a range; see {@link entries}. */
  keys(options: EntriesOptions = {}): EntryIterator<Uint8Array> {
    return this.#iterate('key', options);
  }

  /** Iterates the values of a range; see {@link entries}. */
  values(options: EntriesOptions = {}): EntryIterator<Uint8Array> {
    return this.#iterate('value', options);
  }

  /**
   * A cursor over a range, as of the call. It stands on no entry until it is moved, creates nothing
   * per entry, and must be closed.
   */
  cursor(options: RangeOptions = {}): DbCursor {
    RANGE_OPTIONS.check(options);
    return this.#cursor(options);
  }

  /**
   * Tells of every batch that is committed after this call and changes a key in one of the ranges:
   * the keys, not the values, in order and without a gap. A read that follows in the same turn
   * begins exactly where it does. A consumer that does not keep up is told `missed`, and reads
   * again. A database that is open read-only tells on {@link refresh}.
   * @param ranges one or several; all keys of the default family if absent
   * @throws TypeError, RangeError for what is no range or option; VarveError `INVALID`
   */
  watch(ranges: WatchRange | readonly WatchRange[] = {}, options: WatchOptions = {}): Watch {
    this.#core.assertOpen();
    return watchDatabase(this.#core, ranges, options);
  }

  /** A fixed view of all families as of now; release it when done. */
  snapshot(): Snapshot {
    this.#core.assertOpen();
    return this.#core.takeSnapshot();
  }

  /**
   * The handle of a column family.
   * @throws VarveError `INVALID` when there is none of that name
   */
  columnFamily(name: string): ColumnFamily {
    this.#core.assertOpen();
    return familyNamed(this.#core, name).handle;
  }

  /** Names of all column families. */
  listColumnFamilies(): string[] {
    this.#core.assertOpen();
    return [...this.#core.families.values()].map((family) => family.handle.name);
  }

  /**
   * Makes a column family, durably. Where it is the first to need zstd, tables that are written
   * before that is loaded are compressed with LZ4.
   * @param name 1 to 255 bytes of UTF-8
   * @throws VarveError `INVALID` when the name is taken
   */
  createColumnFamily(name: string, options: ColumnFamilyOptions = {}): ColumnFamily {
    this.#core.assertWritable();
    const settings = resolveNewFamily(options, this.#core.settings.familyDefaults);
    const { pipeline } = this.#core;
    if (needsZstd(settings.compression) && !pipeline.isZstdReady) {
      pipeline.loadZstd().catch((error: unknown) => this.#core.fail(error));
    }
    return createFamily(this.#core, name, settings);
  }

  /**
   * Drops a column family and all it holds, durably. Cursors on it go on.
   * @throws VarveError `INVALID` for the default family or one that is not of this database
   */
  dropColumnFamily(columnFamily: ColumnFamily | string): void {
    this.#core.assertWritable();
    dropFamily(this.#core, this.#scheduler, familyOf(this.#core, columnFamily));
    this.#core.events.deliver();
  }

  /**
   * Resolves when every write before the call is on stable storage. Callers share one fdatasync.
   * Without a WAL this is a {@link flush}.
   */
  async sync(): Promise<void> {
    this.#core.assertWritable();
    if (this.#core.wal === undefined) return this.flush();
    await this.#writes.sync();
  }

  /**
   * Resolves when every write before the call is in tables: of one family, or of all. What others
   * go on to write is not waited for.
   */
  async flush(options: { columnFamily?: ColumnFamily | string } = {}): Promise<void> {
    FLUSH_OPTIONS.check(options);
    this.#core.assertWritable();
    const { columnFamily: one } = options;
    await this.#flusher.flush(one === undefined ? undefined : familyOf(this.#core, one));
  }

  /**
   * Flushes, and merges a key range down to one sorted run; what deletes and overwrites left goes,
   * as far as no snapshot sees it. Writes may go on meanwhile. A FIFO family is only flushed.
   * @throws VarveError `INVALID` when the family that was named is dropped meanwhile
   */
  async compact(options: CompactOptions = {}): Promise<void> {
    COMPACT_OPTIONS.check(options);
    this.#core.assertWritable();
    await compactDatabase(this.#core, this.#scheduler, options, (which) => this.flush(which));
  }

  /**
   * Makes a whole database of its own in another directory, as of the call, while reads and writes
   * go on: tables are given second names (hard links) where the file system can, everything else is
   * copied. It is there when the promise resolves, on stable storage, and not at all otherwise;
   * what a crash leaves of it is refused by `open`, and cleared away by the next checkpoint there.
   * It opens with the same keys. A reader makes one of the newest state that is in the directory.
   * @param directory missing or empty, in the terms of the database's file system
   * @throws VarveError `INVALID` when the directory holds anything, `LOCKED` when another
   * checkpoint fills it; `CLOSED`, `BUSY`, `STALE`, `NOSPACE`, `IO`; the reason of the signal
   */
  async checkpoint(directory: string, options: CopyOptions = {}): Promise<CheckpointReport> {
    return makeCheckpoint(this.#core, this.#scheduler, () => this.flush(), directory, options);
  }

  /**
   * Lets no flush and no compaction begin until {@link continueBackgroundWork} was called as often
   * as this. Resolves when none is under way. Reads and writes go on; a write that would have to
   * wait throws `BUSY`, and `flush`, `compact` wait.
   */
  async pauseBackgroundWork(): Promise<void> {
    this.#core.assertWritable();
    await this.#scheduler.pause();
  }

  /** Ends one {@link pauseBackgroundWork}; without one, nothing happens. */
  continueBackgroundWork(): void {
    this.#core.assertOpen();
    this.#scheduler.unpause();
  }

  /** About how many bytes of tables the keys of a range take; what is not flushed counts 0. */
  approximateSize(options: RangeOptions = {}): number {
    RANGE_OPTIONS.check(options);
    return approximateSize(this.#core, this.#readFamily(options), keyRangeOf(options));
  }

  /**
   * Lets a database that is open read-only show what the writer beside it has written since; one
   * that is open for writing shows that anyway. Iterators, cursors and snapshots stay as they are.
   * Calls at the same time share the work.
   * @returns the seqno of the newest write
   * @throws VarveError as `open`, or `STALE` when there is another database now; then everything
   * stays as it was
   */
  refresh(): Promise<number> {
    this.#refreshing ??= refreshReader(this.#core).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** What the database tells about itself. */
  stats(): DbStats {
    this.#core.assertOpen();
    return statsOf(this.#core, this.#scheduler);
  }

  /**
   * Reads every file from disk and checks it; damage is reported, not thrown. With workers it runs
   * on them, behind all flushes and compactions.
   * @throws VarveError `CLOSED` when the database is closed meanwhile
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    VERIFY_OPTIONS.check(options);
    this.#core.assertOpen();
    return verifyDatabase(this.#core, this.#scheduler.patientJobs, options);
  }

  /**
   * Looks for damage in every byte of every file, or of some, and heals what it can; damage is
   * reported, not thrown. Reads and writes may go on.
   * @throws VarveError `INVALID` for a table or family that is not there; the reason of a signal
   */
  async scrub(options: DbScrubOptions = {}): Promise<DbScrubReport> {
    SCRUB_OPTIONS.check(options);
    this.#core.assertWritable();
    return this.#scheduler.scrubber!.scrub(options);
  }

  /**
   * Gives up what tables have lost: reads that failed for damage find the keys absent, no other
   * answer changes, and no older version comes back. All that a table has lost must lie within the
   * range. Its file stays, with the ending `.lost`. What `healFrom` has is healed instead.
   * @throws VarveError of a damaged table above one of these; `IO`, `NOSPACE`
   */
  async acceptLoss(options: AcceptLossOptions = {}): Promise<AcceptLossReport> {
    ACCEPT_LOSS_OPTIONS.check(options);
    this.#core.assertWritable();
    return acceptLosses(this.#core, this.#scheduler, this.#readFamily(options), options);
  }

  /** Lets no scrub look at a further part of a file, in the background or of {@link scrub}. */
  pauseScrub(): void {
    this.#core.assertWritable();
    this.#scheduler.scrubber!.pause();
  }

  /** Ends a {@link pauseScrub}; without one, nothing happens. */
  continueScrub(): void {
    this.#core.assertOpen();
    this.#scheduler.scrubber?.continue();
  }

  /**
   * Goes back to writing after an error stopped it: puts everything that memory holds into tables
   * and starts new logs.
   * @throws VarveError when that fails too; the database stays as it was
   */
  async resume(): Promise<void> {
    this.#core.assertOpen();
    resumeWriting(this.#core, this.#scheduler, this.#flusher);
  }

  /**
   * Closes the database: makes all writes durable, releases cursors, files and the lock. Calling it
   * again returns the same promise, which always settles.
   * @throws VarveError when writes could not be made durable; everything is released all the same
   */
  close(): Promise<void> {
    this.#closing ??= closeDatabase(this.#core, this.#scheduler, this.#flusher);
    return this.#closing;
  }

  /**
   * Brings L0 below its limit after opening: processes that write little would otherwise leave it
   * to grow from one to the next. A failure stops writing, not the opening.
   */
  static async settle(db: Db): Promise<void> {
    try {
      await db.#scheduler.settle();
    } catch (error) {
      db.#core.fail(error);
    }
  }

  /** The files of the database as of now, for those who copy it; they release it. */
  static capture(db: Db): Promise<Capture> {
    return captureDatabase(db.#core, () => db.flush());
  }

  /** Of its background work, for the same. */
  static limiterOf(db: Db): Executor['limiter'] {
    return db.#scheduler.patientJobs.limiter;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(encoder: BatchEncoder, options: WriteOptions | undefined): number {
    const seqno = this.#writes.write(encoder, options?.sync === true, options?.noWait === true);
    // A loop of writes gives the host no turn.
    this.#core.events.deliver();
    return seqno;
  }

  #iterate<T>(part: EntryPart, options: EntriesOptions): EntryIterator<T> {
    ENTRIES_OPTIONS.check(options);
    checkLimit(options.limit);
    return new EntryIterator<T>(this.#cursor(options), part, options);
  }

  #cursor(options: RangeOptions): DbCursor {
    const family = this.#readFamily(options);
    const seqno = this.#readSeqno(options.snapshot);
    return new DbCursor(this.#core, family, viewOf(family, options.snapshot), seqno, options);
  }

  /**
   * The operations of a batch, for the families that their names mean now.
   * @throws TypeError for anything but a batch
   */
  #encoderOf(batch: WriteBatch): BatchEncoder {
    if (!(batch instanceof WriteBatch)) throw new TypeError('a write takes a WriteBatch');
    return WriteBatch.encoderOf(batch).resolved((name) => familyNamed(this.#core, name).handle);
  }

  #writeFamily(options: PutOptions | undefined): ColumnFamily | undefined {
    const columnFamily = options?.columnFamily;
    return typeof columnFamily === 'string'
      ? familyNamed(this.#core, columnFamily).handle
      : columnFamily;
  }

  #readFamily(options: ReadOptions | RangeOptions | undefined): Family {
    this.#core.assertOpen();
    const columnFamily = options?.columnFamily;
    return columnFamily === undefined ? this.#default : familyOf(this.#core, columnFamily);
  }

  #readSeqno(snapshot: Snapshot | undefined): number {
    if (snapshot === undefined) return this.#core.lastSeqno;
    return Snapshot.seqnoFor(snapshot, this.#core.snapshots);
  }
}
