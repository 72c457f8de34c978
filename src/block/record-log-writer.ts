/**
 * Writes a record log: the shape that WAL and manifest share.
 *
 *     offset  size  meaning
 *     0       128   file header (file-header.ts)
 *     128     ...   blocks of one type, back to back (block-codec.ts); one block is one record
 *
 * The log ends where the file ends or at the first block that is not sound; how that end is judged
 * is the reader's part (record-log-reader.ts).
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import { type FileHandle, type Fs, joinPath } from '../fs/port.ts';
import { BLOCK_HEADER_BYTES, BlockCodec } from './block-codec.ts';
import { encodeFileHeader, FILE_HEADER_BYTES, type FileHeader } from './file-header.ts';

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
  readonly #codec: BlockCodec;
  readonly #blockType: number;
  #entryDurable: boolean;

  private constructor(
    fs: Fs,
    directory: string,
    file: FileHandle,
    salt: Uint8Array,
    blockType: number,
  ) {
    this.path = file.path;
    this.sizeBytes = FILE_HEADER_BYTES;
    this.failure = undefined;
    this.#fs = fs;
    this.#directory = directory;
    this.#file = file;
    this.#codec = new BlockCodec(file.path, salt);
    this.#blockType = blockType;
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
  ): RecordLogWriter {
    const file = fs.open(joinPath(directory, name), 'create');
    try {
      file.write(encodeFileHeader(header), 0, FILE_HEADER_BYTES, 0);
    } catch (error) {
      file.close();
      removeIfPossible(fs, file.path);
      throw error;
    }
    return new RecordLogWriter(fs, directory, file, header.salt, blockType);
  }

  /**
   * Seals `buf[contentOff, contentOff + contentLen)` in place and hands it to the file in one
   * write. Borrows `buf` and overwrites `BLOCK_HEADER_BYTES` before and `BLOCK_TRAILER_BYTES`
   * behind the content.
   */
  append(buf: Uint8Array, contentOff: number, contentLen: number): void {
    if (this.failure !== undefined) throw this.failure;
    const position = this.sizeBytes;
    const length = this.#codec.seal(this.#blockType, buf, contentOff, contentLen, position);
    try {
      this.#file.write(buf, contentOff - BLOCK_HEADER_BYTES, length, position);
    } catch (error) {
      this.#poison(error);
      throw error;
    }
    this.sizeBytes = position + length;
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

  /** Releases the file without syncing it. Closing twice is allowed. */
  close(): void {
    this.#file.close();
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

/** Removes a file that nothing depends on; what stays behind is swept when a database opens. */
export function removeIfPossible(fs: Fs, path: string): void {
  try {
    fs.remove(path);
  } catch (error) {
    if (!isVarveError(error)) throw error;
  }
}
