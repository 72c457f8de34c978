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
import type { Scheduler } from './background/scheduler.ts';
import { DEFAULT_FAMILY_ID } from './column-family.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import type { Flusher } from './flush.ts';
import { resumeWriting } from './resume.ts';
import { type BatchEncoder, bindToFamily, OPERATIONS_OFF, OperationReader } from './write-batch.ts';

/** How often a write looks whether a full disk has space again. */
const RESUME_INTERVAL_MS = 1000;

/** A batch of this size is no record of more than `RECORD_BYTES_MAX`, whatever the code. */
const UNCHECKED_BYTES_MAX: number = RECORD_BYTES_MAX / 16;

/** Writes batches to one database. */
export class WritePath {
  readonly #core: DbCore;
  readonly #scheduler: Scheduler;
  readonly #flusher: Flusher;
  readonly #operations: OperationReader;
  /** Operations without a handle are of the default family, and it wants checksums. */
  readonly #checksDefault: boolean;
  /** The error of a full disk, and when to look next for space, on the monotonic clock. */
  #resumesAfter: VarveError | undefined;
  #resumeAtMs: number;
  /** The end of the last `writeAsync`, whatever came of it. */
  #lastAsync: Promise<void>;

  constructor(core: DbCore, scheduler: Scheduler, flusher: Flusher) {
    this.#core = core;
    this.#scheduler = scheduler;
    this.#flusher = flusher;
    this.#operations = new OperationReader();
    this.#checksDefault = core.families.get(DEFAULT_FAMILY_ID)!.settings.entryChecksums;
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
    if (this.#flusher.isWeighingDue) {
      const full = this.#flusher.fullFamilies();
      if (noWait) this.#scheduler.assertRoom(full.length > 0);
      else this.#scheduler.makeRoom(full.length > 0);
      this.#core.assertWritable();
      this.#flusher.endWeighing(full);
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
    const flusher = this.#flusher;
    if (flusher.isWeighingDue) {
      await this.#scheduler.makeRoomAsync(() => flusher.fullFamilies().length > 0);
      // Others may have written in the meantime, and dropped families.
      this.#assertPossible(encoder, isSynced);
      flusher.endWeighing(flusher.fullFamilies());
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
      this.#flusher.noteWritten(encoder.operationBytes);
      this.#scheduler.charge(encoder.operationBytes);
    } else if (sync) {
      core.wal?.syncNow();
    }
    return core.lastSeqno;
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
      resumeWriting(this.#core, this.#scheduler, this.#flusher);
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
