/**
 * How fast files are copied: within the limit for what background work reads and writes, and one
 * of its own for what is copied.
 * @module
 */
import type { Clock } from '../env/port.ts';
import { PATIENT } from '../job/job.ts';
import { Pace } from '../job/pace.ts';
import { RateLimiter, type RateShare } from '../job/rate-limiter.ts';

/** Each byte is read and written. */
const PASSES = 2;

/** See the module head; of one copy after the other. */
export class CopyRate {
  /** Of what background work reads and writes. */
  readonly #shared: Pace;
  readonly #own: Pace;

  /**
   * @param shared of all background work; undefined without a limit
   * @param own what those share who copy; undefined without a limit
   */
  constructor(shared: RateLimiter | undefined, own: RateShare | undefined, clock: Clock) {
    const limiter = own === undefined ? undefined : new RateLimiter(own, clock);
    this.#shared = new Pace([shared], clock, PATIENT);
    this.#own = new Pace([limiter], clock, PATIENT);
  }

  /** How long the next step should wait; 0 without a limit. */
  get pauseMs(): number {
    return Math.max(this.#shared.pauseMs, this.#own.pauseMs);
  }

  /** How much to copy in a step that keeps an even pace, at most `budgetBytes`. */
  stepBytes(budgetBytes: number): number {
    const shared = Math.ceil(this.#shared.stepBytes(budgetBytes * PASSES) / PASSES);
    return Math.ceil(this.#own.stepBytes(shared));
  }

  /** To be called after a step. @param bytes copied so far */
  note(bytes: number): void {
    this.#shared.note(bytes * PASSES);
    this.#own.note(bytes);
  }
}
