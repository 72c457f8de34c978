/**
 * The pace of one job under the limits that it is to keep.
 * @module
 */
import type { Clock } from '../env/port.ts';
import type { Urgency } from './job.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** See the module head. */
export class Pace {
  readonly #limiters: readonly RateLimiter[];
  readonly #clock: Clock;
  readonly #urgency: Urgency;
  /** When the next step is due, on the monotonic clock. */
  #dueMs: number;
  /** What the limiters know of. */
  #chargedBytes: number;

  /** @param limiters those that are undefined set no limit */
  constructor(limiters: readonly (RateLimiter | undefined)[], clock: Clock, urgency: Urgency) {
    this.#limiters = limiters.filter((limiter) => limiter !== undefined);
    this.#clock = clock;
    this.#urgency = urgency;
    this.#dueMs = 0;
    this.#chargedBytes = 0;
  }

  /** How long the next step should wait; 0 without a limit. */
  get pauseMs(): number {
    if (this.#limiters.length === 0) return 0;
    return Math.max(0, this.#dueMs - this.#clock.monotonic());
  }

  /** The size of a step that keeps an even pace, at most `budgetBytes`. */
  stepBytes(budgetBytes: number): number {
    let bytes = budgetBytes;
    for (const limiter of this.#limiters) bytes = limiter.stepBytes(bytes);
    return bytes;
  }

  /** To be called after a step. @param bytes what the job has read and written so far */
  note(bytes: number): void {
    if (this.#limiters.length === 0) return;
    let waitMs = 0;
    for (const limiter of this.#limiters) {
      waitMs = Math.max(waitMs, limiter.charge(this.#urgency, bytes - this.#chargedBytes));
    }
    this.#chargedBytes = bytes;
    this.#dueMs = this.#clock.monotonic() + waitMs;
  }
}
