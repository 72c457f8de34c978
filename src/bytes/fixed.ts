/**
 * Little-endian fixed-width integers. 64-bit values are plain numbers up to 2^53-1, split into two
 * 32-bit halves: BigInt costs 20 to 30 times as much.
 * @module
 */

/** The largest integer that the engine stores: 2^53 - 1. */
export const U53_MAX: number = Number.MAX_SAFE_INTEGER;

/** What {@link readU64} returns for a stored value above {@link U53_MAX}; callers report it. */
export const U64_TOO_LARGE = -1;

const TWO_POW_32 = 0x1_0000_0000;

export function writeU16(buf: Uint8Array, off: number, value: number): void {
  buf[off] = value;
  buf[off + 1] = value >>> 8;
}

export function readU16(buf: Uint8Array, off: number): number {
  return buf[off]! | (buf[off + 1]! << 8);
}

export function writeU32(buf: Uint8Array, off: number, value: number): void {
  buf[off] = value;
  buf[off + 1] = value >>> 8;
  buf[off + 2] = value >>> 16;
  buf[off + 3] = value >>> 24;
}

export function readU32(buf: Uint8Array, off: number): number {
  return (buf[off]! | (buf[off + 1]! << 8) | (buf[off + 2]! << 16) | (buf[off + 3]! << 24)) >>> 0;
}

/** Writes an integer of 0 to 2^53-1 as 8 bytes. */
export function writeU64(buf: Uint8Array, off: number, value: number): void {
  writeU32(buf, off, value >>> 0);
  writeU32(buf, off + 4, (value / TWO_POW_32) >>> 0);
}

/** Reads 8 bytes; {@link U64_TOO_LARGE} when the value does not fit into 53 bits. */
export function readU64(buf: Uint8Array, off: number): number {
  const high = readU32(buf, off + 4);
  if (high > 0x1f_ffff) return U64_TOO_LARGE;
  return high * TWO_POW_32 + readU32(buf, off);
}
