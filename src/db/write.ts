/**
 * The write path: log, then memtable, then a share of the background work.
 * @module
 */
import { hash32 } from '../bytes/hash32.ts';
import { assert, VarveError } from '../errors.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import type { FlushJob } from './flush-job.ts';
import type { Scheduler } from './scheduler.ts';
import { type BatchEncoder, OPERATIONS_OFF, OperationReader } from './write-batch.ts';

/** Live logs may hold this many write buffers before all families are flushed. */
const WAL_BUFFERS_MAX = 4;
/** Memtables are weighed this often while they fill. */
const WEIGHINGS_PER_BUFFER = 32;
/** Bytes of one step of a flush that is waited for; nothing else runs between the steps. */
const FLUSH_STEP_BYTES = 4_194_304;

/** Writes batches to one database. */
export class WritePath {
  readonly #core: DbCore;
  readonly #scheduler: Scheduler;
  readonly #operations: OperationReader;
  /** Bytes written since the memtables' sizes were last looked at. */
  #unweighedBytes: number;

  constructor(core: DbCore, scheduler: Scheduler) {
    this.#core = core;
    this.#scheduler = scheduler;
    this.#operations = new OperationReader();
    this.#unweighedBytes = 0;
  }

  /**
   * Writes all operations of the encoder as one atomic batch; borrows it. On return the batch is in
   * the operating system's hands, with `sync` on stable storage.
   * @returns the seqno of its last operation; the newest seqno when it is empty
   * @throws VarveError when writing is not possible; the batch then has no effect that a reader of
   * this database sees
   */
  write(encoder: BatchEncoder, sync: boolean): number {
    const core = this.#core;
    core.assertWritable();
    if (sync && core.wal === undefined) {
      throw new VarveError('INVALID', 'without a WAL only a flush makes writes durable');
    }
    this.#checkFamilies(encoder);
    if (this.#unweighedBytes * WEIGHINGS_PER_BUFFER >= core.settings.writeBufferBytes) {
      this.#unweighedBytes = 0;
      this.#makeRoom();
    }
    if (encoder.count > 0) {
      if (core.lastSeqno > SEQNO_MAX - encoder.count) {
        throw new VarveError('INVALID', 'the database has used up its sequence numbers');
      }
      this.#log(encoder, sync);
      this.#apply(encoder);
      this.#unweighedBytes += encoder.operationBytes;
      this.#scheduler.charge(encoder.operationBytes);
    } else if (sync) {
      core.wal?.syncNow();
    }
    return core.lastSeqno;
  }

  /** Freezes the active memtables of the given families and queues their flush. */
  freeze(families: readonly Family[]): FlushJob | undefined {
    const core = this.#core;
    const full = families.filter((family) => !family.active.memtable.isEmpty);
    if (full.length === 0) return undefined;
    core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    const members = full.map((family) => {
      const entry = family.active;
      family.frozen.push(entry);
      family.active = core.newMemtable();
      core.refreshView(family);
      return { family, entry };
    });
    return this.#scheduler.addFlush(members);
  }

  /**
   * Puts everything that memory holds into tables, without giving anyone else a turn.
   * @throws VarveError what stopped it
   */
  flushNow(): void {
    this.freeze([...this.#core.families.values()]);
    // In one group: a failed log cannot be relied on to hold what one part leaves to a later one.
    this.#scheduler.joinFlushes();
    while (!this.#scheduler.isFlushed && this.#scheduler.step(FLUSH_STEP_BYTES));
    if (this.#core.backgroundError !== undefined) throw this.#core.backgroundError;
  }

  /** Families that a flush of `family` has to take along: without a log, all of them. */
  flushGroup(family: Family): Family[] {
    return this.#core.wal === undefined ? [...this.#core.families.values()] : [family];
  }

  #checkFamilies(encoder: BatchEncoder): void {
    for (const handle of encoder.families) {
      if (this.#core.families.get(handle.id)?.handle !== handle) {
        const text = `column family '${handle.name}' was dropped or is of another database`;
        throw new VarveError('INVALID', text);
      }
    }
  }

  #makeRoom(): void {
    const { families, settings, wal } = this.#core;
    const filled = [...families.values()].filter((family) => !family.active.memtable.isEmpty);
    let total = 0;
    for (const family of filled) total += family.active.memtable.sizeBytes;
    const isFull = total >= settings.writeBufferBytes;
    const isLogFull =
      wal !== undefined && wal.sizeBytes > settings.writeBufferBytes * WAL_BUFFERS_MAX;
    if (filled.length === 0 || !(isFull || isLogFull)) return;
    this.#scheduler.makeRoom();
    this.#core.assertWritable();
    const isAll = isLogFull || wal === undefined;
    try {
      this.freeze(isAll ? filled : largestHalf(filled, total));
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  #log(encoder: BatchEncoder, sync: boolean): void {
    const { counters, wal, lastSeqno } = this.#core;
    counters.operationsWritten += encoder.count;
    counters.userBytesWritten += encoder.operationBytes;
    if (wal === undefined) return;
    try {
      wal.append(encoder, lastSeqno + 1);
      if (sync) wal.syncNow();
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  #apply(encoder: BatchEncoder): void {
    const core = this.#core;
    const operations = this.#operations;
    operations.reset(encoder.writer.buf, OPERATIONS_OFF, encoder.writer.length);
    const logNumber = core.wal?.activeNumber ?? 0;
    try {
      let seqno = core.lastSeqno;
      let family: Family | undefined;
      for (let i = 0; i < encoder.count; i++) {
        const isSound = operations.next();
        assert(isSound, 'a batch holds the operations it counts');
        if (family?.handle.id !== operations.familyId) {
          family = core.families.get(operations.familyId)!;
        }
        this.#insert(family, ++seqno, logNumber);
      }
      core.lastSeqno = seqno;
    } catch (error) {
      // Logged but not readable: only reopening the database makes the two agree again.
      throw core.fail(error);
    }
  }

  #insert(family: Family, seqno: number, logNumber: number): void {
    const { buf, keyOff, keyLen, kind, valOff, valLen } = this.#operations;
    const active = family.active;
    if (active.memtable.isEmpty) active.firstLogNumber = logNumber;
    const hash = hash32(buf, keyOff, keyLen);
    active.memtable.put(buf, keyOff, keyLen, hash, seqno, kind, buf, valOff, valLen);
  }
}

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
