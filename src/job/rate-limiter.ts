/**
 * One limit for what all background jobs of a database read and write, whichever threads they run
 * on. A job takes a step, says what it took, and begins the next one when that was due at the
 * limited rate.
 *
 * The shared words, one BigInt64Array, hold points in time: microseconds since the Unix epoch, as
 * all threads have the same.
 *
 *     word  meaning
 *     0     when all urgent jobs so far would have ended at the limited rate
 *     1     the same for all jobs: the others wait for this, so that urgent ones go before them
 *     2     while this is not 0 nothing is limited: somebody waits for the work
 *
 * The algorithm is the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371).
 * @module
 */
import type { Clock } from '../env/port.ts';
import { URGENT, type Urgency } from './job.ts';

const WORD_COUNT = 3;
const URGENT_WORD = 0;
const ALL_WORD = 1;
const SUSPENSIONS_WORD = 2;
/** Steps may come so much before they are due: they are not all of one size. */
const BURST_US = 20_000n;
/** A word further ahead than this is of a clock that was set back. */
const BACKLOG_US_MAX = 60_000_000n;
const US_PER_MS = 1000;
const US_PER_SECOND = 1_000_000;
/** A step is to take so long at the limited rate, within the bounds of its size. */
const STEP_MS = 50;
const STEP_BYTES_MIN = 4096;

/** What the threads of a database share of their limiter; plain data. */
export interface RateShare {
  readonly bytesPerSecond: number;
  readonly words: BigInt64Array;
}

/** A new limit. @param isShared whether other threads take part */
export function newRateShare(bytesPerSecond: number, isShared: boolean): RateShare {
  const size = WORD_COUNT * BigInt64Array.BYTES_PER_ELEMENT;
  const buffer = isShared ? new SharedArrayBuffer(size) : new ArrayBuffer(size);
  return { bytesPerSecond, words: new BigInt64Array(buffer) };
}

/** See the module head; each thread has one of its own. */
export class RateLimiter {
  readonly #share: RateShare;
  readonly #clock: Clock;

  constructor(share: RateShare, clock: Clock) {
    this.#share = share;
    this.#clock = clock;
  }

  /** The size of a step that keeps an even pace, at most `bytes`. */
  stepBytes(bytes: number): number {
    const even = (this.#share.bytesPerSecond * STEP_MS) / 1000;
    return Math.min(bytes, Math.max(STEP_BYTES_MIN, even));
  }

  /**
   * Takes note of what a job has read and written.
   * @returns milliseconds that it is to wait before it goes on
   */
  charge(urgency: Urgency, bytes: number): number {
    if (Atomics.load(this.#share.words, SUSPENSIONS_WORD) > 0n) return 0;
    const cost = BigInt(Math.round((bytes * US_PER_SECOND) / this.#share.bytesPerSecond));
    const now = BigInt(Math.round(this.#clock.now() * US_PER_MS));
    const all = this.#add(ALL_WORD, now, cost);
    const end = urgency === URGENT ? this.#add(URGENT_WORD, now, cost) : all;
    const waitUs = end - now - BURST_US;
    return waitUs > 0n ? Number(waitUs) / US_PER_MS : 0;
  }

  /** Limits nothing on any thread until {@link resume} was called as often. */
  suspend(): void {
    Atomics.add(this.#share.words, SUSPENSIONS_WORD, 1n);
  }

  resume(): void {
    Atomics.sub(this.#share.words, SUSPENSIONS_WORD, 1n);
  }

  /** Moves a word on by the cost of a step that begins now or when those before it are over. */
  #add(word: number, now: bigint, cost: bigint): bigint {
    const { words } = this.#share;
    for (;;) {
      const before = Atomics.load(words, word);
      const isAhead = before > now && before < now + BACKLOG_US_MAX;
      const after = (isAhead ? before : now) + cost;
      if (Atomics.compareExchange(words, word, before, after) === before) return after;
    }
  }
}
