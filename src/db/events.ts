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
  /** By place; undefined while places may be told again. */
  #told: Map<string, Correction> | undefined;

  constructor(listener: ((event: DbEvent) => void) | undefined) {
    this.correctionCount = 0;
    this.#listener = listener;
    this.#told = undefined;
  }

  corrected(correction: Correction): void {
    const place = `${correction.file}@${correction.offset}`;
    if (this.#told?.has(place)) return;
    this.#told?.set(place, correction);
    this.correctionCount++;
    try {
      this.#listener?.({ type: 'corrected', ...correction });
    } catch {
      // A listener that fails must not fail the read that it is told of.
    }
  }

  /** Runs `work`; each place is told and counted once, however often that reads it. */
  once<T>(work: () => T): T {
    this.#told = new Map();
    try {
      return work();
    } finally {
      this.#told = undefined;
    }
  }

  /** Like {@link once}; returns the corrections that `work` led to. */
  collect(work: () => void): Correction[] {
    return this.once(() => {
      work();
      return [...this.#told!.values()];
    });
  }
}
