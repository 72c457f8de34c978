/**
 * Whether others want the disk or the processor, for work that can wait.
 * @module
 */
import type { DbCore } from '../core.ts';

/** So many operations in a second are load. */
const BUSY_OPERATIONS_PER_SECOND = 500;
/** Looks closer together than this tell nothing new. */
const LOOK_MS_MIN = 50;

/** Measures what the program does with the database, from look to look. */
export class LoadGauge {
  readonly #core: DbCore;
  #lookedAtMs: number;
  #operations: number;
  #isBusy: boolean;

  constructor(core: DbCore) {
    this.#core = core;
    this.#lookedAtMs = core.location.clock.monotonic();
    this.#operations = operationsOf(core);
    this.#isBusy = false;
  }

  /** True if gets, writes and reads of blocks came thick and fast since the last look. */
  get isBusy(): boolean {
    const nowMs = this.#core.location.clock.monotonic();
    const sinceMs = nowMs - this.#lookedAtMs;
    if (sinceMs < LOOK_MS_MIN) return this.#isBusy;
    const operations = operationsOf(this.#core);
    const perSecond = ((operations - this.#operations) * 1000) / sinceMs;
    this.#isBusy = perSecond >= BUSY_OPERATIONS_PER_SECOND;
    this.#lookedAtMs = nowMs;
    this.#operations = operations;
    return this.#isBusy;
  }
}

function operationsOf({ counters, blocks }: DbCore): number {
  return counters.gets + counters.operationsWritten + blocks.misses;
}
