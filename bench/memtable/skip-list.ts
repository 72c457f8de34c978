/**
 * A skip list over key records in an arena (W. Pugh, 1990): a losing candidate of the memtable's
 * bench.
 *
 * A node, in 32-bit words: key record; key word at depth 0; then its tower, one next node a level.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../../src/bytes/arena.ts';
import { compareKeyWithRecord, keyWord, recordKeyLength } from '../../src/memtable/key-order.ts';
import { KEY_OFFSET } from '../../src/memtable/record.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const LEVELS = 12;
/** One node in four has a higher tower. */
const BRANCHING = 4;
const WORD = 1;
const TOWER = 2;

export class SkipList {
  readonly #arena: Arena;
  readonly #head: number;
  readonly #random: SeededRandom;
  /** Per level, the last node before the place of the last search. */
  readonly #before: Int32Array;
  #levels: number;
  /** Keeps reads from being optimized away. */
  sum: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#head = arena.allocate(4 * (TOWER + LEVELS));
    this.#random = new SeededRandom(1);
    this.#before = new Int32Array(LEVELS);
    this.#levels = 1;
    this.sum = 0;
    for (let level = 0; level < LEVELS; level++) this.#set(this.#head, TOWER + level, 0);
  }

  insert(record: number): void {
    const arena = this.#arena;
    const buf = arena.chunkBytes[record >>> CHUNK_SHIFT]!;
    const off = (record & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
    const len = recordKeyLength(arena, record);
    this.#search(buf, off, len);
    let height = 1;
    while (height < LEVELS && this.#random.u32() % BRANCHING === 0) height++;
    for (; this.#levels < height; this.#levels++) this.#before[this.#levels] = this.#head;
    const node = arena.allocate(4 * (TOWER + height));
    this.#set(node, 0, record);
    this.#set(node, WORD, keyWord(buf, off, len, 0));
    for (let level = 0; level < height; level++) {
      const before = this.#before[level]!;
      this.#set(node, TOWER + level, this.#at(before, TOWER + level));
      this.#set(before, TOWER + level, node);
    }
  }

  has(buf: Uint8Array, off: number, len: number): boolean {
    const node = this.#search(buf, off, len);
    if (node === 0) return false;
    return compareKeyWithRecord(this.#arena, buf, off, len, this.#at(node, 0), 0) === 0;
  }

  /** Touches the key and the value of every record in order, as the engine's scan does. */
  scan(): number {
    const arena = this.#arena;
    let entries = 0;
    for (let node = this.#at(this.#head, TOWER); node !== 0; node = this.#at(node, TOWER)) {
      const record = this.#at(node, 0);
      const bytes = arena.chunkBytes[record >>> CHUNK_SHIFT]!;
      const off = (record & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
      this.sum += bytes[off]! + bytes[off + recordKeyLength(arena, record)]!;
      entries++;
    }
    return entries;
  }

  /** The first node whose key is not smaller; 0 if there is none. */
  #search(buf: Uint8Array, off: number, len: number): number {
    const word = keyWord(buf, off, len, 0);
    let node = this.#head;
    let next = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      next = this.#at(node, TOWER + level);
      while (next !== 0 && this.#isBefore(next, word, buf, off, len)) {
        node = next;
        next = this.#at(node, TOWER + level);
      }
      this.#before[level] = node;
    }
    return next;
  }

  #isBefore(node: number, word: number, buf: Uint8Array, off: number, len: number): boolean {
    const other = this.#at(node, WORD);
    if (other !== word) return other < word;
    return compareKeyWithRecord(this.#arena, buf, off, len, this.#at(node, 0), 0) > 0;
  }

  #at(node: number, word: number): number {
    return this.#arena.chunkWords[node >>> CHUNK_SHIFT]![(node & CHUNK_WORD_MASK) + word]!;
  }

  #set(node: number, word: number, value: number): void {
    this.#arena.chunkWords[node >>> CHUNK_SHIFT]![(node & CHUNK_WORD_MASK) + word] = value;
  }
}
