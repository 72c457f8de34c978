/**
 * How fast a scrub goes: one cycle is spread evenly over its time, between a least and a most.
 *
 * Work is done in slices. A slice earns a pause; the next one is due when that is over, and then
 * waits for a quiet moment, though not for ever: beside a program that never rests the scrub goes
 * at a quarter of its pace.
 *
 * The end of a cycle is on the wall clock, which goes on while nobody has the database open. What a
 * cycle is late is made up for by a higher pace over the time that is left, not at once. Pauses
 * are on the monotonic clock.
 * @module
 */
import type { Clock } from '../env/port.ts';
import { type ScrubHours, timeWithin, untilHours } from './scrub-hours.ts';

/** A slice takes so long at the pace, within the bounds of its size. */
const SLICE_MS = 200;
export const SLICE_BYTES_MIN = 0x4_0000;
export const SLICE_BYTES_MAX = 0x40_0000;
/** Least pace: a slice in so long. Small databases are through long before their cycle is over. */
const PAUSE_MS_MAX = 3_600_000;
/** Who waits for a quiet moment waits so many pauses, or so long if that is more, at most. */
const PATIENCE_PAUSES = 3;
const PATIENCE_MS_MIN = 1000;
/** How often, at most, and how soon it looks again whether it is quiet while it waits. */
const LOOKS_MAX = 200;
const BUSY_LOOK_MS = 250;
/** A timer that a clock that jumps cannot hold back for long. */
const LOOK_MS_MAX = 600_000;

/** What a scrub may take. */
export interface ScrubPace {
  /** In which a cycle is to be over. */
  readonly cycleMs: number;
  /** Bytes that it reads in a second at most. */
  readonly bytesPerSecond: number;
  /** Undefined for the whole day. */
  readonly hours: ScrubHours | undefined;
}

/** Where a cycle stands. */
export interface CycleState {
  /** When it has begun, in ms since the Unix epoch. */
  readonly begunAtMs: number;
  /** What it has still to read, about. */
  readonly bytesLeft: number;
  /** Damage was found in it: where there is some, there is more, so it goes as fast as it may. */
  readonly isUrgent: boolean;
}

/** Bytes a second at which what is left of a cycle fits into the rest of its time. */
export function paceOf(pace: ScrubPace, cycle: CycleState, nowMs: number): number {
  const { bytesPerSecond, hours, cycleMs } = pace;
  const least = Math.min(bytesPerSecond, (SLICE_BYTES_MIN * 1000) / PAUSE_MS_MAX);
  if (cycle.isUrgent) return bytesPerSecond;
  const timeMs = timeWithin(hours, nowMs, cycle.begunAtMs + cycleMs);
  const even = timeMs > 0 ? (cycle.bytesLeft * 1000) / timeMs : bytesPerSecond;
  return Math.max(least, Math.min(bytesPerSecond, even));
}

/** The size of the next slice at a pace in bytes a second. */
export function sliceBytes(bytesPerSecond: number): number {
  const bytes = Math.round((bytesPerSecond * SLICE_MS) / 1000);
  return Math.max(SLICE_BYTES_MIN, Math.min(SLICE_BYTES_MAX, bytes));
}

/** See the module head. It reads the clock and says when; who asks does the work. */
export class ScrubPacer {
  readonly #pace: ScrubPace;
  readonly #clock: Clock;
  /** When the next slice is due, on the monotonic clock. */
  #dueMs: number;
  /** The pause before it. */
  #pauseMs: number;

  /** @param firstMs before the first slice */
  constructor(pace: ScrubPace, clock: Clock, firstMs: number) {
    this.#pace = pace;
    this.#clock = clock;
    this.#dueMs = clock.monotonic() + firstMs;
    this.#pauseMs = firstMs;
  }

  /**
   * How long to wait before the next slice; 0 when it may begin.
   * @param isBusy whether others want the disk or the processor
   */
  waitMs(isBusy: boolean): number {
    const nowMs = this.#clock.monotonic();
    const outsideMs = untilHours(this.#pace.hours, this.#clock.now());
    if (outsideMs > 0) return Math.min(outsideMs, LOOK_MS_MAX);
    if (nowMs < this.#dueMs) return Math.min(this.#dueMs - nowMs, LOOK_MS_MAX);
    if (!isBusy) return 0;
    const patienceMs = Math.max(PATIENCE_MS_MIN, this.#pauseMs * PATIENCE_PAUSES);
    const endMs = this.#dueMs + patienceMs;
    const lookMs = Math.max(BUSY_LOOK_MS, patienceMs / LOOKS_MAX);
    return nowMs >= endMs ? 0 : Math.min(lookMs, endMs - nowMs);
  }

  /** Bytes of the next slice. */
  nextSliceBytes(cycle: CycleState): number {
    return sliceBytes(this.bytesPerSecond(cycle));
  }

  /** The pace that a cycle goes at now. */
  bytesPerSecond(cycle: CycleState): number {
    return paceOf(this.#pace, cycle, this.#clock.now());
  }

  /** To be called after a slice, which earns its pause. @param cycle as it was before the slice */
  noteSlice(bytes: number, cycle: CycleState): void {
    this.#pauseMs = (bytes * 1000) / this.bytesPerSecond(cycle);
    this.#dueMs = this.#clock.monotonic() + this.#pauseMs;
  }

  /** The next slice is due in so long, whatever was earned. */
  restFor(milliseconds: number): void {
    this.#pauseMs = milliseconds;
    this.#dueMs = this.#clock.monotonic() + milliseconds;
  }
}
