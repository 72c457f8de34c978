/**
 * A seeded random source for tests and simulation: the same seed gives the same run everywhere.
 *
 * The generator is sfc32 ("small fast counting", Chris Doty-Humphrey, PractRand); its 128 bits of
 * state are filled from the seed and stirred by twelve rounds, as its author advises.
 * @module
 */
import type { Random } from '../env/port.ts';

/** Deterministic random numbers. Not for keys, salts or anything else that must be secret. */
export class SeededRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  /** @param seed any integer up to 2^53-1; all of its bits count */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError('seed must be a safe integer');
    this.a = seed | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = 0x9e3779b9 | 0;
    this.counter = 1;
    for (let round = 0; round < 12; round++) this.u32();
  }

  /** An integer in [0, 2^32). */
  u32(): number {
    const result = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /**
   * An integer in [0, `limit`), each equally likely.
   * @param limit 1 to 2^32
   */
  below(limit: number): number {
    if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) {
      throw new RangeError('limit must be an integer from 1 to 2^32');
    }
    // Draws from the incomplete last stretch would favour small results.
    const fair = 2 ** 32 - (2 ** 32 % limit);
    let draw = this.u32();
    while (draw >= fair) draw = this.u32();
    return draw % limit;
  }

  /** True with probability `p`; never for 0, always for 1. */
  chance(p: number): boolean {
    return this.u32() < p * 2 ** 32;
  }

  /** Overwrites all of `bytes`; borrows it for the call. */
  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.u32();
      const end = Math.min(at + 4, bytes.length);
      for (let i = at; i < end; i++) bytes[i] = word >>> (8 * (i - at));
    }
  }
}
