/**
 * One ordered view over several cursors.
 *
 * The children that stand on an entry are kept in an array sorted by that entry: the first is the
 * winner, whose entry is shown; the second is the runner-up. A move advances the winner and
 * compares it once with the runner-up. While it stays in front (the usual case when one level holds
 * most of the entries) nothing else happens; otherwise a binary search finds its new place. That is
 * as many comparisons as a loser tree makes on every move, and at the number of sorted runs an LSM
 * tree has the shift of the array costs less than a comparison.
 *
 * Moving backwards, the same array is sorted the other way round. To turn, every other child steps
 * once: it stands on its first entry behind the shown one, so the entry next to it on the near side
 * is the one that the other direction needs. No child is searched again.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import type { Cursor } from '../key/cursor.ts';
import { KIND_DELETE } from '../key/kind.ts';
import { EmptyCursor } from './empty-cursor.ts';

const FORWARD = 1;
const BACKWARD = -1;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * The cheapest cursor over all entries of `children`: the child itself if there is only one.
 * @param children taken: closed with the result; no two hold the same (user key, seqno)
 */
export function mergeCursors(children: Cursor[]): Cursor {
  if (children.length === 0) return new EmptyCursor();
  return children.length === 1 ? children[0]! : new MergingCursor(children);
}

/**
 * Merges its children in internal order. Entries that appear in a child while the cursor stands
 * (inserts into a memtable) may or may not be shown; they never disturb the order of the others.
 */
export class MergingCursor implements Cursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;

  readonly #children: Cursor[];
  /** `[0, #liveCount)`: the children that stand on an entry, the winner first. */
  readonly #sorted: Cursor[];
  #liveCount: number;
  #direction: number;

  /** @param children taken: closed with this cursor; no two hold the same (user key, seqno) */
  constructor(children: Cursor[]) {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = KIND_DELETE;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
    this.#children = children;
    this.#sorted = children.slice();
    this.#liveCount = 0;
    this.#direction = FORWARD;
  }

  first(): boolean {
    this.valid = false;
    for (const child of this.#children) child.first();
    return this.#sort(FORWARD);
  }

  last(): boolean {
    this.valid = false;
    for (const child of this.#children) child.last();
    return this.#sort(BACKWARD);
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    this.valid = false;
    for (const child of this.#children) child.seek(buf, off, len, seqno);
    return this.#sort(FORWARD);
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    this.valid = false;
    for (const child of this.#children) child.seekForPrev(buf, off, len, seqno);
    return this.#sort(BACKWARD);
  }

  next(): boolean {
    // Cleared first, so that a child that throws leaves this cursor invalid.
    this.valid = false;
    if (this.#direction !== FORWARD) return this.#turnForward();
    const winner = this.#sorted[0]!;
    if (!winner.next()) return this.#dropWinner();
    if (this.#liveCount > 1 && compareEntries(winner, this.#sorted[1]!) > 0) this.#replaceWinner();
    return this.#show();
  }

  prev(): boolean {
    this.valid = false;
    if (this.#direction !== BACKWARD) return this.#turnBackward();
    const winner = this.#sorted[0]!;
    if (!winner.prev()) return this.#dropWinner();
    if (this.#liveCount > 1 && compareEntries(winner, this.#sorted[1]!) < 0) this.#replaceWinner();
    return this.#show();
  }

  keepValue(): boolean {
    return this.#sorted[0]!.keepValue();
  }

  entryChecksum(): number {
    return this.#sorted[0]!.entryChecksum();
  }

  close(): void {
    this.valid = false;
    for (const child of this.#children) child.close();
  }

  /** Copies the winner's fields into this cursor. */
  #show(): boolean {
    const winner = this.#sorted[0]!;
    this.keyBuf = winner.keyBuf;
    this.keyOff = winner.keyOff;
    this.keyLen = winner.keyLen;
    this.seqno = winner.seqno;
    this.kind = winner.kind;
    this.valBuf = winner.valBuf;
    this.valOff = winner.valOff;
    this.valLen = winner.valLen;
    this.valid = true;
    return true;
  }

  /** The winner ran off its end: the runner-up becomes the winner. */
  #dropWinner(): boolean {
    const sorted = this.#sorted;
    const count = this.#liveCount - 1;
    for (let i = 0; i < count; i++) sorted[i] = sorted[i + 1]!;
    this.#liveCount = count;
    return count > 0 && this.#show();
  }

  /** The winner is known to have fallen behind the runner-up: moves it to its place. */
  #replaceWinner(): void {
    const sorted = this.#sorted;
    const fallen = sorted[0]!;
    const place = this.#placeOf(fallen, 2, this.#liveCount) - 1;
    for (let i = 0; i < place; i++) sorted[i] = sorted[i + 1]!;
    sorted[place] = fallen;
  }

  /** First index in `[low, high)` of the sorted children that comes after `child`, or `high`. */
  #placeOf(child: Cursor, low: number, high: number): number {
    const sorted = this.#sorted;
    const direction = this.#direction;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareEntries(child, sorted[middle]!) * direction > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sorts the children that stand on an entry and shows the winner. */
  #sort(direction: number): boolean {
    this.#direction = direction;
    const sorted = this.#sorted;
    let count = 0;
    for (const child of this.#children) {
      if (!child.valid) continue;
      const place = this.#placeOf(child, 0, count);
      for (let i = count; i > place; i--) sorted[i] = sorted[i - 1]!;
      sorted[place] = child;
      count++;
    }
    this.#liveCount = count;
    return count > 0 && this.#show();
  }

  /** From a cursor that moved backwards to the entry after the shown one. */
  #turnForward(): boolean {
    const shown = this.#sorted[0]!;
    for (const child of this.#children) {
      if (child === shown) continue;
      const valid = child.valid ? child.next() : child.first();
      // Only an insert behind the child's back leaves it short of the shown entry.
      if (valid && compareEntries(child, shown) < 0) {
        child.seek(shown.keyBuf, shown.keyOff, shown.keyLen, shown.seqno);
      }
    }
    shown.next();
    return this.#sort(FORWARD);
  }

  /** From a cursor that moved forwards to the entry before the shown one. */
  #turnBackward(): boolean {
    const shown = this.#sorted[0]!;
    for (const child of this.#children) {
      if (child === shown) continue;
      const valid = child.valid ? child.prev() : child.last();
      if (valid && compareEntries(child, shown) > 0) {
        child.seekForPrev(shown.keyBuf, shown.keyOff, shown.keyLen, shown.seqno);
      }
    }
    shown.prev();
    return this.#sort(BACKWARD);
  }
}

/** Internal order of the entries on which two valid cursors stand. */
function compareEntries(a: Cursor, b: Cursor): number {
  const order = compareBytes(a.keyBuf, a.keyOff, a.keyLen, b.keyBuf, b.keyOff, b.keyLen);
  return order !== 0 ? order : b.seqno - a.seqno;
}
