/**
 * A run of consecutive data blocks that one file read fetches and that are opened in place, past
 * the cache.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_OVERHEAD_BYTES } from '../block/block-format.ts';
import { readU32 } from '../bytes/fixed.ts';
import { NO_ROOM, Room } from '../bytes/room.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableBlocks } from './table-blocks.ts';

const EMPTY = new Uint8Array(0);

/** A data block as it is stored: the payload is not encrypted. */
export class StoredBlock {
  /** Payload: `buf[off, off + len)`; lent until the window moves on. */
  buf: Uint8Array;
  off: number;
  len: number;
  codecId: number;
  contentLen: number;

  constructor() {
    this.buf = EMPTY;
    this.off = 0;
    this.len = 0;
    this.codecId = 0;
    this.contentLen = 0;
  }
}

/** See the module head. */
export class BlockWindow {
  readonly #blocks: TableBlocks;
  readonly #readAheadBytes: number;
  /** The run that was read last; reused by the next. */
  #run: Room;
  #firstOrdinal: number;
  #endOrdinal: number;
  /** Opened for whichever block is asked for, in place or in `#content`. */
  readonly #block: CachedBlock;
  #content: Room;

  /**
   * @param readAheadBytes of blocks to read at once; at least one block is
   * @param room for so many bytes, and behind them for the content of a block; borrowed until
   * `release`, and done without where it does not suffice
   */
  constructor(blocks: TableBlocks, readAheadBytes: number, room: Room = NO_ROOM) {
    this.#blocks = blocks;
    this.#readAheadBytes = readAheadBytes;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
    this.#block = new CachedBlock();
    const { buf, off, len } = room;
    const isEnough = len >= readAheadBytes;
    this.#run = isEnough ? new Room(buf, off, readAheadBytes) : NO_ROOM;
    this.#content = isEnough ? new Room(buf, off + readAheadBytes, len - readAheadBytes) : NO_ROOM;
  }

  /** The block, lent until the next call. A cached one is used as it is. */
  block(ordinal: number, backwards: boolean): CachedBlock {
    const cached = this.#blocks.peek(ordinal);
    if (cached !== undefined) return cached;
    if (ordinal < this.#firstOrdinal || ordinal >= this.#endOrdinal) {
      this.#fill(ordinal, backwards);
    }
    const off = this.#offsetOf(ordinal);
    this.#content = this.#blocks.open(ordinal, this.#run.buf, off, this.#block, this.#content);
    return this.#block;
  }

  /**
   * Describes in `out` how the block that {@link block} gave last is stored.
   * @returns false if it came from the cache or is encrypted
   */
  stored(ordinal: number, out: StoredBlock): boolean {
    if (ordinal < this.#firstOrdinal || ordinal >= this.#endOrdinal) return false;
    const at = this.#offsetOf(ordinal);
    const { buf } = this.#run;
    if (buf[at + 2] !== SUITE_NONE) return false;
    out.buf = buf;
    out.off = at + BLOCK_HEADER_BYTES;
    out.len = this.#blocks.index.blockBytes(ordinal) - BLOCK_OVERHEAD_BYTES;
    out.codecId = buf[at + 1]!;
    out.contentLen = readU32(buf, at + 12);
    return true;
  }

  release(): void {
    this.#run = NO_ROOM;
    this.#content = NO_ROOM;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
  }

  /** Where in the buffer of the run a block of it begins. */
  #offsetOf(ordinal: number): number {
    const { blockOffs } = this.#blocks.index;
    return this.#run.off + blockOffs[ordinal]! - blockOffs[this.#firstOrdinal]!;
  }

  /** Reads the block and as many behind it (backwards: before it) as the read-ahead allows. */
  #fill(ordinal: number, backwards: boolean): void {
    const { blockOffs, blockCount } = this.#blocks.index;
    let first = ordinal;
    let end = ordinal + 1;
    const most = this.#readAheadBytes;
    if (backwards) while (first > 0 && blockOffs[end]! - blockOffs[first - 1]! <= most) first--;
    else while (end < blockCount && blockOffs[end + 1]! - blockOffs[first]! <= most) end++;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
    try {
      this.#read(first, end);
    } catch (error) {
      // What cannot be had of the others is no damage to this one.
      if (end - first === 1) throw this.#blocks.onLost(ordinal, error);
      this.#fillOne(ordinal);
    }
  }

  #fillOne(ordinal: number): void {
    try {
      this.#read(ordinal, ordinal + 1);
    } catch (error) {
      throw this.#blocks.onLost(ordinal, error);
    }
  }

  /** Reads the blocks of `[first, end)`. */
  #read(first: number, end: number): void {
    const { blockOffs } = this.#blocks.index;
    const length = blockOffs[end]! - blockOffs[first]!;
    const most = Math.max(length, this.#readAheadBytes);
    if (length > this.#run.len) this.#run = new Room(new Uint8Array(most));
    this.#blocks.reader.fill(this.#run.buf, this.#run.off, length, blockOffs[first]!);
    this.#firstOrdinal = first;
    this.#endOrdinal = end;
  }
}
