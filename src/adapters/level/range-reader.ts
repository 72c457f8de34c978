/**
 * What the three kinds of Level iterators have in common: a cursor over a range, read in order as
 * keys, values or entries.
 *
 * Reading is synchronous, so a consumer that awaits one entry after another would never let the
 * event loop turn. After a portion of entries or bytes a read therefore waits for a turn first.
 * @module
 */
import { compareKeys } from '../../bytes/compare.ts';
import type { Db, DbCursor, HostLoop, LostRange } from '../../core.ts';
import { AbortError, levelError } from './errors.ts';
import { type Encoded, engineBytes, RangeCopier } from './formats.ts';
import { engineRange, type ScanRequest } from './requests.ts';

/** What an iterator yields of each entry. */
export type Part = 'entry' | 'key' | 'value';

const HIGH_WATER_MARK_BYTES = 1_048_576;
/** Reads after which the event loop gets a turn, whichever comes first. */
const PORTION_ENTRIES = 1000;
const PORTION_BYTES = 1_048_576;

/** The next move of the cursor is to the first entry of the range. */
const AT_START = 0;
/** The cursor stands where it was sought to; that entry has not been read. */
const SOUGHT = 1;
/** The cursor stands on the entry that was read last, or behind the end. */
const READ = 2;
/** Sought to a place outside the range. */
const OUTSIDE = 3;
/** The last entry of the limit has been read; the cursor is closed. */
const DONE = 4;

/** Reads items of type `T`, which `part` determines, as of the moment when it was made. */
export class RangeReader<T> {
  readonly #cursor: DbCursor;
  readonly #request: ScanRequest;
  readonly #part: Part;
  readonly #keys: RangeCopier | undefined;
  readonly #values: RangeCopier | undefined;
  readonly #highWaterMarkBytes: number;
  readonly #hostLoop: HostLoop;
  /** Entries until the limit is reached. */
  #left: number;
  #state: number;
  #portionEntries: number;
  #portionBytes: number;

  /** @throws TypeError, RangeError for wrong options; what opening a cursor throws */
  constructor(db: Db, part: Part, request: ScanRequest, hostLoop: HostLoop) {
    this.#request = request;
    this.#part = part;
    const hasKeys = part === 'key' || (part === 'entry' && request.keys !== false);
    const hasValues = part === 'value' || (part === 'entry' && request.values !== false);
    this.#keys = hasKeys ? RangeCopier.for(request.keyEncoding) : undefined;
    this.#values = hasValues ? RangeCopier.for(request.valueEncoding) : undefined;
    this.#highWaterMarkBytes = highWaterMark(request.highWaterMarkBytes);
    this.#hostLoop = hostLoop;
    this.#left = request.limit < 0 ? Number.POSITIVE_INFINITY : request.limit;
    this.#state = AT_START;
    this.#portionEntries = 0;
    this.#portionBytes = 0;
    const { onDamage } = request;
    const range = engineRange(request);
    this.#cursor = db.cursor(onDamage === undefined ? range : { ...range, onDamage });
  }

  /** See `DbCursor`. */
  get lostRanges(): LostRange[] {
    return this.#cursor.lostRanges;
  }

