/**
 * The data blocks of one open table: reads them from the file and finds the cached ones by ordinal.
 * @module
 */
import { BLOCK_CONTENT_LEN_OFF, BLOCK_DATA } from '../block/block-format.ts';
import type { BlockReader } from '../block/block-reader.ts';
import { copyBytes } from '../bytes/byte-writer.ts';
import { readU32 } from '../bytes/fixed.ts';
import { NO_ROOM, Room, roomFor } from '../bytes/room.ts';
import type { BlockCache, CacheOwner } from '../cache/block-cache.ts';
import { CODEC_NONE } from '../compress/port.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableIndex } from './table-index.ts';

/**
 * What a cached block occupies beside its bytes: the `CachedBlock`, the typed array, its buffer and
 * their bookkeeping in the heap of V8 (measured by bench/table.ts).
 */
const BLOCK_OBJECT_BYTES = 512;
/** Longer contents get arrays of their own. */
const ROOM_BYTES_MAX = 65_536;

export class TableBlocks implements CacheOwner {
  readonly path: string;
  readonly index: TableIndex;
  /** Takes turns: whoever calls it uses its results before anyone else does. */
  readonly reader: BlockReader;
  /** Told of a block that cannot be read, and why; makes what is thrown of it. */
  onLost: (ordinal: number, error: unknown) => unknown;
  readonly #cache: BlockCache;
  readonly #slots: (CachedBlock | undefined)[];
  /** Compressed blocks are read to here, because their contents take arrays of their own. */
  #stored: Uint8Array;
  /** Whether the block that was read last was compressed: the next one probably is too. */
  #isCompressed: boolean;

  /**
   * Takes the reader and its file.
   * @param isCompressed whether blocks probably are
   */
  constructor(reader: BlockReader, index: TableIndex, cache: BlockCache, isCompressed: boolean) {
    this.path = reader.path;
    this.index = index;
    this.reader = reader;
    this.onLost = (_, error) => error;
    this.#stored = EMPTY;
    this.#isCompressed = isCompressed;
    this.#cache = cache;
    this.#slots = new Array<CachedBlock | undefined>(index.blockCount).fill(undefined);
  }

  /** Memory of the slots; the blocks themselves are the cache's. */
  get memoryBytes(): number {
    return this.#slots.length * 8;
  }

  /** Block `ordinal`, from the cache or read into it; lent until the next one is read. */
  at(ordinal: number): CachedBlock {
    const block = this.#slots[ordinal];
    if (block === undefined) return this.#load(ordinal);
    if (!block.referenced) block.referenced = true;
    this.#cache.hits++;
    return block;
  }

  /** The same, for a cursor that is in it until {@link leave}. */
  enter(ordinal: number): CachedBlock {
    const block = this.at(ordinal);
    this.#cache.pin(block);
    return block;
  }

  /** A cursor moves out of a block. */
  leave(block: CachedBlock): void {
    this.#cache.unpin(block);
  }

  /** Block `ordinal` if it is in the cache, lent for good, without counting as a use of it. */
  peek(ordinal: number): CachedBlock | undefined {
    const block = this.#slots[ordinal];
    if (block !== undefined) block.isLent = true;
    return block;
  }

  #load(ordinal: number): CachedBlock {
    try {
      return this.#read(ordinal);
    } catch (error) {
      throw this.onLost(ordinal, error);
    }
  }

  #read(ordinal: number): CachedBlock {
    this.#cache.misses++;
    const { reader } = this;
    const length = this.index.blockBytes(ordinal);
    const position = this.index.blockOffs[ordinal]!;
    const block = new CachedBlock();
    if (this.#isCompressed) {
      const buf = this.#room(length);
      reader.fill(buf, 0, length, position);
      const room = this.#contentRoom(buf);
      reader.open(BLOCK_DATA, buf, 0, length, position, room);
      if (reader.buf === buf) this.#copyContent(room, block, position);
      else block.open(reader.buf, reader.contentOff, reader.contentLen, this.path, position);
    } else {
      const buf = this.#cache.buffer(length);
      reader.fill(buf, 0, length, position);
      reader.open(BLOCK_DATA, buf, 0, length, position, undefined);
      block.open(reader.buf, reader.contentOff, reader.contentLen, this.path, position);
    }
    this.#isCompressed = reader.codecId !== CODEC_NONE;
    const bytes = block.buf.length + BLOCK_OBJECT_BYTES;
    if (this.#cache.add(block, this, ordinal, bytes)) this.#slots[ordinal] = block;
    return block;
  }

  /** Room for what a block says that it holds; it may lie, so not for any amount. */
  #contentRoom(buf: Uint8Array): Room {
    const length = readU32(buf, BLOCK_CONTENT_LEN_OFF);
    return length > ROOM_BYTES_MAX ? NO_ROOM : new Room(this.#cache.buffer(length));
  }

  /** Opens the content that stands in the reader's buffer, which the next block needs. */
  #copyContent(room: Room, block: CachedBlock, position: number): void {
    const { buf, contentOff, contentLen } = this.reader;
    const own = roomFor(contentLen, room);
    copyBytes(buf, contentOff, contentLen, own.buf, own.off);
    block.open(own.buf, own.off, contentLen, this.path, position);
  }

  #room(length: number): Uint8Array {
    if (this.#stored.length < length) this.#stored = new Uint8Array(length);
    return this.#stored;
  }

  /**
   * Checks block `ordinal`, whose bytes begin at `buf[off]`, and opens it. What is wrong and can be
   * repaired is repaired in `buf`, which otherwise stays as it is.
   * @param block receives it; keeps and borrows the array that it stands in
   * @param reuse where the content may go if it does not stand in `buf` as it is; it must not
   * overlap the block
   * @returns what may be reused for the next block: `reuse`, or what had to be made instead
   * @throws VarveError `CORRUPTION` for any damage
   */
  open(ordinal: number, buf: Uint8Array, off: number, block: CachedBlock, reuse: Room): Room {
    const { reader } = this;
    const position = this.index.blockOffs[ordinal]!;
    try {
      reader.open(BLOCK_DATA, buf, off, this.index.blockBytes(ordinal), position, reuse);
      block.open(reader.buf, reader.contentOff, reader.contentLen, this.path, position);
    } catch (error) {
      throw this.onLost(ordinal, error);
    }
    return reader.roomAfter(buf, reuse);
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
    this.reader.close();
    this.reader.closeFile();
  }
}

const EMPTY = new Uint8Array(0);
