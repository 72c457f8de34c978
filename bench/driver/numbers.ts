/**
 * The numbers that workloads make keys of: in order, at random, each once, or skewed as YCSB has
 * them.
 *
 * The skewed ones follow YCSB's generators: Gray et al., "Quickly Generating Billion-Record
 * Synthetic Databases" (SIGMOD 1994) for the zipfian ranks, with theta 0.99; "scrambled" spreads
 * the ranks of ten thousand million items over the keys by their 64-bit FNV-1a hash.
 * @module
 */
import type { SeededRandom } from '../../src/testing/seeded-random.ts';

/** A stream of key numbers. */
export interface NumberSource {
  next(): number;
}

/** 0, 1, 2, ... */
export class Ascending implements NumberSource {
  #next: number;

  constructor(first = 0) {
    this.#next = first;
  }

  next(): number {
    return this.#next++;
  }
}

/** Each of `limit` numbers equally likely, every time. */
export class Uniform implements NumberSource {
  readonly #random: SeededRandom;
  readonly #limit: number;

  constructor(random: SeededRandom, limit: number) {
    this.#random = random;
    this.#limit = limit;
  }

  next(): number {
    // Biased by less than limit / 2^32, and cheap: it is part of what is measured.
    return Math.floor((this.#random.u32() / 2 ** 32) * this.#limit);
  }
}

/** All numbers below `limit` in random order, then from the start again. */
export class Permutation implements NumberSource {
  readonly #order: Uint32Array;
  #next: number;

  constructor(random: SeededRandom, limit: number) {
    const order = Uint32Array.from({ length: limit }, (_, i) => i);
    for (let i = limit - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const other = order[i]!;
      order[i] = order[j]!;
      order[j] = other;
    }
    this.#order = order;
    this.#next = 0;
  }

  next(): number {
    const number = this.#order[this.#next]!;
    this.#next = this.#next + 1 === this.#order.length ? 0 : this.#next + 1;
    return number;
  }
}

export const ZIPFIAN_THETA = 0.99;
const ZETA_OF_2 = 1 + 0.5 ** ZIPFIAN_THETA;
const ALPHA = 1 / (1 - ZIPFIAN_THETA);
/** YCSB scrambles the ranks of this many items, whose zeta it has as a constant. */
const SCRAMBLED_ITEMS = 10_000_000_000;
const SCRAMBLED_ZETA = 26.46902820178302;

/** Ranks of `items` items: 0 is the most frequent one. */
export class ZipfianRanks implements NumberSource {
  readonly #random: SeededRandom;
  #items: number;
  #zeta: number;
  #eta: number;

  /** @param zeta of `items`, if it is known; else summed up, which takes time in large sets */
  constructor(random: SeededRandom, items: number, zeta?: number) {
    this.#random = random;
    this.#items = items;
    this.#zeta = zeta ?? zetaBetween(0, items);
    this.#eta = 0;
    this.#updateEta();
  }

  /** From now on there are more items. */
  grow(items: number): void {
    this.#zeta += zetaBetween(this.#items, items);
    this.#items = items;
    this.#updateEta();
  }

  next(): number {
    const u = this.#random.u32() / 2 ** 32;
    const uz = u * this.#zeta;
    if (uz < 1) return 0;
    if (uz < ZETA_OF_2) return 1;
    const rank = Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** ALPHA);
    return Math.min(rank, this.#items - 1);
  }

  #updateEta(): void {
    const base = 1 - (2 / this.#items) ** (1 - ZIPFIAN_THETA);
    this.#eta = base / (1 - ZETA_OF_2 / this.#zeta);
  }
}

/** Zipfian over `limit` keys, the frequent ones spread over all of them. */
export class ScrambledZipfian implements NumberSource {
  readonly #ranks: ZipfianRanks;
  readonly #limit: number;

  constructor(random: SeededRandom, limit: number) {
    this.#ranks = new ZipfianRanks(random, SCRAMBLED_ITEMS, SCRAMBLED_ZETA);
    this.#limit = limit;
  }

  next(): number {
    return fnvModulo(this.#ranks.next(), this.#limit);
  }
}

/** Zipfian backwards from the newest of a growing set: the last inserted is the most frequent. */
export class Latest implements NumberSource {
  readonly #ranks: ZipfianRanks;
  #count: number;

  constructor(random: SeededRandom, count: number) {
    this.#ranks = new ZipfianRanks(random, count);
    this.#count = count;
  }

  grow(count: number): void {
    this.#ranks.grow(count);
    this.#count = count;
  }

  next(): number {
    return this.#count - 1 - this.#ranks.next();
  }
}

function zetaBetween(from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += 1 / (i + 1) ** ZIPFIAN_THETA;
  return sum;
}

/** The low 32 bits of the FNV prime 2^40 + 0x1b3. */
const FNV_PRIME_LOW = 0x1b3;
const FNV_BASIS_HIGH = 0xcbf29ce4;
const FNV_BASIS_LOW = 0x84222325;

/**
 * The magnitude of the FNV-1a hash of a number's 8 bytes, lowest first, read as a signed integer;
 * modulo `limit`.
 * @param limit up to 2^37
 */
export function fnvModulo(number: number, limit: number): number {
  let high = FNV_BASIS_HIGH;
  let low = FNV_BASIS_LOW;
  let octets = number | 0;
  for (let i = 0; i < 8; i++) {
    if (i === 4) octets = Math.floor(number / 2 ** 32);
    low ^= octets & 0xff;
    octets >>>= 8;
    // (high * 2^32 + low) * (2^40 + 0x1b3) modulo 2^64; the low word's product in two halves.
    const first = (low & 0xffff) * FNV_PRIME_LOW;
    const second = (low >>> 16) * FNV_PRIME_LOW + (first >>> 16);
    high = (Math.imul(high, FNV_PRIME_LOW) + (second >>> 16) + (low << 8)) | 0;
    low = (second << 16) | (first & 0xffff);
  }
  high >>>= 0;
  low >>>= 0;
  if (high >= 2 ** 31) {
    low = -low >>> 0;
    high = (low === 0 ? -high : ~high) >>> 0;
  }
  let modulo = high % limit;
  modulo = (modulo * 65_536 + (low >>> 16)) % limit;
  return (modulo * 65_536 + (low & 0xffff)) % limit;
}