  /** The next item; undefined at the end. */
  async next(): Promise<T | undefined> {
    if (this.#isTurnDue()) await this.#turn();
    const item = this.#readOne();
    if (this.#request.signal != null) await this.#watch(this.#request.signal);
    return item;
  }

  /** Up to `size` items, fewer at the end or beyond the high-water mark; none behind the end. */
  async nextv(size: number): Promise<T[]> {
    if (this.#isTurnDue()) await this.#turn();
    const items = this.#readMany(size);
    if (this.#request.signal != null) await this.#watch(this.#request.signal);
    return items;
  }

  /** The next item becomes the closest one to `target`; none if that is outside the range. */
  seek(target: Encoded): void {
    if (this.#state === DONE) return;
    try {
      const key = engineBytes(target);
      if (this.#isOutside(bytesOf(key))) {
        this.#state = OUTSIDE;
      } else {
        if (this.#request.reverse) this.#cursor.seekForPrev(key);
        else this.#cursor.seek(key);
        this.#state = SOUGHT;
      }
    } catch (error) {
      throw levelError(error);
    }
  }

  /** Lets go of the cursor. Closing twice is allowed. */
  close(): void {
    this.#cursor.close();
  }

  #readOne(): T | undefined {
    try {
      if (!this.#move()) return undefined;
      const item = this.#take();
      this.#count();
      return item;
    } catch (error) {
      throw levelError(error);
    }
  }

  #readMany(size: number): T[] {
    const items: T[] = [];
    const begin = this.#portionBytes;
    const end = begin + this.#highWaterMarkBytes;
    try {
      while (items.length < size && this.#portionBytes <= end && this.#move()) {
        items.push(this.#take());
        this.#count();
      }
    } catch (error) {
      throw levelError(error);
    }
    return items;
  }

  #move(): boolean {
    const cursor = this.#cursor;
    const { reverse } = this.#request;
    const state = this.#state;
    if (state === READ) return reverse ? cursor.prev() : cursor.next();
    if (state === OUTSIDE || state === DONE) return false;
    this.#state = READ;
    if (state === SOUGHT) return cursor.valid;
    return reverse ? cursor.last() : cursor.first();
  }

  /** The entry under the cursor as an item. */
  #take(): T {
    const cursor = this.#cursor;
    let key: Encoded | undefined;
    let value: Encoded | undefined;
    this.#portionEntries++;
    if (this.#keys !== undefined) {
      this.#portionBytes += cursor.keyLen;
      key = this.#keys.copy(cursor.keyBuf, cursor.keyOff, cursor.keyLen);
    }
    if (this.#values !== undefined) {
      this.#portionBytes += cursor.valLen;
      value = this.#values.copy(cursor.valBuf, cursor.valOff, cursor.valLen);
    }
    if (this.#part === 'entry') return [key, value] as T;
    return (this.#part === 'key' ? key : value) as T;
  }

  /** With the last entry of the limit, nobody has to close the iterator for the cursor to go. */
  #count(): void {
    this.#left--;
    if (this.#left > 0) return;
    this.#state = DONE;
    this.#cursor.close();
  }

  #isTurnDue(): boolean {
    return this.#portionEntries >= PORTION_ENTRIES || this.#portionBytes >= PORTION_BYTES;
  }

  async #turn(): Promise<void> {
    this.#portionEntries = 0;
    this.#portionBytes = 0;
    await this.#hostLoop.turn();
    if (this.#request.signal?.aborted) throw new AbortError();
  }

  /** Lets the code that called for the read go on, which may abort it. */
  async #watch(signal: AbortSignal): Promise<void> {
    await Promise.resolve();
    if (signal.aborted) throw new AbortError();
  }

  #isOutside(key: Uint8Array): boolean {
    const { gt, gte, lt, lte } = this.#request;
    if (gte !== undefined) {
      if (compareKeys(key, bytesOf(engineBytes(gte))) < 0) return true;
    } else if (gt !== undefined) {
      if (compareKeys(key, bytesOf(engineBytes(gt))) <= 0) return true;
    }
    if (lte !== undefined) return compareKeys(key, bytesOf(engineBytes(lte))) > 0;
    return lt !== undefined && compareKeys(key, bytesOf(engineBytes(lt))) >= 0;
  }
}

const encoder = new TextEncoder();

function bytesOf(key: Encoded): Uint8Array {
  return typeof key === 'string' ? encoder.encode(key) : key;
}

function highWaterMark(value: number | undefined): number {
  if (value === undefined) return HIGH_WATER_MARK_BYTES;
  if (typeof value !== 'number') throw new TypeError('highWaterMarkBytes must be a number');
  if (!(value >= 0)) throw new RangeError('highWaterMarkBytes must be at least 0');
  return value;
}
