/**
 * The cursor of a memtable. It stands on a record; its place in the tree is only as good as the
 * tree's last change, so every move first finds the place again if keys have been added since.
 * Records never move, so the fields stay true whatever is added.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';
import type { Cursor } from '../key/cursor.ts';
import { compareKeyWithRecord, recordKeyLength } from './key-order.ts';
import { type KeyTree, LEAF_RECORDS } from './key-tree.ts';
import type { OrderedKeys } from './ordered-keys.ts';
import { newestRecord, newestRecordUpTo, olderRecord, oldestRecordFrom } from './record.ts';
import { RecordCursor } from './record-cursor.ts';

/** Most records whose memory is asked for at once. */
const WARM_MAX = 16;

const NO_WORDS = new Int32Array(0);

export class MemtableCursor extends RecordCursor implements Cursor {
  readonly #keys: OrderedKeys;
  /** The number of keys when leaf and slot were found. */
  #keyCount: number;
  #leaf: number;
  #leafWords: Int32Array;
  #leafBase: number;
  #slotCount: number;
  #slot: number;
  /** The records of slots in `[#warmFrom, #warmTo)` have been touched. */
  #warmFrom: number;
  #warmTo: number;
  /** How many slots to touch next: more, the longer the cursor runs on. */
  #warmCount: number;

  /** @param hasChecksums whether the records have checksums */
  constructor(arena: Arena, keys: OrderedKeys, hasChecksums: boolean) {
    super(arena, hasChecksums);
    this.#keys = keys;
    this.#keyCount = -1;
    this.#leaf = 0;
    this.#leafWords = NO_WORDS;
    this.#leafBase = 0;
    this.#slotCount = 0;
    this.#slot = 0;
    this.#warmFrom = 0;
    this.#warmTo = 0;
    this.#warmCount = 1;
  }

  first(): boolean {
    const tree = this.#currentTree();
    this.#enterLeaf(tree, tree.firstLeaf);
    this.#slot = -1;
    return this.#nextKey();
  }

  last(): boolean {
    const tree = this.#currentTree();
    this.#enterLeaf(tree, tree.lastLeaf);
    this.#slot = this.#slotCount;
    return this.#previousKey();
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    if (this.#seekKey(buf, off, len)) {
      const record = newestRecordUpTo(this.arena, this.keyRecord, seqno);
      if (record !== 0) return this.show(record);
      return this.#nextKey();
    }
    // The slot holds the first greater key, or lies behind the leaf's last.
    this.#slot--;
    return this.#nextKey();
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    if (this.#seekKey(buf, off, len)) {
      const record = oldestRecordFrom(this.arena, this.keyRecord, seqno);
      if (record !== 0) return this.show(record);
    }
    return this.#previousKey();
  }

  next(): boolean {
    if (this.#keyCount !== this.#keys.count) this.#findAgain();
    if (this.record !== this.keyRecord) return this.show(olderRecord(this.arena, this.record));
    return this.#nextKey();
  }

  /** The arena stands as long as the memtable does, which whoever opened the cursor pins. */
  keepValue(): boolean {
    return true;
  }

  prev(): boolean {
    if (this.#keyCount !== this.#keys.count) this.#findAgain();
    const newer = oldestRecordFrom(this.arena, this.keyRecord, this.seqno + 1);
    return newer !== 0 ? this.show(newer) : this.#previousKey();
  }

  override close(): void {
    super.close();
    this.#leafWords = NO_WORDS;
  }

  /** The tree, for a search: the cursor will stand somewhere else. */
  #currentTree(): KeyTree {
    const tree = this.#keys.tree();
    this.#warmCount = 1;
    this.#keyCount = this.#keys.count;
    return tree;
  }

  /** Finds leaf and slot of the current key in a tree that has got more keys. */
  #findAgain(): void {
    const tree = this.#currentTree();
    tree.seek(this.keyBuf, this.keyOff, this.keyLen);
    this.#enterLeaf(tree, tree.leaf);
    this.#slot = tree.slot;
  }

  /** To the slot of the first key at or after the given one; true if it is the same key. */
  #seekKey(buf: Uint8Array, off: number, len: number): boolean {
    const tree = this.#currentTree();
    tree.seek(buf, off, len);
    this.#enterLeaf(tree, tree.leaf);
    this.#slot = tree.slot;
    if (this.#slot === this.#slotCount) return false;
    const record = this.#leafWords[this.#leafBase + LEAF_RECORDS + this.#slot]!;
    this.keyRecord = record;
    if (recordKeyLength(this.arena, record) !== len) return false;
    return compareKeyWithRecord(this.arena, buf, off, len, record, 0) === 0;
  }

  #enterLeaf(tree: KeyTree, leaf: number): void {
    this.#leaf = leaf;
    this.#leafWords = this.arena.chunkWords[leaf >>> CHUNK_SHIFT]!;
    this.#leafBase = leaf & CHUNK_WORD_MASK;
    this.#slotCount = tree.slotCount(leaf);
    this.#warmFrom = this.#slotCount;
    this.#warmTo = 0;
  }

  /** To the newest version of the key in the slot after this one. */
  #nextKey(): boolean {
    if (++this.#slot >= this.#slotCount && !this.#enterNextLeaf()) return false;
    if (this.#slot >= this.#warmTo) this.#warmForward();
    const record = this.#leafWords[this.#leafBase + LEAF_RECORDS + this.#slot]!;
    this.keyRecord = record;
    return this.show(newestRecord(this.arena, record));
  }

  /** To the oldest version of the key in the slot before this one. */
  #previousKey(): boolean {
    if (--this.#slot < 0 && !this.#enterPreviousLeaf()) return false;
    if (this.#slot < this.#warmFrom) this.#warmBackward();
    const record = this.#leafWords[this.#leafBase + LEAF_RECORDS + this.#slot]!;
    this.keyRecord = record;
    return this.show(record);
  }

  #enterNextLeaf(): boolean {
    const tree = this.#keys.tree();
    const next = tree.nextLeaf(this.#leaf);
    if (next === 0) {
      this.valid = false;
      return false;
    }
    this.#enterLeaf(tree, next);
    this.#slot = 0;
    return true;
  }

  #enterPreviousLeaf(): boolean {
    const tree = this.#keys.tree();
    const previous = tree.previousLeaf(this.#leaf);
    if (previous === 0) {
      this.valid = false;
      return false;
    }
    this.#enterLeaf(tree, previous);
    this.#slot = this.#slotCount - 1;
    return true;
  }

  /** The number of slots doubles with each go, so that a short scan does not pay for many. */
  #warmForward(): void {
    this.#warmFrom = this.#slot;
    this.#warmTo = Math.min(this.#slot + this.#warmCount, this.#slotCount);
    this.#warmSlots();
  }

  #warmBackward(): void {
    this.#warmFrom = Math.max(this.#slot + 1 - this.#warmCount, 0);
    this.#warmTo = this.#slot + 1;
    this.#warmSlots();
  }

  #warmSlots(): void {
    const first = this.#leafBase + LEAF_RECORDS;
    this.warm(this.#leafWords, first + this.#warmFrom, first + this.#warmTo);
    this.#warmCount = Math.min(this.#warmCount * 2, WARM_MAX);
  }
}
