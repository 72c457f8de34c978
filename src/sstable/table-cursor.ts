/**
 * A cursor over the entries of one table, in both directions.
 *
 * Blocks come from the cache, or, with `fillCache` off, through a window of consecutive blocks that
 * one file read fills and that are opened in place.
 * @module
 */
import { DataBlockCursor } from '../block/data-block-cursor.ts';
import { equalBytes } from '../bytes/compare.ts';
import type { Cursor } from '../key/cursor.ts';
import { BlockWindow } from './block-window.ts';
import { type CachedBlock, NO_BLOCK } from './cached-block.ts';
import type { TableBlocks } from './table-blocks.ts';

export interface TableCursorOptions {
  /** Whether blocks that had to be read are kept in the cache. Default true. */
  readonly fillCache?: boolean | undefined;
  /** Without `fillCache`: bytes of blocks to read at once, at least one block. Default 0. */
  readonly readAheadBytes?: number | undefined;
}

const NO_ORDINAL = -1;

export class TableCursor extends DataBlockCursor implements Cursor {
  readonly #blocks: TableBlocks;
  /** Undefined when blocks go through the cache. */
  readonly #window: BlockWindow | undefined;
  /** The block that the cursor is in, or `NO_ORDINAL`. */
  #ordinal: number;
  /** The block that was entered last, or that was to be. */
  #attempted: number;
  /** The block that the cursor is in, if it came from the cache. */
  #entered: CachedBlock | undefined;

  /** @param blocks must stay open as long as the cursor moves */
  constructor(blocks: TableBlocks, options: TableCursorOptions = {}) {
    super();
    this.#blocks = blocks;
    this.#window =
      options.fillCache === false
        ? new BlockWindow(blocks, options.readAheadBytes ?? 0)
        : undefined;
    this.#ordinal = NO_ORDINAL;
    this.#attempted = NO_ORDINAL;
    this.#entered = undefined;
  }

  /** After a move that threw: the block that cannot be read. */
  get lostOrdinal(): number {
    return this.#attempted;
  }

  /** After a move that threw: to the first entry behind the block, or the last one before it. */
  pass(backwards: boolean): boolean {
    this.#ordinal = this.#attempted;
    return backwards ? this.#previousBlock() : this.#nextBlock();
  }

  /** The blocks before this one that hold newer versions of the current key; the last one first. */
  *blocksWithNewer(): Generator<number> {
    const { index } = this.#blocks;
    const { keyBuf, keyOff, keyLen } = this;
    for (let ordinal = this.#ordinal; index.continuedSeqno(ordinal) > 0; ordinal--) {
      const separator = index.separator(ordinal);
      if (!equalBytes(separator, 0, separator.length, keyBuf, keyOff, keyLen)) return;
      yield ordinal - 1;
    }
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

  /** Through a window the next block takes the place of this one. */
  keepValue(): boolean {
    if (this.#entered === undefined) return false;
    this.#entered.isLent = true;
    return true;
  }

  close(): void {
    this.#ordinal = NO_ORDINAL;
    this.#leave();
    this.enterBlock(NO_BLOCK);
    this.#window?.release();
  }

  #leave(): void {
    if (this.#entered === undefined) return;
    this.#blocks.leave(this.#entered);
    this.#entered = undefined;
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
    this.#ordinal = NO_ORDINAL;
    this.#attempted = ordinal;
    this.#leave();
    const window = this.#window;
    if (window === undefined) {
      this.#entered = this.#blocks.enter(ordinal);
      this.enterBlock(this.#entered);
    } else {
      this.enterBlock(window.block(ordinal, backwards));
    }
    this.#ordinal = ordinal;
  }
}
