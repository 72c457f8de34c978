/**
 * Goes from block to block through a table or log that may be damaged anywhere.
 *
 * Where a sound place tells a block's length (index, footer, frame) it is taken from there. Where
 * none does, the block's own header is believed if the block is sound or leads to one that is; else
 * the next sound block is searched byte by byte, and what stands between is tried as blocks that
 * the file's code repairs: as one, or as long as a parity section says that bears itself out.
 * Memory is one block's; the checksums that a search computes are limited.
 * @module
 */

import { readU32 } from '../bytes/fixed.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import { createEccCodec } from '../ecc/codec.ts';
import { blockCodeOf } from '../ecc/options.ts';
import type { EccCodec } from '../ecc/port.ts';
import type { ReadableFile } from '../fs/port.ts';
import {
  BLOCK_CONTENT_LEN_OFF,
  BLOCK_HEADER_BYTES,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PAYLOAD_BYTES_MAX,
  CHECKSUM_KIND_XXH64,
} from './block-format.ts';
import { BlockReader, FAULT_TEXT } from './block-reader.ts';
import { type FileHeader, fileHeaderBytes } from './file-header.ts';
import { FileWindow } from './file-window.ts';
import { FRAME_COPY_BYTES, NO_FRAME } from './record-frame.ts';
import { SealedRecords } from './sealed-records.ts';

