/**
 * Masks: how a writer keeps zeros out of a record log.
 *
 * What was never written reads as zeros, so zeros in a log are proof that a write was cut off, but
 * only if nothing that was written holds them. A record whose bytes would be zeros throughout one
 * of the sectors that it touches, or whose last byte would be, is sealed with a mask: its payload
 * is XORed with a pattern, and the mask's number stands in its block header.
 *
 * Byte b of word i (the payload's bytes 4 i to 4 i + 3) is XORed with byte b, little-endian, of
 *
 *     x = (i + 1) * 0x9e3779b1 + mask * 0x85ebca77
 *     x = (x xor (x >>> 15)) * 0x2c1b3c6d;  x = x xor (x >>> 13)
 *
 * in 32-bit arithmetic. Mask 0 is none.
 * @module
 */

/** The unit in which storage writes; a power cut leaves each one old or new. */
export const SECTOR_BYTES = 512;
export const NO_MASK = 0;
export const MASK_MAX = 255;

/** Puts a mask on `buf[off, off + len)`, or takes it away again. */
export function applyMask(buf: Uint8Array, off: number, len: number, mask: number): void {
  const seed = Math.imul(mask, 0x85ebca77);
  const end = off + len;
  for (let at = off, i = 1; at < end; at += 4, i++) {
    let x = (Math.imul(i, 0x9e3779b1) + seed) | 0;
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    x ^= x >>> 13;
    buf[at] = buf[at]! ^ x;
    if (at + 1 < end) buf[at + 1] = buf[at + 1]! ^ (x >>> 8);
    if (at + 2 < end) buf[at + 2] = buf[at + 2]! ^ (x >>> 16);
    if (at + 3 < end) buf[at + 3] = buf[at + 3]! ^ (x >>> 24);
  }
}

/**
 * True if `buf[off, off + len)`, which is to stand at `position` of a file, would be zeros
 * throughout what it has of some sector, or end in one. Borrows `buf`.
 */
export function hasBlankPart(buf: Uint8Array, off: number, len: number, position: number): boolean {
  const end = off + len;
  if (buf[end - 1] === 0) return true;
  let at = off;
  let partEnd = off + SECTOR_BYTES - (position % SECTOR_BYTES);
  while (at < end) {
    // Nearly always its first byte tells.
    if (buf[at] === 0 && isZero(buf, at, Math.min(partEnd, end))) return true;
    at = partEnd;
    partEnd += SECTOR_BYTES;
  }
  return false;
}

function isZero(buf: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (buf[at] !== 0) return false;
  return true;
}
