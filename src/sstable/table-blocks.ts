/**
 * The data blocks of one open table: reads them from the file and finds the cached ones by ordinal.
 * @module
 */
import { BLOCK_DATA, type BlockCodec } from '../block/block-codec.ts';

import type { BlockCache, CacheOwner } from '../cache/block-cache.ts';
import { corruption } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableIndex } from './table-index.ts';

/**
 * What a cached block occupies beside its bytes: the `CachedBlock`, the typed array, its buffer and
 * their bookkeeping in the heap of V8 (measured by bench/table.ts).
 */
const BLOCK_OBJECT_BYTES = 512;

export class TableBlocks implements CacheOwner {
  readonly path: string;
  readonly index: TableIndex;
  readonly codec: BlockCodec;
  readonly #file: FileHandle;
  readonly #cache: BlockCache;
  readonly #slots: (CachedBlock | undefined)[];

  /** Takes the handle. */
  constructor(file: FileHandle, index: TableIndex, codec: BlockCodec, cache: BlockCache) {
    this.path = file.path;
    this.index = index;
    this.codec = codec;
    this.#file = file;
    this.#cache = cache;
    this.#slots = new Array<CachedBlock | undefined>(index.blockCount).fill(undefined);
  }

  /** Memory of the slots; the blocks themselves are the cache's. */
  get memoryBytes(): number {
    return this.#slots.length * 8;
  }

  /** Block `ordinal`, from the cache or read into it. The block is lent; its bytes never change. */
  at(ordinal: number): CachedBlock {
    const block = this.#slots[ordinal];
    if (block === undefined) return this.#load(ordinal);
    if (!block.referenced) block.referenced = true;
    this.#cache.hits++;
    return block;
  }

  /** Block `ordinal` if it is in the cache, without counting as a use of it. */
  peek(ordinal: number): CachedBlock | undefined {
    return this.#slots[ordinal];
  }

  #load(ordinal: number): CachedBlock {
    this.#cache.misses++;
    const length = this.index.blockBytes(ordinal);
    const buf = new Uint8Array(length);
    this.read(buf, 0, length, this.index.blockOffs[ordinal]!);
    const block = new CachedBlock();
    this.open(ordinal, buf, 0, block);
    if (this.#cache.add(block, this, ordinal, length + BLOCK_OBJECT_BYTES)) {
      this.#slots[ordinal] = block;
    }
    return block;
  }

  /**
   * Checks block `ordinal`, whose bytes begin at `buf[off]`, and opens it in place.
   * @param block receives it; keeps and borrows `buf`
   * @throws VarveError `CORRUPTION` for any damage
   */
  open(ordinal: number, buf: Uint8Array, off: number, block: CachedBlock): void {
    const codec = this.codec;
    const position = this.index.blockOffs[ordinal]!;
    codec.open(BLOCK_DATA, buf, off, this.index.blockBytes(ordinal), position);
    block.open(buf, codec.contentOff, codec.contentLen, this.path, position);
  }

  /** Reads file bytes that must exist. */
  read(buf: Uint8Array, off: number, length: number, position: number): void {
    readExactly(this.#file, buf, off, length, position);
  }

  evicted(ordinal: number): void {
    this.#slots[ordinal] = undefined;
  }

  /** Drops the table's blocks from the cache and closes the file. */
  close(): void {
    for (let ordinal = 0; ordinal < this.#slots.length; ordinal++) {
      const block = this.#slots[ordinal];
      if (block !== undefined) this.#cache.remove(block);
      this.#slots[ordinal] = undefined;
    }
    this.#file.close();
  }
}

/**
 * Reads all of a range; borrows `buf`.
 * @throws VarveError `CORRUPTION` when the file ends before it
 */
export function readExactly(
  file: FileHandle,
  buf: Uint8Array,
  off: number,
  length: number,
  position: number,
): void {
  const got = file.read(buf, off, length, position);
  if (got !== length) throw corruption('file is cut short', file.path, position + got);
}
