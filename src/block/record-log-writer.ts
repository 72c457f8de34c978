/**
 * Writes a record log: the shape that WAL and manifest share.
 *
 *     size  meaning
 *     h     file header (file-header.ts)
 *     ...   records, back to back
 *
 * A record is one block (block-format.ts), all of one type; in a log with an error-correcting code
 * a frame stands before each (record-frame.ts) and a parity section behind it.
 *
 * No record is zeros throughout what it has of a sector, its frame left out, or ends in one: where
 * it would, it gets a mask (mask.ts). So zeros prove that a write was cut off.
 *
 * Behind the last record there may be zeros up to the end of the file.
 *
 * The log ends where the file ends or at the first block that is not sound; how that end is judged
 * is the reader's part (record-log-reader.ts).
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { assert, isVarveError, VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { BLOCK_HEADER_BYTES } from './block-format.ts';
import type { BlockCompression, BlockWriter } from './block-writer.ts';
import { encodeFileHeader, type FileHeader, fileHeaderBytes } from './file-header.ts';
import { hasBlankPart, MASK_MAX } from './mask.ts';
import type { Pipeline } from './pipeline.ts';
import { RecordFrame } from './record-frame.ts';

const SEALED_INITIAL_BYTES = 4096;
/**
 * Zeros are written a page at a time. A file system keeps what one call writes together, and a sync
 * of a record within would write all of that again: 16 KiB for each record, on ext4 of Linux 6.18.
 */
const PAGE_BYTES = 4096;
/** A buffer that a huge record blew up beyond this is given back. */
const SEALED_KEPT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Appends records to a file of its own. After a failed write or sync nobody knows what the file
 * holds, so nothing may be acknowledged on top of it: the writer is poisoned, and every later
 * `append` and `sync` throws the error of the first failure.
 */
export class RecordLogWriter {
  readonly path: string;
  /** Bytes of the header and of all records whose append returned. */
  sizeBytes: number;
  /** What poisoned the writer, if anything did. */
  failure: VarveError | undefined;
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #file: FileHandle;
  readonly #pipeline: Pipeline;
  readonly #blocks: BlockWriter;
  readonly #blockType: number;
  readonly #compression: BlockCompression | undefined;
  readonly #frame: RecordFrame;
  /** Undefined where records are sealed in the caller's buffer. */
  readonly #sealed: ByteWriter | undefined;
  #entryDurable: boolean;

  private constructor(
    fs: Fs,
    directory: string,
    file: FileHandle,
    header: FileHeader,
    blockType: number,
    pipeline: Pipeline,
  ) {
    this.path = file.path;
    this.sizeBytes = fileHeaderBytes(header.protection);
    this.failure = undefined;
    this.#fs = fs;
    this.#directory = directory;
    this.#file = file;
    this.#pipeline = pipeline;
    this.#blocks = pipeline.writer(file.path, header);
    this.#blockType = blockType;
    this.#compression = pipeline.logCompression;
    this.#frame = new RecordFrame(header.protection.ecc, header.salt);
    const isInPlace = this.#blocks.isPlain && this.#compression === undefined;
    this.#sealed = isInPlace ? undefined : new ByteWriter(SEALED_INITIAL_BYTES);
    this.#entryDurable = false;
  }

  /**
   * Creates the file and writes its header; nothing is on stable storage before the first sync.
   * @throws VarveError of the `Fs`; the file is then removed again if that is possible
   */
  static create(
    fs: Fs,
    directory: string,
    name: string,
    header: FileHeader,
    blockType: number,
    pipeline: Pipeline,
  ): RecordLogWriter {
    const file = fs.open(joinPath(directory, name), 'create');
    try {
      const bytes = encodeFileHeader(header);
      file.write(bytes, 0, bytes.length, 0);
      return new RecordLogWriter(fs, directory, file, header, blockType, pipeline);
    } catch (error) {
      closeFile(file);
      removeIfPossible(fs, file.path);
      throw error;
    }
  }

