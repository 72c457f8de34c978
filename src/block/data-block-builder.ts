/**
 * Builds the content of data blocks (layout: data-block-layout.ts). Values go straight to their
 * final place; the small areas are collected beside them and appended when the block ends.
 * @module
 */
import { ByteWriter, copyBytes } from '../bytes/byte-writer.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import { writeVarint } from '../bytes/varint.ts';
import { assert } from '../errors.ts';
import { ENTRY_CHECKSUM_BYTES, type EntryGuard } from '../key/entry-checksum.ts';
import { KIND_DELETE } from '../key/kind.ts';
import { DataBlockCheck } from './data-block-check.ts';
import {
  FLAG_ENTRY_CHECKSUMS,
  KIND_MIXED,
  RESTART_BYTES,
  RESTART_INTERVAL_MAX,
  SEQNO_WIDTH_MAX,
  TAIL_BYTES,
} from './data-block-layout.ts';

const KEY_AREA_INITIAL_BYTES = 8192;
const ENTRIES_INITIAL = 256;
/** Three varints, at most three bytes each for the key lengths and five for the value's. */
const ENTRY_HEADER_BYTES_MAX = 11;
const RESTART_FIELDS = 5;
const TWO_POW_32 = 0x1_0000_0000;

/** Reused for block after block of one file. */
export class DataBlockBuilder {
  private readonly interval: number;
  /** Where values and the finished content go; borrowed. */
  private readonly out: ByteWriter;
  private readonly keys: ByteWriter;
  /** Where in `out` the value area begins. */
  private valueStart: number;
  private count: number;
  private kinds: Uint8Array;
  private seqnos: Float64Array;
  private readonly guard: EntryGuard | undefined;
  private readonly check: DataBlockCheck | undefined;
  /** Checksums of the entries, with a guard. */
  private checksums: Uint32Array;
  private checksumCount: number;
  /** Bytes that one entry takes for its checksum. */
  private readonly checksumBytes: number;
  /** Of the entries since `begin`, also after `finish`. */
  smallestSeqno: number;
  largestSeqno: number;
  /** Bytes of a stored seqno, and the largest difference that they hold. */
  private seqnoWidth: number;
  private seqnoRangeMax: number;
  private kind: number;
  /** Bytes that an entry takes beside key entry and value. */
  private entryBytes: number;
  /** Entries up to the next restart point. */
  private untilRestart: number;
  /** `RESTART_FIELDS` numbers for each restart; see `noteRestart`. */
  private restarts: Int32Array;
  private restartCount: number;
  private firstKeyOff: number;
  private firstKeyLen: number;

  /**
   * @param out where the content is appended; shared with the caller, who puts block headers and
   * checksums between contents
   * @param interval entries from one restart point to the next
   * @param guard given, every entry is stored with its checksum, and a finished block is held
   * against them
   */
  constructor(out: ByteWriter, interval: number, guard?: EntryGuard) {
    if (!(Number.isInteger(interval) && interval >= 1 && interval <= RESTART_INTERVAL_MAX)) {
      throw new RangeError(`restart interval must be an integer of 1 to ${RESTART_INTERVAL_MAX}`);
    }
    this.interval = interval;
    this.out = out;
    this.keys = new ByteWriter(KEY_AREA_INITIAL_BYTES);
    this.valueStart = 0;
    this.count = 0;
    this.kinds = new Uint8Array(ENTRIES_INITIAL);
    this.seqnos = new Float64Array(ENTRIES_INITIAL);
    this.guard = guard;
    this.check = guard === undefined ? undefined : new DataBlockCheck();
    this.checksums = new Uint32Array(guard === undefined ? 0 : ENTRIES_INITIAL);
    this.checksumCount = 0;
    this.checksumBytes = guard === undefined ? 0 : ENTRY_CHECKSUM_BYTES;
    this.smallestSeqno = 0;
    this.largestSeqno = 0;
    this.seqnoWidth = 0;
    this.seqnoRangeMax = 0;
    this.kind = 0;
    this.entryBytes = 0;
    this.untilRestart = 0;
    this.restarts = new Int32Array(RESTART_FIELDS * ENTRIES_INITIAL);
    this.restartCount = 0;
    this.firstKeyOff = 0;
    this.firstKeyLen = 0;
  }

  /** Entries since `begin`; 0 after `finish`. */
  get entryCount(): number {
    return this.count;
  }

