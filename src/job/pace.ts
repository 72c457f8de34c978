/**
 * The pace of one job under the limit for all.
 * @module
 */
import type { Clock } from '../env/port.ts';
import type { Urgency } from './job.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** See the module head. */
export class Pace {
  readonly #limiter: RateLimiter | undefined;
  readonly #clock: Clock;
  readonly #urgency: Urgency;
  /** When the next step is due, on the monotonic clock. */
  #dueMs: number;
  /** What the limiter knows of. */
  #chargedBytes: number;

  /** @param limiter undefined without a limit */
  constructor(limiter: RateLimiter | undefined, clock: Clock, urgency: Urgency) {
    this.#limiter = limiter;
    this.#clock = clock;
    this.#urgency = urgency;
    this.#dueMs = 0;
    this.#chargedBytes = 0;
  }

  /** How long the next step should wait; 0 without a limit. */
  get pauseMs(): number {
    if (this.#limiter === undefined) return 0;
    return Math.max(0, this.#dueMs - this.#clock.monotonic());
  }

  /** The size of a step that keeps an even pace, at most `budgetBytes`. */
  stepBytes(budgetBytes: number): number {
    return this.#limiter?.stepBytes(budgetBytes) ?? budgetBytes;
  }

  /** To be called after a step. @param bytes what the job has read and written so far */
  note(bytes: number): void {
    if (this.#limiter === undefined) return;
    const waitMs = this.#limiter.charge(this.#urgency, bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
    this.#dueMs = this.#clock.monotonic() + waitMs;
  }
}
