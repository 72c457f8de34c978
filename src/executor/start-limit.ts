/**
 * When workers are started again that could not be: not with every job, and ever less often.
 * @module
 */
import type { Clock } from '../env/port.ts';
import { isError, VarveError } from '../errors.ts';

const RETRY_MS_MIN = 10_000;
const RETRY_MS_MAX = 600_000;

/** See the module head. */
export class StartLimit {
  /** Why no worker can be started, since one could; undefined as far as is known. */
  failure: VarveError | undefined;
  readonly #clock: Clock;
  #retryAtMs: number;
  #waitMs: number;

  constructor(clock: Clock) {
    this.failure = undefined;
    this.#clock = clock;
    this.#retryAtMs = 0;
    this.#waitMs = 0;
  }

  get mayTry(): boolean {
    return this.failure === undefined || this.#clock.monotonic() >= this.#retryAtMs;
  }

  /** Several that were started together fail together, which counts once. */
  fail(cause: unknown): void {
    if (!this.mayTry) return;
    const reason = isError(cause) ? cause.message : String(cause);
    const text = `no worker can be started, its work is done between the writes: ${reason}`;
    if (this.failure === undefined) this.#waitMs = RETRY_MS_MIN / 2;
    this.failure ??= new VarveError('UNSUPPORTED', text, { cause });
    this.#waitMs = Math.min(this.#waitMs * 2, RETRY_MS_MAX);
    this.#retryAtMs = this.#clock.monotonic() + this.#waitMs;
  }

  succeed(): void {
    this.failure = undefined;
  }
}
