/**
 * Reads a data block in place: opens it with its O(restarts) checks, and searches it without
 * building a key. Layout: data-block-layout.ts.
 *
 * A block whose checksum holds may still be forged. Opening bounds every area, so that a decoder
 * may read a whole entry header anywhere in the key area without leaving the content (the restart
 * array and the tail stand behind it); each decoder bounds the lengths that it finds there.
 * @module
 */
import { readU16, readU32, readU64 } from '../bytes/fixed.ts';
import { corruption, VarveError } from '../errors.ts';
import { ENTRY_CHECKSUM_BYTES, NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { KIND_UNKNOWN_MIN, SEQNO_MAX } from '../key/kind.ts';
import {
  FLAG_ENTRY_CHECKSUMS,
  KEY_ENTRY_BYTES_MIN,
  KIND_MIXED,
  RESTART_BYTES,
  RESTART_WORD,
  SEQNO_WIDTH_MAX,
  TAIL_BASE_SEQNO,
  TAIL_BYTES,
  TAIL_FLAGS,
  TAIL_HEAD_PREFIX,
  TAIL_INTERVAL,
  TAIL_KEY_BYTES,
  TAIL_KIND,
  TAIL_SEQNO_WIDTH,
  TAIL_VALUE_BYTES,
} from './data-block-layout.ts';
import { readVarint, varintBytes } from './entry-varint.ts';

const EMPTY = new Uint8Array(0);

/**
 * Where a search ended: the first entry at or after the target. `shared` and `unshared` describe
 * its key as the first bytes of the *target* followed by bytes of the block.
 */
export class BlockPosition {
  index: number;
  /** True when the entry has the user key of the target. */
  sameKey: boolean;
  shared: number;
  unsharedOff: number;
  unshared: number;
  valOff: number;
  valLen: number;

  constructor() {
    this.index = 0;
    this.sameKey = false;
    this.shared = 0;
    this.unsharedOff = 0;
    this.unshared = 0;
    this.valOff = 0;
    this.valLen = 0;
  }
}

/**
 * An open data block. All offsets are absolute in `buf`; only this folder writes the fields. May be
 * opened again for another block once nobody uses this one.
 */
export class DataBlock {
  buf: Uint8Array;
  keyStart: number;
  keyEnd: number;
  restartStart: number;
  restartCount: number;
  interval: number;
  firstKeyOff: number;
  firstKeyLen: number;
  headPrefix: number;
  valueStart: number;
  entryCount: number;
  seqnoStart: number;
  seqnoWidth: number;
  baseSeqno: number;
  /** The kind of all entries, or `KIND_MIXED`. */
  kind: number;
  kindStart: number;
  /** Where the entry checksums begin; 0 when the block has none. */
  checksumStart: number;
  /** File and position of the block, for messages. */
  path: string;
  position: number;

  constructor() {
    this.buf = EMPTY;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.restartStart = 0;
    this.restartCount = 0;
    this.interval = 1;
    this.firstKeyOff = 0;
    this.firstKeyLen = 0;
    this.headPrefix = 0;
    this.valueStart = 0;
    this.entryCount = 0;
    this.seqnoStart = 0;
    this.seqnoWidth = 0;
    this.baseSeqno = 0;
    this.kind = 0;
    this.kindStart = 0;
    this.checksumStart = 0;
    this.path = '';
    this.position = 0;
  }

  /**
   * Opens the content `buf[off, off + len)`; keeps and borrows `buf` until the next `open`.
   * @param path and position where the block stands, for messages
   * @throws VarveError `CORRUPTION` when the content cannot be a data block, `UNSUPPORTED` when a
   * newer version wrote it
   */
  open(buf: Uint8Array, off: number, len: number, path: string, position: number): void {
    this.buf = buf;
    this.path = path;
    this.position = position;
    if (len < TAIL_BYTES) this.fail('data block is too short');
    const tail = off + len - TAIL_BYTES;
    this.entryCount = readU32(buf, tail);
    this.interval = readU16(buf, tail + TAIL_INTERVAL);
    this.seqnoWidth = buf[tail + TAIL_SEQNO_WIDTH]!;
    this.kind = buf[tail + TAIL_KIND]!;
    this.baseSeqno = readU64(buf, tail + TAIL_BASE_SEQNO);
    this.headPrefix = readU32(buf, tail + TAIL_HEAD_PREFIX);
    const count = this.entryCount;
    if (count < 1 || this.interval < 1) this.fail('data block has no entries');
    if (this.seqnoWidth > SEQNO_WIDTH_MAX || this.baseSeqno < 0) {
      this.fail('data block has an impossible seqno');
    }
    this.restartCount = Math.ceil(count / this.interval);
    this.valueStart = off;
    this.keyStart = off + readU32(buf, tail + TAIL_VALUE_BYTES);
    this.keyEnd = this.keyStart + readU32(buf, tail + TAIL_KEY_BYTES);
    this.kindStart = this.keyEnd;
    this.seqnoStart = this.kindStart + (this.kind === KIND_MIXED ? count : 0);
    this.restartStart = this.seqnoStart + count * this.seqnoWidth;
    this.checksumStart = 0;
    const flags = readU32(buf, tail + TAIL_FLAGS);
    if (flags !== 0) this.#openFlagged(flags, tail);
    if (this.restartStart + this.restartCount * RESTART_BYTES !== tail) {
      this.fail('areas of a data block do not add up');
    }
    if (this.kind !== KIND_MIXED) this.#checkKind(this.kind);
    this.#checkRestarts();
  }

  /** Makes room between the areas for what the flags announce. */
  #openFlagged(flags: number, tail: number): void {
    if ((flags & FLAG_ENTRY_CHECKSUMS) !== 0) {
      this.checksumStart = this.restartStart;
      this.restartStart += this.entryCount * ENTRY_CHECKSUM_BYTES;
    }
    const isKnown = flags === FLAG_ENTRY_CHECKSUMS;
    // Areas that are too long already are damage, whatever else there may be.
    if (isKnown || this.restartStart + this.restartCount * RESTART_BYTES > tail) return;
    const what = `data block has unknown flags ${flags}: written by a newer version`;
    throw new VarveError('UNSUPPORTED', `${what} (${this.path})`, {
      file: this.path,
      offset: this.position,
    });
  }

  #checkRestarts(): void {
    const buf = this.buf;
    if (this.entryCount * KEY_ENTRY_BYTES_MIN > this.keyEnd - this.keyStart) {
      this.fail('data block has more entries than its key area can hold');
    }
    this.#readFirstKey();
    let keyOff = -1;
    let valOff = 0;
    let word = 0;
    for (let at = this.restartStart, i = 0; i < this.restartCount; i++, at += RESTART_BYTES) {
      const nextKeyOff = readU32(buf, at);
      const nextValOff = readU32(buf, at + 4);
      const nextWord = readU32(buf, at + 8);
      if (nextKeyOff <= keyOff || nextValOff < valOff || nextWord < word) {
        this.fail('restart points of a data block do not ascend');
      }
      if (i === 0 && (nextKeyOff !== 0 || nextValOff !== 0)) {
        this.fail('first restart point of a data block is not its first entry');
      }
      keyOff = nextKeyOff;
      valOff = nextValOff;
      word = nextWord;
    }
    if (keyOff >= this.keyEnd - this.keyStart || valOff > this.keyStart - this.valueStart) {
      this.fail('restart point of a data block lies outside its area');
    }
  }

  #readFirstKey(): void {
    const buf = this.buf;
    let at = this.keyStart;
    if (buf[at++] !== 0) this.fail('first key of a data block shares bytes with nothing');
    const length = readVarint(buf, at);
    at += varintBytes(length);
    at += varintBytes(readVarint(buf, at));
    if (length > this.keyEnd - at || this.headPrefix > length) {
      this.fail('first key of a data block is cut short');
    }
    this.firstKeyOff = at;
    this.firstKeyLen = length;
  }

  seqnoAt(index: number): number {
    const width = this.seqnoWidth;
    if (width === 0) return this.baseSeqno;
    const buf = this.buf;
    const at = this.seqnoStart + index * width;
    let delta = buf[at]!;
    if (width > 1) delta |= buf[at + 1]! << 8;
    if (width > 2) delta |= buf[at + 2]! << 16;
    if (width > 3) return this.#farSeqno(delta, at, width);
    return this.#checkedSeqno(this.baseSeqno + delta);
  }

  #farSeqno(low: number, at: number, width: number): number {
    let delta = low;
    let scale = 0x100_0000;
    for (let i = 3; i < width; i++) {
      delta += this.buf[at + i]! * scale;
      scale *= 256;
    }
    return this.#checkedSeqno(this.baseSeqno + delta);
  }

  #checkedSeqno(seqno: number): number {
    if (seqno > SEQNO_MAX) this.fail('data block has an impossible seqno');
    return seqno;
  }

  kindAt(index: number): number {
    const kind = this.kind;
    return kind === KIND_MIXED ? this.#checkKind(this.buf[this.kindStart + index]!) : kind;
  }

  #checkKind(kind: number): number {
    if (kind >= KIND_UNKNOWN_MIN) {
      throw new VarveError('UNSUPPORTED', `entry kind ${kind} is not known (${this.path})`, {
        file: this.path,
        offset: this.position,
      });
    }
    return kind;
  }

  /**
   * Finds the first entry at or after (key, seqno) in internal order. Borrows `keyBuf` for the
   * call.
   * @param out receives the place; meaningful only when true is returned
   * @returns false when all entries stand before the target
   */
  search(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    out: BlockPosition,
  ): boolean {
    const buf = this.buf;
    const restart = this.#restartBefore(keyBuf, keyOff, keyLen, seqno, out);
    const restartAt = this.restartStart + restart * RESTART_BYTES;
    const count = this.entryCount;
    const keyEnd = this.keyEnd;
    let at = this.keyStart + readU32(buf, restartAt);
    let valOff = this.valueStart + readU32(buf, restartAt + 4);
    // Invariant: the key before (at a restart: the first key) stands before the target and has
    // exactly `matched` bytes in common with it.
    let matched = out.shared;
    for (let i = restart * this.interval; i < count; i++) {
      let shared = buf[at++]!;
      if (shared > 127) {
        shared = readVarint(buf, at - 1);
        at += varintBytes(shared) - 1;
      }
      let unshared = buf[at++]!;
      if (unshared > 127) {
        unshared = readVarint(buf, at - 1);
        at += varintBytes(unshared) - 1;
      }
      let valLen = buf[at++]!;
      if (valLen > 127) {
        valLen = readVarint(buf, at - 1);
        at += varintBytes(valLen) - 1;
      }
      const end = at + unshared;
      if (end > keyEnd) this.fail('key entry of a data block is cut short');
      // With more than `matched` bytes of the key before, this key differs from the target where
      // that one does.
      if (shared <= matched) {
        const stop = Math.min(end, at + keyLen - shared);
        let suffix = at;
        let target = keyOff + shared;
        while (suffix < stop && buf[suffix] === keyBuf[target]) {
          suffix++;
          target++;
        }
        matched = target - keyOff;
        const sameKey = suffix === end && matched === keyLen;
        const reached = sameKey
          ? this.seqnoAt(i) <= seqno
          : suffix < end && (matched === keyLen || buf[suffix]! > keyBuf[target]!);
        if (reached) {
          if (valOff + valLen > this.keyStart) this.fail('value of a data block is cut short');
          out.index = i;
          out.sameKey = sameKey;
          out.shared = shared;
          out.unsharedOff = at;
          out.unshared = unshared;
          out.valOff = valOff;
          out.valLen = valLen;
          return true;
        }
      }
      at = end;
      valOff += valLen;
    }
    return false;
  }

  /**
   * The restart at which the scan for the target starts: the last one that stands before it, or the
   * first. Leaves in `out.shared` how many bytes of the target the scan may take as matched.
   */
  #restartBefore(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    out: BlockPosition,
  ): number {
    out.shared = 0;
    const count = this.restartCount;
    if (count === 1) return 0;
    const buf = this.buf;
    const prefix = this.headPrefix;
    // The words come first although they count only if the prefix matches: so the loads of their
    // cache lines and of the first key's overlap.
    const word = headWord(keyBuf, keyOff + prefix, keyOff + keyLen);
    const words = this.restartStart + RESTART_WORD;
    let low = 1;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (readU32(buf, words + middle * RESTART_BYTES) < word) low = middle + 1;
      else high = middle;
    }
    const firstOff = this.firstKeyOff;
    const most = Math.min(this.firstKeyLen, keyLen);
    let matched = 0;
    while (matched < most && buf[firstOff + matched] === keyBuf[keyOff + matched]) matched++;
    if (!this.#firstIsBefore(keyBuf, keyOff, keyLen, matched, seqno)) return 0;
    if (matched < prefix) {
      out.shared = matched;
      return count - 1;
    }
    for (high = count; low < high; ) {
      const middle = (low + high) >>> 1;
      const before =
        readU32(buf, words + middle * RESTART_BYTES) === word &&
        this.#restartIsBefore(middle, keyBuf, keyOff, keyLen, matched, seqno);
      if (before) low = middle + 1;
      else high = middle;
    }
    if (low > 1) out.shared = matched;
    return low - 1;
  }

  /** True when the first entry stands before the target, `matched` bytes of which its key has. */
  #firstIsBefore(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    matched: number,
    seqno: number,
  ): boolean {
    if (matched === this.firstKeyLen) return matched < keyLen || this.seqnoAt(0) > seqno;
    return matched < keyLen && this.buf[this.firstKeyOff + matched]! < keyBuf[keyOff + matched]!;
  }

  /** True when a restart stands before the target, `matched` bytes of which the first key has. */
  #restartIsBefore(
    restart: number,
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    matched: number,
    seqno: number,
  ): boolean {
    const buf = this.buf;
    let at = this.keyStart + readU32(buf, this.restartStart + restart * RESTART_BYTES);
    const shared = readVarint(buf, at);
    at += varintBytes(shared);
    const unshared = readVarint(buf, at);
    at += varintBytes(unshared);
    at += varintBytes(readVarint(buf, at));
    if (at + unshared > this.keyEnd) this.fail('key entry of a data block is cut short');
    if (shared > matched) return true;
    const most = Math.min(unshared, keyLen - shared);
    let i = 0;
    while (i < most && buf[at + i] === keyBuf[keyOff + shared + i]) i++;
    if (i < most) return buf[at + i]! < keyBuf[keyOff + shared + i]!;
    if (unshared !== keyLen - shared) return unshared < keyLen - shared;
    return this.seqnoAt(restart * this.interval) > seqno;
  }

  /** The checksum that is stored with an entry, or `NO_ENTRY_CHECKSUM` when the block has none. */
  entryChecksumAt(index: number): number {
    if (this.checksumStart === 0) return NO_ENTRY_CHECKSUM;
    return readU32(this.buf, this.checksumStart + index * ENTRY_CHECKSUM_BYTES);
  }

  /** @throws VarveError `CORRUPTION`, naming the file and where the block begins */
  fail(what: string): never {
    throw corruption(what, this.path, this.position);
  }
}

/** Four bytes from `at`, big-endian, zeros from `end` on. */
function headWord(buf: Uint8Array, at: number, end: number): number {
  if (end - at >= 4) {
    return ((buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!) >>> 0;
  }
  let word = 0;
  for (let i = at; i < at + 4; i++) word = (word << 8) | (i < end ? buf[i]! : 0);
  return word >>> 0;
}
