/**
 * Protects a block by shards: Reed-Solomon with k data and m parity shards, or XOR (m = 1).
 *
 * The block of n bytes is cut into d <= k data shards of s bytes: shard i is its bytes from i s up
 * to i s + s, the last one filled with zeros. Shards d to k - 1, if any, are zeros and stand
 * nowhere. The section behind the block is m parity shards, one behind the other, of s + 4 d + 4
 * bytes each:
 *
 *     offset     size  meaning
 *     0          s     parity of the code
 *     s          4 d   checksum of each data shard
 *     s + 4 d    4     checksum of this parity shard, of the bytes above
 *
 * With w the packets of the code's shards, s is ceil(n / k) rounded up to a multiple of 4 w. While
 * (1 + k w) s / (w g) is above 1 MiB, g = 1 at first, g is doubled and s is ceil(n / k) rounded up
 * to a multiple of 16 w g. The code runs over each g-th of the shards for itself, as
 * @ronomon/reed-solomon does with the same s.
 *
 * Checksums are XXH32, little-endian. That of a data shard runs over its g parts, zeros included,
 * each seeded with the checksum of the part before, the first with 0. That of parity shard j does
 * the same from seed j, and then once more over the checksums of the data shards.
 *
 * Guarantee: a block reads back right when at most m of its d + m shards are damaged, in any way:
 * one bit or all of them, bytes of other blocks, parity shards in each other's places, checksums
 * included. For as soon as data is damaged, at most m - 1 parity shards are; one that is sound
 * names every damaged data shard, and those that agree with it are enough. Stale parity shards can
 * agree on another block; each list that some parity shard vouches for is therefore tried, and the
 * block's own checksum decides. That checksum also refuses what damage beyond the budget, or a
 * damaged shard of the same 32-bit checksum, may lead to.
 * @module
 */
import { readU32, writeU32 } from '../bytes/fixed.ts';
import { assert } from '../errors.ts';
import type { EccCodec, EccLayout, EccRepair } from './port.ts';
import type { ReedSolomon } from './reed-solomon.ts';
import { hashWords } from './shard-checksum.ts';

const CHECKSUM_BYTES = 4;
/** Most bytes in one parity packet and all data packets of a part: that library's limit. */
const PART_BYTES_MAX = 0x10_0000;

/** A code of shards as a codec. Working memory: at most 4 MiB. */
export class ShardCodec implements EccCodec {
  readonly #code: ReedSolomon;
  /** One part of all shards, data first; grows to what blocks need. */
  #words: Int32Array;
  /** The same memory. */
  #bytes: Uint8Array;
  /** Checksums of the data shards at 0, of the parity shards at k. */
  readonly #sums: Int32Array;
  /** How the block at hand is cut; set by {@link #cut}. */
  #blockLen: number;
  #shardBytes: number;
  #shardCount: number;
  #partCount: number;
  #partBytes: number;
  #parityShardBytes: number;

  /** @param code taken */
  constructor(code: ReedSolomon) {
    this.#code = code;
    this.#words = new Int32Array(0);
    this.#bytes = new Uint8Array(0);
    this.#sums = new Int32Array(code.dataShards + code.parityShards);
    this.#blockLen = 0;
    this.#shardBytes = 0;
    this.#shardCount = 0;
    this.#partCount = 1;
    this.#partBytes = 0;
    this.#parityShardBytes = 0;
  }

  parityBytes(blockLen: number): number {
    this.#cut(blockLen);
    return this.#parityShardBytes * this.#code.parityShards;
  }

  layout(blockLen: number): EccLayout {
    this.#cut(blockLen);
    return {
      dataShardBytes: this.#shardBytes,
      dataShards: this.#shardCount,
      parityShardBytes: this.#parityShardBytes,
      parityShards: blockLen === 0 ? 0 : this.#code.parityShards,
    };
  }

