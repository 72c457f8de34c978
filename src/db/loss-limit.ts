/**
 * How often in a row background work is tried again that was lost with its thread: what kills one
 * thread may kill them all.
 * @module
 */

const LOSSES_MAX = 3;

/** One for all jobs of a database. */
export class LossLimit {
  /** Threads in a row that were lost. */
  #count: number;
  /** Of the last one: all jobs that were lost with it have the same. */
  #cause: unknown;

  constructor() {
    this.#count = 0;
    this.#cause = undefined;
  }

  /**
   * Counts the loss of a thread; true when the jobs that it had are worth another try.
   * @param cause why it was lost, the same object for all its jobs
   */
  mayRepeat(cause: unknown): boolean {
    if (cause !== this.#cause) this.#count++;
    this.#cause = cause;
    return this.#count <= LOSSES_MAX;
  }

  /** A job has come to its end. */
  reset(): void {
    this.#count = 0;
  }
}
