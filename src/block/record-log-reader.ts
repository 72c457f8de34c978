/**
 * Reads a record log (layout: record-log-writer.ts) and finds out how it ends.
 *
 * The first bad block ends the sequence. Whether it is the torn tail of a writer that died or
 * damage to something that was acknowledged cannot be read off the block alone; the reader offers
 * the facts for that judgement: whether a sound record stands behind it, and whether the bad range
 * looks like one that was never fully written.
 *
 * A search for the next sound record goes byte by byte and trusts no length of the bad block, so
 * no sound record is missed; checksums are bound to salt and position, so none is invented.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import { assert, VarveError } from '../errors.ts';
import type { FileHandle, Fs } from '../fs/port.ts';
import {
  BLOCK_OVERHEAD_BYTES,
  BLOCK_TRAILER_BYTES,
  BlockCodec,
  type BlockFault,
} from './block-codec.ts';
import { decodeFileHeader, FILE_HEADER_BYTES, type FileHeader } from './file-header.ts';

/** Bytes read at once; the window grows only for a record that is longer. */
const WINDOW_BYTES = 256 * 1024;
/** The unit in which storage writes; a power cut leaves each one old or new. */
const SECTOR_BYTES = 512;
/** A search gives up after computing checksums over this many times the searched range. */
const SEARCH_WORK_MAX = 32;
const SEARCH_WORK_MIN_BYTES = 16 * 1024 * 1024;

/**
 * - `sound`
 * - `unwritten`: cut short, or never completely written
 * - `damaged`: complete, but no copy is sound
 * - `foreign`: sound, but of another file
 */
export type LogHeaderState = 'sound' | 'unwritten' | 'damaged' | 'foreign';

/** What {@link RecordLogReader.next} stands on. */
export type LogStep = 'record' | 'end' | 'flaw';

/**
 * - `record`: the reader stands on a sound record
 * - `none`: there is none up to the end
 * - `unclear`: too many look-alikes to check them all
 */
export type LogSearch = 'record' | 'none' | 'unclear';

/** Reads one log front to back. */
export class RecordLogReader {
  readonly path: string;
  readonly headerState: LogHeaderState;
  /** Present when `headerState` is `sound`. */
  readonly header: FileHeader | undefined;
  /** Size of the file when it was opened. */
  readonly sizeBytes: number;
  /** Reading stops here; see {@link limit}. */
  endBytes: number;
  /** Where in the file the current record or flaw begins. */
  position: number;
  /** Where the block behind the current record begins. */
  nextPosition: number;
  /** Content of the current record: `buf[contentOff, +contentLen)`, lent until the next call. */
  buf: Uint8Array;
  contentOff: number;
  contentLen: number;
  /** What is wrong at `position`, after a `flaw`. */
  flaw: string;
  readonly #file: FileHandle;
  readonly #codec: BlockCodec;
  readonly #blockType: number;
  /** File range that `buf` holds. */
  #windowStart: number;
  #windowEnd: number;

  private constructor(
    file: FileHandle,
    state: LogHeaderState,
    header: FileHeader | undefined,
    type: number,
  ) {
    this.path = file.path;
    this.headerState = state;
    this.header = header;
    this.sizeBytes = file.size();
    this.endBytes = this.sizeBytes;
    this.position = 0;
    this.nextPosition = FILE_HEADER_BYTES;
    this.buf = new Uint8Array(0);
    this.contentOff = 0;
    this.contentLen = 0;
    this.flaw = '';
    this.#file = file;
    this.#codec = new BlockCodec(file.path, header?.salt ?? new Uint8Array(16));
    this.#blockType = type;
    this.#windowStart = 0;
    this.#windowEnd = 0;
  }

