/**
 * Several streams in internal order as one, front to back, for merges that see every entry: each
 * entry comes with the number of bytes that its key shares with the key before.
 *
 * The streams are kept in order of their entries, together with a code for each: what its key is
 * relative to the key that was merged last, which is not greater. The code of a key that shares s
 * bytes with that one and goes on with the byte b is (65536 - s) * 256 + b, and that of an equal
 * key 0. So codes order like keys, and keys are only compared where codes tie. When another key
 * becomes the last one merged, the codes of greater keys stay true unless they tie with its own,
 * because the two keys differ before anything that the code does not say (offset-value coding:
 * T. Do, G. Graefe, "Robust and Efficient Sorting with Offset-Value Coding", 2022). The comparison
 * that each new entry of a stream takes to get its code also gives what the writer wants to know.
 * @module
 */
import { copyBytes } from '../bytes/byte-writer.ts';
import { compareBytes } from '../bytes/compare.ts';
import { assert } from '../errors.ts';
import type { MergeInput } from '../key/cursor.ts';
import { KEY_BYTES_MAX } from '../key/kind.ts';

const LAST_KEY_INITIAL_BYTES = 256;
/** The code of a key that is equal to the last one. */
const CODE_EQUAL = 0;
/** The code of a key that stands before the last one, which the order of a stream forbids. */
const CODE_MISPLACED = -1;

/** See the module head. */
export class MergeQueue {
  /** True while there is an entry: the one on which {@link top} stands. */
  valid: boolean;
  /** The stream with the current entry. */
  top: MergeInput;
  /** Bytes that the current key has in common with the key before; 0 for the first. */
  shared: number;
  /** True for a further version of the key before. */
  isSameKey: boolean;
  /** True if the current key belongs before the key before: a stream is not in order. */
  isMisplaced: boolean;
  private readonly streams: readonly MergeInput[];
  /** `[0, liveCount)`: the streams that stand on an entry, in order of it, and their codes. */
  private readonly order: Int32Array;
  private readonly codes: Int32Array;
  private liveCount: number;
  private lastKey: Uint8Array;
  private lastKeyLen: number;

  /** @param streams at least one; taken: closed with the queue */
  constructor(streams: readonly MergeInput[]) {
    assert(streams.length > 0, 'there is something to merge');
    this.valid = false;
    this.top = streams[0]!;
    this.shared = 0;
    this.isSameKey = false;
    this.isMisplaced = false;
    this.streams = streams;
    this.order = new Int32Array(streams.length);
    this.codes = new Int32Array(streams.length);
    this.liveCount = 0;
    this.lastKey = new Uint8Array(LAST_KEY_INITIAL_BYTES);
    this.lastKeyLen = 0;
  }

  /** To the first entry of all. */
  first(): boolean {
    this.valid = false;
    this.lastKeyLen = 0;
    this.liveCount = 0;
    for (const [number, stream] of this.streams.entries()) {
      if (stream.first()) this.insert(number, this.codeOf(stream, 0));
    }
    const isValid = this.show();
    this.isSameKey = false;
    return isValid;
  }

  /** To the next entry; only while `valid`. */
  next(): boolean {
    // Cleared first, so that a stream that throws leaves the queue invalid.
    this.valid = false;
    this.rememberKey();
    const codes = this.codes;
    if (this.liveCount > 1 && codes[1] === codes[0]) this.recode(codes[0]!);
    const { top } = this;
    if (!top.next()) {
      this.removeTop();
    } else {
      const code = this.codeOf(top, top.knownShared);
      if (this.liveCount > 1 && code >= codes[1]!) this.sink(top, code);
      else codes[0] = code;
    }
    return this.show();
  }

  /** The stream with the first entry of all others; undefined if there is none. */
  get second(): MergeInput | undefined {
    return this.liveCount > 1 ? this.streamAt(1) : undefined;
  }

  /**
   * Takes notice that the top has been moved on, to an entry that still stands before those of all
   * other streams: the entries between count as merged.
   */
  replaceTop(): void {
    this.codes[0] = this.codeOf(this.top, 0);
    this.show();
  }

  close(): void {
    this.valid = false;
    for (const stream of this.streams) stream.close();
  }

