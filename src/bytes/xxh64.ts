/**
 * XXH64 (Yann Collet's xxHash, 64-bit variant, specification version 0.8) in plain TypeScript, for
 * runtimes without WebAssembly. 64-bit values are pairs of 32-bit halves: BigInt would be 20 times
 * as slow.
 * @module
 */

const PRIME_1_HIGH = 0x9e3779b1 | 0;
const PRIME_1_LOW = 0x85ebca87 | 0;
const PRIME_2_HIGH = 0xc2b2ae3d | 0;
const PRIME_2_LOW = 0x27d4eb4f | 0;
const PRIME_3_HIGH = 0x165667b1 | 0;
const PRIME_3_LOW = 0x9e3779f9 | 0;
const PRIME_4_HIGH = 0x85ebca77 | 0;
const PRIME_4_LOW = 0xc2b2ae63 | 0;
const PRIME_5_HIGH = 0x27d4eb2f | 0;
const PRIME_5_LOW = 0x165667c5 | 0;

const STRIPE_BYTES = 32;
const LANES = 4;

/** The digest of bytes that come in any number of parts. Begin anew with {@link reset}. */
export class Xxh64 {
  /** Halves of the digest, unsigned, after {@link digest}. */
  low: number;
  high: number;
  /** Lanes of the stripes so far: low and high half by turns. */
  readonly #lanes: Int32Array;
  /** What is left of the last stripe. */
  readonly #rest: Uint8Array;
  #restBytes: number;
  #totalBytes: number;
  #seedLow: number;
  #seedHigh: number;
  /** Halves of the value that the steps below work on, signed. */
  #a: number;
  #b: number;

  /** With seed 0. */
  constructor() {
    this.low = 0;
    this.high = 0;
    this.#lanes = new Int32Array(2 * LANES);
    this.#rest = new Uint8Array(STRIPE_BYTES);
    this.#restBytes = 0;
    this.#totalBytes = 0;
    this.#seedLow = 0;
    this.#seedHigh = 0;
    this.#a = 0;
    this.#b = 0;
    this.reset(0, 0);
  }

  reset(seedLow: number, seedHigh: number): void {
    this.#seedLow = seedLow | 0;
    this.#seedHigh = seedHigh | 0;
    this.#restBytes = 0;
    this.#totalBytes = 0;
    this.#begin(0, PRIME_1_LOW, PRIME_1_HIGH, PRIME_2_LOW, PRIME_2_HIGH);
    this.#begin(1, PRIME_2_LOW, PRIME_2_HIGH, 0, 0);
    this.#begin(2, 0, 0, 0, 0);
    // Minus the first prime: its complement plus 1.
    this.#begin(3, ~PRIME_1_LOW, ~PRIME_1_HIGH, 1, 0);
  }

