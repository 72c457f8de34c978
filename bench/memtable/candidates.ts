/**
 * Ordered structures that were measured for the memtable. All share its arena, its records and its
 * hash index, so that a row differs from the others by the ordered structure alone.
 * @module
 */
import { Arena, type ArenaPool, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../../src/bytes/arena.ts';
import { KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import { HashIndex } from '../../src/memtable/hash-index.ts';
import { KeySorter } from '../../src/memtable/key-sorter.ts';
import { KeyTree, LEAF_RECORDS } from '../../src/memtable/key-tree.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { appendKeyRecord } from '../../src/memtable/record.ts';
import { SkipList } from './skip-list.ts';

/** A memtable as far as the bench needs one. Every key is put once. */
export interface Candidate {
  put(
    keys: Uint8Array,
    off: number,
    len: number,
    hash: number,
    seqno: number,
    value: Uint8Array,
  ): void;
  /** Finishes what puts have left undone, so that the order is complete. */
  complete(): void;
  /** Reads all keys in order; returns their number. */
  scan(): number;
  /** True if the ordered structure, without the hash index, has the key. */
  findInOrder(keys: Uint8Array, off: number, len: number): boolean;
  release(): void;
}

/** What is in the engine: a B+tree that new keys enter in sorted lots. */
export class EngineMemtable implements Candidate {
  readonly table: Memtable;
  /** Keeps reads from being optimized away. */
  sum: number;
  readonly #out: Lookup;

  constructor(pool: ArenaPool) {
    this.table = new Memtable({ arenaPool: pool });
    this.sum = 0;
    this.#out = new Lookup();
  }

  put(
    keys: Uint8Array,
    off: number,
    len: number,
    hash: number,
    seqno: number,
    value: Uint8Array,
  ): void {
    this.table.put(keys, off, len, hash, seqno, KIND_PUT, value, 0, value.length);
  }

  complete(): void {
    this.table.cursor().first();
  }

  get(keys: Uint8Array, off: number, len: number, hash: number): boolean {
    return this.table.get(keys, off, len, hash, SEQNO_MAX, this.#out);
  }

  scan(): number {
    const cursor = this.table.cursor();
    let entries = 0;
    for (let valid = cursor.first(); valid; valid = cursor.next()) {
      this.sum += cursor.keyBuf[cursor.keyOff]! + cursor.valBuf[cursor.valOff]!;
      entries++;
    }
    return entries;
  }

  scanBackwards(): number {
    const cursor = this.table.cursor();
    let entries = 0;
    for (let valid = cursor.last(); valid; valid = cursor.prev()) {
      this.sum += cursor.keyBuf[cursor.keyOff]! + cursor.valBuf[cursor.valOff]!;
      entries++;
    }
    return entries;
  }

  findInOrder(keys: Uint8Array, off: number, len: number): boolean {
    const cursor = this.table.cursor();
    return cursor.seek(keys, off, len, SEQNO_MAX) && cursor.keyLen === len;
  }

  release(): void {
    this.table.release();
  }
}

/** Records and hash index; a subclass keeps the order. */
abstract class Rival implements Candidate {
  readonly arena: Arena;
  readonly #index: HashIndex;

  constructor(pool: ArenaPool) {
    this.arena = new Arena(pool);
    this.#index = new HashIndex(this.arena, pool, 0);
  }

  put(
    keys: Uint8Array,
    off: number,
    len: number,
    hash: number,
    seqno: number,
    value: Uint8Array,
  ): void {
    if (this.#index.find(hash, keys, off, len) !== 0) throw new Error('a key was put twice');
    const { arena } = this;
    const valLen = value.length;
    const record = appendKeyRecord(arena, keys, off, len, seqno, KIND_PUT, value, 0, valLen, 0);
    this.#index.add(hash, record);
    this.insert(record);
  }

  release(): void {
    this.#index.release();
    this.arena.release();
  }

  abstract insert(record: number): void;
  abstract complete(): void;
  abstract scan(): number;
  abstract findInOrder(keys: Uint8Array, off: number, len: number): boolean;
}

/** The engine's B+tree, which every key enters at once. */
export class DirectTree extends Rival {
  readonly #tree: KeyTree;
  readonly #one: Int32Array;

  constructor(pool: ArenaPool) {
    super(pool);
    this.#tree = new KeyTree(this.arena);
    this.#one = new Int32Array(1);
  }

  override insert(record: number): void {
    this.#one[0] = record;
    this.#tree.insertSorted(this.#one, 1);
  }

  override complete(): void {}

  override scan(): number {
    let entries = 0;
    for (let leaf = this.#tree.firstLeaf; leaf !== 0; leaf = this.#tree.nextLeaf(leaf)) {
      entries += this.#tree.slotCount(leaf);
    }
    return entries;
  }

  override findInOrder(keys: Uint8Array, off: number, len: number): boolean {
    this.#tree.seek(keys, off, len);
    const words = this.arena.chunkWords[this.#tree.leaf >>> CHUNK_SHIFT]!;
    const base = this.#tree.leaf & CHUNK_WORD_MASK;
    return words[base + LEAF_RECORDS + this.#tree.slot]! !== 0;
  }
}

/** A skip list, which every key enters at once. */
export class DirectSkipList extends Rival {
  readonly #list: SkipList;

  constructor(pool: ArenaPool) {
    super(pool);
    this.#list = new SkipList(this.arena);
  }

  override insert(record: number): void {
    this.#list.insert(record);
  }

  override complete(): void {}

  override scan(): number {
    return this.#list.scan();
  }

  override findInOrder(keys: Uint8Array, off: number, len: number): boolean {
    return this.#list.has(keys, off, len);
  }
}

/** No ordered structure; all keys are sorted when the order is asked for. */
export class SortOnDemand extends Rival {
  readonly #sorter: KeySorter;
  #records: Int32Array;
  #count: number;

  constructor(pool: ArenaPool) {
    super(pool);
    this.#sorter = new KeySorter(this.arena);
    this.#records = new Int32Array(1024);
    this.#count = 0;
  }

  override insert(record: number): void {
    if (this.#count === this.#records.length) {
      const grown = new Int32Array(this.#count * 2);
      grown.set(this.#records);
      this.#records = grown;
    }
    this.#records[this.#count++] = record;
  }

  override complete(): void {
    this.#sorter.sort(this.#records, this.#count);
  }

  override scan(): number {
    return this.#count;
  }

  override findInOrder(): boolean {
    throw new Error('not measured');
  }
}