/** A search gives up after checksums over so many times the file, or so much if that is more. */
const SEARCH_WORK = 8;
const SEARCH_WORK_MIN_BYTES = 64 * 1024 * 1024;
/** A longer gap is not tried as one block. */
const RESOLVED_GAP_BYTES_MAX = 32 * 1024 * 1024;
/** What a header that is nonsense says of a longer block is not tried. */
const SHORT_BLOCK_BYTES_MAX = 4 * 1024 * 1024;
/** A longer block may have a shorter parity section, when it is cut into fewer shards. */
const LENGTH_SPREAD_BYTES = 1024;
/** A longer block, whose header is lost, is not looked for by its parity section. */
const SEARCHED_LENGTH_MAX = 128 * 1024;
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
  /** Where blocks end: the size of the file, or where its stripe section begins. */
  readonly sizeBytes: number;
  readonly firstPosition: number;
  readonly records: SealedRecords;
  readonly #window: FileWindow;
  #workLeft: number;
  /** The same for the search of parity sections. */
  #lengthWorkLeft: number;

  /** @param reader of the file with this header; stays the caller's */
  constructor(reader: BlockReader, header: FileHeader) {
    this.reader = reader;
    this.firstPosition = fileHeaderBytes(header.protection);
    this.records = new SealedRecords(reader, header);
    this.#window = new FileWindow(reader.file);
    this.sizeBytes = reader.stripes?.layout.bodyBytes ?? this.#window.sizeBytes;
    this.#workLeft = Math.max(SEARCH_WORK * this.sizeBytes, SEARCH_WORK_MIN_BYTES);
    this.#lengthWorkLeft = this.#workLeft;
  }

  /** The file's code; undefined without one. */
  get ecc(): EccCodec | undefined {
    return this.records.ecc;
  }

  /** The block of this type and length at `position`, of a file without frames. */
  known(type: number, position: number, blockLen: number): FoundBlock {
    return this.#judge(type, position, blockLen, undefined);
  }

  /** Everything in `[from, to)`, in order and without holes. */
  *walk(from: number, to: number): Generator<FoundBlock | FoundGap> {
    for (let at = from; at < to; ) {
      const found = this.next(at, to);
      yield found;
      at = found.end;
    }
  }

  /** What begins at `start`: a block, frame included, or a range in which there is none. */
  next(start: number, to: number): FoundBlock | FoundGap {
    const block = this.#at(start, to);
    if (block !== undefined) return block;
    const next = this.#search(start + 1, to);
    return this.#resolve(start, next) ?? this.#gap(start, next);
  }

  /**
   * Where the block that begins at `start` ends, if no byte of its frame, itself and its parity
   * section is wrong, and all of it stands before `to`; else 0. The quick way through what is
   * sound: it allocates nothing.
   */
  intactEnd(start: number, to: number): number {
    const window = this.#window;
    const { records } = this;
    let off = window.load(start, records.headBytes);
    if (window.held(start) < records.headBytes) return 0;
    const length = records.claimedBytes(window.buf, off, to - start);
    if (length === 0) return 0;
    off = window.load(start, length);
    if (window.held(start) < length) return 0;
    return records.isIntact(window.buf, off, start) ? start + length : 0;
  }

  /** True if some block in the file is sound: nothing else vouches for the salt of the header. */
  isVouched(): boolean {
    for (const found of this.walk(this.firstPosition, this.sizeBytes)) {
      if (found.found === 'block' && found.state !== 'damaged') return true;
    }
    return false;
  }

  /** The block that begins at `start`, frame included; undefined when its length is not known. */
  #at(start: number, to: number): FoundBlock | undefined {
    const position = start + this.records.frame.sizeBytes;
    if (to - position < BLOCK_OVERHEAD_BYTES) return undefined;
    const frame = this.records.frame.sizeBytes === 0 ? undefined : this.#frameAt(start);
    const framedLen = frame?.blockBytes;
    const blockLen = framedLen ?? this.#claimedLength(position);
    const isPossible = blockLen >= BLOCK_OVERHEAD_BYTES && blockLen <= to - position;
    if (framedLen === undefined && !(isPossible && this.#mayBeSoLong(position, blockLen))) {
      return this.#resolveByHeader(start, to);
    }
    if (!isPossible) return undefined;
    const block = this.#judge(this.records.type, position, blockLen, frame);
    if (block.state !== 'damaged') return block;
    this.#workLeft -= blockLen;
    if (framedLen === undefined) {
      const resolved = this.#resolveByHeader(start, to);
      if (resolved !== undefined) return resolved;
      // Its length may be what is damaged, and lead beyond its neighbour.
      const off = this.#window.load(position, BLOCK_HEADER_BYTES);
      if (
        !this.records.isPlausible(this.#window.buf, off) ||
        this.#search(start + 1, block.end) < block.end
      ) {
        return undefined;
      }
    }
    if (!this.#leadsOn(block.end, to)) return undefined;
    // What ends there may be a block of another length than the header claims.
    const resolved = framedLen === undefined ? this.#resolve(start, block.end) : undefined;
    // The look ahead takes the window away.
    return resolved ?? this.#judge(this.records.type, position, blockLen, frame);
  }

  /** False for a length that no sound header would give. */
  #mayBeSoLong(position: number, blockLen: number): boolean {
    if (blockLen <= SHORT_BLOCK_BYTES_MAX) return true;
    const off = this.#window.load(position, BLOCK_HEADER_BYTES);
    return this.records.mayBeLong(this.#window.buf, off);
  }

  #judge(
    type: number | undefined,
    position: number,
    blockLen: number,
    frame: FrameFacts | undefined,
  ): FoundBlock {
    const { reader } = this;
    const window = this.#window;
    const start = position - this.records.frame.sizeBytes;
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
    if (!reader.isRestorable) return undefined;
    const whole = new Uint8Array(blockLen + reader.parityBytes(blockLen));
    whole.set(stored.subarray(0, whole.length));
    const isSound = () =>
      reader.inspect(whole, 0, blockLen, position) === 'none' &&
      reader.blockLen === blockLen &&
      (type === undefined || reader.blockType === type);
    if (ecc?.repair(whole, 0, blockLen, isSound) !== undefined) return whole;
    this.#workLeft -= REPAIR_WORK * whole.length;
    const chunks = reader.stripes?.restore(whole, 0, whole.length, position) ?? 0;
    if (chunks === 0) return undefined;
    if (isSound() || ecc?.repair(whole, 0, blockLen, isSound) !== undefined) return whole;
    return undefined;
  }

  #frameAt(start: number): FrameFacts {
    const frame = this.records.frame;
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

  /** True if a block that is not damaged, or the end, is at `next`. */
  #leadsOn(next: number, to: number): boolean {
    if (next >= to) return next === to;
    const frame = this.records.frame.sizeBytes === 0 ? undefined : this.#frameAt(next);
    if (frame?.blockBytes !== undefined || this.#isBlockAt(next, to)) return true;
    return this.#resolveByHeader(next, to) !== undefined;
  }

  /** True if a block with a header that is sound begins at `start`, as it stands or corrected. */
  #isBlockAt(start: number, to: number): boolean {
    const position = start + this.records.frame.sizeBytes;
    const blockLen = this.#claimedLength(position);
    if (blockLen < BLOCK_OVERHEAD_BYTES || blockLen > to - position) return false;
    this.#workLeft -= this.ecc === undefined ? blockLen : REPAIR_WORK * blockLen;
    return this.#tried(start, blockLen) !== undefined;
  }

  /** Where, from `from` on, the next block begins whose length at least is sound; or `to`. */
  #search(from: number, to: number): number {
    const isFramed = this.records.frame.sizeBytes > 0;
    // A block follows the last copy of a frame.
    const step = isFramed ? FRAME_COPY_BYTES + BLOCK_OVERHEAD_BYTES : BLOCK_HEADER_BYTES;
    for (let at = from; to - at >= step && this.#workLeft >= 0; ) {
      const off = this.#window.load(at, step) - at;
      const last = Math.min(this.#window.end, to) - step;
      if (at > last) return to;
      while (at <= last && !this.#mayBegin(off + at, at)) at++;
      if (at > last) continue;
      const begin = isFramed ? this.#frameBegin(off + at, at) : at;
      if (begin >= from && (isFramed || this.#isBlockAt(begin, to))) return begin;
      at++;
    }
    return to;
  }

  /** True if a sound copy of a frame, or what looks like a header, is in the window at `off`. */
  #mayBegin(off: number, place: number): boolean {
    if (this.records.frame.sizeBytes === 0) return this.records.isPlausible(this.#window.buf, off);
    return this.records.frame.copyIndex(this.#window.buf, off, place) >= 0;
  }

  #frameBegin(off: number, place: number): number {
    const index = this.records.frame.copyIndex(this.#window.buf, off, place);
    return place - index * FRAME_COPY_BYTES;
  }

  /** The first block in `[start, end)`, of which nothing that is sound tells the length. */
  #resolve(start: number, end: number): FoundBlock | undefined {
    if (this.ecc === undefined) return undefined;
    return this.#resolveWhole(start, end) ?? this.#resolveByParity(start, end);
  }

  /** If it is the only one. */
  #resolveWhole(start: number, end: number): FoundBlock | undefined {
    const { reader } = this;
    const position = start + this.records.frame.sizeBytes;
    if (end - start > RESOLVED_GAP_BYTES_MAX) return undefined;
    const middle = reader.lengthWithin(end - position);
    const first = Math.max(BLOCK_OVERHEAD_BYTES, middle - LENGTH_SPREAD_BYTES);
    for (let blockLen = first; blockLen <= middle + LENGTH_SPREAD_BYTES; blockLen++) {
      if (position + blockLen + reader.parityBytes(blockLen) !== end) continue;
      const block = this.#tried(start, blockLen);
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /**
   * If its header names its length: as that of the payload, as that of a content which was neither
   * compressed nor damaged, or with one bit turned, which is all that SEC-DED restores. A block
   * that is not damaged at all is found too.
   */
  #resolveByHeader(start: number, end: number): FoundBlock | undefined {
    if (this.ecc === undefined) return undefined;
    const position = start + this.records.frame.sizeBytes;
    const off = this.#window.load(position, BLOCK_HEADER_BYTES);
    if (this.#window.held(position) < BLOCK_HEADER_BYTES) return undefined;
    const { buf } = this.#window;
    const most = this.records.mayBeLong(buf, off) ? end - position : SHORT_BLOCK_BYTES_MAX;
    const claimed = readU32(buf, off + 8);
    const lengths = [
      claimed,
      readU32(buf, off + BLOCK_CONTENT_LEN_OFF) + (buf[off + 2] === SUITE_NONE ? 0 : TAG_BYTES),
    ];
    for (let bit = 0; bit < 32; bit++) lengths.push((claimed ^ (1 << bit)) >>> 0);
    for (const payloadLen of lengths) {
      const blockLen = payloadLen + BLOCK_OVERHEAD_BYTES;
      if (blockLen > Math.min(most, end - position)) continue;
      const block = this.#tried(start, blockLen);
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** If a parity section that bears itself out in part stands where that of the block would. */
  #resolveByParity(start: number, end: number): FoundBlock | undefined {
    const ecc = this.ecc!;
    const window = this.#window;
    const position = start + this.records.frame.sizeBytes;
    const last = Math.min(end - position, SEARCHED_LENGTH_MAX);
    for (let blockLen = BLOCK_OVERHEAD_BYTES; blockLen <= last; blockLen++) {
      const bytes = blockLen + ecc.parityBytes(blockLen);
      const off = window.load(position, bytes);
      if (window.held(position) < bytes || this.#lengthWorkLeft < 0) return undefined;
      this.#lengthWorkLeft -= bytes - blockLen;
      if (!ecc.hasSoundShard(window.buf, off, blockLen)) continue;
      const block = this.#tried(start, blockLen);
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** The block of this length at `start`; undefined if it is none. */
  #tried(start: number, blockLen: number): FoundBlock | undefined {
    const frame = this.records.frame.sizeBytes === 0 ? undefined : this.#frameAt(start);
    const block = this.#judge(
      this.records.type,
      start + this.records.frame.sizeBytes,
      blockLen,
      frame,
    );
    return block.state === 'damaged' ? undefined : block;
  }

  #gap(start: number, end: number): FoundGap {
    const reason =
      this.#workLeft < 0
        ? 'no sound block was found before the search became too long'
        : 'no sound block begins here';
    return { found: 'gap', start, end, reason };
  }
}

/** A walker that needs no key: blocks that it finds cannot be decoded. It uses no stripes. */
export function blindWalker(file: ReadableFile, header: FileHeader): BlockWalker {
  const code = blockCodeOf(header.protection.ecc);
  const reader = new BlockReader(file, {
    salt: header.salt,
    cipher: undefined,
    ecc: code === undefined ? undefined : createEccCodec(code),
    decompressor: () => undefined,
    onCorrection: () => {},
  });
  return new BlockWalker(reader, header);
}
