/**
 * What a reader of the database sees: one entry per user key, the newest that its snapshot may see,
 * and none for a key whose newest visible entry is a tombstone.
 *
 * The entries of one user key are its group. The group's key is kept in `keyBuf`, so that the
 * entries that follow can be told from it after the cursor below has moved.
 *
 * - Forwards the newest visible entry comes first: it is shown where it stands and its value is
 *   lent by the cursor below. The rest of the group is skipped by the next move.
 * - Backwards it comes last, and only a look beyond the group tells that it was the last. So each
 *   visible value is kept on the way, as a copy where the cursor below cannot keep it, and that
 *   cursor ends on the group before the shown one. Stepping back onto the entry instead would turn
 *   a merging cursor twice for every key.
 * - A long group is not walked: after a few entries a seek jumps over the rest.
 * @module
 */
import { copyBytes } from '../bytes/byte-writer.ts';
import { compareBytes, successorOf } from '../bytes/compare.ts';
import { VarveError } from '../errors.ts';
import type { Cursor } from '../key/cursor.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../key/kind.ts';
import { type SkippedRanges, SkipRun } from './skipped-ranges.ts';

/** The user keys that a cursor may show. An absent bound is open. */
export interface KeyRange {
  readonly lower?: Uint8Array | undefined;
  /** Leaves out `lower` itself. */
  readonly lowerExclusive?: boolean | undefined;
  readonly upper?: Uint8Array | undefined;
  /** Leaves out `upper` itself. */
  readonly upperExclusive?: boolean | undefined;
}

/** What a {@link UserCursor} may show, and what it may rely on. */
export interface UserCursorOptions extends KeyRange {
  /** What is known of deleted keys, and learns more; for a cursor that sees the newest write. */
  readonly skipped?: SkippedRanges | undefined;
}

/** Entries of one group that are stepped over before a seek replaces the steps. */
const GROUP_STEPS_MAX = 8;
/** Longer values are copied into memory of their own, so that one of them does not stay around. */
const VALUE_SCRATCH_BYTES_MAX = 65_536;
const VALUE_SCRATCH_BYTES_MIN = 256;
const KEY_SCRATCH_BYTES_MIN = 64;
/** After so many deleted keys in a row, it is looked whether there is a way around the next. */
const DELETED_PER_LOOK = 8;
/** `keyLen` of a cursor that has met no group yet: equals the length of no key. */
const NO_GROUP = -1;
/** No entry of the group is visible. */
const KIND_NONE = -1;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * A cursor over user keys. The rules of {@link Cursor} hold: fields describe the entry until the
 * next move and their bytes are lent for as long; after an error the cursor is invalid and may be
 * positioned again. `next` and `prev` of an invalid cursor do nothing.
 */