  /**
   * Opens a log and judges its header, which must name `fileClass` and `fileNumber`.
   * @throws VarveError of the `Fs`; `UNSUPPORTED` for another format version
   */
  static open(
    fs: Fs,
    path: string,
    fileClass: number,
    fileNumber: number,
    blockType: number,
  ): RecordLogReader {
    const file = fs.open(path, 'read');
    try {
      const bytes = new Uint8Array(FILE_HEADER_BYTES);
      const length = file.read(bytes, 0, FILE_HEADER_BYTES, 0);
      const header = decodeFileHeader(bytes, length, path);
      const state = judgeHeader(header, bytes, length, fileClass, fileNumber);
      return new RecordLogReader(file, state, state === 'sound' ? header : undefined, blockType);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Lets reading stop at `endBytes` although the file may be longer. */
  limit(endBytes: number): void {
    this.endBytes = Math.min(this.sizeBytes, endBytes);
  }

  /**
   * To the next record. A `flaw` stays where it is: only {@link seekSound} leads past it.
   * @throws VarveError `UNSUPPORTED` for a sound record of a later version
   */
  next(): LogStep {
    assert(this.headerState === 'sound', 'records are read behind a sound header');
    this.position = this.nextPosition;
    if (this.position >= this.endBytes) return 'end';
    const fault = this.#inspect(this.position);
    if (fault === 'none') {
      this.#enter(this.position);
      return 'record';
    }
    this.flaw = FLAW_TEXT[fault];
    return 'flaw';
  }

  /**
   * To the first sound record that begins at or after `from`; `next` then goes on behind it.
   * @throws VarveError `UNSUPPORTED` for a sound record of a later version
   */
  seekSound(from: number): LogSearch {
    const range = Math.max(0, this.endBytes - from);
    let work = Math.max(SEARCH_WORK_MAX * range, SEARCH_WORK_MIN_BYTES);
    for (let at = this.#findType(from); at >= 0; at = this.#findType(at + 1)) {
      const fault = this.#inspect(at);
      if (fault === 'none') {
        this.#enter(at);
        return 'record';
      }
      if (fault !== 'checksum') continue;
      work -= BLOCK_OVERHEAD_BYTES + readU32(this.buf, at - this.#windowStart + 8);
      if (work < 0) return 'unclear';
    }
    return 'none';
  }

  /**
   * True when the bad range `[from, to)` looks like one that a power cut left partly unwritten:
   * one of its sectors holds only zeros, or zeros stand where its last checksum should. Damage to
   * written bytes leaves no such trace.
   */
  looksUnwritten(from: number, to: number): boolean {
    if (this.#isZero(Math.max(from, to - BLOCK_TRAILER_BYTES), to)) return true;
    for (let at = from; at < to; ) {
      const end = Math.min(to, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
      if (this.#isZero(at, end)) return true;
      at = end;
    }
    return false;
  }

  /**
   * True when the bad block at `position`, with nothing sound behind it, looks like the last write
   * of a writer that died: the file ends before the block does, or parts of it are unwritten.
   */
  looksTorn(position: number): boolean {
    if (this.endBytes - position < BLOCK_OVERHEAD_BYTES) return true;
    if (this.looksUnwritten(position, this.endBytes)) return true;
    if (this.#inspect(position) !== 'truncated') return false;
    const off = position - this.#windowStart;
    if (this.buf[off] !== this.#blockType) return false;
    return this.buf[off + 1] !== 0 || readU32(this.buf, off + 8) === readU32(this.buf, off + 12);
  }

  /** Closes the file. Closing twice is allowed. */
  close(): void {
    this.#file.close();
  }

  #enter(at: number): void {
    this.position = at;
    this.contentOff = this.#codec.contentOff;
    this.contentLen = this.#codec.contentLen;
    this.nextPosition = at + this.#codec.blockLen;
  }

  /** Checks the block at `at`, with as much of it in the window as its length asks for. */
  #inspect(at: number): BlockFault {
    const rest = this.endBytes - at;
    if (rest < BLOCK_OVERHEAD_BYTES) return 'truncated';
    this.#load(at, BLOCK_OVERHEAD_BYTES);
    let fault = this.#inspectWindow(at);
    if (fault === 'truncated') {
      const length = readU32(this.buf, at - this.#windowStart + 8) + BLOCK_OVERHEAD_BYTES;
      if (length > rest || length <= this.#windowEnd - at) return fault;
      this.#load(at, length);
      fault = this.#inspectWindow(at);
    }
    if (
      fault === 'unsupported' ||
      (fault === 'none' && this.#codec.blockType !== this.#blockType)
    ) {
      throw new VarveError('UNSUPPORTED', `record needs a newer version of varve (${this.path})`, {
        file: this.path,
        offset: at,
      });
    }
    return fault;
  }

  #inspectWindow(at: number): BlockFault {
    const start = this.#windowStart;
    return this.#codec.inspect(this.buf, at - start, this.#windowEnd - start, at);
  }

  /** Position of the next byte, from `from` on, that may begin a record; -1 without one. */
  #findType(from: number): number {
    let at = Math.max(from, FILE_HEADER_BYTES);
    while (this.endBytes - at >= BLOCK_OVERHEAD_BYTES) {
      this.#load(at, BLOCK_OVERHEAD_BYTES);
      if (this.#windowEnd - at < BLOCK_OVERHEAD_BYTES) break;
      const off = this.buf.indexOf(this.#blockType, at - this.#windowStart);
      if (off >= 0 && this.#windowStart + off < this.#windowEnd) return this.#windowStart + off;
      at = this.#windowEnd;
    }
    return -1;
  }

  #isZero(from: number, to: number): boolean {
    if (from >= to) return false;
    this.#load(from, to - from);
    for (let at = from; at < to; at++) if (this.buf[at - this.#windowStart] !== 0) return false;
    return true;
  }

  /** Brings `[at, at + length)`, which lies within `endBytes`, into the window. */
  #load(at: number, length: number): void {
    if (at >= this.#windowStart && at + length <= this.#windowEnd) return;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.endBytes - at);
    if (wanted > this.buf.length) this.buf = new Uint8Array(wanted);
    this.#windowStart = at;
    this.#windowEnd = at + this.#file.read(this.buf, 0, wanted, at);
  }
}

function judgeHeader(
  header: FileHeader | undefined,
  bytes: Uint8Array,
  length: number,
  fileClass: number,
  fileNumber: number,
): LogHeaderState {
  if (header === undefined) {
    if (length < FILE_HEADER_BYTES) return 'unwritten';
    for (let i = FILE_HEADER_BYTES - 8; i < length; i++) if (bytes[i] !== 0) return 'damaged';
    return 'unwritten';
  }
  const own = header.fileClass === fileClass && header.fileNumber === fileNumber;
  return own ? 'sound' : 'foreign';
}

const FLAW_TEXT = {
  none: '',
  truncated: 'record is cut short',
  header: 'record header is damaged',
  checksum: 'record checksum does not match',
  unsupported: '',
} as const;
