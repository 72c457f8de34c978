/**
 * Writes one log of the WAL. The layout of a log is in block/record-log-writer.ts, that of its
 * records in wal-record.ts.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../block/block-format.ts';
import { FILE_CLASS_WAL } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { RecordLogWriter } from '../block/record-log-writer.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { writeU32, writeU64 } from '../bytes/fixed.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { assert, type VarveError } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { walName } from '../manifest/file-names.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';
import { LogExtent } from './log-extent.ts';
import { encodeClosing, WAL_RECORD_PREFIX_BYTES } from './wal-record.ts';

/**
 * Appends write batches to a log of its own. A failed append or sync poisons the writer: all later
 * ones throw the same error, and the writes that follow go to a new log whose base seqno is the
 * last one that counts, which voids whatever the failed call left behind.
 */
export class WalWriter {
  readonly identity: LogIdentity;
  /** Of the last appended record, or the base seqno. */
  lastSeqno: number;
  readonly #log: RecordLogWriter;
  readonly #extent: LogExtent;
  /** The record that names the next log is written, but not known to be on stable storage. */
  #isClosingUnsynced: boolean;

  private constructor(identity: LogIdentity, baseSeqno: number, log: RecordLogWriter) {
    this.identity = identity;
    this.lastSeqno = baseSeqno;
    this.#log = log;
    this.#extent = new LogExtent(log);
    this.#isClosingUnsynced = false;
  }

  /**
   * Creates an empty log. Its header and its directory entry are on stable storage when this
   * returns, so that no power cut takes a log out of the middle of the chain.
   * @param syncsEntry false where the caller syncs the directory before anything names the log, and
   * says so by {@link noteEntry}
   * @param previousNumber the log before it, 0 if there is none
   * @param baseSeqno the last seqno that the preceding logs and tables hold: records of preceding
   * logs above it are void from now on
   * @throws VarveError of the `Fs`
   */
  static create(
    fs: Fs,
    directory: string,
    fileNumber: number,
    previousNumber: number,
    baseSeqno: number,
    pipeline: Pipeline,
    syncsEntry = true,
  ): WalWriter {
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_WAL,
      fileNumber,
      previousNumber,
      baseSeqno,
      protection: pipeline.logProtection,
    });
    const name = walName(fileNumber);
    const type = BLOCK_WAL_RECORD;
    const log = RecordLogWriter.create(fs, directory, name, header, type, pipeline);
    try {
      if (header.protection.suiteId !== SUITE_NONE) {
        // First the header alone: bytes behind one that is not there are taken for lost records.
        log.syncContent();
        appendOpening(log);
      }
      if (syncsEntry) log.sync();
      else log.syncContent();
    } catch (error) {
      log.close();
      removeIfPossible(fs, log.path);
      throw error;
    }
    return new WalWriter(header, baseSeqno, log);
  }

  get fileNumber(): number {
    return this.identity.fileNumber;
  }

  get path(): string {
    return this.#log.path;
  }

  /** Bytes of the log that count: where it ends if it is closed now. */
  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /** What poisoned the writer, if anything did. */
  get failure(): VarveError | undefined {
    return this.#log.failure;
  }

  /**
   * Appends one record in one write; it survives the death of the process when this returns.
   *
   * Borrows `out`, whose bytes from `BLOCK_HEADER_BYTES` on are the record's content, and
   * overwrites its first `WAL_RECORD_PREFIX_BYTES` and what surrounds it.
   * @param firstSeqno the log's last seqno + 1
   * @param durableSeqno the highest seqno known to be on stable storage, over all logs
   * @throws VarveError of the `Fs`, or the one that poisoned the writer
   */
  append(out: ByteWriter, firstSeqno: number, count: number, durableSeqno: number): void {
    assert(firstSeqno === this.lastSeqno + 1, 'seqnos of a log leave no gap');
    assert(durableSeqno < firstSeqno && count > 0, 'a record follows what is durable');
    const contentLen = out.length - BLOCK_HEADER_BYTES;
    assert(contentLen >= WAL_RECORD_PREFIX_BYTES, 'content has room for its prefix');
    writeU64(out.buf, BLOCK_HEADER_BYTES, firstSeqno);
    writeU64(out.buf, BLOCK_HEADER_BYTES + 8, durableSeqno);
    writeU32(out.buf, BLOCK_HEADER_BYTES + 16, count);
    this.#log.append(out);
    this.lastSeqno = firstSeqno + count - 1;
  }

  /**
   * Appends the last record, which names the log that follows: without it no record there counts.
   * @throws VarveError of the `Fs`, or the one that poisoned the writer
   */
  appendClosing(next: LogIdentity): void {
    const out = new ByteWriter(BLOCK_HEADER_BYTES);
    out.reset(BLOCK_HEADER_BYTES);
    encodeClosing(out, next);
    this.#log.append(out);
    this.#isClosingUnsynced = true;
  }

  /** True if something in it must be synced before writes above `durableSeqno` are durable. */
  needsSync(durableSeqno: number): boolean {
    return this.#isClosingUnsynced || this.lastSeqno > durableSeqno;
  }

  /** Takes note that the directory was synced since the log was created. */
  noteEntry(): void {
    this.#log.noteEntry();
  }

  /** Blocks until every appended record is on stable storage. */
  sync(): void {
    this.#extent.beforeSync();
    this.#log.sync();
    this.#isClosingUnsynced = false;
  }

  /** Like {@link sync} for the records appended before the call, without blocking the thread. */
  async syncAsync(): Promise<void> {
    const isClosingUnsynced = this.#isClosingUnsynced;
    this.#extent.beforeSync();
    await this.#log.syncAsync();
    if (isClosingUnsynced) this.#isClosingUnsynced = false;
  }

  /** Cuts off the room ahead of its records (log-extent.ts), when no more will come; not synced. */
  trim(): void {
    this.#extent.trim();
  }

  /** Releases the file without syncing it. Closing twice is allowed. */
  close(): void {
    this.#log.close();
  }
}

/** The record that vouches for the header of an encrypted log (wal-record.ts). */
function appendOpening(log: RecordLogWriter): void {
  const out = new ByteWriter(BLOCK_HEADER_BYTES);
  out.reset(BLOCK_HEADER_BYTES);
  log.append(out);
}
