/**
 * The ordered structure of a memtable: a B+tree over key records, in the arena. Keys are unique
 * (further versions hang on their key record) and nothing is ever removed.
 *
 * A node, in 32-bit words; inner nodes lie above leaves in a tree of uniform height:
 *
 *     word  count  meaning
 *     0     1      number of slots taken
 *     1     1      prefix length: all keys that can be under this node share so many first bytes
 *     2     1      leaf: position of the next leaf, 0 at the end; inner: unused
 *     3     1      leaf: position of the previous leaf, 0 at the start; inner: unused
 *     4     64     per slot the key word (see `key-order.ts`) behind the prefix
 *     68    64     per slot a key record, in ascending order of keys
 *     132   64     inner nodes only: per slot a child node
 *
 * Slot i of an inner node is the child with the keys from that of slot i (inclusive) to that of
 * slot i+1 (exclusive). The key of slot 0 is a lower bound that is never looked at.
 *
 * The prefix of a node between two separators is what those share, so a search that was led there
 * need not check it. A node at either edge of the tree has no separator on that side; its prefix is
 * the one that all keys of the tree share. When a new key breaks that prefix, the edges get their
 * words anew.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import {
  compareKeyWithRecord,
  compareRecords,
  keyWord,
  recordKeyLength,
  recordKeyWord,
  recordsSharedPrefix,
} from './key-order.ts';
import { KEY_OFFSET } from './record.ts';

const NODE_SLOTS = 64;
const PREFIX_WORD = 1;
const NEXT_WORD = 2;
const PREVIOUS_WORD = 3;
const WORDS = 4;
/** Word offset, in a leaf, of the first key record. */
export const LEAF_RECORDS: number = WORDS + NODE_SLOTS;
const RECORDS = LEAF_RECORDS;
const CHILDREN = RECORDS + NODE_SLOTS;
const LEAF_BYTES = 4 * CHILDREN;
const INNER_BYTES = LEAF_BYTES + 4 * NODE_SLOTS;