export class UserCursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  /** The shown key is an inclusive bound in the direction of the last move: none can follow. */
  isAtBound: boolean;

  readonly #entries: Cursor;
  readonly #snapshotSeqno: number;
  readonly #range: KeyRange;
  readonly #bounded: boolean;
  /** Where values are copied when moving backwards; made when first needed. */
  #scratch: Uint8Array;
  /** The buffer whose bytes stand until the cursor is closed; the last of them. */
  #keptBuf: Uint8Array;
  readonly #skipped: SkippedRanges | undefined;
  /** Of {@link #skipped}, when the cursor was made. */
  readonly #putCount: number;
  /** The deleted keys that the present move passes, once they are many. */
  #run: SkipRun | undefined;
  /** How many they are. */
  #runLength: number;
  /** The last move went backwards: `#entries` stands before the shown group, not in it. */
  #backward: boolean;
  /** Moving forwards: the newest visible entry of the group has been met. */
  #decided: boolean;

  /**
   * @param entries taken: closed with this cursor
   * @param snapshotSeqno entries above it are not seen
   * @param options taken: the bounds must not change; a range that holds no key is allowed
   */
  constructor(entries: Cursor, snapshotSeqno: number, options: UserCursorOptions = {}) {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = NO_GROUP;
    this.seqno = 0;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
    this.isAtBound = false;
    this.#entries = entries;
    this.#snapshotSeqno = snapshotSeqno;
    this.#range = options;
    this.#bounded = options.lower !== undefined || options.upper !== undefined;
    this.#scratch = NO_BYTES;
    this.#keptBuf = NO_BYTES;
    this.#skipped = options.skipped;
    this.#putCount = options.skipped?.putCount ?? 0;
    this.#run = undefined;
    this.#runLength = 0;
    this.#backward = false;
    this.#decided = false;
  }

  /** To the first user key of the range. */
  first(): boolean {
    this.#leaveGroup(false);
    const { lower } = this.#range;
    if (lower === undefined) this.#entries.first();
    else this.#seekLower(lower);
    return this.#settleForward();
  }

  /** To the last user key of the range. */
  last(): boolean {
    this.#leaveGroup(true);
    const { upper } = this.#range;
    if (upper === undefined) this.#entries.last();
    else this.#seekUpper(upper);
    return this.#settleBackward();
  }

  /** To the first user key of the range at or after the given one. Borrows `buf` for the call. */
  seek(buf: Uint8Array, off: number, len: number): boolean {
    this.#leaveGroup(false);
    const { lower } = this.#range;
    if (lower !== undefined && compareBytes(buf, off, len, lower, 0, lower.length) <= 0) {
      this.#seekLower(lower);
    } else {
      this.#entries.seek(buf, off, len, this.#snapshotSeqno);
    }
    return this.#settleForward();
  }

  /** To the last user key of the range at or before the given one. Borrows `buf` for the call. */
  seekForPrev(buf: Uint8Array, off: number, len: number): boolean {
    this.#leaveGroup(true);
    const { upper } = this.#range;
    if (upper !== undefined && compareBytes(buf, off, len, upper, 0, upper.length) >= 0) {
      this.#seekUpper(upper);
    } else {
      this.#entries.seekForPrev(buf, off, len, 0);
    }
    return this.#settleBackward();
  }

  /** To the next greater user key of the range. */
  next(): boolean {
    if (!this.valid) return false;
    this.valid = false;
    if (this.#backward) {
      this.#backward = false;
      this.#decided = true;
      this.#entries.seek(this.keyBuf, 0, this.keyLen, 0);
    } else {
      this.#entries.next();
    }
    return this.#settleForward();
  }

  /** To the next smaller user key of the range. */
  prev(): boolean {
    if (!this.valid) return false;
    this.valid = false;
    if (!this.#backward) {
      this.#backward = true;
      this.#leaveGroupBackward();
    }
    return this.#settleBackward();
  }

  /** Closes the cursor below. Closing twice is allowed. */
  close(): void {
    this.valid = false;
    this.#entries.close();
  }

  /** Forgets the position, before a new one is sought. */
  #leaveGroup(backward: boolean): void {
    this.valid = false;
    this.keyLen = NO_GROUP;
    this.#run = undefined;
    this.#backward = backward;
    this.#decided = false;
  }

  #seekLower(lower: Uint8Array): void {
    if (this.#range.lowerExclusive === true) {
      this.#entries.seek(lower, 0, lower.length, 0);
      if (this.#standsOn(lower, lower.length)) this.#entries.next();
    } else {
      this.#entries.seek(lower, 0, lower.length, this.#snapshotSeqno);
    }
  }

  #seekUpper(upper: Uint8Array): void {
    if (this.#range.upperExclusive === true) this.#seekBefore(upper, upper.length);
    else this.#entries.seekForPrev(upper, 0, upper.length, 0);
  }

  /** Moves `#entries` to the last entry of a smaller user key. */
  #seekBefore(key: Uint8Array, keyLen: number): void {
    this.#entries.seekForPrev(key, 0, keyLen, SEQNO_MAX);
    if (this.#standsOn(key, keyLen)) this.#entries.prev();
  }

  /**
   * True when `#entries` stands on an entry of this user key. Compares from the end, because
   * neighbours in key order share their first bytes and differ in the last.
   */
  #standsOn(key: Uint8Array, keyLen: number): boolean {
    if (!this.#entries.valid) return false;
    const { keyBuf, keyOff, keyLen: entryKeyLen } = this.#entries;
    if (entryKeyLen !== keyLen) return false;
    let i = keyLen - 1;
    while (i >= 0 && keyBuf[keyOff + i] === key[i]) i--;
    return i < 0;
  }

  /** Makes the user key of `#entries` the group; false if it already was. */
  #enterGroup(): boolean {
    const { keyBuf: source, keyOff, keyLen } = this.#entries;
    if (keyLen > this.keyBuf.length) {
      this.keyBuf = new Uint8Array(Math.max(keyLen * 2, KEY_SCRATCH_BYTES_MIN));
    }
    const group = this.keyBuf;
    const comparable = Math.min(keyLen, this.keyLen);
    let i = 0;
    while (i < comparable && group[i] === source[keyOff + i]) i++;
    if (i === keyLen && keyLen === this.keyLen) return false;
    for (; i < keyLen; i++) group[i] = source[keyOff + i]!;
    this.keyLen = keyLen;
    return true;
  }

  /** From where `#entries` stands, forwards to the next user key to show. */
  #settleForward(): boolean {
    this.#runLength = 0;
    const isFound = this.#moveToPut();
    if (this.#run !== undefined) this.#endRun(this.#edgeAbove(isFound));
    return isFound;
  }

  #moveToPut(): boolean {
    const entries = this.#entries;
    let steps = 0;
    while (entries.valid) {
      if (this.#enterGroup()) {
        if (this.#bounded && this.#isBeyondUpper()) return false;
        this.#decided = false;
        steps = 0;
      }
      if (!this.#decided && entries.seqno <= this.#snapshotSeqno) {
        this.#decided = true;
        if (isPut(entries.kind)) return this.#lend();
        if (++this.#runLength % DELETED_PER_LOOK === 0 && this.#leaveSkipped()) {
          steps = 0;
          continue;
        }
      }
      if (++steps < GROUP_STEPS_MAX) {
        entries.next();
      } else {
        // Past the invisible entries, or past the older ones.
        steps = 0;
        entries.seek(this.keyBuf, 0, this.keyLen, this.#decided ? 0 : this.#snapshotSeqno);
      }
    }
    return false;
  }

  /** Moves `#entries` out of a range that is known to hold deleted keys only; false in none. */
  #leaveSkipped(): boolean {
    const skipped = this.#skipped;
    if (skipped === undefined) return false;
    this.#run ??= new SkipRun(skipped, this.#snapshotSeqno, this.#putCount, this.#backward);
    const known = this.#run.leave(this.keyBuf, 0, this.keyLen, this.#runLength);
    if (known === undefined) return false;
    const { from, to } = known;
    if (this.#backward) this.#seekBefore(from, from.length);
    else if (to !== undefined) this.#entries.seek(to, 0, to.length, this.#snapshotSeqno);
    else if (this.#entries.last()) this.#entries.next();
    return true;
  }

  /** @param edge taken; see {@link SkipRun} */
  #endRun(edge: Uint8Array | undefined): void {
    const run = this.#run!;
    this.#run = undefined;
    run.end(edge, this.#runLength);
  }

  /** Up to where a move forwards has met no key that is there; fresh or the bound. */
  #edgeAbove(isFound: boolean): Uint8Array | undefined {
    if (isFound) return this.keyBuf.slice(0, this.keyLen);
    const { upper, upperExclusive } = this.#range;
    if (upper === undefined || upperExclusive === true) return upper;
    return successorOf(upper, 0, upper.length);
  }

  /** Down to where a move backwards has met no key that is there; fresh or the bound. */
  #edgeBelow(isFound: boolean): Uint8Array {
    if (isFound) return successorOf(this.keyBuf, 0, this.keyLen);
    const { lower = NO_BYTES, lowerExclusive } = this.#range;
    return lowerExclusive === true ? successorOf(lower, 0, lower.length) : lower;
  }

  /** Shows the entry of `#entries`. */
  #lend(): boolean {
    const entries = this.#entries;
    this.seqno = entries.seqno;
    this.valBuf = entries.valBuf;
    this.valOff = entries.valOff;
    this.valLen = entries.valLen;
    this.valid = true;
    return true;
  }

  /** From where `#entries` stands, backwards to the next user key to show. */
  #settleBackward(): boolean {
    this.#runLength = 0;
    const isFound = this.#moveBackToPut();
    if (this.#run !== undefined) this.#endRun(this.#edgeBelow(isFound));
    return isFound;
  }

  #moveBackToPut(): boolean {
    const entries = this.#entries;
    while (entries.valid) {
      this.#enterGroup();
      if (this.#bounded && this.#isBeyondLower()) return false;
      const kind = this.#walkGroupBackward();
      if (isPut(kind)) {
        this.valid = true;
        return true;
      }
      if (kind === KIND_NONE) continue;
      if (++this.#runLength % DELETED_PER_LOOK === 0) this.#leaveSkipped();
    }
    return false;
  }

  /**
   * From the oldest entry of the group to before the newest, copying the newest visible one.
   * @returns the kind of that entry, or `KIND_NONE`
   */
  #walkGroupBackward(): number {
    const entries = this.#entries;
    let kind = KIND_NONE;
    let steps = 0;
    do {
      const visible = entries.seqno <= this.#snapshotSeqno;
      if (visible) kind = this.#keep();
      if (++steps === GROUP_STEPS_MAX) {
        if (visible) {
          entries.seek(this.keyBuf, 0, this.keyLen, this.#snapshotSeqno);
          kind = this.#keep();
        }
        this.#seekBefore(this.keyBuf, this.keyLen);
        return kind;
      }
      entries.prev();
    } while (this.#standsOn(this.keyBuf, this.keyLen));
    return kind;
  }

  /** Remembers the entry of `#entries` for the time after its next move; returns its kind. */
  #keep(): number {
    const entries = this.#entries;
    if (entries.kind !== KIND_PUT) return entries.kind;
    this.seqno = entries.seqno;
    this.valLen = entries.valLen;
    const { valBuf, valOff, valLen } = entries;
    if (valBuf === this.#keptBuf || this.#keepsValue(valBuf)) {
      this.valBuf = valBuf;
      this.valOff = valOff;
    } else {
      this.#copyValue(valBuf, valOff, valLen);
    }
    return KIND_PUT;
  }

  /** Whether the value of `#entries`, in `valBuf`, stands until the cursor is closed. */
  #keepsValue(valBuf: Uint8Array): boolean {
    if (!this.#entries.keepValue()) return false;
    this.#keptBuf = valBuf;
    return true;
  }

  #copyValue(source: Uint8Array, off: number, len: number): void {
    this.valOff = 0;
    if (len > VALUE_SCRATCH_BYTES_MAX) {
      this.valBuf = source.slice(off, off + len);
      return;
    }
    if (len > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(len * 2, VALUE_SCRATCH_BYTES_MIN));
    }
    copyBytes(source, off, len, this.#scratch, 0);
    this.valBuf = this.#scratch;
  }

  /** From the shown entry, which `#entries` stands on, to the last entry of a smaller user key. */
  #leaveGroupBackward(): void {
    const entries = this.#entries;
    let steps = 0;
    do {
      if (++steps < GROUP_STEPS_MAX) entries.prev();
      else this.#seekBefore(this.keyBuf, this.keyLen);
    } while (this.#standsOn(this.keyBuf, this.keyLen));
  }

  #isBeyondUpper(): boolean {
    const { upper, upperExclusive } = this.#range;
    this.isAtBound = false;
    if (upper === undefined) return false;
    const order = compareBytes(this.keyBuf, 0, this.keyLen, upper, 0, upper.length);
    this.isAtBound = order === 0;
    return upperExclusive === true ? order >= 0 : order > 0;
  }

  #isBeyondLower(): boolean {
    const { lower, lowerExclusive } = this.#range;
    this.isAtBound = false;
    if (lower === undefined) return false;
    const order = compareBytes(this.keyBuf, 0, this.keyLen, lower, 0, lower.length);
    this.isAtBound = order === 0;
    return lowerExclusive === true ? order <= 0 : order < 0;
  }
}

/**
 * True for a value, false for a tombstone or nothing.
 * @throws VarveError UNSUPPORTED for a kind that this version does not know
 */
function isPut(kind: number): boolean {
  if (kind === KIND_PUT) return true;
  if (kind === KIND_DELETE || kind === KIND_NONE) return false;
  throw new VarveError('UNSUPPORTED', `entry of unknown kind ${kind}: written by a newer version`);
}