  /** Tombstones among the entries since `begin`. */
  tombstoneCount(): number {
    if (this.kind !== KIND_MIXED) return this.kind === KIND_DELETE ? this.count : 0;
    let count = 0;
    for (let i = 0; i < this.count; i++) if (this.kinds[i] === KIND_DELETE) count++;
    return count;
  }

  /** Starts a block whose content begins at the present end of `out`. */
  begin(): void {
    this.valueStart = this.out.length;
    this.keys.reset();
    this.count = 0;
    this.seqnoWidth = 0;
    this.seqnoRangeMax = 0;
    this.entryBytes = this.checksumBytes;
    this.untilRestart = 0;
    this.restartCount = 0;
    this.checksumCount = 0;
  }

  /** Bytes of content if the block ended now. */
  contentBytes(): number {
    const areas = this.count * this.entryBytes + this.restartCount * RESTART_BYTES;
    return this.out.length - this.valueStart + this.keys.length + areas + TAIL_BYTES;
  }

  /**
   * Appends an entry; borrows the buffers for the call.
   * @param shared bytes that the key has in common with the entry before it in the block
   */
  add(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    shared: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
  ): void {
    const index = this.count;
    if (index === this.kinds.length) this.growEntries();
    this.noteVersion(index, seqno, kind);
    const keys = this.keys;
    const entryOff = keys.length;
    let kept = shared;
    const restart = this.untilRestart === 0;
    if (restart) {
      this.untilRestart = this.interval;
      kept = this.sharedWithFirst(index, keyBuf, keyOff, keyLen);
    }
    this.untilRestart--;
    keys.reserve(ENTRY_HEADER_BYTES_MAX + keyLen);
    const { buf } = keys;
    let to = entryOff;
    if (keyLen < 128) {
      buf[to++] = kept;
      buf[to++] = keyLen - kept;
    } else {
      to = writeVarint(buf, to, kept);
      to = writeVarint(buf, to, keyLen - kept);
    }
    if (valLen < 128) buf[to++] = valLen;
    else to = writeVarint(buf, to, valLen);
    copyBytes(keyBuf, keyOff + kept, keyLen - kept, buf, to);
    keys.length = to + keyLen - kept;
    if (restart) this.noteRestart(entryOff, kept, keyLen);
    this.out.bytes(valBuf, valOff, valLen);
    this.count = index + 1;
  }

  /** With a guard, after each `add`: the checksum that the entry came with. */
  addChecksum(checksum: number): void {
    if (this.checksumCount === this.checksums.length) {
      const checksums = new Uint32Array(this.checksumCount * 2);
      checksums.set(this.checksums);
      this.checksums = checksums;
    }
    this.checksums[this.checksumCount++] = checksum;
  }

  /**
   * Appends all other areas; the content reaches from where `begin` was to the end of `out`.
   * @throws VarveError `CORRUPTION` when an entry is not any more what its checksum says
   */
  finish(): void {
    const out = this.out;
    const count = this.count;
    assert(count > 0, 'a data block holds an entry');
    const valueBytes = out.length - this.valueStart;
    out.bytes(this.keys.buf, 0, this.keys.length);
    if (this.kind === KIND_MIXED) out.bytes(this.kinds, 0, count);
    const width = this.seqnoWidth;
    this.writeSeqnos(width);
    if (this.guard !== undefined) this.writeChecksums();
    const headPrefix = this.writeRestarts();
    out.u32(count);
    out.u32(valueBytes);
    out.u32(this.keys.length);
    out.u16(this.interval);
    out.u8(width);
    out.u8(this.kind);
    out.u64(this.smallestSeqno);
    out.u32(headPrefix);
    out.u32(this.guard === undefined ? 0 : FLAG_ENTRY_CHECKSUMS);
    this.checkContent(this.valueStart, this.seqnos);
    this.count = 0;
  }

  /**
   * Checks a block that was held back after it was finished, from `start` to the end of `out`.
   * @throws VarveError as `finish`
   */
  checkHeld(start: number): void {
    this.checkContent(start, undefined);
  }

  private writeChecksums(): void {
    const count = this.count;
    assert(this.checksumCount === count, 'every entry of a guarded block came with a checksum');
    for (let i = 0; i < count; i++) this.out.u32(this.checksums[i]!);
  }

  private checkContent(start: number, seqnos: Float64Array | undefined): void {
    const guard = this.guard;
    const check = this.check;
    if (guard === undefined || check === undefined) return;
    const { buf, length } = this.out;
    let isSound = false;
    let cause: unknown;
    try {
      isSound = check.isSound(buf, start, length - start, seqnos);
    } catch (error) {
      cause = error;
    }
    if (!isSound) throw guard.mismatch('output block', check.seqno, cause);
  }

