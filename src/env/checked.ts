/**
 * A caller's clock and source of randomness, taken for what they are worth: nothing that they give
 * reaches a file or a decision unchecked.
 * @module
 */
import { VarveError } from '../errors.ts';
import type { Clock, Random } from './port.ts';

/** The last moment of a `Date`: what a file can hold, with room to calculate. */
const WALL_MS_MAX = 8_640_000_000_000_000;
/** So many random bytes are never all zeros, nor the same twice. */
const UNLIKELY_BYTES = 8;

/**
 * A clock whose wall time is an integer of at least 0, and whose monotonic time is finite and never
 * goes back. What is no number at all is taken for the time that was told before.
 */
export class CheckedClock implements Clock {
  readonly #clock: Clock;
  #nowMs: number;
  #monotonicMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#nowMs = 0;
    this.#monotonicMs = undefined;
  }

  now(): number {
    const told: unknown = this.#clock.now();
    if (typeof told !== 'number' || !Number.isFinite(told)) return this.#nowMs;
    this.#nowMs = Math.min(Math.max(0, Math.floor(told)), WALL_MS_MAX);
    return this.#nowMs;
  }

  monotonic(): number {
    const told: unknown = this.#clock.monotonic();
    const before = this.#monotonicMs;
    const isTime = typeof told === 'number' && Math.abs(told) <= WALL_MS_MAX;
    if (isTime && (before === undefined || told > before)) this.#monotonicMs = told;
    return this.#monotonicMs ?? 0;
  }
}

/** A source of randomness whose output is refused where it cannot be random. */
export class CheckedRandom implements Random {
  readonly #random: Random;
  /** The first bytes that were given last. */
  readonly #last: Uint8Array;

  constructor(random: Random) {
    this.#random = random;
    this.#last = new Uint8Array(UNLIKELY_BYTES);
  }

  /**
   * @throws VarveError `INVALID` when the bytes are not all overwritten, or are those of the call
   * before
   */
  fill(bytes: Uint8Array): void {
    this.#random.fill(bytes);
    for (let from = 0; from + UNLIKELY_BYTES <= bytes.length; from += UNLIKELY_BYTES) {
      if (isZero(bytes, from)) throw notRandom('leaves bytes as they were');
    }
    if (bytes.length < UNLIKELY_BYTES) return;
    const last = this.#last;
    if (last.every((byte, i) => byte === bytes[i])) throw notRandom('gives the same bytes again');
    last.set(bytes.subarray(0, UNLIKELY_BYTES));
  }
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < from + UNLIKELY_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}

function notRandom(what: string): VarveError {
  return new VarveError('INVALID', `the source of randomness ${what}`);
}
