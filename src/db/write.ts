/**
 * The write path: log, then memtable, then a share of the background work.
 * @module
 */
import { BLOCK_HEADER_BYTES, RECORD_BYTES_MAX } from '../block/block-format.ts';
import { hash32 } from '../bytes/hash32.ts';
import { assert, VarveError } from '../errors.ts';
import { freeBytesIn } from '../fs/port.ts';
import { entryMismatch, NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { KIND_DELETE, SEQNO_MAX } from '../key/kind.ts';
import type { Flush } from './background/flush.ts';
import type { Scheduler } from './background/scheduler.ts';
import { DEFAULT_FAMILY_ID } from './column-family.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { balanceMemory } from './memory-budget.ts';
import { resumeWriting } from './resume.ts';
import { type BatchEncoder, bindToFamily, OPERATIONS_OFF, OperationReader } from './write-batch.ts';

/** How often a write looks whether a full disk has space again. */
const RESUME_INTERVAL_MS = 1000;
/** Live logs may hold this many write buffers before all families are flushed. */
const WAL_BUFFERS_MAX = 4;
/** Memtables are weighed this often while they fill. */
const WEIGHINGS_PER_BUFFER = 32;

/** A batch of this size is no record of more than `RECORD_BYTES_MAX`, whatever the code. */
const UNCHECKED_BYTES_MAX: number = RECORD_BYTES_MAX / 16;

/** Writes batches to one database. */
export class WritePath {
  readonly #core: DbCore;
  readonly #scheduler: Scheduler;
  readonly #operations: OperationReader;
  /** Operations without a handle are of the default family, and it wants checksums. */
  readonly #checksDefault: boolean;
  /** Bytes written since the memtables' sizes were last looked at. */
  #unweighedBytes: number;
  /** The error of a full disk, and when to look next for space, on the monotonic clock. */
  #resumesAfter: VarveError | undefined;
  #resumeAtMs: number;
  /** The end of the last `writeAsync`, whatever came of it. */
  #lastAsync: Promise<void>;

  constructor(core: DbCore, scheduler: Scheduler) {
    this.#core = core;
    this.#scheduler = scheduler;
    this.#operations = new OperationReader();
    this.#checksDefault = core.families.get(DEFAULT_FAMILY_ID)!.settings.entryChecksums;
    this.#unweighedBytes = 0;
    this.#resumesAfter = undefined;
    this.#resumeAtMs = 0;
    this.#lastAsync = Promise.resolve();
  }

  /**
   * Writes all operations of the encoder as one atomic batch; borrows it. On return the batch is in
   * the operating system's hands, with `sync` on stable storage.
   * @param noWait whether to throw `BUSY` where the write would have to wait for background work
   * @returns the seqno of its last operation; the newest seqno when it is empty
   * @throws VarveError when writing is not possible; the batch then has no effect that a reader of
   * this database sees. `CORRUPTION` also when an operation does not match its entry checksum any
   * more: then nothing was written, and other writes go on
   */
  write(encoder: BatchEncoder, sync: boolean, noWait = false): number {
    this.#assertPossible(encoder, sync);
    if (this.#mustWeigh) {
      const full = this.#fullFamilies();
      if (noWait) this.#scheduler.assertRoom(full.length > 0);
      else this.#scheduler.makeRoom(full.length > 0);
      this.#core.assertWritable();
      this.#endWeighing(full);
    }
    return this.#write(encoder, sync);
  }

  /**
   * As {@link write}, but room and stable storage are waited for with turns of the host; so the
   * encoder is borrowed until the promise settles. Calls take effect in their order. Rejects as
   * that throws.
   */
  async writeAsync(encoder: BatchEncoder, isSynced: boolean): Promise<number> {
    const written = this.#lastAsync.then(() => this.#writeNext(encoder, isSynced));
    this.#lastAsync = written.then(ignore, ignore);
    const seqno = await written;
    // Not in the row of the writes: those that wait for it share one.
    if (isSynced) await this.sync();
    return seqno;
  }

  async #writeNext(encoder: BatchEncoder, isSynced: boolean): Promise<number> {
    this.#assertPossible(encoder, isSynced);
    if (this.#mustWeigh) {
      await this.#scheduler.makeRoomAsync(() => this.#fullFamilies().length > 0);
      // Others may have written in the meantime, and dropped families.
      this.#assertPossible(encoder, isSynced);
      this.#endWeighing(this.#fullFamilies());
    }
    return this.#write(encoder, false);
  }

  /** Resolves when what was written is on stable storage; only with a WAL. */
  async sync(): Promise<void> {
    try {
      await this.#core.wal!.sync();
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  #write(encoder: BatchEncoder, sync: boolean): number {
    const core = this.#core;
    if (encoder.count > 0) {
      if (core.lastSeqno > SEQNO_MAX - encoder.count) {
        throw new VarveError('INVALID', 'the database has used up its sequence numbers');
      }
      const isChecked = this.#checksDefault || encoder.checksums.length > 0;
      if (isChecked) this.#checkEntries(encoder);
      this.#log(encoder, sync);
      this.#apply(encoder, isChecked);
      if (core.watchers.count > 0) this.#tellWatchers(encoder);
      this.#unweighedBytes += encoder.operationBytes;
      this.#scheduler.charge(encoder.operationBytes);
    } else if (sync) {
      core.wal?.syncNow();
    }
    return core.lastSeqno;
  }

  /** Freezes the active memtables of the given families and queues their flush. */
  freeze(families: readonly Family[]): Flush | undefined {
    const core = this.#core;
    const full = families.filter((family) => !family.active.memtable.isEmpty);
    if (full.length === 0) return undefined;
    if (!core.begin()) core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    // What may fail comes before the first is frozen: without a flush it would never go.
    const next = full.map(({ settings, active }) => core.newMemtable(settings, active.memtable));
    const members = full.map((family, i) => {
      const entry = family.active;
      family.frozen.push(entry);
      family.active = next[i]!;
      core.refreshView(family);
      return { family, entry };
    });
    return this.#scheduler.addFlush(members);
  }

  /** As {@link freeze}; a failure stops writing. */
  freezeOrFail(families: readonly Family[]): Flush | undefined {
    try {
      return this.freeze(families);
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  /**
   * Puts everything that memory holds into tables, without giving anyone else a turn.
   * @throws VarveError what stopped it
   */
  flushNow(): void {
    this.freeze([...this.#core.families.values()]);
    // In one group: a failed log cannot be relied on to hold what one part leaves to a later one.
    this.#scheduler.joinFlushes();
    this.#scheduler.blockUntil(() => this.#scheduler.isFlushed);
    if (this.#core.backgroundError !== undefined) throw this.#core.backgroundError;
  }

  /** Goes back to writing after an error; see `resumeWriting`. */
  resume(): void {
    resumeWriting(this.#core, this.#scheduler, () => this.flushNow());
  }

  /** Families that a flush of `family` has to take along: without a log, all of them. */
  flushGroup(family: Family): Family[] {
    return this.#core.wal === undefined ? [...this.#core.families.values()] : [family];
  }

  /** A disk that was full may have space again; looks after a while, and again after another. */
  #resumeIfSpace(): void {
    const { location, settings, fs, backgroundError } = this.#core;
    const now = location.clock.monotonic();
    const isNew = this.#resumesAfter !== backgroundError;
    if (!isNew && now < this.#resumeAtMs) return;
    this.#resumesAfter = backgroundError;
    this.#resumeAtMs = now + RESUME_INTERVAL_MS;
    if (isNew) return;
    const freeBytes = freeBytesIn(fs, location.directory) ?? Number.POSITIVE_INFINITY;
    if (freeBytes < settings.writeBufferBytes) return;
    try {
      this.resume();
    } catch {
      // It is stopped as before; the write that asked says why.
    }
  }

  #assertPossible(encoder: BatchEncoder, sync: boolean): void {
    const core = this.#core;
    if (core.backgroundError?.code === 'NOSPACE') this.#resumeIfSpace();
    core.assertWritable();
    if (sync && core.wal === undefined) {
      throw new VarveError('INVALID', 'without a WAL only a flush makes writes durable');
    }
    this.#checkFamilies(encoder);
    if (encoder.operationBytes > UNCHECKED_BYTES_MAX) this.#checkRecord(encoder);
  }

  /** With a code that multiplies what is written, a log cannot take every batch. */
  #checkRecord({ writer }: BatchEncoder): void {
    const { wal, pipeline } = this.#core;
    if (wal === undefined) return;
    const recordBytes = pipeline.logRecordBytes(writer.length - BLOCK_HEADER_BYTES);
    if (recordBytes <= RECORD_BYTES_MAX) return;
    throw new RangeError(
      `with its error correction the batch takes ${recordBytes} bytes of the log, of at most ` +
        `${RECORD_BYTES_MAX}`,
    );
  }

  #checkFamilies(encoder: BatchEncoder): void {
    for (const handle of encoder.families) {
      if (this.#core.families.get(handle.id)?.handle !== handle) {
        const text = `column family '${handle.name}' was dropped or is of another database`;
        throw new VarveError('INVALID', text);
      }
    }
  }

  /** True when it is time to look at the memtables' sizes, and at how far the trees are behind. */
  get #mustWeigh(): boolean {
    return this.#unweighedBytes * WEIGHINGS_PER_BUFFER >= this.#core.settings.writeBufferBytes;
  }

  /** Families whose memtables are to be frozen now. */
  #fullFamilies(): Family[] {
    const { families, settings, wal } = this.#core;
    const filled = [...families.values()].filter((family) => !family.active.memtable.isEmpty);
    let total = 0;
    for (const family of filled) total += family.active.memtable.sizeBytes;
    const isLogFull =
      wal !== undefined && wal.sizeBytes > settings.writeBufferBytes * WAL_BUFFERS_MAX;
    if (isLogFull) return filled;
    if (total < settings.writeBufferBytes) return [];
    return wal === undefined ? filled : largestHalf(filled, total);
  }

  #endWeighing(full: readonly Family[]): void {
    this.#unweighedBytes = 0;
    this.freezeOrFail(full);
    balanceMemory(this.#core);
  }

  #log(encoder: BatchEncoder, sync: boolean): void {
    const { counters, wal, lastSeqno } = this.#core;
    counters.operationsWritten += encoder.count;
    counters.userBytesWritten += encoder.operationBytes;
    if (wal === undefined) return;
    try {
      this.#core.begin();
      wal.append(encoder, lastSeqno + 1);
      if (sync) wal.syncNow();
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  #tellWatchers({ writer, count }: BatchEncoder): void {
    const { watchers, lastSeqno } = this.#core;
    watchers.note(writer.buf, OPERATIONS_OFF, writer.length, count, lastSeqno);
  }

  /** Holds the operations against their checksums, and computes those that are missing. */
  #checkEntries(encoder: BatchEncoder): void {
    const operations = this.#operations;
    operations.reset(encoder.writer.buf, OPERATIONS_OFF, encoder.writer.length);
    for (let i = 0; i < encoder.count; i++) {
      const isSound = operations.next();
      const { familyId } = operations;
      const family = this.#core.families.get(familyId);
      if (!isSound || family === undefined) throw entryMismatch(`write batch, operation ${i}`);
      const stored = encoder.checksums[i] ?? NO_ENTRY_CHECKSUM;
      if (stored === NO_ENTRY_CHECKSUM) {
        if (family.settings.entryChecksums) {
          encoder.setChecksum(i, operations.entryChecksum(), familyId);
        }
      } else if (stored !== bindToFamily(operations.entryChecksum(), familyId)) {
        const where = `write batch, operation ${i}, column family '${family.handle.name}'`;
        throw entryMismatch(where);
      }
    }
  }

  #apply(encoder: BatchEncoder, isChecked: boolean): void {
    const core = this.#core;
    this.#operations.reset(encoder.writer.buf, OPERATIONS_OFF, encoder.writer.length);
    const logNumber = core.wal?.activeNumber ?? 0;
    try {
      if (isChecked) this.#insertChecked(encoder, logNumber);
      else this.#insert(encoder, logNumber);
      core.lastSeqno += encoder.count;
    } catch (error) {
      // Logged but not readable: only reopening the database makes the two agree again.
      throw core.fail(error);
    }
  }

  #insert(encoder: BatchEncoder, logNumber: number): void {
    const operations = this.#operations;
    let seqno = this.#core.lastSeqno;
    let family: Family | undefined;
    for (let i = 0; i < encoder.count; i++) {
      family = this.#nextOperation(family, logNumber);
      const { buf, keyOff, keyLen, kind, valOff, valLen } = operations;
      if (kind !== KIND_DELETE) family.skipped.notePut(buf, keyOff, keyLen);
      const hash = hash32(buf, keyOff, keyLen);
      const { memtable } = family.active;
      memtable.put(buf, keyOff, keyLen, hash, ++seqno, kind, buf, valOff, valLen);
    }
  }

  /** As `#insert`, where some families want checksums. */
  #insertChecked(encoder: BatchEncoder, logNumber: number): void {
    const operations = this.#operations;
    let seqno = this.#core.lastSeqno;
    let family: Family | undefined;
    for (let i = 0; i < encoder.count; i++) {
      family = this.#nextOperation(family, logNumber);
      const { buf, familyId, keyOff, keyLen, kind, valOff, valLen } = operations;
      if (kind !== KIND_DELETE) family.skipped.notePut(buf, keyOff, keyLen);
      const hash = hash32(buf, keyOff, keyLen);
      const { memtable } = family.active;
      seqno++;
      if (family.settings.entryChecksums) {
        const sum = bindToFamily(encoder.checksums[i]!, familyId);
        memtable.putChecked(buf, keyOff, keyLen, hash, seqno, kind, buf, valOff, valLen, sum);
      } else {
        memtable.put(buf, keyOff, keyLen, hash, seqno, kind, buf, valOff, valLen);
      }
    }
  }

  /** Reads the next operation and finds its family, likely that of the last one. */
  #nextOperation(last: Family | undefined, logNumber: number): Family {
    const operations = this.#operations;
    const isSound = operations.next();
    assert(isSound, 'a batch holds the operations it counts');
    const { familyId } = operations;
    const family = last?.handle.id === familyId ? last : this.#core.families.get(familyId)!;
    const { active } = family;
    if (active.memtable.isEmpty) active.firstLogNumber = logNumber;
    return family;
  }
}

function ignore(): void {}

/** The families with the largest memtables, which hold half of all that memory together. */
function largestHalf(filled: readonly Family[], totalBytes: number): Family[] {
  const sorted = [...filled].sort(
    (a, b) => b.active.memtable.sizeBytes - a.active.memtable.sizeBytes,
  );
  let bytes = 0;
  let count = 0;
  while (bytes * 2 < totalBytes) bytes += sorted[count++]!.active.memtable.sizeBytes;
  return sorted.slice(0, count);
}
