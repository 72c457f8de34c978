/**
 * Goes from block to block through a table or log that may be damaged anywhere.
 *
 * Where a sound place tells a block's length (index, footer, frame) it is taken from there. Where
 * none does, the block's own header is believed if the block is sound or leads to one that is; else
 * the next sound block is searched byte by byte, and what stands between is tried as one block that
 * the file's code repairs. Memory is one block's; the checksums that a search computes are limited.
 * @module
 */

import { readU16, readU32 } from '../bytes/fixed.ts';
import { CODEC_NONE, CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import { createEccCodec } from '../ecc/codec.ts';
import type { EccCodec } from '../ecc/port.ts';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  BLOCK_MANIFEST_EDIT,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PAYLOAD_BYTES_MAX,
  BLOCK_WAL_RECORD,
  CHECKSUM_KIND_XXH64,
} from './block-format.ts';
import { type BlockReader, FAULT_TEXT } from './block-reader.ts';
import {
  FILE_CLASS_MANIFEST,
  FILE_CLASS_WAL,
  type FileHeader,
  fileHeaderBytes,
} from './file-header.ts';
import { FileWindow } from './file-window.ts';
import { FRAME_COPY_BYTES, NO_FRAME, RecordFrame } from './record-frame.ts';

/** A search gives up after checksums over so many times the file, or so much if that is more. */
const SEARCH_WORK = 8;
const SEARCH_WORK_MIN_BYTES = 64 * 1024 * 1024;
/** A longer gap is not tried as one block. */
const RESOLVED_GAP_BYTES_MAX = 4 * 1024 * 1024;
/** A longer block may have a shorter parity section, when it is cut into fewer shards. */
const LENGTH_SPREAD_BYTES = 1024;
/** What a repair costs, in checksums over the same bytes. */
const REPAIR_WORK = 8;

/**
 * - `sound`
 * - `differs`: sound in itself, but it says something else than the copy that counts
 * - `damaged`
 */
export type CopyState = 'sound' | 'differs' | 'damaged';

/** What stands before a record of a log with an error-correcting code. */
export interface FrameFacts {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly copies: readonly CopyState[];
  /** Of a log with SEC-DED. */
  readonly section: 'sound' | 'damaged' | undefined;
  /** The length that it gives; undefined when no copy is sound. */
  readonly blockBytes: number | undefined;
}

/** A block, sound or damaged. Its buffers are lent until the walk goes on. */
export interface FoundBlock {
  readonly found: 'block';
  /** Where it begins, frame included. */
  readonly start: number;
  /** Where the block itself begins. */
  readonly position: number;
  readonly blockLen: number;
  /** Behind its parity section. */
  readonly end: number;
  readonly state: 'sound' | 'corrected' | 'damaged';
  readonly fault: string | undefined;
  readonly frame: FrameFacts | undefined;
  /** The block as it should be: `buf[off, off + blockLen)`; as it stands if it is damaged. */
  readonly buf: Uint8Array;
  readonly off: number;
  /** Frame, block and parity section as they stand in the file, as far as it goes. */
  readonly stored: Uint8Array;
}

/** A range in which there is no block. */
export interface FoundGap {
  readonly found: 'gap';
  readonly start: number;
  readonly end: number;
  readonly reason: string;
}

/** Walks through one file; see the module head. */
export class BlockWalker {
  /** After a sound or corrected block was found, it can be decoded from the block's `buf`. */
  readonly reader: BlockReader;
  readonly sizeBytes: number;
  readonly firstPosition: number;
  /** The file's code; undefined without one. */
  readonly ecc: EccCodec | undefined;
  readonly #header: FileHeader;
  readonly #window: FileWindow;
  readonly #frame: RecordFrame;
  /** The one type of a log's blocks; undefined for a table. */
  readonly #type: number | undefined;
  #workLeft: number;

  /** @param reader of the file with this header; stays the caller's */
  constructor(reader: BlockReader, header: FileHeader) {
    const { ecc } = header.protection;
    this.reader = reader;
    this.firstPosition = fileHeaderBytes(header.protection);
    this.ecc = ecc === undefined ? undefined : createEccCodec(ecc);
    this.#header = header;
    this.#window = new FileWindow(reader.file);
    this.sizeBytes = this.#window.sizeBytes;
    this.#type = recordType(header.fileClass);
    this.#frame = new RecordFrame(this.#type === undefined ? undefined : ecc, header.salt);
    this.#workLeft = Math.max(SEARCH_WORK * this.sizeBytes, SEARCH_WORK_MIN_BYTES);
  }

  /** The block of this type and length at `position`, of a file without frames. */
  known(type: number, position: number, blockLen: number): FoundBlock {
    return this.#judge(type, position, blockLen, undefined);
  }