  /** A lane begins as the seed plus two values. */
  #begin(lane: number, low1: number, high1: number, low2: number, high2: number): void {
    this.#a = this.#seedLow;
    this.#b = this.#seedHigh;
    this.#add(low1, high1);
    this.#add(low2, high2);
    this.#lanes[2 * lane] = this.#a;
    this.#lanes[2 * lane + 1] = this.#b;
  }

  /** Takes in `buf[off, off + len)`; borrows `buf`. */
  update(buf: Uint8Array, off: number, len: number): void {
    const end = off + len;
    let at = off;
    this.#totalBytes += len;
    if (this.#restBytes > 0) {
      const count = Math.min(len, STRIPE_BYTES - this.#restBytes);
      for (let i = 0; i < count; i++) this.#rest[this.#restBytes + i] = buf[at + i]!;
      this.#restBytes += count;
      at += count;
      if (this.#restBytes < STRIPE_BYTES) return;
      this.#stripe(this.#rest, 0);
      this.#restBytes = 0;
    }
    for (; at + STRIPE_BYTES <= end; at += STRIPE_BYTES) this.#stripe(buf, at);
    for (; at < end; at++) this.#rest[this.#restBytes++] = buf[at]!;
  }

  /** Sets `low` and `high`; more may be taken in afterwards. */
  digest(): void {
    if (this.#totalBytes >= STRIPE_BYTES) this.#merge();
    else {
      this.#a = this.#seedLow;
      this.#b = this.#seedHigh;
      this.#add(PRIME_5_LOW, PRIME_5_HIGH);
    }
    this.#add(this.#totalBytes | 0, Math.floor(this.#totalBytes / 0x1_0000_0000));
    this.#takeRest();
    // The avalanche.
    this.#xorShift(33);
    this.#multiply(PRIME_2_LOW, PRIME_2_HIGH);
    this.#xorShift(29);
    this.#multiply(PRIME_3_LOW, PRIME_3_HIGH);
    this.#xorShift(32);
    this.low = this.#a >>> 0;
    this.high = this.#b >>> 0;
  }

  #merge(): void {
    const lanes = this.#lanes;
    let low = 0;
    let high = 0;
    for (let lane = 0; lane < LANES; lane++) {
      this.#a = lanes[2 * lane]!;
      this.#b = lanes[2 * lane + 1]!;
      this.#rotate([1, 7, 12, 18][lane]!);
      this.#add(low, high);
      low = this.#a;
      high = this.#b;
    }
    for (let lane = 0; lane < LANES; lane++) {
      this.#a = 0;
      this.#b = 0;
      this.#round(lanes[2 * lane]!, lanes[2 * lane + 1]!);
      this.#a ^= low;
      this.#b ^= high;
      this.#multiply(PRIME_1_LOW, PRIME_1_HIGH);
      this.#add(PRIME_4_LOW, PRIME_4_HIGH);
      low = this.#a;
      high = this.#b;
    }
  }

  #takeRest(): void {
    const rest = this.#rest;
    const end = this.#restBytes;
    let at = 0;
    for (; at + 8 <= end; at += 8) {
      const [low, high] = [this.#a, this.#b];
      this.#a = 0;
      this.#b = 0;
      this.#round(load32(rest, at), load32(rest, at + 4));
      this.#a ^= low;
      this.#b ^= high;
      this.#rotate(27);
      this.#multiply(PRIME_1_LOW, PRIME_1_HIGH);
      this.#add(PRIME_4_LOW, PRIME_4_HIGH);
    }
    if (at + 4 <= end) {
      this.#mix(load32(rest, at), PRIME_1_LOW, PRIME_1_HIGH);
      this.#rotate(23);
      this.#multiply(PRIME_2_LOW, PRIME_2_HIGH);
      this.#add(PRIME_3_LOW, PRIME_3_HIGH);
      at += 4;
    }
    for (; at < end; at++) {
      this.#mix(rest[at]!, PRIME_5_LOW, PRIME_5_HIGH);
      this.#rotate(11);
      this.#multiply(PRIME_1_LOW, PRIME_1_HIGH);
    }
  }

  /** Puts 32 bits, multiplied by a prime, over the value. */
  #mix(input: number, primeLow: number, primeHigh: number): void {
    const [low, high] = [this.#a, this.#b];
    this.#a = input;
    this.#b = 0;
    this.#multiply(primeLow, primeHigh);
    this.#a ^= low;
    this.#b ^= high;
  }

  #stripe(buf: Uint8Array, off: number): void {
    const lanes = this.#lanes;
    for (let lane = 0; lane < LANES; lane++) {
      const at = off + 8 * lane;
      this.#a = lanes[2 * lane]!;
      this.#b = lanes[2 * lane + 1]!;
      this.#round(load32(buf, at), load32(buf, at + 4));
      lanes[2 * lane] = this.#a;
      lanes[2 * lane + 1] = this.#b;
    }
  }

  /** Adds an input, multiplied by the second prime; rotates; multiplies by the first. */
  #round(low: number, high: number): void {
    const [a, b] = [this.#a, this.#b];
    this.#a = low;
    this.#b = high;
    this.#multiply(PRIME_2_LOW, PRIME_2_HIGH);
    this.#add(a, b);
    this.#rotate(31);
    this.#multiply(PRIME_1_LOW, PRIME_1_HIGH);
  }

  #add(low: number, high: number): void {
    const sum = (this.#a >>> 0) + (low >>> 0);
    this.#a = sum | 0;
    this.#b = (this.#b + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  }

  #multiply(low: number, high: number): void {
    const [a, b] = [this.#a, this.#b];
    const a0 = a & 0xffff;
    const a1 = a >>> 16;
    const c0 = low & 0xffff;
    const c1 = low >>> 16;
    // The high half of the product of the low halves; no sum exceeds 32 bits.
    const middle = a1 * c0 + ((a0 * c0) >>> 16);
    const cross = (middle & 0xffff) + a0 * c1;
    const carry = a1 * c1 + (middle >>> 16) + (cross >>> 16);
    this.#a = Math.imul(a, low);
    this.#b = (carry + Math.imul(b, low) + Math.imul(a, high)) | 0;
  }

  /** @param bits 1 to 31 */
  #rotate(bits: number): void {
    const [a, b] = [this.#a, this.#b];
    this.#a = (a << bits) | (b >>> (32 - bits));
    this.#b = (b << bits) | (a >>> (32 - bits));
  }

  /** The value XOR itself, shifted to the right. */
  #xorShift(bits: number): void {
    const b = this.#b;
    if (bits >= 32) {
      this.#a ^= b >>> (bits - 32);
      return;
    }
    this.#a ^= (this.#a >>> bits) | (b << (32 - bits));
    this.#b = b ^ (b >>> bits);
  }
}

function load32(buf: Uint8Array, off: number): number {
  return buf[off]! | (buf[off + 1]! << 8) | (buf[off + 2]! << 16) | (buf[off + 3]! << 24);
}
