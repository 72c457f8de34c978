/**
 * Sorts positions of key records by user key.
 *
 * Long lists get a radix sort of their first key words behind the common prefix (least significant
 * digit first, which needs no branch on a key); ties, and short lists, a multikey quicksort
 * (Bentley and Sedgewick, "Fast algorithms for sorting and searching strings", 1997) with a word of
 * four bytes in place of a character. The word of each key is cached beside its position.
 * @module
 */
import type { Arena } from '../bytes/arena.ts';
import {
  compareRecords,
  recordKeyLength,
  recordKeyWord,
  recordsSharedPrefix,
} from './key-order.ts';

const INSERTION_SORT_MAX = 12;
const RADIX_SORT_MIN = 512;
/** Digits of 11, 11 and 10 bits; the last also undoes the flipped sign bit. */
const DIGIT_COUNT = 2048;
const DIGIT_MASK = DIGIT_COUNT - 1;
const TOP_SHIFT = 22;
const TOP_FLIP = 0x200;

export class KeySorter {
  readonly #arena: Arena;
  /** The list being sorted and the words beside it; the other pair is scratch space. */
  #records: Int32Array;
  #words: Int32Array;
  #otherRecords: Int32Array;
  #otherWords: Int32Array;
  /** Made with the first long list: most memtables of a program of many families have none. */
  #digitEnds: Int32Array;
  #random: number;

  constructor(arena: Arena) {
    const none = new Int32Array(0);
    this.#arena = arena;
    this.#records = none;
    this.#words = none;
    this.#otherRecords = none;
    this.#otherWords = none;
    this.#digitEnds = none;
    this.#random = 1;
  }

  /** Bytes of the scratch space that it keeps. */
  get sizeBytes(): number {
    return 3 * this.#words.byteLength + this.#digitEnds.byteLength;
  }

  /** Sorts `records[0, count)`, which it borrows; no two have the same key. */
  sort(records: Int32Array, count: number): void {
    if (this.#words.length < records.length) {
      this.#words = new Int32Array(records.length);
      this.#otherWords = new Int32Array(records.length);
      this.#otherRecords = new Int32Array(records.length);
    }
    this.#records = records;
    const depth = this.#sharedPrefix(count);
    this.#loadWords(0, count, depth);
    if (count < RADIX_SORT_MIN) {
      this.#quicksort(0, count, depth);
      return;
    }
    if (this.#digitEnds.length === 0) this.#digitEnds = new Int32Array(DIGIT_COUNT);
    this.#sortByDigit(count, 0, 0);
    this.#sortByDigit(count, 11, 0);
    this.#sortByDigit(count, TOP_SHIFT, TOP_FLIP);
    // Three exchanges have left the result in the other pair.
    records.set(this.#records);
    this.#otherRecords = this.#records;
    this.#records = records;
    this.#sortTies(count, depth);
  }

  #sharedPrefix(count: number): number {
    const first = this.#records[0]!;
    let shared = recordKeyLength(this.#arena, first);
    for (let i = 1; i < count && shared > 0; i++) {
      const common = recordsSharedPrefix(this.#arena, first, this.#records[i]!, 0);
      if (common < shared) shared = common;
    }
    return shared;
  }

  #loadWords(low: number, high: number, depth: number): void {
    const records = this.#records;
    const words = this.#words;
    for (let i = low; i < high; i++) words[i] = recordKeyWord(this.#arena, records[i]!, depth);
  }

  /** One stable pass into the other pair, which then takes the place of the first. */
  #sortByDigit(count: number, shift: number, flip: number): void {
    const ends = this.#digitEnds;
    const fromWords = this.#words;
    const toWords = this.#otherWords;
    const fromRecords = this.#records;
    const toRecords = this.#otherRecords;
    ends.fill(0);
    for (let i = 0; i < count; i++) ends[((fromWords[i]! >>> shift) & DIGIT_MASK) ^ flip]!++;
    let sum = 0;
    for (let digit = 0; digit < DIGIT_COUNT; digit++) ends[digit] = sum += ends[digit]!;
    for (let i = count - 1; i >= 0; i--) {
      const word = fromWords[i]!;
      const to = --ends[((word >>> shift) & DIGIT_MASK) ^ flip]!;
      toWords[to] = word;
      toRecords[to] = fromRecords[i]!;
    }
    this.#words = toWords;
    this.#otherWords = fromWords;
    this.#records = toRecords;
    this.#otherRecords = fromRecords;
  }

  /** Sorts each group of equal words by what follows. */
  #sortTies(count: number, depth: number): void {
    const words = this.#words;
    for (let low = 0; low < count; ) {
      let high = low + 1;
      while (high < count && words[high] === words[low]) high++;
      if (high - low > 1) this.#quicksort(low, high, depth);
      low = high;
    }
  }

  /** Sorts a range whose keys are equal below `depth` and whose words there are loaded. */
  #quicksort(from: number, to: number, startDepth: number): void {
    let low = from;
    let high = to;
    let depth = startDepth;
    while (high - low > INSERTION_SORT_MAX) {
      const words = this.#words;
      const pivot = this.#choosePivot(low, high);
      let less = low;
      let greater = high;
      for (let i = low; i < greater; ) {
        const word = words[i]!;
        if (word < pivot) this.#swap(i++, less++);
        else if (word > pivot) this.#swap(i, --greater);
        else i++;
      }
      this.#quicksort(low, less, depth);
      this.#quicksort(greater, high, depth);
      depth += 4;
      low = this.#moveEndedToFront(less, greater, depth);
      high = greater;
      this.#loadWords(low, high, depth);
    }
    this.#insertionSort(low, high, depth);
  }

  /** Median of three words at places that no input pattern can anticipate. */
  #choosePivot(low: number, high: number): number {
    const words = this.#words;
    const a = words[this.#somewhere(low, high)]!;
    const b = words[this.#somewhere(low, high)]!;
    const c = words[this.#somewhere(low, high)]!;
    if (a < b) return b < c ? b : Math.max(a, c);
    return a < c ? a : Math.max(b, c);
  }

  #somewhere(low: number, high: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) | 0;
    return low + ((this.#random >>> 8) % (high - low));
  }

  /**
   * Of keys with equal words before `depth`, those that end inside the word sort first, the shorter
   * the earlier. Their zero padding is equal too, so no two have one length and there are at most
   * five of them.
   * @returns where the longer ones begin
   */
  #moveEndedToFront(low: number, high: number, depth: number): number {
    let front = low;
    for (let i = low; i < high; i++) {
      if (recordKeyLength(this.#arena, this.#records[i]!) <= depth) this.#swap(i, front++);
    }
    this.#insertionSort(low, front, depth - 4);
    return front;
  }

  #insertionSort(low: number, high: number, depth: number): void {
    const records = this.#records;
    const words = this.#words;
    for (let i = low + 1; i < high; i++) {
      const record = records[i]!;
      const word = words[i]!;
      let to = i;
      while (to > low) {
        const other = words[to - 1]!;
        if (other < word) break;
        if (other === word && compareRecords(this.#arena, records[to - 1]!, record, depth) < 0) {
          break;
        }
        records[to] = records[to - 1]!;
        words[to] = other;
        to--;
      }
      records[to] = record;
      words[to] = word;
    }
  }

  #swap(a: number, b: number): void {
    const records = this.#records;
    const words = this.#words;
    const record = records[a]!;
    const word = words[a]!;
    records[a] = records[b]!;
    words[a] = words[b]!;
    records[b] = record;
    words[b] = word;
  }
}