  private streamAt(place: number): MergeInput {
    return this.streams[this.order[place]!]!;
  }

  private show(): boolean {
    if (this.liveCount === 0) return false;
    const top = this.streamAt(0);
    const code = this.codes[0]!;
    this.top = top;
    this.isSameKey = code === CODE_EQUAL;
    this.isMisplaced = code === CODE_MISPLACED;
    this.shared = code > CODE_EQUAL ? sharedIn(code) : top.keyLen;
    this.valid = true;
    return true;
  }

  private rememberKey(): void {
    const { keyBuf, keyOff, keyLen } = this.top;
    const { shared } = this;
    if (keyLen > this.lastKey.length) {
      const grown = new Uint8Array(Math.max(keyLen, this.lastKey.length * 2));
      grown.set(this.lastKey);
      this.lastKey = grown;
    }
    copyBytes(keyBuf, keyOff + shared, keyLen - shared, this.lastKey, shared);
    this.lastKeyLen = keyLen;
  }

  /** The code of a stream's key, `known` bytes of which are known to be those of the last key. */
  private codeOf(stream: MergeInput, known: number): number {
    const { keyBuf, keyOff, keyLen } = stream;
    const last = this.lastKey;
    const lastLen = this.lastKeyLen;
    const most = Math.min(keyLen, lastLen);
    let shared = known;
    while (shared < most && keyBuf[keyOff + shared] === last[shared]) shared++;
    if (shared === keyLen) return keyLen === lastLen ? CODE_EQUAL : CODE_MISPLACED;
    const byte = keyBuf[keyOff + shared]!;
    if (shared < lastLen && byte < last[shared]!) return CODE_MISPLACED;
    return ((KEY_BYTES_MAX - shared) << 8) | byte;
  }

  /** Gives the streams behind the top whose codes tie with its own their codes after its key. */
  private recode(code: number): void {
    if (code <= CODE_EQUAL) return;
    const known = sharedIn(code) + 1;
    for (let i = 1; i < this.liveCount && this.codes[i] === code; i++) {
      this.codes[i] = this.codeOf(this.streamAt(i), known);
    }
  }

  private insert(number: number, code: number): void {
    let at = this.liveCount++;
    while (at > 0 && this.isBefore(this.streams[number]!, code, at - 1)) {
      this.order[at] = this.order[at - 1]!;
      this.codes[at] = this.codes[at - 1]!;
      at--;
    }
    this.order[at] = number;
    this.codes[at] = code;
  }

  /** Moves the top, whose entry has changed, to where it belongs. */
  private sink(top: MergeInput, code: number): void {
    const order = this.order;
    const codes = this.codes;
    const end = this.liveCount;
    const number = order[0]!;
    let at = 1;
    while (at < end && !this.isBefore(top, code, at)) {
      order[at - 1] = order[at]!;
      codes[at - 1] = codes[at]!;
      at++;
    }
    order[at - 1] = number;
    codes[at - 1] = code;
  }

  private removeTop(): void {
    const count = --this.liveCount;
    for (let i = 0; i < count; i++) {
      this.order[i] = this.order[i + 1]!;
      this.codes[i] = this.codes[i + 1]!;
    }
  }

  /** True if a stream with this code stands before the stream in place `at`. */
  private isBefore(stream: MergeInput, code: number, at: number): boolean {
    const otherCode = this.codes[at]!;
    if (code !== otherCode) return code < otherCode;
    const other = this.streamAt(at);
    if (code > CODE_EQUAL) {
      const order = compareFrom(sharedIn(code) + 1, stream, other);
      if (order !== 0) return order < 0;
    }
    return stream.seqno > other.seqno;
  }
}

/** Bytes that a key with this code, which is not equal, shares with the last key. */
function sharedIn(code: number): number {
  return KEY_BYTES_MAX - (code >>> 8);
}

/** Compares two keys whose first `from` bytes are equal. */
function compareFrom(from: number, a: MergeInput, b: MergeInput): number {
  const restA = a.keyLen - from;
  const restB = b.keyLen - from;
  return compareBytes(a.keyBuf, a.keyOff + from, restA, b.keyBuf, b.keyOff + from, restB);
}
