/**
 * The entries of a sorted run of tables, front to back, for merges. Tables are opened as the stream
 * reaches them, one at a time, and their blocks read through a window, past the cache.
 *
 * At the first entry of a block a merge may take the whole block as it is stored, see `copied`.
 * @module
 */
import { DataBlockCursor } from '../block/data-block-cursor.ts';
import type { DataBlock } from '../block/data-block-reader.ts';
import { compareBytes, compareKeys } from '../bytes/compare.ts';
import type { Room } from '../bytes/room.ts';
import type { EntryStream, MergeInput } from '../key/cursor.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import { BlockWindow, type StoredBlock } from './block-window.ts';
import { NO_BLOCK } from './cached-block.ts';
import type { Table } from './table.ts';
import type { TableBlocks } from './table-blocks.ts';
import type { TableMeta } from './table-meta.ts';

/** Tables in key order, none of which overlap. */
export interface TableRun {
  readonly metas: readonly TableMeta[];
  /** Opens a table, which then stands until {@link release}. */
  open(index: number): Table;
  /** Gives a table back that {@link open} gave. */
  release(index: number): void;
}

/** What part of a run a stream gives, and how. */
export interface TableStreamOptions {
  /** Bytes of blocks to read at once, at least one block. */
  readonly readAheadBytes: number;
  /** As in `BlockWindow`; borrowed until the stream is closed. */
  readonly room?: Room | undefined;
  /** Only entries of user keys from here on, and before there; undefined for no bound. */
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
}

/** No table, no block. */
const NONE = -1;

/** See the module head. */
export class TableStream extends DataBlockCursor implements MergeInput {
  private readonly run: TableRun;
  private readonly options: TableStreamOptions;
  private tableIndex: number;
  private blocks: TableBlocks | undefined;
  private window: BlockWindow | undefined;
  /** The block that the stream is in, or `NONE`. */
  private ordinal: number;
  /** From this block on, keys may stand at or behind the upper bound; else the number of blocks. */
  private boundOrdinal: number;

  /** @param run borrowed until `close` */
  constructor(run: TableRun, options: TableStreamOptions) {
    super();
    this.run = run;
    this.options = options;
    this.tableIndex = NONE;
    this.blocks = undefined;
    this.window = undefined;
    this.ordinal = NONE;
    this.boundOrdinal = 0;
  }

  first(): boolean {
    this.leaveTable();
    const { from } = this.options;
    const { metas } = this.run;
    let index = 0;
    if (from !== undefined) {
      while (index < metas.length && compareKeys(metas[index]!.largestKey, from) < 0) index++;
    }
    if (!this.enterTable(index)) return false;
    if (from === undefined) return this.startBlock(0);
    const ordinal = this.blocks!.index.search(from, 0, from.length, SEQNO_MAX);
    this.openBlock(ordinal);
    if (this.seekInBlock(from, 0, from.length, SEQNO_MAX)) return this.isWithin();
    return this.nextBlock();
  }

  next(): boolean {
    if (!this.nextInBlock()) return this.nextBlock();
    return this.ordinal < this.boundOrdinal || this.isWithin();
  }

  close(): void {
    this.leaveTable();
  }

  /** True on the first entry of a data block. */
  get isAtBlockStart(): boolean {
    return this.isFirstInBlock;
  }

  /** Of the table that the stream is in. */
  get path(): string {
    return this.blocks!.path;
  }

  /** The data block that the stream is in; lent until it leaves it. */
  get block(): DataBlock {
    return this.enteredBlock;
  }

  /** The codec to which the data blocks of the table were offered. */
  get codecId(): number {
    return this.run.metas[this.tableIndex]!.codecId;
  }

  /**
   * Describes in `out` how the present block is stored.
   * @returns false if that is not known, or of no use to another file
   */
  stored(out: StoredBlock): boolean {
    return this.window!.stored(this.ordinal, out);
  }

  /**
   * The number of blocks of the table, this one first, whose keys all stand before `other`'s and
   * before the upper bound, as far as the index knows.
   * @param other undefined for no bound
   */
  blocksBefore(other: EntryStream | undefined): number {
    let end = this.boundOrdinal;
    if (other !== undefined) {
      const { keyBuf, keyOff, keyLen } = other;
      const { largestKey } = this.run.metas[this.tableIndex]!;
      if (compareBytes(largestKey, 0, largestKey.length, keyBuf, keyOff, keyLen) >= 0) {
        const { index } = this.blocks!;
        end = Math.min(end, index.search(keyBuf, keyOff, keyLen, SEQNO_MAX));
      }
    }
    return Math.max(0, end - this.ordinal);
  }

  /** To the last entry of the block, whose others were dealt with together. */
  toBlockEnd(): void {
    this.lastInBlock();
  }

  private enterTable(index: number): boolean {
    const { metas } = this.run;
    if (index >= metas.length) return false;
    const meta = metas[index]!;
    const { to, readAheadBytes, room } = this.options;
    if (to !== undefined && compareKeys(meta.smallestKey, to) >= 0) return false;
    const { blocks } = this.run.open(index);
    this.tableIndex = index;
    this.blocks = blocks;
    this.window = new BlockWindow(blocks, readAheadBytes, room);
    const isCut = to !== undefined && compareKeys(meta.largestKey, to) >= 0;
    const { index: blockIndex } = blocks;
    this.boundOrdinal = isCut
      ? blockIndex.search(to, 0, to.length, SEQNO_MAX)
      : blockIndex.blockCount;
    return true;
  }

  private leaveTable(): void {
    this.valid = false;
    if (this.tableIndex === NONE) return;
    this.enterBlock(NO_BLOCK);
    this.window!.release();
    this.run.release(this.tableIndex);
    this.tableIndex = NONE;
    this.blocks = undefined;
    this.window = undefined;
    this.ordinal = NONE;
    this.boundOrdinal = 0;
  }

  private nextBlock(): boolean {
    const next = this.ordinal + 1;
    const { blockCount } = this.blocks!.index;
    const isCut = this.boundOrdinal < blockCount;
    if (next <= (isCut ? this.boundOrdinal : blockCount - 1)) return this.startBlock(next);
    const nextTable = this.tableIndex + 1;
    this.leaveTable();
    return !isCut && this.enterTable(nextTable) && this.startBlock(0);
  }

  private startBlock(ordinal: number): boolean {
    this.openBlock(ordinal);
    return this.firstInBlock() && this.isWithin();
  }

  /** When this throws, the stream is in no block and invalid. */
  private openBlock(ordinal: number): void {
    this.valid = false;
    this.ordinal = NONE;
    this.enterBlock(this.window!.block(ordinal, false));
    this.ordinal = ordinal;
  }

  /** Whether the entry stands before the upper bound; makes the stream invalid if not. */
  private isWithin(): boolean {
    const { to } = this.options;
    if (this.ordinal < this.boundOrdinal || to === undefined) return true;
    const { keyBuf, keyOff, keyLen } = this;
    if (compareBytes(keyBuf, keyOff, keyLen, to, 0, to.length) < 0) return true;
    this.valid = false;
    return false;
  }
}
