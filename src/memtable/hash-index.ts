/**
 * The memtable's hash index: from the hash of a user key to its key record. Open addressing with
 * linear probing over 2^n slots, in three buffers:
 *
 *     offset  size  meaning
 *     slot    1     tag: 0 in a free slot, else the low byte of the hash, and 1 for 0
 *     slot*4  4     position of the key record
 *     slot*4  4     hash32 of the user key; only read when the table grows
 *
 * Probing walks the tags. They are small enough to stay in the processor's cache, so a miss ends
 * there, and a hit waits for slower memory only where it finds its key but for one time in 256.
 *
 * A slot's home is given by the top bits of the hash, so growing copies the table from front to
 * back into a table of at least twice the size: a sequential pass. Nothing is ever removed.
 * @module
 */
import {
  type Arena,
  type ArenaBuffer,
  type ArenaPool,
  CHUNK_SHIFT,
  CHUNK_WORD_MASK,
} from '../bytes/arena.ts';
import { equalBytes } from '../bytes/compare.ts';
import { KEY_LENGTH_WORD, KEY_OFFSET } from './record.ts';

const SLOT_BITS_MIN = 7;
/** Bytes of a position, and of a hash. */
const WORD_BYTES = 4;
/** Share of slots taken at which the table grows: a miss then probes six tags on average. */
const LOAD_MAX = 0.7;

export class HashIndex {
  readonly #arena: Arena;
  readonly #pool: ArenaPool;
  #tagBuffer: ArenaBuffer;
  #recordBuffer: ArenaBuffer;
  #hashBuffer: ArenaBuffer;
  #tags: Uint8Array;
  #records: Int32Array;
  #hashes: Int32Array;
  /** Number of slots, less 1. */
  #mask: number;
  /** 32 minus the number of bits of a slot number. */
  #shift: number;
  #count: number;
  /** Slots to grow to at once when the first few are taken. */
  readonly #expectedSlots: number;
  /** Free slot at which the last unsuccessful {@link find} ended. */
  #free: number;

  /** @param expectedKeys as many as there may be; costs no memory before the first few have come */
  constructor(arena: Arena, pool: ArenaPool, expectedKeys: number) {
    this.#arena = arena;
    this.#pool = pool;
    this.#tagBuffer = pool.take(1 << SLOT_BITS_MIN);
    this.#recordBuffer = pool.take(WORD_BYTES << SLOT_BITS_MIN);
    this.#hashBuffer = pool.take(WORD_BYTES << SLOT_BITS_MIN);
    this.#tags = zeroedTags(this.#tagBuffer);
    this.#records = this.#recordBuffer.words;
    this.#hashes = this.#hashBuffer.words;
    this.#mask = (1 << SLOT_BITS_MIN) - 1;
    this.#shift = 32 - SLOT_BITS_MIN;
    this.#count = 0;
    this.#expectedSlots = 2 ** Math.ceil(Math.log2(Math.max(1, expectedKeys / LOAD_MAX)));
    this.#free = 0;
  }

  /** Bytes of the table. */
  get sizeBytes(): number {
    return (this.#mask + 1) * (2 * WORD_BYTES + 1);
  }

  /**
   * Position of the key record of a user key with this hash; 0 if there is none. Borrows `keyBuf`.
   */
  find(hash: number, keyBuf: Uint8Array, keyOff: number, keyLen: number): number {
    const tags = this.#tags;
    const mask = this.#mask;
    const tag = tagOf(hash);
    let slot = hash >>> this.#shift;
    for (;;) {
      const other = tags[slot]!;
      if (other === 0) {
        this.#free = slot;
        return 0;
      }
      if (other === tag) {
        const record = this.#records[slot]!;
        if (this.#holds(record, keyBuf, keyOff, keyLen)) return record;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Adds the key record of the key that the {@link find} just before did not find. */
  add(hash: number, record: number): void {
    const slot = this.#free;
    this.#tags[slot] = tagOf(hash);
    this.#records[slot] = record;
    this.#hashes[slot] = hash | 0;
    if (++this.#count > (this.#mask + 1) * LOAD_MAX) this.#grow();
  }

  /** Gives the table back to the pool; the index must not be used afterwards. */
  release(): void {
    this.#pool.give(this.#tagBuffer);
    this.#pool.give(this.#recordBuffer);
    this.#pool.give(this.#hashBuffer);
  }

  #holds(record: number, keyBuf: Uint8Array, keyOff: number, keyLen: number): boolean {
    const chunk = record >>> CHUNK_SHIFT;
    const base = record & CHUNK_WORD_MASK;
    const bytes = this.#arena.chunkBytes[chunk]!;
    const recordKeyLen = this.#arena.chunkWords[chunk]![base + KEY_LENGTH_WORD]!;
    return equalBytes(bytes, base * 4 + KEY_OFFSET, recordKeyLen, keyBuf, keyOff, keyLen);
  }

  #grow(): void {
    const oldTags = this.#tagBuffer;
    const oldRecords = this.#recordBuffer;
    const oldHashes = this.#hashBuffer;
    const oldCount = this.#mask + 1;
    const newCount = Math.max(oldCount * 2, this.#expectedSlots);
    this.#tagBuffer = this.#pool.take(newCount);
    this.#recordBuffer = this.#pool.take(newCount * WORD_BYTES);
    this.#hashBuffer = this.#pool.take(newCount * WORD_BYTES);
    this.#tags = zeroedTags(this.#tagBuffer);
    this.#records = this.#recordBuffer.words;
    this.#hashes = this.#hashBuffer.words;
    this.#mask = newCount - 1;
    this.#shift = Math.clz32(this.#mask);
    for (let from = 0; from < oldCount; from++) {
      const tag = oldTags.bytes[from]!;
      if (tag === 0) continue;
      const hash = oldHashes.words[from]!;
      let slot = hash >>> this.#shift;
      while (this.#tags[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#tags[slot] = tag;
      this.#records[slot] = oldRecords.words[from]!;
      this.#hashes[slot] = hash;
    }
    this.#pool.give(oldTags);
    this.#pool.give(oldRecords);
    this.#pool.give(oldHashes);
  }
}

function tagOf(hash: number): number {
  return Math.max(hash & 0xff, 1);
}

/** The tags of a buffer that may have been used before. */
function zeroedTags(buffer: ArenaBuffer): Uint8Array {
  if (!buffer.zeroed) buffer.bytes.fill(0);
  buffer.zeroed = false;
  return buffer.bytes;
}
