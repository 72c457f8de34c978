/**
 * Reads a record log (layout: record-log-writer.ts) and finds out how it ends.
 *
 * The first bad block ends the sequence. Whether it is the torn tail of a writer that died or
 * damage to something that was acknowledged cannot be read off the block alone; the reader offers
 * the facts for that judgement: whether a sound record stands behind it, and whether the bad range
 * looks like one that was never fully written.
 *
 * A search for the next sound record goes byte by byte and trusts no length of the bad block, so
 * no sound record is missed; checksums are bound to salt and position, so none is invented. In a
 * log with an error-correcting code a record is sound if it can be repaired, and the search is for
 * frames.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import { NO_ROOM, type Room } from '../bytes/room.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { assert, corruption, VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, readAt, sizeOf } from '../fs/port.ts';
import { BLOCK_OVERHEAD_BYTES, BLOCK_PAYLOAD_BYTES_MAX } from './block-format.ts';
import {
  type BlockFault,
  type BlockReader,
  CONTENT_FAULT_TEXT,
  FAULT_TEXT,
} from './block-reader.ts';
import {
  decodeFileHeader,
  FILE_HEADER_BYTES_MAX,
  FILE_HEADER_BYTES_MIN,
  type FileHeader,
  fileHeaderBytes,
  type HeaderOwner,
  isHeaderOf,
  isIntactHeader,
} from './file-header.ts';
import { UNPROTECTED } from './file-protection.ts';
import { LogWindow } from './log-window.ts';
import type { Pipeline } from './pipeline.ts';
import { FRAME_COPY_BYTES, NO_FRAME, RecordFrame } from './record-frame.ts';
import { TornEnd } from './torn-end.ts';

/** A search gives up after looking closely at this many times the searched range. */
const SEARCH_WORK_MAX = 32;
const SEARCH_WORK_MIN_BYTES = 16 * 1024 * 1024;

/**
 * - `sound`
 * - `unwritten`: cut short, or never completely written
 * - `damaged`: complete, but no copy is sound
 * - `foreign`: sound, but of another file
 */
export type LogHeaderState = 'sound' | 'unwritten' | 'damaged' | 'foreign';