export class KeyTree {
  readonly #arena: Arena;
  #root: number;
  /** Number of levels of inner nodes above the leaves. */
  #height: number;
  #firstLeaf: number;
  #lastLeaf: number;
  /** Any record of the tree, 0 while it is empty: its first bytes are the shared prefix. */
  #sample: number;
  /** Number of bytes that all keys of the tree share. */
  #prefixLen: number;
  /** Where the last {@link seek} ended: a leaf and the slot in it, maybe behind its last one. */
  leaf: number;
  slot: number;
  /** Key record of the separator on the left of the last descent's leaf; 0 at the tree's edge. */
  #lowRecord: number;
  /** Node and slot of the separator on its right; node 0 at the tree's edge. */
  #highNode: number;
  #highSlot: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#root = this.#newNode(LEAF_BYTES, 0);
    this.#height = 0;
    this.#firstLeaf = this.#root;
    this.#lastLeaf = this.#root;
    this.#sample = 0;
    this.#prefixLen = 0;
    this.leaf = this.#root;
    this.slot = 0;
    this.#lowRecord = 0;
    this.#highNode = 0;
    this.#highSlot = 0;
  }

  /** The leaf with the smallest keys. */
  get firstLeaf(): number {
    return this.#firstLeaf;
  }

  /** The leaf with the greatest keys. */
  get lastLeaf(): number {
    return this.#lastLeaf;
  }

  /** Number of keys in a leaf; 0 only in the one leaf of an empty tree. */
  slotCount(leaf: number): number {
    return this.#at(leaf, 0);
  }

  /** The following leaf, 0 behind the last one. */
  nextLeaf(leaf: number): number {
    return this.#at(leaf, NEXT_WORD);
  }

  /** The leaf before, 0 before the first one. */
  previousLeaf(leaf: number): number {
    return this.#at(leaf, PREVIOUS_WORD);
  }

  /** The key records of all leaves, `count` in number, in ascending order; a fresh array. */
  records(count: number): Int32Array {
    const all = new Int32Array(count);
    let to = 0;
    for (let leaf = count === 0 ? 0 : this.#firstLeaf; leaf !== 0; leaf = this.nextLeaf(leaf)) {
      const words = this.#arena.chunkWords[leaf >>> CHUNK_SHIFT]!;
      const first = (leaf & CHUNK_WORD_MASK) + RECORDS;
      const slots = this.slotCount(leaf);
      for (let i = 0; i < slots; i++) all[to++] = words[first + i]!;
    }
    return all;
  }

  /** Sets `leaf` and `slot` to the first key at or after the given one. Borrows `buf`. */
  seek(buf: Uint8Array, off: number, len: number): void {
    const order = this.#compareWithPrefix(buf, off, len);
    if (order < 0) {
      this.leaf = this.#firstLeaf;
      this.slot = 0;
    } else if (order > 0) {
      this.leaf = this.#lastLeaf;
      this.slot = this.slotCount(this.leaf);
    } else {
      this.#findLeaf(buf, off, len);
      const words = this.#arena.chunkWords[this.leaf >>> CHUNK_SHIFT]!;
      const base = this.leaf & CHUNK_WORD_MASK;
      this.slot = this.#lowerBound(words, base, 0, words[base]!, buf, off, len);
    }
  }

  /** Adds the key records `records[0, count)`, sorted by key, none of which is in the tree. */
  insertSorted(records: Int32Array, count: number): void {
    if (count === 0) return;
    this.#shrinkPrefix(records[0]!, records[count - 1]!);
    for (let from = 0; from < count; ) {
      const first = records[from]!;
      const keyBuf = this.#arena.chunkBytes[first >>> CHUNK_SHIFT]!;
      const keyOff = (first & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
      this.#findLeaf(keyBuf, keyOff, recordKeyLength(this.#arena, first));
      let to = from + 1;
      while (to < count && this.#belowHigh(first, records[to]!)) to++;
      if (this.slotCount(this.leaf) + to - from <= NODE_SLOTS) {
        this.#mergeIntoLeaf(this.leaf, records, from, to);
      } else {
        this.#insertWithSplits(records, from, to);
      }
      from = to;
    }
  }

  /**
   * True when a record's key is below the separator on the right of the leaf of the last descent,
   * which was for the smaller key of `reached`. Reads the separator's record only if it must.
   */
  #belowHigh(reached: number, record: number): boolean {
    if (this.#highNode === 0) return true;
    const arena = this.#arena;
    const words = arena.chunkWords[this.#highNode >>> CHUNK_SHIFT]!;
    const base = this.#highNode & CHUNK_WORD_MASK;
    const prefixLen = words[base + PREFIX_WORD]!;
    if (recordsSharedPrefix(arena, reached, record, this.#prefixLen) < prefixLen) return false;
    const word = recordKeyWord(arena, record, prefixLen);
    const separatorWord = words[base + WORDS + this.#highSlot]!;
    if (word !== separatorWord) return word < separatorWord;
    return compareRecords(arena, record, words[base + RECORDS + this.#highSlot]!, prefixLen) < 0;
  }

  /** Inserts `records[from, to)`, which belong into one leaf without room for all. */
  #insertWithSplits(records: Int32Array, from: number, to: number): void {
    const arena = this.#arena;
    for (let next = from; next < to; ) {
      const first = records[next]!;
      const keyBuf = arena.chunkBytes[first >>> CHUNK_SHIFT]!;
      const keyOff = (first & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
      this.#findLeafWithRoom(keyBuf, keyOff, recordKeyLength(arena, first));
      const end = Math.min(to, next + NODE_SLOTS - this.slotCount(this.leaf));
      let fitting = next + 1;
      while (fitting < end && this.#belowHigh(first, records[fitting]!)) fitting++;
      this.#mergeIntoLeaf(this.leaf, records, next, fitting);
      next = fitting;
    }
  }

  /** Merges `records[from, to)` into a leaf with room for them, from the back. */
  #mergeIntoLeaf(leaf: number, records: Int32Array, from: number, to: number): void {
    const arena = this.#arena;
    const node = arena.chunkWords[leaf >>> CHUNK_SHIFT]!;
    const base = leaf & CHUNK_WORD_MASK;
    const prefixLen = node[base + PREFIX_WORD]!;
    let end = node[base]!;
    node[base] = end + to - from;
    for (let i = to - 1; i >= from; i--) {
      const record = records[i]!;
      const keyLen = recordKeyLength(arena, record);
      const bytes = arena.chunkBytes[record >>> CHUNK_SHIFT]!;
      const keyOff = (record & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
      const slot = this.#lowerBound(node, base, 0, end, bytes, keyOff, keyLen);
      const shift = i - from + 1;
      for (let s = end - 1 + base; s >= slot + base; s--) {
        node[s + WORDS + shift] = node[s + WORDS]!;
        node[s + RECORDS + shift] = node[s + RECORDS]!;
      }
      const target = base + slot + shift - 1;
      node[target + WORDS] = keyWord(bytes, keyOff, keyLen, prefixLen);
      node[target + RECORDS] = record;
      end = slot;
    }
  }

  /** Sets `leaf` to where the key belongs, and the separator on its right. Borrows `buf`. */
  #findLeaf(buf: Uint8Array, off: number, len: number): void {
    let node = this.#root;
    this.#highNode = 0;
    for (let level = this.#height; level > 0; level--) {
      const words = this.#arena.chunkWords[node >>> CHUNK_SHIFT]!;
      const base = node & CHUNK_WORD_MASK;
      const slot = this.#childSlot(words, base, buf, off, len);
      if (slot + 1 < words[base]!) {
        this.#highNode = node;
        this.#highSlot = slot + 1;
      }
      node = words[base + CHILDREN + slot]!;
    }
    this.leaf = node;
  }

  /**
   * As {@link #findLeaf}, splitting every full node on the way: the leaf then has room, and so has
   * the parent of every node that is split below it.
   */
  #findLeafWithRoom(buf: Uint8Array, off: number, len: number): void {
    if (this.slotCount(this.#root) === NODE_SLOTS) this.#growRoot();
    let node = this.#root;
    this.#lowRecord = 0;
    this.#highNode = 0;
    for (let level = this.#height; level > 0; level--) {
      const words = this.#arena.chunkWords[node >>> CHUNK_SHIFT]!;
      const base = node & CHUNK_WORD_MASK;
      let slot = this.#childSlot(words, base, buf, off, len);
      this.#noteSeparators(node, slot);
      if (this.slotCount(words[base + CHILDREN + slot]!) === NODE_SLOTS) {
        this.#splitChild(node, slot, level - 1, buf, off, len);
        slot = this.#childSlot(words, base, buf, off, len);
        this.#noteSeparators(node, slot);
      }
      node = words[base + CHILDREN + slot]!;
    }
    this.leaf = node;
  }

  /** The separators around a child, where its parent has them, else those around the parent. */
  #noteSeparators(parent: number, slot: number): void {
    if (slot > 0) this.#lowRecord = this.#at(parent, RECORDS + slot);
    if (slot + 1 < this.slotCount(parent)) {
      this.#highNode = parent;
      this.#highSlot = slot + 1;
    }
  }

  /** Slot of the child for a key: the last one whose separator is not greater. */
  #childSlot(words: Int32Array, base: number, buf: Uint8Array, off: number, len: number): number {
    const count = words[base]!;
    const prefixLen = words[base + PREFIX_WORD]!;
    const slot = this.#lowerBound(words, base, 1, count, buf, off, len);
    if (slot === count) return slot - 1;
    const separator = words[base + RECORDS + slot]!;
    if (words[base + WORDS + slot] !== keyWord(buf, off, len, prefixLen)) return slot - 1;
    const order = compareKeyWithRecord(this.#arena, buf, off, len, separator, prefixLen);
    return order === 0 ? slot : slot - 1;
  }

  /** First slot in `[low, high)` whose key is not smaller than the given one; `high` if none. */
  #lowerBound(
    words: Int32Array,
    base: number,
    low: number,
    high: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): number {
    const prefixLen = words[base + PREFIX_WORD]!;
    const word = keyWord(buf, off, len, prefixLen);
    let from = low;
    let to = high;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = words[base + WORDS + middle]!;
      if (other < word) from = middle + 1;
      else if (other > word) to = middle;
      else {
        const record = words[base + RECORDS + middle]!;
        if (compareKeyWithRecord(this.#arena, buf, off, len, record, prefixLen) > 0) {
          from = middle + 1;
        } else {
          to = middle;
        }
      }
    }
    return from;
  }

  /** Puts a new root above the old one. */
  #growRoot(): void {
    const root = this.#newNode(INNER_BYTES, this.#prefixLen);
    const words = this.#arena.chunkWords[root >>> CHUNK_SHIFT]!;
    const base = root & CHUNK_WORD_MASK;
    words[base] = 1;
    words[base + CHILDREN] = this.#root;
    words[base + WORDS] = 0;
    words[base + RECORDS] = this.#sample;
    this.#root = root;
    this.#height++;
  }

  /**
   * Splits the full child in `slot` of a parent with room. At the right end of the tree, for a key
   * behind all others, the old node stays as good as full. The noted separators are the child's.
   */
  #splitChild(
    parent: number,
    slot: number,
    level: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void {
    const arena = this.#arena;
    const left = this.#at(parent, CHILDREN + slot);
    const right = this.#newNode(
      level === 0 ? LEAF_BYTES : INNER_BYTES,
      this.#at(left, PREFIX_WORD),
    );
    const last = this.#at(left, RECORDS + NODE_SLOTS - 1);
    const appends =
      this.#highNode === 0 && compareKeyWithRecord(arena, buf, off, len, last, this.#prefixLen) > 0;
    const kept = appends ? NODE_SLOTS - 1 : NODE_SLOTS / 2;
    const separator = this.#at(left, RECORDS + kept);
    this.#moveSlots(left, right, kept, level > 0);
    if (level === 0) this.#linkAfter(left, right);
    this.#setPrefix(left, this.#sharedPrefix(this.#lowRecord, separator));
    this.#setPrefix(right, this.#sharedPrefix(separator, this.#highRecord()));
    this.#insertChild(parent, slot + 1, separator, right);
  }

  /** Moves the slots from `kept` on of a full node into an empty one. */
  #moveSlots(source: number, target: number, kept: number, isInner: boolean): void {
    const from = this.#arena.chunkWords[source >>> CHUNK_SHIFT]!;
    const to = this.#arena.chunkWords[target >>> CHUNK_SHIFT]!;
    const fromBase = (source & CHUNK_WORD_MASK) + kept;
    const toBase = target & CHUNK_WORD_MASK;
    const moved = NODE_SLOTS - kept;
    for (let i = 0; i < moved; i++) {
      to[toBase + WORDS + i] = from[fromBase + WORDS + i]!;
      to[toBase + RECORDS + i] = from[fromBase + RECORDS + i]!;
      if (isInner) to[toBase + CHILDREN + i] = from[fromBase + CHILDREN + i]!;
    }
    from[fromBase - kept] = kept;
    to[toBase] = moved;
  }

  /** Key record of the separator on the right of the last descent's leaf; 0 at the tree's edge. */
  #highRecord(): number {
    return this.#highNode === 0 ? 0 : this.#at(this.#highNode, RECORDS + this.#highSlot);
  }

  #linkAfter(left: number, right: number): void {
    const next = this.nextLeaf(left);
    this.#set(right, PREVIOUS_WORD, left);
    this.#set(right, NEXT_WORD, next);
    this.#set(left, NEXT_WORD, right);
    if (next === 0) this.#lastLeaf = right;
    else this.#set(next, PREVIOUS_WORD, right);
  }

  #insertChild(parent: number, slot: number, separator: number, child: number): void {
    const words = this.#arena.chunkWords[parent >>> CHUNK_SHIFT]!;
    const base = parent & CHUNK_WORD_MASK;
    const count = words[base]!;
    for (let i = base + count; i > base + slot; i--) {
      words[i + WORDS] = words[i + WORDS - 1]!;
      words[i + RECORDS] = words[i + RECORDS - 1]!;
      words[i + CHILDREN] = words[i + CHILDREN - 1]!;
    }
    words[base + slot + WORDS] = recordKeyWord(this.#arena, separator, words[base + PREFIX_WORD]!);
    words[base + slot + RECORDS] = separator;
    words[base + slot + CHILDREN] = child;
    words[base] = count + 1;
  }

  /** Length of the prefix between two separators, of which 0 stands for the edge of the tree. */
  #sharedPrefix(lowRecord: number, highRecord: number): number {
    if (lowRecord === 0 || highRecord === 0) return this.#prefixLen;
    return recordsSharedPrefix(this.#arena, lowRecord, highRecord, this.#prefixLen);
  }

  /** Changes the prefix length of a node and reads its key words anew. */
  #setPrefix(node: number, prefixLen: number): void {
    const words = this.#arena.chunkWords[node >>> CHUNK_SHIFT]!;
    const base = node & CHUNK_WORD_MASK;
    if (words[base + PREFIX_WORD] === prefixLen) return;
    words[base + PREFIX_WORD] = prefixLen;
    for (let i = base + words[base]! - 1; i >= base; i--) {
      words[i + WORDS] = recordKeyWord(this.#arena, words[i + RECORDS]!, prefixLen);
    }
  }

  /** Adjusts the shared prefix to new keys, of which these are the smallest and the greatest. */
  #shrinkPrefix(smallest: number, greatest: number): void {
    const arena = this.#arena;
    const among = recordsSharedPrefix(arena, smallest, greatest, 0);
    if (this.#sample === 0) {
      this.#sample = smallest;
      this.#prefixLen = among;
      this.#setPrefix(this.#root, among);
      return;
    }
    const shared = Math.min(among, recordsSharedPrefix(arena, this.#sample, smallest, 0));
    if (shared >= this.#prefixLen) return;
    this.#prefixLen = shared;
    let first = this.#root;
    let last = this.#root;
    for (let level = this.#height; level >= 0; level--) {
      this.#setPrefix(first, shared);
      this.#setPrefix(last, shared);
      if (level === 0) break;
      first = this.#at(first, CHILDREN);
      last = this.#at(last, CHILDREN + this.#at(last, 0) - 1);
    }
  }

  /** Where a key lies to the keys that start with the tree's prefix: before, among or behind. */
  #compareWithPrefix(buf: Uint8Array, off: number, len: number): number {
    const prefixLen = this.#prefixLen;
    const sample = this.#sample;
    if (prefixLen === 0) return 0;
    const bytes = this.#arena.chunkBytes[sample >>> CHUNK_SHIFT]!;
    const at = (sample & CHUNK_WORD_MASK) * 4 + KEY_OFFSET;
    const shared = sharedPrefixLength(buf, off, len, bytes, at, prefixLen);
    if (shared === prefixLen) return 0;
    return shared === len ? -1 : buf[off + shared]! - bytes[at + shared]!;
  }

  #newNode(sizeBytes: number, prefixLen: number): number {
    const node = this.#arena.allocate(sizeBytes);
    this.#set(node, 0, 0);
    this.#set(node, PREFIX_WORD, prefixLen);
    this.#set(node, NEXT_WORD, 0);
    this.#set(node, PREVIOUS_WORD, 0);
    return node;
  }

  #at(node: number, word: number): number {
    return this.#arena.chunkWords[node >>> CHUNK_SHIFT]![(node & CHUNK_WORD_MASK) + word]!;
  }

  #set(node: number, word: number, value: number): void {
    this.#arena.chunkWords[node >>> CHUNK_SHIFT]![(node & CHUNK_WORD_MASK) + word] = value;
  }
}
