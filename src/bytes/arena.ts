/**
 * Memory that is filled from front to back and given back whole.
 *
 * An {@link Arena} hands out positions instead of objects, so that structures built in it live in
 * typed arrays only and another thread can read them through the same buffers. A position counts
 * 4-byte words in an address space of chunks; it never moves and is never 0:
 *
 *     bits  size  meaning
 *     0     18    word offset inside the chunk (a chunk spans 1 MiB; early chunks are smaller)
 *     18    13    chunk number
 *
 * Chunks grow from 4 KiB by four to 1 MiB, so a small structure stays small. Memory is only touched
 * when it is handed out. Values too big for a chunk get a buffer of their own, a "large" with its
 * own number.
 *
 * Buffers are SharedArrayBuffers where the platform has them. Those are freed late, so an
 * {@link ArenaPool} keeps them for the next arena.
 * @module
 */
import { assert } from '../errors.ts';

/** `position >>> CHUNK_SHIFT` is the chunk number. */
export const CHUNK_SHIFT = 18;
/** `position & CHUNK_WORD_MASK` is the word offset in the chunk. */
export const CHUNK_WORD_MASK = 0x3_ffff;
/** Longest single allocation inside chunks. */
export const ARENA_ALLOCATION_BYTES_MAX = 0x8_0000;

const CHUNK_BYTES_MIN = 0x1000;
const CHUNK_GROWTH = 4;
const CHUNK_BYTES_MAX = 0x10_0000;
const CHUNK_COUNT_MAX = 0x2000;
/** Smallest step between the sizes that a pool deals in. */
const SIZE_STEP_BYTES_MIN = 0x400;
const RETAINED_BYTES_DEFAULT = 0x400_0000;

/** One buffer with its two views; its bytes are zero only while `zeroed` is true. */
export class ArenaBuffer {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  zeroed: boolean;

  constructor(sizeBytes: number) {
    const buffer =
      typeof SharedArrayBuffer === 'undefined'
        ? new ArrayBuffer(sizeBytes)
        : new SharedArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.zeroed = true;
  }
}

/** Keeps given-back buffers, up to a number of bytes, for the next who takes their size. */
export class ArenaPool {
  /** Bytes of buffers waiting for reuse. */
  retainedBytes: number;
  readonly #retainedBytesMax: number;
  readonly #bySize: Map<number, ArenaBuffer[]>;

  constructor(retainedBytesMax: number = RETAINED_BYTES_DEFAULT) {
    this.retainedBytes = 0;
    this.#retainedBytesMax = retainedBytesMax;
    this.#bySize = new Map();
  }

  /** A buffer of at least `sizeBytes`, at most a quarter larger (or 1 KiB); the taker owns it. */
  take(sizeBytes: number): ArenaBuffer {
    const rounded = roundSize(sizeBytes);
    const waiting = this.#bySize.get(rounded)?.pop();
    if (waiting === undefined) return new ArenaBuffer(rounded);
    this.retainedBytes -= rounded;
    return waiting;
  }

  /** Lets go of all buffers that wait. */
  clear(): void {
    this.#bySize.clear();
    this.retainedBytes = 0;
  }

  /** Takes `buffer` over; the giver must not use it again. */
  give(buffer: ArenaBuffer): void {
    const size = buffer.bytes.length;
    if (this.retainedBytes + size > this.#retainedBytesMax) return;
    buffer.zeroed = false;
    this.retainedBytes += size;
    const waiting = this.#bySize.get(size);
    if (waiting === undefined) this.#bySize.set(size, [buffer]);
    else waiting.push(buffer);
  }
}

/** Up to the next quarter of a power of two, so that sizes repeat and at most a fifth is unused. */
function roundSize(sizeBytes: number): number {
  const quarter = 2 ** (29 - Math.clz32(sizeBytes));
  const step = Math.max(quarter, SIZE_STEP_BYTES_MIN);
  return Math.ceil(sizeBytes / step) * step;
}

/** Allocates from pooled chunks; everything is given back at once by {@link release}. */
export class Arena {
  /** Per chunk number, the chunk as bytes and as 32-bit words. */
  readonly chunkBytes: Uint8Array[];
  readonly chunkWords: Int32Array[];
  /** Per large number, its bytes; they may be longer than asked for. */
  readonly largeBytes: Uint8Array[];
  /** Bytes handed out, with the ends of chunks that no allocation fitted into. */
  usedBytes: number;
  readonly #pool: ArenaPool;
  readonly #buffers: ArenaBuffer[];
  /** Byte offset of the next allocation in the last chunk, and that chunk's size. */
  #next: number;
  #end: number;

  constructor(pool: ArenaPool) {
    this.chunkBytes = [];
    this.chunkWords = [];
    this.largeBytes = [];
    this.usedBytes = 0;
    this.#pool = pool;
    this.#buffers = [];
    this.#next = 0;
    this.#end = 0;
  }

  /** An arena over the buffers of another one, to read what that holds; it owns nothing. */
  static over(chunks: readonly ArrayBufferLike[], larges: readonly ArrayBufferLike[]): Arena {
    const arena = new Arena(new ArenaPool(0));
    for (const buffer of chunks) {
      arena.chunkBytes.push(new Uint8Array(buffer));
      arena.chunkWords.push(new Int32Array(buffer));
    }
    for (const buffer of larges) arena.largeBytes.push(new Uint8Array(buffer));
    return arena;
  }

  /**
   * Room for 1 to {@link ARENA_ALLOCATION_BYTES_MAX} bytes, aligned to 8, in one chunk. The bytes
   * hold anything.
   * @returns the position; higher than all returned before
   */
  allocate(sizeBytes: number): number {
    const size = (sizeBytes + 7) & ~7;
    if (size > this.#end - this.#next) this.#addChunk(size);
    const at = this.#next;
    this.#next = at + size;
    this.usedBytes += size;
    return ((this.chunkWords.length - 1) << CHUNK_SHIFT) | (at >>> 2);
  }

  /** A buffer of its own for one big value; returns its number in {@link largeBytes}. */
  allocateLarge(sizeBytes: number): number {
    const buffer = this.#pool.take(sizeBytes);
    this.#buffers.push(buffer);
    this.usedBytes += buffer.bytes.length;
    return this.largeBytes.push(buffer.bytes) - 1;
  }

  /** Gives all buffers back to the pool; nothing of this arena may be used afterwards. */
  release(): void {
    for (const buffer of this.#buffers) this.#pool.give(buffer);
    this.#buffers.length = 0;
    this.chunkBytes.length = 0;
    this.chunkWords.length = 0;
    this.largeBytes.length = 0;
    this.usedBytes = 0;
    this.#next = 0;
    this.#end = 0;
  }

  #addChunk(neededBytes: number): void {
    assert(neededBytes <= ARENA_ALLOCATION_BYTES_MAX, 'an allocation fits into one chunk');
    const number = this.chunkWords.length;
    assert(number < CHUNK_COUNT_MAX, 'an arena has at most 8192 chunks');
    this.usedBytes += this.#end - this.#next;
    // The very first 8 bytes stay unused, because position 0 means "none".
    const reserved = number === 0 ? 8 : 0;
    const grown = number === 0 ? CHUNK_BYTES_MIN : this.#end * CHUNK_GROWTH;
    let size = Math.min(grown, CHUNK_BYTES_MAX);
    while (size < neededBytes + reserved) size *= 2;
    const buffer = this.#pool.take(size);
    this.#buffers.push(buffer);
    this.chunkBytes.push(buffer.bytes);
    this.chunkWords.push(buffer.words);
    this.#next = reserved;
    this.#end = size;
  }
}
