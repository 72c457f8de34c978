/**
 * A growable output buffer for encoders.
 * @module
 */
import { writeU16, writeU32, writeU64 } from './fixed.ts';
import { VARINT_BYTES_MAX, writeVarint } from './varint.ts';

/** Above this length a native copy beats a byte loop. */
const COPY_LOOP_BYTES_MAX = 32;

/** Beyond this length a buffer gets what is needed: twice as much may be more than there can be. */
const DOUBLED_BYTES_MAX = 0x4000_0000;

/**
 * Appends to `buf[0, length)` and doubles the buffer as needed. `buf` is replaced when it grows, so
 * callers read the field again after every append.
 */
export class ByteWriter {
  buf: Uint8Array;
  /** Bytes written so far. */
  length: number;
  /** Bytes of `buf`, from its start, that may be written to. */
  private capacity: number;

  /** @param buf whose first `capacityBytes` are lent until the writer needs more */
  constructor(capacityBytes: number, buf: Uint8Array = new Uint8Array(capacityBytes)) {
    this.buf = buf;
    this.length = 0;
    this.capacity = capacityBytes;
  }

  /**
   * Starts again at `length`, keeping the capacity; the bytes below it are the caller's to fill.
   */
  reset(length = 0): void {
    this.reserve(length - this.length);
    this.length = length;
  }

  /**
   * Starts again with a fresh buffer of `freshBytes` if the present one has grown beyond
   * `keptBytesMax`, else as {@link reset}.
   */
  restart(keptBytesMax: number, freshBytes: number): void {
    this.length = 0;
    if (this.capacity <= keptBytesMax) return;
    this.buf = new Uint8Array(freshBytes);
    this.capacity = freshBytes;
  }

  /** Makes room for `more` further bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed > this.capacity) this.grow(needed);
  }

  private grow(needed: number): void {
    const doubled = Math.min(this.capacity * 2, DOUBLED_BYTES_MAX);
    const grown = new Uint8Array(Math.max(needed, doubled));
    grown.set(this.buf.subarray(0, this.length));
    this.buf = grown;
    this.capacity = grown.length;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buf[this.length++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    writeU16(this.buf, this.length, value);
    this.length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    writeU32(this.buf, this.length, value);
    this.length += 4;
  }

  /** An integer of 0 to 2^53-1 in 8 bytes. */
  u64(value: number): void {
    this.reserve(8);
    writeU64(this.buf, this.length, value);
    this.length += 8;
  }

  /** An integer of 0 to 2^53-1. */
  varint(value: number): void {
    this.reserve(VARINT_BYTES_MAX);
    this.length = writeVarint(this.buf, this.length, value);
  }

  /** Copies a range; borrows `src` for the call. */
  bytes(src: Uint8Array, off: number, len: number): void {
    this.reserve(len);
    copyBytes(src, off, len, this.buf, this.length);
    this.length += len;
  }

  /** A varint length and the bytes; borrows `src` for the call. */
  lengthPrefixed(src: Uint8Array, off: number, len: number): void {
    this.varint(len);
    this.bytes(src, off, len);
  }
}

/**
 * Copies `len` bytes between ranges that do not overlap. To make a view for it takes longer than to
 * copy a hundred bytes, so there is none for short ranges and within one array.
 */
export function copyBytes(
  src: Uint8Array,
  srcOff: number,
  len: number,
  dst: Uint8Array,
  dstOff: number,
): void {
  if (len <= COPY_LOOP_BYTES_MAX) {
    for (let i = 0; i < len; i++) dst[dstOff + i] = src[srcOff + i]!;
  } else if (src === dst) {
    dst.copyWithin(dstOff, srcOff, srcOff + len);
  } else {
    const isWhole = srcOff === 0 && len === src.length;
    dst.set(isWhole ? src : src.subarray(srcOff, srcOff + len), dstOff);
  }
}