/** Why a record is not sound. */
type RecordFault = BlockFault | 'frame' | 'forged' | 'content';

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
  /** Some of it is damaged although `headerState` is `sound`. */
  readonly isHeaderDamaged: boolean;
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
  /** No interrupted write leaves this flaw: the bytes are whole, but not what was written. */
  isForged: boolean;
  readonly #file: FileHandle;
  /** Undefined unless the header is sound. */
  readonly #blocks: BlockReader | undefined;
  readonly #frame: RecordFrame;
  readonly #blockType: number;
  /** Contents are left alone. */
  readonly #isBlind: boolean;
  readonly #window: LogWindow;
  readonly #tornEnd: TornEnd;
  /** Where the block that was inspected last stands: in the window or in a copy. */
  #blockBuf: Uint8Array;
  /** Where contents go that do not stand in their block as they are. */
  #content: Room;
  /** Bytes of which a checksum was computed, or a repair tried, in vain. */
  #wastedBytes: number;

  private constructor(
    file: FileHandle,
    state: LogHeaderState,
    header: FileHeader | undefined,
    isHeaderDamaged: boolean,
    blocks: BlockReader | undefined,
    type: number,
    isBlind: boolean,
  ) {
    const { ecc } = header?.protection ?? UNPROTECTED;
    this.path = file.path;
    this.headerState = state;
    this.header = header;
    this.isHeaderDamaged = isHeaderDamaged;
    this.sizeBytes = sizeOf(file);
    this.endBytes = this.sizeBytes;
    this.position = 0;
    this.nextPosition = fileHeaderBytes(header?.protection ?? UNPROTECTED);
    this.buf = EMPTY;
    this.contentOff = 0;
    this.contentLen = 0;
    this.flaw = '';
    this.isForged = false;
    this.#file = file;
    this.#blocks = blocks;
    this.#frame = new RecordFrame(ecc, header?.salt ?? new Uint8Array(16));
    this.#blockType = type;
    this.#isBlind = isBlind;
    this.#window = new LogWindow(file, this.sizeBytes);
    const parityBytes = (blockLen: number) => blocks?.parityBytes(blockLen) ?? 0;
    this.#tornEnd = new TornEnd(this.#window, this.#frame, type, { parityBytes });
    this.#blockBuf = EMPTY;
    this.#content = NO_ROOM;
    this.#wastedBytes = 0;
  }

  /**
   * Opens a log and judges its header, which must name `fileClass` and `fileNumber`.
   * @throws VarveError of the `Fs`; `UNSUPPORTED` for another format version; `KEY` without the
   * file's key; `CORRUPTION` for a file in the clear that must be encrypted
   */
  static open(
    fs: Fs,
    path: string,
    fileClass: number,
    fileNumber: number,
    blockType: number,
    pipeline: Pipeline,
  ): RecordLogReader {
    return RecordLogReader.#open(fs, path, fileClass, fileNumber, blockType, pipeline, false);
  }

  /** Like {@link open}, for a look at the blocks alone: no key is needed, contents are empty. */
  static openBlind(
    fs: Fs,
    path: string,
    fileClass: number,
    fileNumber: number,
    blockType: number,
    pipeline: Pipeline,
  ): RecordLogReader {
    return RecordLogReader.#open(fs, path, fileClass, fileNumber, blockType, pipeline, true);
  }

  static #open(
    fs: Fs,
    path: string,
    fileClass: number,
    fileNumber: number,
    blockType: number,
    pipeline: Pipeline,
    isBlind: boolean,
  ): RecordLogReader {
    const file = fs.open(path, 'read');
    try {
      const bytes = new Uint8Array(FILE_HEADER_BYTES_MAX);
      const length = readAt(file, bytes, 0, bytes.length, 0);
      const own = { fileClass, fileNumber };
      const header = decodeFileHeader(bytes, length, path, own);
      const state = judgeHeader(header, bytes, length, own);
      if (header === undefined || state !== 'sound') {
        return new RecordLogReader(file, state, undefined, false, undefined, blockType, isBlind);
      }
      if (header.protection.suiteId === SUITE_NONE && fileNumber >= pipeline.sealedFrom) {
        throw corruption('file is in the clear where it must be encrypted', path, 0);
      }
      const isDamaged = !isIntactHeader(bytes, length, header);
      const blocks = isBlind ? pipeline.blindReader(file, header) : pipeline.reader(file, header);
      return new RecordLogReader(file, state, header, isDamaged, blocks, blockType, isBlind);
    } catch (error) {
      closeFile(file);
      throw error;
    }
  }

  /** True if the records are. */
  get isEncrypted(): boolean {
    return this.header !== undefined && this.header.protection.suiteId !== SUITE_NONE;
  }

  /** True if there may be records: a file whose creation was cut off has none. */
  get mayHoldRecords(): boolean {
    if (this.header !== undefined) return this.sizeBytes > fileHeaderBytes(this.header.protection);
    if (this.sizeBytes <= FILE_HEADER_BYTES_MIN) return false;
    return this.sizeBytes > FILE_HEADER_BYTES_MAX || !this.isBlankFrom(0);
  }

  /** Lets reading stop at `endBytes` although the file may be longer. */
  limit(endBytes: number): void {
    this.endBytes = Math.min(this.sizeBytes, endBytes);
    this.#window.endBytes = this.endBytes;
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
    this.isForged = fault === 'forged' || fault === 'content';
    return 'flaw';
  }

  /**
   * True if nothing but zeros stands from `from` on: no record begins so, and none was cut off
   * there that is known to have been begun.
   */
  isBlankFrom(from: number): boolean {
    return this.#window.isBlankFrom(from);
  }

  /**
   * To the first sound record that begins at or after `from`; `next` then goes on behind it.
   * @throws VarveError `UNSUPPORTED` for a sound record of a later version
   */
  seekSound(from: number): LogSearch {
    const range = Math.max(0, this.endBytes - from);
    const most = this.#wastedBytes + Math.max(SEARCH_WORK_MAX * range, SEARCH_WORK_MIN_BYTES);
    for (let at = this.#findRecord(from); at >= 0; at = this.#findRecord(at + 1)) {
      if (this.#inspect(at) === 'none') {
        this.#enter(at);
        return 'record';
      }
      if (this.#wastedBytes > most) return 'unclear';
    }
    return 'none';
  }

  /** As {@link TornEnd.looksUnwritten}. */
  looksUnwritten(position: number, to: number): boolean {
    return this.#tornEnd.looksUnwritten(position, to);
  }

  /** As {@link TornEnd.looksTorn}. */
  looksTorn(position: number): boolean {
    return this.#tornEnd.looksTorn(position);
  }

  /** Closes the file. Closing twice is allowed. */
  close(): void {
    this.#blocks?.close();
    closeFile(this.#file);
  }

  get #recordBytesMin(): number {
    return this.#frame.sizeBytes + BLOCK_OVERHEAD_BYTES;
  }

  #enter(at: number): void {
    const blocks = this.#blocks!;
    this.position = at;
    this.buf = blocks.buf;
    this.contentOff = blocks.contentOff;
    this.contentLen = this.#isBlind ? 0 : blocks.contentLen;
    const { blockLen } = blocks;
    this.nextPosition = at + this.#frame.sizeBytes + blockLen + blocks.parityBytes(blockLen);
  }

  /** Checks the record at `at`, repairs it if that is needed and possible, and decodes it. */
  #inspect(at: number): RecordFault {
    const blocks = this.#blocks;
    assert(blocks !== undefined, 'records are looked for behind a sound header');
    if (this.endBytes - at < this.#recordBytesMin) return 'truncated';
    const fault = this.#frame.sizeBytes === 0 ? this.#inspectBlock(at) : this.#inspectFramed(at);
    if (fault !== 'none') return fault;
    if (this.#isBlind) return 'none';
    const content = blocks.blockType === this.#blockType ? this.#decode(blocks) : 'unsupported';
    if (content !== 'unsupported') return content;
    throw new VarveError('UNSUPPORTED', `record needs a newer version of varve (${this.path})`, {
      file: this.path,
      offset: at,
    });
  }

  #decode(blocks: BlockReader): ReturnType<BlockReader['decode']> {
    const fault = blocks.decode(this.#blockBuf, this.#content);
    if (fault === 'none') this.#content = blocks.roomAfter(this.#blockBuf, this.#content);
    return fault;
  }

  /** Checks the block at `at`, with as much of it in the window as its length asks for. */
  #inspectBlock(at: number): BlockFault {
    this.#window.load(at, BLOCK_OVERHEAD_BYTES);
    let fault = this.#inspectWindow(at);
    const length = this.#claimedLength(at) + BLOCK_OVERHEAD_BYTES;
    const isBeyondWindow = length <= this.endBytes - at && length > this.#window.end - at;
    if (fault === 'truncated' && isBeyondWindow) {
      this.#window.load(at, length);
      fault = this.#inspectWindow(at);
    }
    if (fault === 'checksum') this.#wastedBytes += length;
    return fault;
  }

  #inspectWindow(at: number): BlockFault {
    const start = this.#window.start;
    this.#blockBuf = this.#window.buf;
    return this.#blocks!.inspect(this.#window.buf, at - start, this.#window.end - start, at);
  }

  #inspectFramed(at: number): BlockFault | 'frame' {
    const frame = this.#frame;
    const blockAt = at + frame.sizeBytes;
    this.#window.load(at, this.#recordBytesMin);
    const off = at - this.#window.start;
    const blockLen = frame.read(this.#window.buf, off, at);
    const isIntact = blockLen !== NO_FRAME && frame.isIntact(this.#window.buf, off, blockLen, at);
    let fault: BlockFault | 'frame';
    if (blockLen !== NO_FRAME) fault = this.#inspectLength(blockAt, blockLen);
    else fault = this.#inspectUnframed(blockAt);
    if (fault === 'none' && !isIntact) this.#blocks!.noteCopyRepair(this.#blockType, at);
    return fault;
  }

  /** All copies of a frame are lost: the next frame, or the end of the log, tells the length. */
  #inspectUnframed(blockAt: number): 'none' | 'frame' {
    if (this.#inspectBlock(blockAt) === 'none') return 'none';
    const next = this.#findFrame(blockAt + BLOCK_OVERHEAD_BYTES);
    const blockLen = this.#blocks!.lengthWithin((next < 0 ? this.endBytes : next) - blockAt);
    if (blockLen > BLOCK_PAYLOAD_BYTES_MAX + BLOCK_OVERHEAD_BYTES) return 'frame';
    return this.#inspectLength(blockAt, blockLen) === 'none' ? 'none' : 'frame';
  }

  /** Checks the block at `blockAt`, whose length is known, and repairs it if need be. */
  #inspectLength(blockAt: number, blockLen: number): BlockFault {
    const blocks = this.#blocks!;
    const rest = this.endBytes - blockAt;
    if (blockLen < BLOCK_OVERHEAD_BYTES || blockLen > rest) return 'truncated';
    this.#window.load(blockAt, blockLen);
    const fault = this.#inspectWindow(blockAt);
    if (fault === 'none' && blocks.blockLen === blockLen) return fault;
    const whole = new Uint8Array(blockLen + blocks.parityBytes(blockLen));
    readAt(this.#file, whole, 0, Math.min(whole.length, rest), blockAt);
    this.#blockBuf = whole;
    if (blocks.repair(this.#blockType, whole, 0, blockLen, blockAt)) return 'none';
    this.#wastedBytes += blockLen;
    // All of it is there: what its header claims does not make it cut short.
    return fault === 'checksum' ? fault : 'header';
  }

  /** The payload length that the block at `blockAt`, just inspected, claims. */
  #claimedLength(blockAt: number): number {
    const isLoaded = blockAt >= this.#window.start && blockAt + 12 <= this.#window.end;
    return isLoaded ? readU32(this.#window.buf, blockAt - this.#window.start + 8) : 0;
  }

  /** Position of the next byte, from `from` on, that may begin a record; -1 without one. */
  #findRecord(from: number): number {
    const first = Math.max(from, fileHeaderBytes(this.header!.protection));
    return this.#frame.sizeBytes === 0 ? this.#findType(first) : this.#findFrame(first);
  }

  #findType(from: number): number {
    let at = from;
    while (this.endBytes - at >= BLOCK_OVERHEAD_BYTES) {
      this.#window.load(at, BLOCK_OVERHEAD_BYTES);
      if (this.#window.end - at < BLOCK_OVERHEAD_BYTES) break;
      const off = this.#window.buf.indexOf(this.#blockType, at - this.#window.start);
      if (off >= 0 && this.#window.start + off < this.#window.end) return this.#window.start + off;
      at = this.#window.end;
    }
    return -1;
  }

  /** Any sound copy of a frame shows where its record begins; a block follows the last one. */
  #findFrame(from: number): number {
    let at = from;
    const least = FRAME_COPY_BYTES + BLOCK_OVERHEAD_BYTES;
    while (this.endBytes - at >= least) {
      this.#window.load(at, least);
      const end = this.#window.end - least;
      if (at > end) break;
      for (; at <= end; at++) {
        const index = this.#frame.copyIndex(this.#window.buf, at - this.#window.start, at);
        const begin = at - index * FRAME_COPY_BYTES;
        if (index >= 0 && begin >= from) return begin;
      }
    }
    return -1;
  }
}

const EMPTY = new Uint8Array(0);

function judgeHeader(
  header: FileHeader | undefined,
  bytes: Uint8Array,
  length: number,
  own: HeaderOwner,
): LogHeaderState {
  if (header === undefined) {
    if (length < FILE_HEADER_BYTES_MIN) return 'unwritten';
    const end = FILE_HEADER_BYTES_MIN;
    for (let i = end - 8; i < end; i++) if (bytes[i] !== 0) return 'damaged';
    return 'unwritten';
  }
  return isHeaderOf(header, own) ? 'sound' : 'foreign';
}

const FLAW_TEXT = {
  ...FAULT_TEXT,
  ...CONTENT_FAULT_TEXT,
  none: '',
  frame: 'record has lost its length',
} as const;