  private noteVersion(index: number, seqno: number, kind: number): void {
    this.seqnos[index] = seqno;
    this.kinds[index] = kind;
    if (index === 0) {
      this.smallestSeqno = seqno;
      this.largestSeqno = seqno;
      this.kind = kind;
      return;
    }
    if (seqno < this.smallestSeqno) this.smallestSeqno = seqno;
    else if (seqno > this.largestSeqno) this.largestSeqno = seqno;
    if (this.largestSeqno - this.smallestSeqno > this.seqnoRangeMax) this.widenSeqnos();
    if (kind !== this.kind) this.mixKinds();
  }

  private mixKinds(): void {
    if (this.kind !== KIND_MIXED) this.entryBytes++;
    this.kind = KIND_MIXED;
  }

  private widenSeqnos(): void {
    const range = this.largestSeqno - this.smallestSeqno;
    while (range > this.seqnoRangeMax) {
      this.seqnoWidth++;
      this.entryBytes++;
      this.seqnoRangeMax = 256 ** this.seqnoWidth - 1;
    }
    assert(this.seqnoWidth <= SEQNO_WIDTH_MAX, 'seqnos stay below 2^53');
  }

  private sharedWithFirst(
    index: number,
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
  ): number {
    if (index === 0) return 0;
    const first = this.firstKeyOff;
    return sharedPrefixLength(this.keys.buf, first, this.firstKeyLen, keyBuf, keyOff, keyLen);
  }

  /** To be called between the key and the value of an entry. */
  private noteRestart(entryOff: number, shared: number, keyLen: number): void {
    const unsharedOff = this.keys.length - (keyLen - shared);
    if (entryOff === 0) {
      this.firstKeyOff = unsharedOff;
      this.firstKeyLen = keyLen;
    }
    const at = this.restartCount * RESTART_FIELDS;
    const restarts = this.restarts;
    restarts[at] = entryOff;
    restarts[at + 1] = this.out.length - this.valueStart;
    restarts[at + 2] = shared;
    restarts[at + 3] = keyLen;
    restarts[at + 4] = unsharedOff;
    this.restartCount++;
  }

  private growEntries(): void {
    const length = this.kinds.length * 2;
    const kinds = new Uint8Array(length);
    kinds.set(this.kinds);
    this.kinds = kinds;
    const seqnos = new Float64Array(length);
    seqnos.set(this.seqnos);
    this.seqnos = seqnos;
    const restarts = new Int32Array(RESTART_FIELDS * length);
    restarts.set(this.restarts);
    this.restarts = restarts;
  }

  private writeSeqnos(width: number): void {
    if (width === 0) return;
    const out = this.out;
    const count = this.count;
    const base = this.smallestSeqno;
    out.reserve(count * width);
    const buf = out.buf;
    const seqnos = this.seqnos;
    let at = out.length;
    for (let i = 0; i < count; i++) {
      const delta = seqnos[i]! - base;
      const low = delta | 0;
      const lowBytes = Math.min(width, 4);
      for (let bits = 0; bits < lowBytes * 8; bits += 8) buf[at++] = low >>> bits;
      if (width <= 4) continue;
      const high = Math.floor(delta / TWO_POW_32);
      for (let bits = 0; bits < (width - 4) * 8; bits += 8) buf[at++] = high >>> bits;
    }
    out.length = at;
  }

  /** Returns the head prefix length. */
  private writeRestarts(): number {
    const out = this.out;
    const restarts = this.restarts;
    const last = (this.restartCount - 1) * RESTART_FIELDS;
    // The last restart key is the farthest from the first key, so it shares the least.
    const prefix = last === 0 ? 0 : restarts[last + 2]!;
    for (let at = 0; at <= last; at += RESTART_FIELDS) {
      out.u32(restarts[at]!);
      out.u32(restarts[at + 1]!);
      out.u32(this.headWord(at, prefix));
    }
    return prefix;
  }

  private headWord(at: number, prefix: number): number {
    const keys = this.keys.buf;
    const shared = this.restarts[at + 2]!;
    const keyLen = this.restarts[at + 3]!;
    const unsharedOff = this.restarts[at + 4]!;
    let word = 0;
    for (let i = prefix; i < prefix + 4; i++) {
      let byte = 0;
      if (i < shared) byte = keys[this.firstKeyOff + i]!;
      else if (i < keyLen) byte = keys[unsharedOff + i - shared]!;
      word = (word << 8) | byte;
    }
    return word >>> 0;
  }
}
