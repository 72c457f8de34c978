/**
 * What writes have waited for background work, by kind and reason.
 * @module
 */
import type { Counters } from './counters.ts';
import type { EventSink, StallKind, StallReason } from './events.ts';

/** What writes waited, for one reason. */
export interface StallStats {
  readonly kind: StallKind;
  readonly reason: StallReason;
  count: number;
  totalMs: number;
}

/** Keeps account of the waits of one database. */
export class StallLog {
  readonly #counters: Counters;
  readonly #events: EventSink;
  readonly #stats: Map<string, StallStats>;
  /** The slowdown that goes on: its reason and what it came to so far. */
  #slowReason: StallReason | undefined;
  #slowMs: number;

  constructor(counters: Counters, events: EventSink) {
    this.#counters = counters;
    this.#events = events;
    this.#stats = new Map();
    this.#slowReason = undefined;
    this.#slowMs = 0;
  }

  /** One row for each kind and reason that there was; fresh. */
  get stats(): StallStats[] {
    return [...this.#stats.values()].map((one) => ({ ...one }));
  }

  /** A write has waited until it could go on. */
  stopped(reason: StallReason, durationMs: number): void {
    this.slowed(undefined, 0);
    this.#counters.stallCount++;
    this.#counters.stallMs += durationMs;
    this.#tell('stop', reason, durationMs);
  }

  /** A write was held back, or (undefined) no write is at this time. */
  slowed(reason: StallReason | undefined, durationMs: number): void {
    if (reason !== this.#slowReason) {
      if (this.#slowReason !== undefined) this.#tell('slowdown', this.#slowReason, this.#slowMs);
      this.#slowReason = reason;
      this.#slowMs = 0;
    }
    if (reason === undefined) return;
    this.#slowMs += durationMs;
    this.#counters.slowdownMs += durationMs;
  }

  #tell(kind: StallKind, reason: StallReason, durationMs: number): void {
    const name = `${kind} ${reason}`;
    const stats = this.#stats.get(name) ?? { kind, reason, count: 0, totalMs: 0 };
    stats.count++;
    stats.totalMs += durationMs;
    this.#stats.set(name, stats);
    this.#events.tell({ type: 'stall', kind, reason, durationMs });
  }
}
