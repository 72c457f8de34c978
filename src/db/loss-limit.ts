/**
 * How often in a row background work is tried again that was lost with its thread: what kills one
 * thread may kill them all.
 * @module
 */

const LOSSES_MAX = 3;

/** One for all jobs of a database. */
export class LossLimit {
  /** Jobs in a row that were lost. */
  #count: number;

  constructor() {
    this.#count = 0;
  }

  /** Counts a loss; true when the job is worth another try. */
  mayRepeat(): boolean {
    this.#count++;
    return this.#count <= LOSSES_MAX;
  }

  /** A job has come to its end. */
  reset(): void {
    this.#count = 0;
  }
}
