/**
 * XXH32 (Yann Collet's xxHash, 32-bit variant, specification version 0.8) over a byte range, in
 * plain TypeScript: for keys of tens of bytes a call into WebAssembly costs more than the hash.
 * One value serves the memtable's index and the filters of all tables in a lookup.
 * @module
 */

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/** Unsigned 32-bit XXH32 of the range with seed 0. Borrows `buf`. */
export function hash32(buf: Uint8Array, off: number, len: number): number {
  const end = off + len;
  let at = off;
  let h: number;
  if (len >= 16) {
    let a = (PRIME_1 + PRIME_2) | 0;
    let b = PRIME_2;
    let c = 0;
    let d = -PRIME_1 | 0;
    for (const stripesEnd = end - 16; at <= stripesEnd; at += 16) {
      a = round(a, load32(buf, at));
      b = round(b, load32(buf, at + 4));
      c = round(c, load32(buf, at + 8));
      d = round(d, load32(buf, at + 12));
    }
    h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) | 0;
  } else {
    h = PRIME_5;
  }
  h = (h + len) | 0;
  for (; at + 4 <= end; at += 4) {
    h = Math.imul(rotl((h + Math.imul(load32(buf, at), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; at < end; at++) {
    h = Math.imul(rotl((h + Math.imul(buf[at]!, PRIME_5)) | 0, 11), PRIME_1);
  }
  h = Math.imul(h ^ (h >>> 15), PRIME_2);
  h = Math.imul(h ^ (h >>> 13), PRIME_3);
  return (h ^ (h >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotl((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);
}

function rotl(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function load32(buf: Uint8Array, off: number): number {
  return buf[off]! | (buf[off + 1]! << 8) | (buf[off + 2]! << 16) | (buf[off + 3]! << 24);
}
