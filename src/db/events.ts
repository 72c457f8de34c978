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
  #collector: Correction[] | undefined;

  constructor(listener: ((event: DbEvent) => void) | undefined) {
    this.correctionCount = 0;
    this.#listener = listener;
    this.#collector = undefined;
  }

  corrected(correction: Correction): void {
    this.correctionCount++;
    this.#collector?.push(correction);
    try {
      this.#listener?.({ type: 'corrected', ...correction });
    } catch {
      // A listener that fails must not fail the read that it is told of.
    }
  }

  /** Runs `work` and returns the corrections that it led to, one for each place. */
  collect(work: () => void): Correction[] {
    const corrections: Correction[] = [];
    this.#collector = corrections;
    try {
      work();
    } finally {
      this.#collector = undefined;
    }
    const places = new Set<number>();
    return corrections.filter(({ offset }) => !places.has(offset) && places.add(offset));
  }
}
