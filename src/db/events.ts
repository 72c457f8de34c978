/**
 * What a database tells while it works.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';

/** Damage was found and put right on the way to the reader; the file still has it. */
export interface CorrectedEvent extends Correction {
  readonly type: 'corrected';
}

/** Told apart by `type`; later versions add types. */
export type DbEvent = CorrectedEvent;

/** Takes events, and counts them. */
export class EventSink {
  /** Blocks and headers that were put right when they were read. */
  correctionCount: number;
  readonly #listener: ((event: DbEvent) => void) | undefined;
  /** By offset. */
  #collector: Map<number, Correction> | undefined;

  constructor(listener: ((event: DbEvent) => void) | undefined) {
    this.correctionCount = 0;
    this.#listener = listener;
    this.#collector = undefined;
  }

  corrected(correction: Correction): void {
    if (this.#collector?.has(correction.offset)) return;
    this.#collector?.set(correction.offset, correction);
    this.correctionCount++;
    try {
      this.#listener?.({ type: 'corrected', ...correction });
    } catch {
      // A listener that fails must not fail the read that it is told of.
    }
  }

  /**
   * Runs `work` on one file and returns the corrections that it led to. Each place is told and
   * counted once, however often it is read.
   */
  collect(work: () => void): Correction[] {
    const corrections = new Map<number, Correction>();
    this.#collector = corrections;
    try {
      work();
    } finally {
      this.#collector = undefined;
    }
    return [...corrections.values()];
  }
}
