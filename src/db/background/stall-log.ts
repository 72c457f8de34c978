/**
 * What writes have waited for background work, by kind and reason.
 * @module
 */
import type { Counters } from '../counters.ts';
import type { EventSink, StallKind, StallReason } from '../events.ts';

/** What writes waited, for one reason. */
export interface StallStats {
  /** Whether writes stopped or were slowed. */
  readonly kind: StallKind;
  /** What they waited for. */
  readonly reason: StallReason;
  /** How often. */
  count: number;
  /** For how long in all. */
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
    const row = this.#row('stop', reason);
    row.count++;
    row.totalMs += durationMs;
    this.#events.tell({ type: 'stall', kind: 'stop', reason, durationMs });
  }

  /** A write was held back, or (undefined) no write is at this time. */
  slowed(reason: StallReason | undefined, durationMs: number): void {
    if (reason !== this.#slowReason) this.#begin(reason);
    if (reason === undefined) return;
    this.#slowMs += durationMs;
    this.#counters.slowdownMs += durationMs;
    this.#row('slowdown', reason).totalMs += durationMs;
  }

  /** Ends the slowdown that goes on, if any, and begins another or none. */
  #begin(reason: StallReason | undefined): void {
    const before = this.#slowReason;
    const durationMs = this.#slowMs;
    this.#slowReason = reason;
    this.#slowMs = 0;
    if (reason !== undefined) this.#row('slowdown', reason).count++;
    if (before === undefined) return;
    this.#events.tell({ type: 'stall', kind: 'slowdown', reason: before, durationMs });
  }

  #row(kind: StallKind, reason: StallReason): StallStats {
    const name = `${kind} ${reason}`;
    const row = this.#stats.get(name) ?? { kind, reason, count: 0, totalMs: 0 };
    this.#stats.set(name, row);
    return row;
  }
}
