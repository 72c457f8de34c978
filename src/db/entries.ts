/**
 * Iterators over a range, for `for ... of`.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { LostRange } from '../integrity/table-health.ts';
import { DbCursor } from './db-cursor.ts';
import type { RangeOptions } from './range.ts';

/** A range and how to walk it. */
export interface EntriesOptions extends RangeOptions {
  /** From the last key to the first; false if absent. */
  readonly reverse?: boolean;
  /** Entries after which to stop; no limit if absent. */
  readonly limit?: number;
  /**
   * Yield views of the engine's memory instead of copies; each stands until the next step only.
   * False if absent.
   */
  readonly borrow?: boolean;
}

/** What an iterator yields of each entry. */
export type EntryPart = 'key' | 'value' | 'entry';

/**
 * Yields the parts of a cursor's entries and owns the cursor. The cursor closes with the last entry
 * of the limit (with `borrow` at the step after it), at the end, at a `break` out of the loop and
 * with `return()`.
 */
export class EntryIterator<T> implements IterableIterator<T> {
  readonly #cursor: DbCursor;
  readonly #part: EntryPart;
  readonly #isReverse: boolean;
  readonly #isBorrowing: boolean;
  #left: number;
  #hasBegun: boolean;

  /** @param cursor taken */
  constructor(cursor: DbCursor, part: EntryPart, options: EntriesOptions) {
    this.#cursor = cursor;
    this.#part = part;
    this.#isReverse = options.reverse === true;
    this.#isBorrowing = options.borrow === true;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
    this.#hasBegun = false;
  }

  /** As of `DbCursor`: what `onDamage: 'skip'` has left out so far, also once it has ended. */
  get lostRanges(): LostRange[] {
    return this.#cursor.lostRanges;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#left === 0) return this.return();
    try {
      if (!this.#move()) return this.return();
      this.#left--;
      const value = this.#take() as T;
      // Nobody has to ask once more for the cursor to close; a loan stands until the next step.
      const isLast = this.#left === 0 || DbCursor.isAtBound(this.#cursor);
      if (isLast && !this.#isBorrowing) this.return();
      return { done: false, value };
    } catch (error) {
      this.return();
      throw error;
    }
  }

  return(): IteratorResult<T, undefined> {
    this.#left = 0;
    this.#cursor.close();
    return { done: true, value: undefined };
  }

  [Symbol.dispose](): void {
    this.return();
  }

  #move(): boolean {
    const cursor = this.#cursor;
    if (this.#hasBegun) return this.#isReverse ? cursor.prev() : cursor.next();
    this.#hasBegun = true;
    return this.#isReverse ? cursor.last() : cursor.first();
  }

  #take(): Uint8Array | [Uint8Array, Uint8Array] {
    if (this.#part === 'key') return this.#key();
    if (this.#part === 'value') return this.#value();
    return [this.#key(), this.#value()];
  }

  #key(): Uint8Array {
    const cursor = this.#cursor;
    if (!this.#isBorrowing) return cursor.key();
    return cursor.keyBuf.subarray(cursor.keyOff, cursor.keyOff + cursor.keyLen);
  }

  #value(): Uint8Array {
    const cursor = this.#cursor;
    if (!this.#isBorrowing) return cursor.value();
    return cursor.valBuf.subarray(cursor.valOff, cursor.valOff + cursor.valLen);
  }
}

/** @throws TypeError, RangeError for a limit that is not an integer of at least 0 */
export function checkLimit(limit: number | undefined): void {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return;
  if (typeof limit !== 'number') throw new TypeError('limit must be a number');
  if (!Number.isInteger(limit) || limit < 0) {
    throw new RangeError('limit must be an integer of at least 0');
  }
}
