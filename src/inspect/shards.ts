/**
 * Which shards of a block and its parity section are damaged, by number; the layout is in
 * ecc/shard-codec.ts and ecc/sec-ded.ts. Unlike a repair this also answers where there is too much
 * damage: each parity shard has the checksums of all data shards, and one for itself.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import type { BlockCodeOptions } from '../ecc/options.ts';
import type { EccCodec } from '../ecc/port.ts';
import { ReedSolomon } from '../ecc/reed-solomon.ts';
import { hashWords } from '../ecc/shard-checksum.ts';
import type { DamagedShards } from './parts.ts';

const CHECKSUM_BYTES = 4;
/** As many numbers as are listed. */
const NUMBERS_MAX = 256;
/** Most bytes in one parity packet and all data packets of a part. */
const PART_BYTES_MAX = 0x10_0000;

/** What was found. */
export interface ShardDamage {
  /** Undefined when no parity shard is left to say. */
  readonly data: DamagedShards | undefined;
  readonly parity: DamagedShards;
}

/**
 * Compares a block with its parity section. Borrows everything.
 * @param codec of `ecc`
 * @param stored block and section as they stand in the file, filled up with zeros where it ends
 * @param good the block as it should be, from its beginning; undefined when nobody knows
 */
export function findDamagedShards(
  ecc: BlockCodeOptions,
  codec: EccCodec,
  stored: Uint8Array,
  blockLen: number,
  good: Uint8Array | undefined,
): ShardDamage {
  if (ecc.scheme === 'secded') return damagedWords(codec, stored, blockLen, good);
  const layout = codec.layout(blockLen);
  const shards = new ShardSums(ecc, layout.dataShardBytes, layout.dataShards);
  const lists = Array.from({ length: layout.parityShards }, (_, j) => {
    const at = blockLen + j * layout.parityShardBytes;
    return shards.listOf(stored, at, j);
  });
  const reference = good === undefined ? mostAgreed(lists) : shards.sums(good, blockLen);
  const parity = listed(lists, (list) => list === undefined || !isSame(list, reference));
  if (reference === undefined) return { data: undefined, parity };
  const sums = Array.from(shards.sums(stored, blockLen));
  return { data: listed(sums, (sum, i) => sum !== reference[i]), parity };
}

/** The checksums of shards that are cut in one way. */
class ShardSums {
  readonly #shardBytes: number;
  readonly #count: number;
  /** Words of a shard that are hashed at once. */
  readonly #partWords: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(
    ecc: Exclude<BlockCodeOptions, { scheme: 'secded' }>,
    shardBytes: number,
    count: number,
  ) {
    const { shardPackets } = new ReedSolomon(ecc.data, ecc.scheme === 'xor' ? 1 : ecc.parity);
    const touched = (1 + ecc.data * shardPackets) / shardPackets;
    let partCount = 1;
    while ((touched * shardBytes) / partCount > PART_BYTES_MAX) partCount *= 2;
    this.#shardBytes = shardBytes;
    this.#count = count;
    this.#partWords = shardBytes / 4 / partCount;
    this.#words = new Int32Array(shardBytes / 4);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** Of each data shard of a block; fresh. */
  sums(block: Uint8Array, blockLen: number): Int32Array {
    const sums = new Int32Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      const from = i * this.#shardBytes;
      sums[i] = this.#sum(block, from, Math.min(from + this.#shardBytes, blockLen), 0);
    }
    return sums;
  }

  /** The checksums that parity shard `j` holds; undefined if its own is wrong. Fresh. */
  listOf(stored: Uint8Array, at: number, j: number): Int32Array | undefined {
    const listAt = at + this.#shardBytes;
    const list = new Int32Array(this.#count);
    for (let i = 0; i < list.length; i++) list[i] = readU32(stored, listAt + i * CHECKSUM_BYTES);
    const own = hashWords(list, 0, list.length, this.#sum(stored, at, listAt, j));
    const isSound = own === (readU32(stored, listAt + list.length * CHECKSUM_BYTES) | 0);
    return isSound ? list : undefined;
  }

  #sum(buf: Uint8Array, from: number, to: number, seed: number): number {
    this.#bytes.set(buf.subarray(from, to));
    this.#bytes.fill(0, to - from);
    let sum = seed;
    for (let at = 0; at < this.#words.length; at += this.#partWords) {
      sum = hashWords(this.#words, at, this.#partWords, sum);
    }
    return sum;
  }
}

/** A word and its check byte are damaged together when nobody knows what the word should be. */
function damagedWords(
  codec: EccCodec,
  stored: Uint8Array,
  blockLen: number,
  good: Uint8Array | undefined,
): ShardDamage {
  const expected = new Uint8Array(stored.length);
  expected.set((good ?? stored).subarray(0, blockLen));
  codec.append(expected, 0, blockLen);
  const checks = stored.subarray(blockLen);
  const isOther = (byte: number, word: number) => byte !== expected[blockLen + word];
  if (good === undefined) {
    return { data: listed(checks, isOther), parity: listed([], () => false) };
  }
  const isWordOther = (_: number, word: number) => {
    for (let at = word * 8; at < Math.min(word * 8 + 8, blockLen); at++) {
      if (stored[at] !== good[at]) return true;
    }
    return false;
  };
  return { data: listed(checks, isWordOther), parity: listed(checks, isOther) };
}

function listed<T>(items: ArrayLike<T>, isDamaged: (item: T, i: number) => boolean): DamagedShards {
  const numbers: number[] = [];
  let count = 0;
  for (let i = 0; i < items.length; i++) {
    if (!isDamaged(items[i]!, i)) continue;
    count++;
    if (numbers.length < NUMBERS_MAX) numbers.push(i);
  }
  return { count, numbers };
}

/** The list that most parity shards hold. */
function mostAgreed(lists: readonly (Int32Array | undefined)[]): Int32Array | undefined {
  const votes = (list: Int32Array | undefined) =>
    list === undefined ? 0 : lists.filter((other) => isSame(other, list)).length;
  return [...lists].sort((a, b) => votes(b) - votes(a))[0];
}

function isSame(list: Int32Array | undefined, other: Int32Array | undefined): boolean {
  if (list === undefined || other === undefined) return false;
  return list.every((sum, i) => sum === other[i]);
}