  /** Everything in `[from, to)`, in order and without holes. */
  *walk(from: number, to: number): Generator<FoundBlock | FoundGap> {
    for (let at = from; at < to; ) {
      const block = this.#at(at, to);
      if (block !== undefined) {
        yield block;
        at = block.end;
        continue;
      }
      const next = this.#search(at + 1, to);
      yield this.#resolve(at, next) ?? this.#gap(at, next);
      at = next;
    }
  }

  /** True if some block in the file is sound: nothing else vouches for the salt of the header. */
  isVouched(): boolean {
    for (const { found } of this.walk(this.firstPosition, this.sizeBytes)) {
      if (found === 'block') return true;
    }
    return false;
  }

  /** The block that begins at `start`, frame included; undefined when its length is not known. */
  #at(start: number, to: number): FoundBlock | undefined {
    const position = start + this.#frame.sizeBytes;
    if (to - position < BLOCK_OVERHEAD_BYTES) return undefined;
    const frame = this.#frame.sizeBytes === 0 ? undefined : this.#frameAt(start);
    const framedLen = frame?.blockBytes;
    const blockLen = framedLen ?? this.#claimedLength(position);
    if (blockLen < BLOCK_OVERHEAD_BYTES || blockLen > to - position) return undefined;
    const block = this.#judge(this.#type, position, blockLen, frame);
    if (block.state !== 'damaged') return block;
    this.#workLeft -= blockLen;
    // The look ahead takes the window away.
    return this.#leadsOn(block.end, to)
      ? this.#judge(this.#type, position, blockLen, frame)
      : undefined;
  }

  #judge(
    type: number | undefined,
    position: number,
    blockLen: number,
    frame: FrameFacts | undefined,
  ): FoundBlock {
    const { reader } = this;
    const window = this.#window;
    const start = position - this.#frame.sizeBytes;
    const end = Math.min(position + blockLen + reader.parityBytes(blockLen), this.sizeBytes);
    const startOff = window.load(start, end - start);
    const stored = window.buf.subarray(startOff, startOff + Math.min(end, window.end) - start);
    const off = startOff + position - start;
    const held = Math.max(0, Math.min(blockLen, window.held(position)));
    const inspected = reader.inspect(window.buf, off, off + held, position);
    const isOther =
      inspected === 'none' &&
      (reader.blockLen !== blockLen || (type !== undefined && reader.blockType !== type));
    const place = { found: 'block', start, position, blockLen, end, frame, stored } as const;
    if (inspected === 'none' && !isOther) {
      return { ...place, state: 'sound', fault: undefined, buf: window.buf, off };
    }
    const fault =
      inspected === 'none' ? 'block is not the one that was expected' : FAULT_TEXT[inspected];
    const repaired = this.#repair(type, stored.subarray(position - start), blockLen, position);
    if (repaired !== undefined)
      return { ...place, state: 'corrected', fault, buf: repaired, off: 0 };
    return { ...place, state: 'damaged', fault, buf: window.buf, off };
  }

  /** The block that `stored` and its parity section stand for, fresh; undefined if they do not. */
  #repair(
    type: number | undefined,
    stored: Uint8Array,
    blockLen: number,
    position: number,
  ): Uint8Array | undefined {
    const { ecc, reader } = this;
    if (ecc === undefined) return undefined;
    const whole = new Uint8Array(blockLen + ecc.parityBytes(blockLen));
    whole.set(stored.subarray(0, whole.length));
    this.#workLeft -= REPAIR_WORK * whole.length;
    const isSound = () =>
      reader.inspect(whole, 0, blockLen, position) === 'none' &&
      reader.blockLen === blockLen &&
      (type === undefined || reader.blockType === type);
    return ecc.repair(whole, 0, blockLen, isSound) === undefined ? undefined : whole;
  }

  #frameAt(start: number): FrameFacts {
    const frame = this.#frame;
    const { sizeBytes } = frame;
    const off = this.#window.load(start, sizeBytes);
    const { buf } = this.#window;
    const length = frame.read(buf, off, start);
    const blockBytes = length === NO_FRAME ? undefined : length;
    const expected = new Uint8Array(sizeBytes);
    if (blockBytes !== undefined) frame.write(expected, 0, blockBytes, start);
    const stateOf = (from: number, to: number) => {
      const isSame = expected.subarray(from, to).every((byte, i) => byte === buf[off + from + i]);
      return isSame && blockBytes !== undefined ? 'sound' : 'damaged';
    };
    const copies: CopyState[] = [];
    const checkAt = sizeBytes - (sizeBytes % FRAME_COPY_BYTES);
    for (let at = 0; at < checkAt; at += FRAME_COPY_BYTES) {
      copies.push(stateOf(at, at + FRAME_COPY_BYTES));
    }
    const section = checkAt < sizeBytes ? stateOf(checkAt, sizeBytes) : undefined;
    return { offset: start, sizeBytes, copies, section, blockBytes };
  }

  /** The length that the header at `position` claims; 0 for what is no header. */
  #claimedLength(position: number): number {
    const off = this.#window.load(position, BLOCK_HEADER_BYTES);
    const { buf } = this.#window;
    if (this.#window.held(position) < BLOCK_HEADER_BYTES) return 0;
    if (buf[off + 3] !== CHECKSUM_KIND_XXH64 || buf[off + 7] !== 0) return 0;
    const payloadLen = readU32(buf, off + 8);
    return payloadLen > BLOCK_PAYLOAD_BYTES_MAX ? 0 : payloadLen + BLOCK_OVERHEAD_BYTES;
  }

  /** True if a sound block, or the end, is at `next`. */
  #leadsOn(next: number, to: number): boolean {
    if (next >= to) return next === to;
    const frame = this.#frame.sizeBytes === 0 ? undefined : this.#frameAt(next);
    return frame?.blockBytes !== undefined || this.#isSoundAt(next, to);
  }

  /** True if the block at `start` is sound by itself, or has a sound frame. */
  #isSoundAt(start: number, to: number): boolean {
    const position = start + this.#frame.sizeBytes;
    const blockLen = this.#claimedLength(position);
    if (blockLen < BLOCK_OVERHEAD_BYTES || blockLen > to - position) return false;
    const off = this.#window.load(position, blockLen);
    if (this.#window.held(position) < blockLen) return false;
    this.#workLeft -= blockLen;
    return this.reader.inspect(this.#window.buf, off, off + blockLen, position) === 'none';
  }

  /** Where, from `from` on, the next block begins whose length at least is sound; or `to`. */
  #search(from: number, to: number): number {
    const isFramed = this.#frame.sizeBytes > 0;
    // A block follows the last copy of a frame.
    const step = isFramed ? FRAME_COPY_BYTES + BLOCK_OVERHEAD_BYTES : BLOCK_HEADER_BYTES;
    for (let at = from; to - at >= step && this.#workLeft >= 0; ) {
      const off = this.#window.load(at, step) - at;
      const last = Math.min(this.#window.end, to) - step;
      if (at > last) return to;
      while (at <= last && !this.#mayBegin(off + at, at)) at++;
      if (at > last) continue;
      const begin = isFramed ? this.#frameBegin(off + at, at) : at;
      if (begin >= from && (isFramed || this.#isSoundAt(begin, to))) return begin;
      at++;
    }
    return to;
  }

  /** True if a sound copy of a frame, or what looks like a header, is in the window at `off`. */
  #mayBegin(off: number, place: number): boolean {
    const { buf } = this.#window;
    if (this.#frame.sizeBytes > 0) return this.#frame.copyIndex(buf, off, place) >= 0;
    if (buf[off + 3] !== CHECKSUM_KIND_XXH64 || buf[off + 7] !== 0) return false;
    const { suiteId, epoch } = this.#header.protection;
    if (buf[off + 2] !== suiteId || readU16(buf, off + 4) !== epoch) return false;
    if (this.#type !== undefined && buf[off] !== this.#type) return false;
    const codec = buf[off + 1]!;
    const payloadLen = readU32(buf, off + 8);
    const contentLen = readU32(buf, off + 12);
    if (codec > CODEC_ZSTD_DICTIONARY || contentLen > BLOCK_CONTENT_BYTES_MAX) return false;
    const tagLen = suiteId === SUITE_NONE ? 0 : TAG_BYTES;
    return codec === CODEC_NONE
      ? payloadLen === contentLen + tagLen
      : payloadLen < contentLen + tagLen;
  }

  #frameBegin(off: number, place: number): number {
    const index = this.#frame.copyIndex(this.#window.buf, off, place);
    return place - index * FRAME_COPY_BYTES;
  }

  /** `[start, end)` as one block whose length nothing tells any more. */
  #resolve(start: number, end: number): FoundBlock | undefined {
    const { reader } = this;
    const position = start + this.#frame.sizeBytes;
    if (!reader.hasParity || end - start > RESOLVED_GAP_BYTES_MAX) return undefined;
    const middle = reader.lengthWithin(end - position);
    const first = Math.max(BLOCK_OVERHEAD_BYTES, middle - LENGTH_SPREAD_BYTES);
    for (let blockLen = first; blockLen <= middle + LENGTH_SPREAD_BYTES; blockLen++) {
      if (position + blockLen + reader.parityBytes(blockLen) !== end) continue;
      const frame = this.#frame.sizeBytes === 0 ? undefined : this.#frameAt(start);
      const block = this.#judge(this.#type, position, blockLen, frame);
      if (block.state !== 'damaged') return block;
    }
    return undefined;
  }

  #gap(start: number, end: number): FoundGap {
    const reason =
      this.#workLeft < 0
        ? 'no sound block was found before the search became too long'
        : 'no sound block begins here';
    return { found: 'gap', start, end, reason };
  }
}

function recordType(fileClass: number): number | undefined {
  if (fileClass === FILE_CLASS_WAL) return BLOCK_WAL_RECORD;
  return fileClass === FILE_CLASS_MANIFEST ? BLOCK_MANIFEST_EDIT : undefined;
}
