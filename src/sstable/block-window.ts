/**
 * A run of consecutive data blocks that one file read fetches and that are opened in place, past
 * the cache.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_OVERHEAD_BYTES } from '../block/block-format.ts';
import { readU32 } from '../bytes/fixed.ts';
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
  /** Reused by the next run. */
  #buf: Uint8Array;
  #firstOrdinal: number;
  #endOrdinal: number;
  /** Opened for whichever block is asked for, in place or in `#content`. */
  readonly #block: CachedBlock;
  #content: Uint8Array;

  /** @param readAheadBytes of blocks to read at once; at least one block is */
  constructor(blocks: TableBlocks, readAheadBytes: number) {
    this.#blocks = blocks;
    this.#readAheadBytes = readAheadBytes;
    this.#buf = EMPTY;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
    this.#block = new CachedBlock();
    this.#content = EMPTY;
  }

  /** The block, lent until the next call. A cached one is used as it is. */
  block(ordinal: number, backwards: boolean): CachedBlock {
    const cached = this.#blocks.peek(ordinal);
    if (cached !== undefined) return cached;
    if (ordinal < this.#firstOrdinal || ordinal >= this.#endOrdinal) {
      this.#fill(ordinal, backwards);
    }
    const { blockOffs } = this.#blocks.index;
    const off = blockOffs[ordinal]! - blockOffs[this.#firstOrdinal]!;
    const buf = this.#blocks.open(ordinal, this.#buf, off, this.#block, this.#content);
    if (buf !== this.#buf) this.#content = buf;
    return this.#block;
  }

  /**
   * Describes in `out` how the block that {@link block} gave last is stored.
   * @returns false if it came from the cache or is encrypted
   */
  stored(ordinal: number, out: StoredBlock): boolean {
    if (ordinal < this.#firstOrdinal || ordinal >= this.#endOrdinal) return false;
    const { index } = this.#blocks;
    const at = index.blockOffs[ordinal]! - index.blockOffs[this.#firstOrdinal]!;
    const buf = this.#buf;
    if (buf[at + 2] !== SUITE_NONE) return false;
    out.buf = buf;
    out.off = at + BLOCK_HEADER_BYTES;
    out.len = index.blockBytes(ordinal) - BLOCK_OVERHEAD_BYTES;
    out.codecId = buf[at + 1]!;
    out.contentLen = readU32(buf, at + 12);
    return true;
  }

  release(): void {
    this.#buf = EMPTY;
    this.#content = EMPTY;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
  }

  /** Reads the block and as many behind it (backwards: before it) as the read-ahead allows. */
  #fill(ordinal: number, backwards: boolean): void {
    const { blockOffs, blockCount } = this.#blocks.index;
    let first = ordinal;
    let end = ordinal + 1;
    const most = this.#readAheadBytes;
    if (backwards) while (first > 0 && blockOffs[end]! - blockOffs[first - 1]! <= most) first--;
    else while (end < blockCount && blockOffs[end + 1]! - blockOffs[first]! <= most) end++;
    const length = blockOffs[end]! - blockOffs[first]!;
    this.#firstOrdinal = 0;
    this.#endOrdinal = 0;
    if (length > this.#buf.length) this.#buf = new Uint8Array(Math.max(length, most));
    this.#blocks.reader.fill(this.#buf, 0, length, blockOffs[first]!);
    this.#firstOrdinal = first;
    this.#endOrdinal = end;
  }
}
