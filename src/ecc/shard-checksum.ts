/**
 * XXH32 (Yann Collet's xxHash, 32-bit variant, specification version 0.8) with a seed, over aligned
 * words: the checksum of a shard. Shards are copied into aligned words for coding anyway, and there
 * it runs three times as fast as over bytes (src/bytes/hash32.ts), level with WebAssembly.
 * @module
 */

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/**
 * Signed 32-bit XXH32 of the bytes of `words[at, at + count)` on a little-endian machine. Borrows
 * `words`.
 */
export function hashWords(words: Int32Array, at: number, count: number, seed: number): number {
  const end = (at + count) | 0;
  let h = (seed + PRIME_5) | 0;
  if (count >= 4) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (const stripesEnd = (end - 4) | 0; at <= stripesEnd; at = (at + 4) | 0) {
      a = (a + Math.imul(words[at]!, PRIME_2)) | 0;
      b = (b + Math.imul(words[(at + 1) | 0]!, PRIME_2)) | 0;
      c = (c + Math.imul(words[(at + 2) | 0]!, PRIME_2)) | 0;
      d = (d + Math.imul(words[(at + 3) | 0]!, PRIME_2)) | 0;
      a = Math.imul((a << 13) | (a >>> 19), PRIME_1);
      b = Math.imul((b << 13) | (b >>> 19), PRIME_1);
      c = Math.imul((c << 13) | (c >>> 19), PRIME_1);
      d = Math.imul((d << 13) | (d >>> 19), PRIME_1);
    }
    h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) | 0;
  }
  h = (h + (count << 2)) | 0;
  for (; at < end; at = (at + 1) | 0) {
    h = Math.imul(rotl((h + Math.imul(words[at]!, PRIME_3)) | 0, 17), PRIME_4);
  }
  h = Math.imul(h ^ (h >>> 15), PRIME_2);
  h = Math.imul(h ^ (h >>> 13), PRIME_3);
  return h ^ (h >>> 16);
}

function rotl(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
