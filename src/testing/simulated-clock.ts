/**
 * A clock that stands still until a test moves it.
 * @module
 */
import type { Clock } from '../env/port.ts';

/** Time under manual control, in milliseconds. */
export class SimulatedClock implements Clock {
  private wallMs: number;
  private elapsedMs: number;

  /** @param startMs wall time at the start, since the Unix epoch */
  constructor(startMs = 0) {
    this.wallMs = startMs;
    this.elapsedMs = 0;
  }

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  /** Lets time pass, on both clocks. */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0)) throw new RangeError('time passes forward only');
    this.wallMs += milliseconds;
    this.elapsedMs += milliseconds;
  }

  /** Sets the wall clock, as an operator or a time server does; `monotonic` does not notice. */
  setWall(milliseconds: number): void {
    this.wallMs = milliseconds;
  }
}