  append(buf: Uint8Array, off: number, blockLen: number): void {
    const end = off + blockLen;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'there is room for the parity section');
    if (blockLen === 0) return;
    this.#reserve();
    this.#resetSums();
    for (let part = 0; part < this.#partCount; part++) {
      this.#loadData(buf, off, part);
      this.#code.encode(this.#words, this.#packetWords());
      this.#storeParity(buf, end, part);
      this.#addToSums();
    }
    this.#writeSums(buf, end);
  }

  isIntact(buf: Uint8Array, off: number, blockLen: number): boolean {
    const end = off + blockLen;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'the parity section was read');
    if (blockLen === 0) return true;
    // Parity is not computed again: its checksums and those of the data bear each other out.
    this.#sumUp(buf, off);
    const sums = this.#sums;
    const count = this.#shardCount;
    for (let j = 0; j < this.#code.parityShards; j++) {
      let at = end + j * this.#parityShardBytes + this.#shardBytes;
      for (let i = 0; i < count; i++, at += CHECKSUM_BYTES) {
        if ((readU32(buf, at) | 0) !== sums[i]) return false;
      }
      const sum = hashWords(sums, 0, count, sums[this.#code.dataShards + j]!);
      if ((readU32(buf, at) | 0) !== sum) return false;
    }
    return true;
  }

  hasSoundShard(buf: Uint8Array, off: number, blockLen: number): boolean {
    const end = off + blockLen;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'the parity section was read');
    this.#reserve();
    const words = this.#words;
    const partWords = this.#partBytes / 4;
    for (let j = 0; j < this.#code.parityShards && blockLen > 0; j++) {
      let at = end + j * this.#parityShardBytes;
      let sum = j;
      for (let part = 0; part < this.#partCount; part++, at += this.#partBytes) {
        this.#bytes.set(buf.subarray(at, at + this.#partBytes), 0);
        sum = hashWords(words, 0, partWords, sum);
      }
      for (let i = 0; i < this.#shardCount; i++, at += CHECKSUM_BYTES) words[i] = readU32(buf, at);
      if (hashWords(words, 0, this.#shardCount, sum) === (readU32(buf, at) | 0)) return true;
    }
    return false;
  }

  repair(
    buf: Uint8Array,
    off: number,
    blockLen: number,
    isSound: () => boolean,
  ): EccRepair | undefined {
    const end = off + blockLen;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'the parity section was read');
    if (blockLen === 0) return undefined;
    this.#sumUp(buf, off);
    const lists = this.#soundLists(buf, end);
    for (const [j, list] of lists.entries()) {
      if (list === undefined || lists.findIndex((other) => isSame(other, list)) < j) continue;
      const erased = this.#erasedBy(list, lists);
      const correctedShards = this.#restore(buf, off, erased, isSound);
      if (correctedShards === 0) continue;
      this.append(buf, off, blockLen);
      return { correctedShards, correctedBits: 0 };
    }
    return undefined;
  }

  /** Computes the checksums of all shards, as they stand in `buf`, of the block that was cut. */
  #sumUp(buf: Uint8Array, off: number): void {
    this.#reserve();
    this.#resetSums();
    for (let part = 0; part < this.#partCount; part++) {
      this.#loadData(buf, off, part);
      this.#loadParity(buf, off + this.#blockLen, part);
      this.#addToSums();
    }
  }

  /** Works out how a block of this length is cut. */
  #cut(blockLen: number): void {
    if (blockLen === this.#blockLen) return;
    const { dataShards, shardPackets } = this.#code;
    const shardBytesMin = Math.ceil(blockLen / dataShards);
    const touched = (1 + dataShards * shardPackets) / shardPackets;
    let partCount = 1;
    let shardBytes = roundUp(shardBytesMin, 4 * shardPackets);
    while ((touched * shardBytes) / partCount > PART_BYTES_MAX) {
      partCount *= 2;
      shardBytes = roundUp(shardBytesMin, 16 * shardPackets * partCount);
    }
    this.#blockLen = blockLen;
    this.#shardBytes = shardBytes;
    this.#shardCount = blockLen === 0 ? 0 : Math.ceil(blockLen / shardBytes);
    this.#partCount = partCount;
    this.#partBytes = shardBytes / partCount;
    this.#parityShardBytes =
      blockLen === 0 ? 0 : shardBytes + CHECKSUM_BYTES * (this.#shardCount + 1);
  }

  /** Makes room for one part of all shards. */
  #reserve(): void {
    const words = (this.#sums.length * this.#partBytes) / 4;
    if (words <= this.#words.length) return;
    this.#words = new Int32Array(words);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  #packetWords(): number {
    return this.#partBytes / 4 / this.#code.shardPackets;
  }

  /** Copies one part of every data shard in, with zeros where the block has no bytes. */
  #loadData(buf: Uint8Array, off: number, part: number): void {
    const bytes = this.#bytes;
    const partBytes = this.#partBytes;
    const dataEnd = this.#code.dataShards * partBytes;
    if (this.#partCount === 1) {
      bytes.set(buf.subarray(off, off + this.#blockLen), 0);
      bytes.fill(0, this.#blockLen, dataEnd);
      return;
    }
    const blockEnd = off + this.#blockLen;
    for (let i = 0; i * partBytes < dataEnd; i++) {
      const from = Math.min(off + i * this.#shardBytes + part * partBytes, blockEnd);
      const to = Math.min(from + partBytes, blockEnd);
      bytes.set(buf.subarray(from, to), i * partBytes);
      bytes.fill(0, i * partBytes + to - from, (i + 1) * partBytes);
    }
  }

  /** Copies one part of every parity shard of the section at `section` in. */
  #loadParity(buf: Uint8Array, section: number, part: number): void {
    const partBytes = this.#partBytes;
    for (let j = 0; j < this.#code.parityShards; j++) {
      const from = section + j * this.#parityShardBytes + part * partBytes;
      const at = (this.#code.dataShards + j) * partBytes;
      this.#bytes.set(buf.subarray(from, from + partBytes), at);
    }
  }

  #storeParity(buf: Uint8Array, section: number, part: number): void {
    const partBytes = this.#partBytes;
    for (let j = 0; j < this.#code.parityShards; j++) {
      const from = (this.#code.dataShards + j) * partBytes;
      const to = section + j * this.#parityShardBytes + part * partBytes;
      buf.set(this.#bytes.subarray(from, from + partBytes), to);
    }
  }

  #resetSums(): void {
    const { dataShards } = this.#code;
    for (let s = 0; s < this.#sums.length; s++) this.#sums[s] = Math.max(0, s - dataShards);
  }

  /** Takes the part that is loaded into the checksums of all shards that stand somewhere. */
  #addToSums(): void {
    const sums = this.#sums;
    const partWords = this.#partBytes / 4;
    for (let s = 0; s < this.#shardCount; s++) {
      sums[s] = hashWords(this.#words, s * partWords, partWords, sums[s]!);
    }
    for (let s = this.#code.dataShards; s < sums.length; s++) {
      sums[s] = hashWords(this.#words, s * partWords, partWords, sums[s]!);
    }
  }

  #writeSums(buf: Uint8Array, section: number): void {
    const count = this.#shardCount;
    for (let j = 0; j < this.#code.parityShards; j++) {
      let at = section + j * this.#parityShardBytes + this.#shardBytes;
      for (let i = 0; i < count; i++, at += CHECKSUM_BYTES) writeU32(buf, at, this.#sums[i]!);
      writeU32(buf, at, hashWords(this.#sums, 0, count, this.#sums[this.#code.dataShards + j]!));
    }
  }

  /** The stored checksums of the data shards, from each parity shard that is sound. */
  #soundLists(buf: Uint8Array, section: number): (Int32Array | undefined)[] {
    const count = this.#shardCount;
    return Array.from({ length: this.#code.parityShards }, (_, j) => {
      const from = section + j * this.#parityShardBytes + this.#shardBytes;
      const list = new Int32Array(count);
      for (let i = 0; i < count; i++) list[i] = readU32(buf, from + i * CHECKSUM_BYTES);
      const sum = hashWords(list, 0, count, this.#sums[this.#code.dataShards + j]!);
      return sum === (readU32(buf, from + count * CHECKSUM_BYTES) | 0) ? list : undefined;
    });
  }

  /** The shards that are damaged if `list` is right, as a mask for {@link ReedSolomon.decode}. */
  #erasedBy(list: Int32Array, lists: readonly (Int32Array | undefined)[]): number {
    let erased = 0;
    for (const [i, sum] of list.entries()) if (sum !== this.#sums[i]) erased |= 1 << i;
    for (const [j, other] of lists.entries()) {
      if (!isSame(other, list)) erased |= 1 << (this.#code.dataShards + j);
    }
    return erased;
  }

  /**
   * Restores the erased data shards in `buf` if that gives a sound block, else leaves it as it was.
   * @returns how many it restored
   */
  #restore(buf: Uint8Array, off: number, erased: number, isSound: () => boolean): number {
    const blockEnd = off + this.#blockLen;
    const partBytes = this.#partBytes;
    const lost: number[] = [];
    for (let i = 0; i < this.#shardCount; i++) if ((erased >>> i) & 1) lost.push(i);
    if (lost.length === 0) return 0;
    const from = lost.map((i) => off + i * this.#shardBytes);
    const damaged = from.map((at) => buf.slice(at, Math.min(at + this.#shardBytes, blockEnd)));
    const restored = damaged.map((shard) => new Uint8Array(shard.length));
    for (let part = 0; part < this.#partCount; part++) {
      this.#loadData(buf, off, part);
      this.#loadParity(buf, blockEnd, part);
      if (!this.#code.decode(this.#words, this.#packetWords(), erased)) return 0;
      for (const [n, shard] of restored.entries()) {
        const words = lost[n]! * partBytes;
        const length = Math.min(partBytes, shard.length - part * partBytes);
        if (length > 0) shard.set(this.#bytes.subarray(words, words + length), part * partBytes);
      }
    }
    for (const [n, shard] of restored.entries()) buf.set(shard, from[n]!);
    if (isSound()) return lost.length;
    for (const [n, shard] of damaged.entries()) buf.set(shard, from[n]!);
    return 0;
  }
}

function roundUp(count: number, step: number): number {
  return Math.ceil(count / step) * step;
}

function isSame(list: Int32Array | undefined, other: Int32Array): boolean {
  return list?.every((sum, i) => sum === other[i]) ?? false;
}
