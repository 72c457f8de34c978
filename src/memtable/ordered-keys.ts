/**
 * The keys of a memtable in order: the B+tree, and before it a list of new keys that wait for it.
 *
 * The list is sorted and merged into the tree when it is full or when a cursor needs the order.
 * Neighbours of a sorted list meet the same nodes while these are in the processor's caches, which
 * nearly halves the price of the order (docs/decisions/0001-memtable.md).
 * @module
 */
import type { Arena } from '../bytes/arena.ts';
import { assert } from '../errors.ts';
import { compareKeyWithRecord } from './key-order.ts';
import { KeySorter } from './key-sorter.ts';
import { KeyTree } from './key-tree.ts';

/**
 * Most keys that wait. A memtable that nobody iterates rarely gets there before it is flushed, and
 * the flush sorts what waits on a thread of its own; the first cursor after many writes pays for
 * them, so there is a limit, which keeps that at some 20 ms.
 */
const WAITING_MAX = 131_072;
/** The same while they come in ascending order: then nothing has to be sorted. */
const WAITING_SORTED_MAX = 1_048_576;
const WAITING_MIN = 64;

export class OrderedKeys {
  /** Number of keys; -1 after {@link release}. While it stands, the tree stays as it is. */
  count: number;
  readonly #arena: Arena;
  readonly #tree: KeyTree;
  readonly #sorter: KeySorter;
  #waiting: Int32Array;
  #waitingCount: number;
  /** True while the waiting keys are in ascending order. */
  #waitingSorted: boolean;

  constructor(arena: Arena) {
    this.count = 0;
    this.#arena = arena;
    this.#tree = new KeyTree(arena);
    this.#sorter = new KeySorter(arena);
    this.#waiting = new Int32Array(WAITING_MIN);
    this.#waitingCount = 0;
    this.#waitingSorted = true;
  }

  /** Bytes of the waiting list and for sorting it; the tree lies in the arena. */
  get sizeBytes(): number {
    return this.#waiting.byteLength + this.#sorter.sizeBytes;
  }

  /** Adds the record of a new key, which the caller has at hand; borrows `keyBuf` for the call. */
  add(record: number, keyBuf: Uint8Array, keyOff: number, keyLen: number): void {
    if (this.#waitingSorted && this.#waitingCount > 0) {
      const last = this.#waiting[this.#waitingCount - 1]!;
      if (compareKeyWithRecord(this.#arena, keyBuf, keyOff, keyLen, last, 0) <= 0) {
        if (this.#waitingCount >= WAITING_MAX) this.#merge();
        else this.#waitingSorted = false;
      }
    }
    this.#waiting[this.#waitingCount++] = record;
    this.count++;
    if (this.#waitingCount === this.#waiting.length) this.#makeRoom();
  }

  /** The tree with all keys in it. */
  tree(): KeyTree {
    assert(this.count >= 0, 'a released memtable is not used');
    if (this.#waitingCount > 0) this.#merge();
    return this.#tree;
  }

  /** The keys that are in the tree, in order; a fresh array. */
  ordered(): Int32Array {
    return this.#tree.records(this.count - this.#waitingCount);
  }

  /** The keys that are not in the tree yet; a fresh array. */
  waiting(): Int32Array {
    return this.#waiting.slice(0, this.#waitingCount);
  }

  /** True if the waiting keys are in ascending order. */
  get isWaitingSorted(): boolean {
    return this.#waitingSorted;
  }

  /** Makes every later use of a cursor meet the assertion of {@link tree}. */
  release(): void {
    this.count = -1;
  }

  #makeRoom(): void {
    const most = this.#waitingSorted ? WAITING_SORTED_MAX : WAITING_MAX;
    if (this.#waitingCount >= most) {
      this.#merge();
      return;
    }
    const grown = new Int32Array(this.#waiting.length * 2);
    grown.set(this.#waiting);
    this.#waiting = grown;
  }

  #merge(): void {
    const waiting = this.#waitingCount;
    if (!this.#waitingSorted) this.#sorter.sort(this.#waiting, waiting);
    this.#tree.insertSorted(this.#waiting, waiting);
    if (waiting > WAITING_MAX) this.#waiting = new Int32Array(WAITING_MAX);
    this.#waitingCount = 0;
    this.#waitingSorted = true;
  }
}
