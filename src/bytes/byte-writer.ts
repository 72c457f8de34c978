/**
 * A growable output buffer for encoders.
 * @module
 */
import { writeU16, writeU32, writeU64 } from './fixed.ts';
import { VARINT_BYTES_MAX, writeVarint } from './varint.ts';

/** Above this length a native copy beats a byte loop. */
const COPY_LOOP_BYTES_MAX = 32;

/**
 * Appends to `buf[0, length)` and doubles the buffer as needed. `buf` is replaced when it grows, so
 * callers read the field again after every append.
 */
export class ByteWriter {
  buf: Uint8Array;
  /** Bytes written so far. */
  length: number;

  constructor(capacityBytes: number) {
    this.buf = new Uint8Array(capacityBytes);
    this.length = 0;
  }

  /**
   * Starts again at `length`, keeping the capacity; the bytes below it are the caller's to fill.
   */
  reset(length = 0): void {
    this.reserve(length - this.length);
    this.length = length;
  }

  /** Makes room for `more` further bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.buf.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buf.length * 2));
    grown.set(this.buf.subarray(0, this.length));
    this.buf = grown;
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

/** Copies `len` bytes between buffers that do not overlap; short ranges without making a view. */
export function copyBytes(
  src: Uint8Array,
  srcOff: number,
  len: number,
  dst: Uint8Array,
  dstOff: number,
): void {
  if (len <= COPY_LOOP_BYTES_MAX) {
    for (let i = 0; i < len; i++) dst[dstOff + i] = src[srcOff + i]!;
  } else {
    const isWhole = srcOff === 0 && len === src.length;
    dst.set(isWhole ? src : src.subarray(srcOff, srcOff + len), dstOff);
  }
}
