/**
 * What a watch tells, and the form in which it waits and travels: packed, so that what waits for a
 * slow consumer is no heap of objects, and costs a worker one message.
 * @module
 */
import { KIND_PUT } from '../key/kind.ts';

/** What a batch did to one key. */
export interface WatchedOperation {
  /** Which operation; later versions may have others, which change the key in some way. */
  readonly type: 'put' | 'delete';
  /** The key; a fresh copy. */
  readonly key: Uint8Array;
  /** Name of its family. */
  readonly columnFamily: string;
  /** Seqno of this operation. */
  readonly seqno: number;
}

/** A batch was committed: reads see it. */
export interface WatchedBatch {
  readonly type: 'batch';
  /** Of the last operation of the whole batch, as the write returned it. */
  readonly seqno: number;
  /** Those within the watched ranges, in their order; at least one. */
  readonly operations: readonly WatchedOperation[];
}

/**
 * Batches were left out, because the consumer was slow or nobody could know them: read the ranges
 * again. What is told later comes after `seqno`, and a read from now on sees all up to there.
 */
export interface WatchMissed {
  readonly type: 'missed';
  /** Nothing up to this seqno is told any more. */
  readonly seqno: number;
}

/** A family was dropped, and all its keys with it. A new one of that name is not watched. */
export interface WatchedDrop {
  readonly type: 'dropped';
  /** Name of the family. */
  readonly columnFamily: string;
  /** Of the newest write before it. */
  readonly seqno: number;
}

/** What a watch yields. */
export type WatchEvent = WatchedBatch | WatchMissed | WatchedDrop;

/** Events that wait, as plain data. */
export interface WatchPack {
  /** Names of the families that items mean. */
  readonly families: readonly string[];
  /** Keys back to back. */
  readonly keys: Uint8Array;
  /** `ITEM_FIELDS` numbers an item; see {@link packItem}. */
  readonly items: Float64Array;
}

/** Numbers of one item. */
const ITEM_FIELDS = 4;
/** What an item is if it is no operation, after the kinds of operations, which are bytes. */
export const ITEM_DROPPED = 0x100;
/** See {@link ITEM_DROPPED}. */
export const ITEM_MISSED = 0x101;
/** From here on a code has the family. */
const FAMILY_FACTOR = 0x200;

/**
 * Appends an item: seqno, seqno of the batch, what it is and of which family, and where its key
 * ends among the keys.
 */
export function packItem(
  items: number[],
  seqno: number,
  batchSeqno: number,
  what: number,
  family: number,
  keyEnd: number,
): void {
  items.push(seqno, batchSeqno, family * FAMILY_FACTOR + what, keyEnd);
}

/** Tells that everything up to a seqno is to be read again. Fresh. */
export function missedPack(seqno: number): WatchPack {
  const items: number[] = [];
  packItem(items, seqno, seqno, ITEM_MISSED, 0, 0);
  return { families: [], keys: new Uint8Array(0), items: Float64Array.from(items) };
}

/** Those items that tell of dropped families; fresh. */
export function droppedItems(items: readonly number[]): number[] {
  const dropped: number[] = [];
  for (let at = 0; at < items.length; at += ITEM_FIELDS) {
    const isDrop = items[at + 2]! % FAMILY_FACTOR === ITEM_DROPPED;
    if (isDrop) dropped.push(...items.slice(at, at + ITEM_FIELDS));
  }
  return dropped;
}

/** The events of a pack, one after another. */
export class PackReader {
  readonly #pack: WatchPack;
  #at: number;
  #keyOff: number;

  /** @param pack borrowed */
  constructor(pack: WatchPack) {
    this.#pack = pack;
    this.#at = 0;
    this.#keyOff = 0;
  }

  /** The next event, fresh; undefined behind the last. */
  next(): WatchEvent | undefined {
    const { items, families } = this.#pack;
    if (this.#at >= items.length) return undefined;
    const seqno = items[this.#at]!;
    const batchSeqno = items[this.#at + 1]!;
    const code = items[this.#at + 2]!;
    const what = code % FAMILY_FACTOR;
    if (what < ITEM_DROPPED) {
      return { type: 'batch', seqno: batchSeqno, operations: this.#operations(batchSeqno) };
    }
    this.#at += ITEM_FIELDS;
    if (what === ITEM_MISSED) return { type: 'missed', seqno };
    const columnFamily = families[Math.floor(code / FAMILY_FACTOR)]!;
    return { type: 'dropped', columnFamily, seqno };
  }

  #operations(batchSeqno: number): WatchedOperation[] {
    const { items, families, keys } = this.#pack;
    const operations: WatchedOperation[] = [];
    for (; this.#at < items.length && items[this.#at + 1] === batchSeqno; this.#at += ITEM_FIELDS) {
      const code = items[this.#at + 2]!;
      const what = code % FAMILY_FACTOR;
      if (what >= ITEM_DROPPED) break;
      const keyEnd = items[this.#at + 3]!;
      operations.push({
        type: what === KIND_PUT ? 'put' : 'delete',
        key: keys.slice(this.#keyOff, keyEnd),
        columnFamily: families[Math.floor(code / FAMILY_FACTOR)]!,
        seqno: items[this.#at]!,
      });
      this.#keyOff = keyEnd;
    }
    return operations;
  }
}
