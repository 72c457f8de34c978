/**
 * LEB128 varints: seven bits a byte, low bits first, the high bit says that more follow. Values go
 * up to 2^53-1 (eight bytes); no encoding is longer than its value needs.
 *
 * Decoders return through a small reusable {@link VarintReader}, so that a hot loop allocates
 * nothing; code that is hotter still inlines the one-byte case.
 * @module
 */

/** Longest encoding, in bytes. */
export const VARINT_BYTES_MAX = 8;

/** Bytes that {@link writeVarint} takes for a value of 0 to 2^53-1. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes a value of 0 to 2^53-1 at `off`; returns the offset behind it. Borrows `buf`. */
export function writeVarint(buf: Uint8Array, off: number, value: number): number {
  let at = off;
  let rest = value;
  while (rest > 0x7fff_ffff) {
    buf[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    buf[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[at++] = rest;
  return at;
}

/**
 * Reads varints in sequence from bytes that may be damaged. After the first bad or truncated value
 * `failed` stays true and every read gives 0, so a decoder may check once at its end.
 */
export class VarintReader {
  buf: Uint8Array;
  /** Offset of the next byte to read. */
  off: number;
  /** Offset behind the last readable byte. */
  end: number;
  failed: boolean;

  /** Borrows `buf` until the next {@link reset}. */
  constructor(buf: Uint8Array, off: number, end: number) {
    this.buf = buf;
    this.off = off;
    this.end = end;
    this.failed = false;
  }

  reset(buf: Uint8Array, off: number, end: number): void {
    this.buf = buf;
    this.off = off;
    this.end = end;
    this.failed = false;
  }

  /** The next value, 0 to 2^53-1. */
  next(): number {
    if (this.off < this.end && !this.failed) {
      const byte = this.buf[this.off]!;
      if (byte < 128) {
        this.off++;
        return byte;
      }
    }
    return this.#long();
  }

  #long(): number {
    let value = 0;
    let scale = 1;
    for (let at = this.off; at < this.end && !this.failed; at++) {
      const byte = this.buf[at]!;
      value += (byte & 0x7f) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        this.off = at + 1;
        return value;
      }
      if (at - this.off >= VARINT_BYTES_MAX - 1) break;
      scale *= 128;
    }
    this.failed = true;
    return 0;
  }

  /** The next fixed byte. */
  byte(): number {
    if (this.failed || this.off >= this.end) {
      this.failed = true;
      return 0;
    }
    return this.buf[this.off++]!;
  }

  /** Skips `length` bytes and returns the offset at which they begin. */
  skip(length: number): number {
    const at = this.off;
    if (this.failed || length > this.end - at) {
      this.failed = true;
      return at;
    }
    this.off = at + length;
    return at;
  }
}
