/**
 * One byte budget for the cached blocks of all tables, with CLOCK replacement: a hit only sets a
 * flag on the block, and the hand spares a flagged block once.
 *
 * The cache has no map. A block is found by its owner, which keeps its blocks in an array by
 * ordinal; the cache tells the owner when one goes. The buffer of a block that went serves the next
 * one that is read, once no cursor is in it. A block that was lent for good is left to the garbage
 * collector: somebody may hold its bytes.
 * @module
 */
import { assert } from '../errors.ts';
import { BufferPool } from './buffer-pool.ts';

/** Whoever finds cached blocks by ordinal: a table. */
export interface CacheOwner {
  /** The cache has dropped the block; forget it. */
  evicted(ordinal: number): void;
}

/** Beside the budget if it must be: what was evicted for a block is to serve the next one. */
const BUFFER_BYTES_MIN = 65_536;

/** What the cache keeps of a block, in the block itself; the first three fields are the owner's. */
export interface CacheEntry {
  /** What the block stands in, taken by the cache; its length does not change. */
  buf: Uint8Array;
  /** Set by the owner at every hit. */
  referenced: boolean;
  /** Set by the owner, and never taken back, when somebody may hold the bytes from then on. */
  isLent: boolean;
  /** Cursors that are in the block; the cache's. */
  pins: number;
  ordinal: number;
  /** Bytes counted against the budget; 0 while the entry is not in a cache. */
  chargeBytes: number;
  /** Undefined while the entry is not in a cache. */
  owner: CacheOwner | undefined;
  previous: CacheEntry | undefined;
  following: CacheEntry | undefined;
}

export class BlockCache {
  /** The budget; changed by {@link resize}. */
  capacityBytes: number;
  /** Sum of the charges of the cached blocks; never above `capacityBytes`. */
  usedBytes: number;
  blockCount: number;
  /** Owners count their own hits here, in the path that does nothing else with the cache. */
  hits: number;
  misses: number;
  evictions: number;
  /** The entry that the hand looks at next; new entries go right behind it. */
  #hand: CacheEntry | undefined;
  /** Of blocks that went and were not lent; what they have is the budget's that blocks leave. */
  readonly #buffers: BufferPool;

  /** @param capacityBytes the budget; 0 caches nothing */
  constructor(capacityBytes: number) {
    if (!(capacityBytes >= 0)) throw new RangeError('cache capacity must not be negative');
    this.capacityBytes = capacityBytes;
    this.usedBytes = 0;
    this.blockCount = 0;
    this.hits = 0;
    this.misses = 0;
    this.evictions = 0;
    this.#hand = undefined;
    this.#buffers = new BufferPool();
  }

  /** Bytes of buffers that wait for blocks. */
  get bufferBytes(): number {
    return this.#buffers.bytes;
  }

  /**
   * A buffer for a block that is to be read: of one that went, or fresh. The caller owns it.
   * @param lengthBytes that it has at least; it may have some more
   */
  buffer(lengthBytes: number): Uint8Array {
    return this.#buffers.take(lengthBytes);
  }

  /**
   * Takes in an entry, evicting others until it fits.
   * @param chargeBytes what it occupies in memory, all overhead included
   * @returns false when the entry is larger than the whole budget; it is then not cached
   */
  add(entry: CacheEntry, owner: CacheOwner, ordinal: number, chargeBytes: number): boolean {
    assert(entry.owner === undefined, 'a cache entry is added once');
    if (chargeBytes > this.capacityBytes) return false;
    this.#makeRoom(this.capacityBytes - chargeBytes);
    entry.owner = owner;
    entry.ordinal = ordinal;
    entry.chargeBytes = chargeBytes;
    entry.referenced = false;
    this.#link(entry);
    this.usedBytes += chargeBytes;
    this.blockCount++;
    return true;
  }

  /** Drops an entry at its owner's wish; the owner is not told. */
  remove(entry: CacheEntry): void {
    assert(entry.owner !== undefined, 'only a cached entry is removed');
    this.#unlink(entry);
    this.usedBytes -= entry.chargeBytes;
    this.blockCount--;
    entry.owner = undefined;
    entry.chargeBytes = 0;
    if (entry.pins === 0) this.#recycle(entry);
  }

  /** A cursor is in the block from now on, until {@link unpin}: its bytes stand, cached or not. */
  pin(entry: CacheEntry): void {
    entry.pins++;
  }

  /** Undoes {@link pin}. */
  unpin(entry: CacheEntry): void {
    assert(entry.pins > 0, 'who leaves a block was in it');
    if (--entry.pins === 0 && entry.owner === undefined) this.#recycle(entry);
  }

  /** Nobody finds the block any more, and nobody is in it. */
  #recycle(entry: CacheEntry): void {
    if (entry.isLent) return;
    entry.isLent = true;
    this.#buffers.give(entry.buf);
  }

  /** Changes the budget, evicting entries until they fit. */
  resize(capacityBytes: number): void {
    assert(capacityBytes >= 0, 'cache capacity is not negative');
    this.capacityBytes = capacityBytes;
    this.#makeRoom(capacityBytes);
  }

  /** Evicts everything. */
  clear(): void {
    this.#makeRoom(0);
  }

  /** Evicts blocks until they have at most so many bytes; buffers may have what they leave. */
  #makeRoom(bytesMax: number): void {
    while (this.usedBytes > bytesMax) this.#evictOne();
    this.#buffers.trim(Math.max(bytesMax - this.usedBytes, BUFFER_BYTES_MIN));
  }

  #evictOne(): void {
    let entry = this.#hand;
    assert(entry !== undefined, 'a cache over its budget holds an entry');
    while (entry.referenced) {
      entry.referenced = false;
      entry = entry.following!;
    }
    this.#hand = entry;
    const owner = entry.owner!;
    const ordinal = entry.ordinal;
    this.remove(entry);
    this.evictions++;
    owner.evicted(ordinal);
  }

  /** Puts the entry where the hand comes by last. */
  #link(entry: CacheEntry): void {
    const hand = this.#hand;
    if (hand === undefined) {
      entry.previous = entry;
      entry.following = entry;
      this.#hand = entry;
      return;
    }
    const before = hand.previous!;
    entry.previous = before;
    entry.following = hand;
    before.following = entry;
    hand.previous = entry;
  }

  #unlink(entry: CacheEntry): void {
    const following = entry.following!;
    if (following === entry) {
      this.#hand = undefined;
    } else {
      const previous = entry.previous!;
      previous.following = following;
      following.previous = previous;
      if (this.#hand === entry) this.#hand = following;
    }
    entry.previous = undefined;
    entry.following = undefined;
  }
}
