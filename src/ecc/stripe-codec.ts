/**
 * The parity of one stripe: up to k chunks of 4 KiB and m units.
 *
 *     offset     size  meaning of the bytes of a unit
 *     0          4096  parity of the code, over the chunks as its shards
 *     4096       4 k   checksum of each chunk of the stripe; 0 for those that stand nowhere
 *     4096+4k    4     checksum of this unit, of the bytes above
 *
 * The code is that of blocks (reed-solomon.ts); a chunk is w packets of 4096 / w bytes. Checksums
 * are XXH32: that of a chunk with seed 0; that of a unit first over its parity, seeded with
 * salt + q mod 2^32, then over its list, seeded with the first result. q is the number of the unit
 * in the file and salt the u32 at offset 16 of the file header: units of another place or file are
 * not sound. As in a parity section (shard-codec.ts), each unit lists all chunks, so that whichever
 * of them survives tells which chunks are damaged.
 * @module
 */
import { readU32, writeU32 } from '../bytes/fixed.ts';
import type { StripeOptions } from './options.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { hashWords } from './shard-checksum.ts';
import { CHUNK_BYTES } from './stripe-layout.ts';

const CHUNK_WORDS: number = CHUNK_BYTES / 4;

/** One stripe at a time, in working memory of (k + m) 4 KiB. Not reentrant. */
export class StripeCodec {
  /** k. */
  readonly data: number;
  /** m. */
  readonly parity: number;
  readonly #code: ReedSolomon;
  readonly #words: Int32Array;
  /** The same as bytes: chunk i is `[i * 4096, i * 4096 + 4096)`. */
  readonly #bytes: Uint8Array;
  /** Checksums of the chunks as they should be: of one sound unit, or of what was loaded. */
  readonly #list: Int32Array;
  readonly #unitList: Int32Array;
  /** The parity is not that of the chunks: decoding works in its place. */
  #isParitySpent: boolean;

  /** @throws RangeError for numbers that no code has */
  constructor({ data, parity }: StripeOptions) {
    this.data = data;
    this.parity = parity;
    this.#code = new ReedSolomon(data, parity);
    this.#words = new Int32Array((data + parity) * CHUNK_WORDS);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#list = new Int32Array(data);
    this.#unitList = new Int32Array(data);
    this.#isParitySpent = false;
  }

  /** Sets chunk `i` to `buf[off, off + length)`, filled up with zeros. Borrows `buf`. */
  setChunk(i: number, buf: Uint8Array, off: number, length: number): void {
    const at = i * CHUNK_BYTES;
    this.#bytes.set(buf.subarray(off, off + length), at);
    this.#bytes.fill(0, at + length, at + CHUNK_BYTES);
  }

  /** Where chunk `i` stands: 4 KiB that are lent until the stripe is set anew. */
  chunk(i: number): Uint8Array {
    return this.#bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
  }

  /** The checksum of chunk `i` as it is set, signed. */
  chunkSum(i: number): number {
    return hashWords(this.#words, i * CHUNK_WORDS, CHUNK_WORDS, 0);
  }

  /** Computes the parity of the chunks that are set. @param sums of them, 0 for absent ones */
  encode(sums: Int32Array): void {
    this.#list.set(sums);
    this.#encode();
  }

  /** Writes unit `j` after {@link encode} or {@link restore}. Borrows `buf`. */
  writeUnit(j: number, buf: Uint8Array, off: number, seed: number): void {
    if (this.#isParitySpent) this.#encode();
    const words = (this.data + j) * CHUNK_WORDS;
    buf.set(this.#bytes.subarray(words * 4, words * 4 + CHUNK_BYTES), off);
    let at = off + CHUNK_BYTES;
    for (const sum of this.#list) {
      writeU32(buf, at, sum >>> 0);
      at += 4;
    }
    const sum = hashWords(
      this.#list,
      0,
      this.data,
      hashWords(this.#words, words, CHUNK_WORDS, seed),
    );
    writeU32(buf, at, sum >>> 0);
  }

  /**
   * Sets unit `j` to the bytes at `buf[off]`; the first sound one says what the chunks should be.
   * Borrows `buf`.
   * @param isFirst no unit of the stripe was found sound before
   * @returns whether it is sound, and lists what the others do
   */
  setUnit(j: number, buf: Uint8Array, off: number, seed: number, isFirst: boolean): boolean {
    const words = (this.data + j) * CHUNK_WORDS;
    this.#bytes.set(buf.subarray(off, off + CHUNK_BYTES), words * 4);
    const list = this.#unitList;
    let at = off + CHUNK_BYTES;
    for (let i = 0; i < list.length; i++, at += 4) list[i] = readU32(buf, at) | 0;
    const own = hashWords(list, 0, this.data, hashWords(this.#words, words, CHUNK_WORDS, seed));
    if (own !== (readU32(buf, at) | 0)) return false;
    if (!isFirst) return list.every((sum, i) => sum === this.#list[i]);
    this.#list.set(list);
    return true;
  }

  /** True if chunk `i` as it is set is what the sound units list. */
  isListed(i: number): boolean {
    return this.chunkSum(i) === this.#list[i];
  }

  /**
   * Restores chunks and units, once all of them are set.
   * @param lost bit i for chunk i, bit k + j for unit j
   * @returns false if too many are lost, or what comes out is not what was listed; nothing of the
   * stripe is to be used then
   */
  restore(lost: number): boolean {
    const packetWords = CHUNK_WORDS / this.#code.shardPackets;
    if (!this.#code.decode(this.#words, packetWords, lost)) return false;
    for (let i = 0; i < this.data; i++) {
      if ((lost >>> i) & 1 && !this.isListed(i)) return false;
    }
    // Most of the time it is a chunk that is wanted, and no unit.
    this.#isParitySpent = true;
    return true;
  }

  #encode(): void {
    this.#code.encode(this.#words, CHUNK_WORDS / this.#code.shardPackets);
    this.#isParitySpent = false;
  }
}
