/**
 * Where cursors have found many deleted keys in a row and none that is there, as at the front of a
 * queue: the next cursor need not pass the same tombstones again until compaction removes them.
 *
 * A range is known to be empty for whoever sees the writes up to some seqno. A put into it splits
 * it, so that it holds for all that was written later, too.
 * @module
 */
import { compareBytes, successorOf } from '../bytes/compare.ts';

/** Ranges that are remembered; the oldest goes for a new one. */
const RANGES_MAX = 8;

/** The user keys in `[from, to)`. */
export interface SkippedRange {
  readonly from: Uint8Array;
  /** Undefined: to the end of all keys. */
  readonly to: Uint8Array | undefined;
  /** There is no key in it for those who see the writes up to this one. */
  readonly seqno: number;
}

/**
 * Told how many deleted keys a move of a cursor has passed from `from` on, to before `to`, or to
 * the end of all keys. Lends the keys for the call.
 */
export type PassedListener = (from: Uint8Array, to: Uint8Array | undefined, count: number) => void;

/** Those of one column family. */
export class SkippedRanges {
  /** Puts that were told of so far. */
  putCount: number;
  #ranges: SkippedRange[];
  readonly #onPassed: PassedListener;

  constructor(onPassed: PassedListener) {
    this.putCount = 0;
    this.#ranges = [];
    this.#onPassed = onPassed;
  }

  /** What a move has passed, be it remembered or not. */
  notePassed(from: Uint8Array, to: Uint8Array | undefined, count: number): void {
    this.#onPassed(from, to, count);
  }

  /** The range that a key is in, for somebody who sees the writes up to `seqno`. */
  find(buf: Uint8Array, off: number, len: number, seqno: number): SkippedRange | undefined {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i++) {
      const range = ranges[i]!;
      if (range.seqno <= seqno && holds(range, buf, off, len)) return range;
    }
    return undefined;
  }

  /** Remembers a range, which is taken, in place of those that lie in it. */
  add(range: SkippedRange): void {
    this.#ranges = this.#ranges.filter((other) => !contains(range, other));
    if (this.#ranges.length === RANGES_MAX) this.#ranges.shift();
    this.#ranges.push(range);
  }

  /** A key is about to get a value. Borrows `buf` for the call. */
  notePut(buf: Uint8Array, off: number, len: number): void {
    this.putCount++;
    for (let i = this.#ranges.length - 1; i >= 0; i--) {
      if (holds(this.#ranges[i]!, buf, off, len)) this.#split(i, buf, off, len);
    }
  }

  #split(at: number, buf: Uint8Array, off: number, len: number): void {
    const { from, to, seqno } = this.#ranges[at]!;
    const key = successorOf(buf, off, len);
    const parts = [
      { from, to: key.subarray(0, len), seqno },
      { from: key, to, seqno },
    ];
    const full = parts.filter((part) => part.to === undefined || compare(part.from, part.to) < 0);
    this.#ranges.splice(at, 1, ...full);
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
  }
}

/** What one move of a cursor passes, in either direction, until it comes to a key that is there. */
export class SkipRun {
  readonly #ranges: SkippedRanges;
  readonly #seqno: number;
  /** The cursor sees no put that came later. */
  readonly #putCount: number;
  readonly #isBackward: boolean;
  #hasBegun: boolean;
  /** Where the run begins: its `from`, or backwards its `to`. */
  #start: Uint8Array | undefined;
  /** Known ranges that were left out. */
  readonly #parts: SkippedRange[];
  /** The first of them holds the start. */
  #beganKnown: boolean;
  /** Deleted keys that were passed before the last of them was left. */
  #countBefore: number;

  /**
   * @param seqno the newest write, which the cursor sees
   * @param putCount of `ranges`, when the cursor was made
   */
  constructor(ranges: SkippedRanges, seqno: number, putCount: number, isBackward: boolean) {
    this.#ranges = ranges;
    this.#seqno = seqno;
    this.#putCount = putCount;
    this.#isBackward = isBackward;
    this.#hasBegun = false;
    this.#start = undefined;
    this.#parts = [];
    this.#beganKnown = false;
    this.#countBefore = 0;
  }

  /**
   * To be asked now and then, after several deleted keys in a row. Borrows `buf` for the call.
   * @param count deleted keys that were passed so far
   * @returns the known range in which the cursor stands, which it is to leave
   */
  leave(buf: Uint8Array, off: number, len: number, count: number): SkippedRange | undefined {
    const known = this.#ranges.find(buf, off, len, this.#seqno);
    if (!this.#hasBegun) this.#begin(known, buf, off, len);
    if (known === undefined) return undefined;
    this.#parts.push(known);
    this.#countBefore = count;
    return known;
  }

  #begin(known: SkippedRange | undefined, buf: Uint8Array, off: number, len: number): void {
    this.#hasBegun = true;
    this.#beganKnown = known !== undefined;
    if (this.#isBackward) this.#start = known === undefined ? successorOf(buf, off, len) : known.to;
    else this.#start = known === undefined ? buf.slice(off, off + len) : known.from;
  }

  /**
   * The cursor has come to a key that is there, or to an end.
   * @param edge taken: the `to` of what was passed, or backwards its `from`
   */
  end(edge: Uint8Array | undefined, count: number): void {
    if (!this.#hasBegun) return;
    const from = (this.#isBackward ? edge : this.#start)!;
    const to = this.#isBackward ? this.#start : edge;
    this.#ranges.notePassed(from, to, count);
    if (this.#putCount !== this.#ranges.putCount) return;
    const isKnown = this.#beganKnown && this.#parts.length === 1 && count === this.#countBefore;
    if (!isKnown) this.#ranges.add({ from, to, seqno: this.#seqno });
  }
}

function holds({ from, to }: SkippedRange, buf: Uint8Array, off: number, len: number): boolean {
  if (compareBytes(buf, off, len, from, 0, from.length) < 0) return false;
  return to === undefined || compareBytes(buf, off, len, to, 0, to.length) < 0;
}

function contains(range: SkippedRange, other: SkippedRange): boolean {
  if (compare(other.from, range.from) < 0) return false;
  if (range.to === undefined) return true;
  return other.to !== undefined && compare(other.to, range.to) <= 0;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length);
}
