/**
 * A frozen memtable as plain data, which another thread can read from front to back through the
 * same shared buffers while the owner goes on reading the memtable itself.
 *
 * The image names the key records instead of the tree that orders them: the owner may still merge
 * waiting keys into that tree. Keys that had no order yet get it from whoever reads the image.
 * @module
 */
import { Arena } from '../bytes/arena.ts';
import type { MergeInput } from '../key/cursor.ts';
import { compareRecords } from './key-order.ts';
import { KeySorter } from './key-sorter.ts';
import { newestRecord, olderRecord } from './record.ts';
import { RecordCursor } from './record-cursor.ts';

/** Plain data; stands until the memtable is released. */
export interface MemtableImage {
  /** The buffers of the arena's chunks and larges, by number. */
  readonly chunks: readonly ArrayBufferLike[];
  readonly larges: readonly ArrayBufferLike[];
  /** Key records in ascending order of keys; fresh. */
  readonly ordered: Int32Array;
  /** Further key records, in the order in which they were added; fresh. */
  readonly waiting: Int32Array;
  /** True if `waiting` happens to ascend. */
  readonly isWaitingSorted: boolean;
  readonly hasChecksums: boolean;
  /** Bytes of keys and entries. */
  readonly sizeBytes: number;
}

/** Records whose memory is asked for at once. */
const WARM_COUNT = 16;

/** All entries of an image, once. */
export class ImageCursor extends RecordCursor implements MergeInput {
  readonly knownShared: number;
  readonly #image: MemtableImage;
  #keys: Int32Array;
  #at: number;
  #warmTo: number;

  constructor(image: MemtableImage) {
    super(Arena.over(image.chunks, image.larges), image.hasChecksums);
    this.knownShared = 0;
    this.#image = image;
    this.#keys = image.ordered;
    this.#at = -1;
    this.#warmTo = 0;
  }

  /** Puts the keys in order, which takes the most of a pass. */
  first(): boolean {
    this.#keys = orderedKeys(this.arena, this.#image);
    this.#at = -1;
    this.#warmTo = 0;
    return this.#nextKey();
  }

  next(): boolean {
    if (this.record !== this.keyRecord) return this.show(olderRecord(this.arena, this.record));
    return this.#nextKey();
  }

  #nextKey(): boolean {
    const keys = this.#keys;
    if (++this.#at === keys.length) {
      this.valid = false;
      return false;
    }
    if (this.#at === this.#warmTo) {
      this.#warmTo = Math.min(this.#at + WARM_COUNT, keys.length);
      this.warm(keys, this.#at, this.#warmTo);
    }
    const record = keys[this.#at]!;
    this.keyRecord = record;
    return this.show(newestRecord(this.arena, record));
  }
}

/** All key records of an image in ascending order of keys. Sorts `waiting` in place. */
function orderedKeys(arena: Arena, image: MemtableImage): Int32Array {
  const { ordered, waiting, isWaitingSorted } = image;
  if (!isWaitingSorted) new KeySorter(arena).sort(waiting, waiting.length);
  if (ordered.length === 0) return waiting;
  if (waiting.length === 0) return ordered;
  const merged = new Int32Array(ordered.length + waiting.length);
  let a = 0;
  let b = 0;
  for (let to = 0; to < merged.length; to++) {
    const takesOrdered =
      b === waiting.length ||
      (a < ordered.length && compareRecords(arena, ordered[a]!, waiting[b]!, 0) < 0);
    merged[to] = takesOrdered ? ordered[a++]! : waiting[b++]!;
  }
  return merged;
}
