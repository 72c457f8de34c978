/**
 * The snapshots and iterators of a page, as far as another worker needs to know them to go on with
 * them. That works where nothing was written since they were made; the worker sees to it.
 * @module
 */
import type { Chunk, RangeFields, Verbs } from './protocol.ts';

/** An iterator that has begun. */
interface Walk {
  readonly range: RangeFields;
  /** As of which it reads. */
  readonly seqno: number;
  /** The last key that came, a view of the chunk. */
  last: Uint8Array | undefined;
  /** Entries that have come. */
  count: number;
}

/** See the module head. */
export class Held {
  readonly #snapshots: Map<number, number>;
  readonly #walks: Map<number, Walk>;
  #nextId: number;

  constructor() {
    this.#snapshots = new Map();
    this.#walks = new Map();
    this.#nextId = 1;
  }

  /** A number for a snapshot or an iterator. */
  newId(): number {
    return this.#nextId++;
  }

  addSnapshot(id: number, seqno: number): void {
    this.#snapshots.set(id, seqno);
  }

  removeSnapshot(id: number): void {
    this.#snapshots.delete(id);
  }

  addWalk(id: number, range: RangeFields, seqno: number): void {
    this.#walks.set(id, { range, seqno, last: undefined, count: 0 });
  }

  removeWalk(id: number): void {
    this.#walks.delete(id);
  }

  /** A chunk of an iterator has come. */
  advance(id: number, { buf, ends }: Chunk): void {
    const walk = this.#walks.get(id);
    const { length } = ends;
    if (walk === undefined || length === 0) return;
    walk.count += length / 2;
    walk.last = buf.subarray(length > 2 ? ends[length - 3] : 0, ends[length - 2]);
  }

  /** Arguments of `restore`; undefined when nothing is open. */
  toRestore(): Parameters<Verbs['restore']> | undefined {
    if (this.#snapshots.size === 0 && this.#walks.size === 0) return undefined;
    const walks = [...this.#walks].map(([id, walk]) => [id, walk.seqno, rest(walk)] as const);
    return [[...this.#snapshots], walks];
  }
}

/** What an iterator has still to go over. */
function rest({ range, last, count }: Walk): RangeFields {
  if (last === undefined) return range;
  const limit = range.limit === undefined ? {} : { limit: range.limit - count };
  return { ...range, ...(range.reverse === true ? { lt: last } : { gt: last }), ...limit };
}
