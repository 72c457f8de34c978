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
 * No record is zeros throughout what it has of a sector, its frame left out, or at its end: where
 * it would be, it gets a mask (mask.ts). So zeros prove that a write was cut off.
 *
 * The log ends where the file ends or at the first block that is not sound; how that end is judged
 * is the reader's part (record-log-reader.ts).
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { isVarveError, VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { BLOCK_HEADER_BYTES } from './block-format.ts';
import type { BlockCompression, BlockWriter } from './block-writer.ts';
import { encodeFileHeader, type FileHeader, fileHeaderBytes } from './file-header.ts';
import { hasBlankPart, MASK_MAX } from './mask.ts';
import type { Pipeline } from './pipeline.ts';
import { RecordFrame } from './record-frame.ts';

const SEALED_INITIAL_BYTES = 4096;
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
  /** Holds the last record that got a mask. */
  readonly #masked: ByteWriter;
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
    this.#masked = new ByteWriter(0);
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
    const bytes = sealed.length;
    out.length = length;
    const frameBytes = this.#frame.sizeBytes;
    const at = position + frameBytes;
    const isBlank = hasBlankPart(sealed.buf, frameBytes, bytes - frameBytes, at);
    const whole = isBlank ? this.#mask(sealed.buf, bytes, blockLen) : sealed.buf;
    try {
      this.#file.write(whole, 0, bytes, position);
    } catch (error) {
      this.#poison(error);
      throw error;
    }
    this.sizeBytes += bytes;
    if (sealed !== out) sealed.restart(SEALED_KEPT_BYTES_MAX, SEALED_INITIAL_BYTES);
    if (isBlank) this.#masked.restart(SEALED_KEPT_BYTES_MAX, SEALED_INITIAL_BYTES);
  }

  /** Blocks until every appended record, and the file's directory entry, is on stable storage. */
  sync(): void {
    if (this.failure !== undefined) throw this.failure;
    try {
      this.#file.sync();
      this.#syncEntry();
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

  /** A copy of the sealed record with the first mask that leaves no part of it blank; borrowed. */
  #mask(sealed: Uint8Array, length: number, blockLen: number): Uint8Array {
    const out = this.#masked;
    const frameBytes = this.#frame.sizeBytes;
    const position = this.sizeBytes + frameBytes;
    out.reset();
    out.bytes(sealed, 0, length);
    for (let mask = 1; mask <= MASK_MAX; mask++) {
      this.#blocks.remask(out, frameBytes, blockLen, position, mask);
      if (!hasBlankPart(out.buf, frameBytes, length - frameBytes, position)) return out.buf;
    }
    throw new Error('varve invariant broken: some mask leaves no part of a record blank');
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