  /**
   * Seals the content `out.buf[BLOCK_HEADER_BYTES, out.length)` and hands it to the file in one
   * write. Borrows `out`: the bytes before and behind the content may be overwritten.
   */
  append(out: ByteWriter): void {
    if (this.failure !== undefined) throw this.failure;
    const { length } = out;
    const sealed = this.#sealed ?? out;
    const position = this.sizeBytes;
    const blockLen =
      sealed === out
        ? this.#blocks.seal(this.#blockType, out, BLOCK_HEADER_BYTES, position)
        : this.#sealCopy(out, sealed);
    this.#mask(sealed, blockLen);
    const bytes = sealed.length;
    out.length = length;
    try {
      this.#file.write(sealed.buf, 0, bytes, position);
    } catch (error) {
      this.#poison(error);
      throw error;
    } finally {
      if (sealed === out) this.#blocks.unmask(out, 0, blockLen);
    }
    this.sizeBytes += bytes;
    if (sealed !== out) sealed.restart(SEALED_KEPT_BYTES_MAX, SEALED_INITIAL_BYTES);
  }

  /**
   * Writes zeros to `[from, to)`, behind the last record.
   * @returns false if there is no space for them; what was written of them does no harm
   */
  fillAhead(from: number, to: number): boolean {
    if (this.failure !== undefined) throw this.failure;
    const zeros = new Uint8Array(PAGE_BYTES);
    try {
      for (let at = from; at < to; ) {
        const length = Math.min(PAGE_BYTES - (at % PAGE_BYTES), to - at);
        this.#file.write(zeros, 0, length, at);
        at += length;
      }
    } catch (error) {
      if (isVarveError(error, 'NOSPACE')) return false;
      this.#poison(error);
      throw error;
    }
    return true;
  }

  /** Cuts off what stands behind the last record. */
  trim(): void {
    if (this.failure === undefined) this.#file.truncate(this.sizeBytes);
  }

  /** Blocks until every appended record, and the file's directory entry, is on stable storage. */
  sync(): void {
    this.#syncNow(true);
  }

  /** The same without the directory entry, which the caller makes durable: {@link noteEntry}. */
  syncContent(): void {
    this.#syncNow(false);
  }

  /** Takes note that the directory was synced since the file was created. */
  noteEntry(): void {
    this.#entryDurable = true;
  }

  #syncNow(withEntry: boolean): void {
    if (this.failure !== undefined) throw this.failure;
    try {
      this.#file.sync();
      if (withEntry) this.#syncEntry();
    } catch (error) {
      this.#poison(error);
      throw error;
    }
  }

  /**
   * Like {@link sync} for the records appended before the call, without blocking the thread
   * (except once, for the directory entry).
   */
  async syncAsync(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    try {
      await this.#file.syncAsync();
      // A system reports lost pages once: a blocking sync meanwhile may have been told instead.
      if (this.failure !== undefined) throw this.failure;
      this.#syncEntry();
    } catch (error) {
      this.#poison(error);
      throw error;
    }
  }

  /** Releases the file without syncing it. Closing twice is allowed; a failure is told only. */
  close(): void {
    this.#blocks.close();
    this.#pipeline.closeFile(this.#file);
  }

  /** Leaves `out` as it is: a batch is applied after it was logged. */
  #sealCopy(out: ByteWriter, sealed: ByteWriter): number {
    const frameBytes = this.#frame.sizeBytes;
    const contentOff = frameBytes + BLOCK_HEADER_BYTES;
    sealed.reset(contentOff);
    sealed.bytes(out.buf, BLOCK_HEADER_BYTES, out.length - BLOCK_HEADER_BYTES);
    const position = this.sizeBytes;
    const blockLen = this.#blocks.seal(
      this.#blockType,
      sealed,
      contentOff,
      position + frameBytes,
      this.#compression,
    );
    if (frameBytes > 0) this.#frame.write(sealed.buf, 0, blockLen, position);
    return blockLen;
  }

  /** Gives the sealed record the first mask, if any, that leaves no part of it blank. */
  #mask(sealed: ByteWriter, blockLen: number): void {
    const frameBytes = this.#frame.sizeBytes;
    const position = this.sizeBytes + frameBytes;
    const recordLen = sealed.length - frameBytes;
    for (let mask = 1; hasBlankPart(sealed.buf, frameBytes, recordLen, position); mask++) {
      assert(mask <= MASK_MAX, 'some mask leaves no part of a record blank');
      this.#blocks.remask(sealed, frameBytes, blockLen, position, mask);
    }
  }

  #syncEntry(): void {
    if (this.#entryDurable) return;
    this.#fs.syncDirectory(this.#directory);
    this.#entryDurable = true;
  }

  #poison(error: unknown): void {
    this.failure ??= isVarveError(error)
      ? error
      : new VarveError('IO', `log failed (${this.path})`, { file: this.path, cause: error });
  }
}
