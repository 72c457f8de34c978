/**
 * A cursor over the entries of one table, in both directions.
 *
 * Blocks come from the cache, or, with `fillCache` off, through a window of consecutive blocks that
 * one file read fills and that are opened in place.
 * @module
 */
import { DataBlockCursor } from '../block/data-block-cursor.ts';

import type { Cursor } from '../key/cursor.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableBlocks } from './table-blocks.ts';

export interface TableCursorOptions {
  /** Whether blocks that had to be read are kept in the cache. Default true. */
  readonly fillCache?: boolean | undefined;
  /** Without `fillCache`: bytes of blocks to read at once, at least one block. Default 0. */
  readonly readAheadBytes?: number | undefined;
}

const NO_BLOCK = -1;

export class TableCursor extends DataBlockCursor implements Cursor {
  readonly #blocks: TableBlocks;
  /** Undefined when blocks go through the cache. */
  readonly #window: BlockWindow | undefined;
  /** The block that the cursor is in, or `NO_BLOCK`. */
  #ordinal: number;

  /** @param blocks must stay open as long as the cursor moves */
  constructor(blocks: TableBlocks, options: TableCursorOptions = {}) {
    super();
    this.#blocks = blocks;
    this.#window =
      options.fillCache === false
        ? new BlockWindow(blocks, options.readAheadBytes ?? 0)
        : undefined;
    this.#ordinal = NO_BLOCK;
  }

  first(): boolean {
    this.#enter(0, false);
    return this.firstInBlock();
  }

  last(): boolean {
    this.#enter(this.#blocks.index.blockCount - 1, true);
    return this.lastInBlock();
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const ordinal = this.#blocks.index.search(buf, off, len, seqno);
    if (ordinal !== this.#ordinal) this.#enter(ordinal, false);
    return this.seekInBlock(buf, off, len, seqno) || this.#nextBlock();
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const ordinal = this.#blocks.index.search(buf, off, len, seqno);
    if (ordinal !== this.#ordinal) this.#enter(ordinal, true);
    if (!this.seekInBlock(buf, off, len, seqno)) return this.lastInBlock();
    return (this.foundSoughtKey && this.seqno === seqno) || this.prev();
  }

  next(): boolean {
    return this.nextInBlock() || this.#nextBlock();
  }

  prev(): boolean {
    return this.prevInBlock() || this.#previousBlock();
  }

  close(): void {
    this.#ordinal = NO_BLOCK;
    this.enterBlock(new CachedBlock());
    this.#window?.release();
  }

  #nextBlock(): boolean {
    if (this.#ordinal + 1 >= this.#blocks.index.blockCount) return false;
    this.#enter(this.#ordinal + 1, false);
    return this.firstInBlock();
  }

  #previousBlock(): boolean {
    if (this.#ordinal <= 0) return false;
    this.#enter(this.#ordinal - 1, true);
    return this.lastInBlock();
  }

  /** When this throws, the cursor is in no block and invalid. */
  #enter(ordinal: number, backwards: boolean): void {
    this.valid = false;
    this.#ordinal = NO_BLOCK;
    const window = this.#window;
    const block =
      window === undefined ? this.#blocks.at(ordinal) : window.block(ordinal, backwards);
    this.enterBlock(block);
    this.#ordinal = ordinal;
  }
}

/** A run of consecutive blocks read at once; its bytes are reused by the next run. */
class BlockWindow {
  readonly #blocks: TableBlocks;
  readonly #readAheadBytes: number;
  #buf: Uint8Array;
  #firstOrdinal: number;
  #endOrdinal: number;
  /** Opened for whichever block is asked for, in place or in `#content`. */
  readonly #block: CachedBlock;
  #content: Uint8Array;

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

const EMPTY = new Uint8Array(0);
