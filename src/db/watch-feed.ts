/**
 * What waits for the consumer of one watch, in the thread of the database.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { compareBytes } from '../bytes/compare.ts';
import type { KeyRange } from '../iterator/user-cursor.ts';
import type { ColumnFamily } from './column-family.ts';
import type { WatchSource } from './watch.ts';
import {
  droppedItems,
  ITEM_DROPPED,
  ITEM_MISSED,
  packItem,
  type WatchPack,
} from './watch-events.ts';

/** Keys that are watched. */
export interface WatchedRange {
  readonly family: ColumnFamily;
  readonly range: KeyRange;
}

const FIRST_KEY_BYTES = 256;
/** A larger buffer is not kept for the next pack. */
const KEPT_KEY_BYTES_MAX = 0x1_0000;

/** See the module head. */
export class WatchFeed implements WatchSource {
  readonly #ranges: readonly WatchedRange[];
  readonly #families: readonly string[];
  readonly #bufferBytes: number;
  /** Tells the newest seqno. */
  readonly #newest: () => number;
  readonly #onClosed: (feed: WatchFeed) => void;
  readonly #keys: ByteWriter;
  #items: number[];
  /** What is waited for in vain: everything since is in what the consumer reads again. */
  #isMissed: boolean;
  /** Bytes of the pack that the consumer has. */
  #takenBytes: number;
  /** Families that are not dropped. */
  readonly #live: Set<number>;
  /** Nothing more comes. */
  #isEnded: boolean;
  #isClosed: boolean;
  #failure: { readonly reason: unknown } | undefined;
  /** Ends the wait of the consumer. */
  #wake: (() => void) | undefined;

  /**
   * @param newest tells the seqno of the newest write
   * @param onClosed called when nothing is to be added any more, with this
   */
  constructor(
    ranges: readonly WatchedRange[],
    bufferBytes: number,
    newest: () => number,
    onClosed: (feed: WatchFeed) => void,
  ) {
    this.#ranges = ranges;
    this.#families = ranges.map(({ family }) => family.name);
    this.#bufferBytes = bufferBytes;
    this.#newest = newest;
    this.#onClosed = onClosed;
    this.#keys = new ByteWriter(FIRST_KEY_BYTES);
    this.#items = [];
    this.#isMissed = false;
    this.#takenBytes = 0;
    this.#live = new Set(ranges.map(({ family }) => family.id));
    this.#isEnded = false;
    this.#isClosed = false;
    this.#failure = undefined;
    this.#wake = undefined;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds an operation of a batch if its key is watched. Borrows the key. */
  add(
    kind: number,
    familyId: number,
    buf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    batchSeqno: number,
  ): void {
    if (this.#isMissed) return;
    const index = this.#rangeOf(familyId, buf, keyOff, keyLen);
    if (index < 0) return;
    this.#keys.bytes(buf, keyOff, keyLen);
    packItem(this.#items, seqno, batchSeqno, kind, index, this.#keys.length);
    this.#bound();
    this.#notify();
  }

  /** A family is gone. */
  drop(familyId: number, seqno: number): void {
    if (!this.#live.delete(familyId)) return;
    const index = this.#ranges.findIndex(({ family }) => family.id === familyId);
    packItem(this.#items, seqno, seqno, ITEM_DROPPED, index, this.#keys.length);
    this.#notify();
    if (this.#live.size === 0) this.end();
  }

  /** There were batches that nobody can tell. */
  miss(): void {
    const drops = droppedItems(this.#items);
    this.#clear();
    this.#items = drops;
    this.#isMissed = true;
    this.#notify();
  }

  /** Nothing more comes; what waits is told. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onClosed(this);
    this.#notify();
  }

  close(failure?: { readonly reason: unknown }): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failure = failure;
    this.#isMissed = false;
    this.#clear();
    this.end();
    this.#notify();
  }

  /** One call at a time. */
  async take(): Promise<WatchPack | undefined> {
    this.#takenBytes = 0;
    while (!this.#isMissed && this.#items.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.reason;
    if (this.#isMissed) return this.#takeMissed();
    return this.#items.length === 0 ? undefined : this.#takeItems();
  }

  #takeMissed(): WatchPack {
    const seqno = this.#newest();
    const drops = this.#items;
    this.#isMissed = false;
    this.#items = [];
    packItem(this.#items, seqno, seqno, ITEM_MISSED, 0, 0);
    this.#items.push(...drops);
    return this.#takeItems();
  }

  #takeItems(): WatchPack {
    const { buf, length } = this.#keys;
    const keys = new Uint8Array(buf.subarray(0, length));
    const items = Float64Array.from(this.#items);
    this.#takenBytes = keys.length + items.byteLength;
    this.#clear();
    return { families: this.#families, keys, items };
  }

  #clear(): void {
    this.#items = [];
    this.#keys.restart(KEPT_KEY_BYTES_MAX, FIRST_KEY_BYTES);
  }

  #bound(): void {
    const itemBytes = this.#items.length * Float64Array.BYTES_PER_ELEMENT;
    if (this.#takenBytes + this.#keys.length + itemBytes > this.#bufferBytes) this.miss();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Index of the first range that has the key, or -1. */
  #rangeOf(familyId: number, buf: Uint8Array, off: number, len: number): number {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i++) {
      const { family, range } = ranges[i]!;
      if (family.id === familyId && isWithin(range, buf, off, len)) return i;
    }
    return -1;
  }
}

function isWithin(range: KeyRange, buf: Uint8Array, off: number, len: number): boolean {
  const { lower, upper } = range;
  if (lower !== undefined) {
    const order = compareBytes(buf, off, len, lower, 0, lower.length);
    if (order < 0 || (order === 0 && range.lowerExclusive === true)) return false;
  }
  if (upper !== undefined) {
    const order = compareBytes(buf, off, len, upper, 0, upper.length);
    if (order > 0 || (order === 0 && range.upperExclusive === true)) return false;
  }
  return true;
}
