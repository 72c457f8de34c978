/**
 * The rule when a block is stored compressed: only if that saves at least 1/8 of it.
 * @module
 */
import { type Compressor, DOES_NOT_FIT } from './port.ts';

/** Bytes looked at to tell noise: runs, because records would beat in step with single bytes. */
const RUNS = 32;
const RUN_BYTES = 16;
const SAMPLE_BYTES: number = RUNS * RUN_BYTES;
/**
 * Sum of c * (c - 1) over the counts c of the byte values in a sample. Random bytes have
 * 1022 +- 45, bytes that entropy coding alone can shrink by 1/8 have at least 2044.
 */
const NOISE_PAIRS_MAX = 1445;

const counts: Uint16Array = /* @__PURE__ */ new Uint16Array(256);

/** The most bytes that content of this length may take when it is stored compressed. */
export function storedBytesMax(contentLen: number): number {
  return contentLen - Math.ceil(contentLen / 8);
}

/**
 * Compresses `src[off, off + len)` to `dst` from `dstOff` if that is worthwhile. `dst` has room for
 * `len` bytes there, which may all be overwritten. Borrows both; the ranges must not overlap.
 *
 * Before a thorough codec sees bytes that look like noise, `quick` has to find repeats in them:
 * noise costs `quick` little, and a thorough codec much.
 * @returns the bytes written, or `DOES_NOT_FIT` if the content is better stored as it is
 */
export function compressIfWorthwhile(
  codec: Compressor,
  quick: Compressor,
  src: Uint8Array,
  off: number,
  len: number,
  dst: Uint8Array,
  dstOff: number,
): number {
  if (codec.isThorough && looksLikeNoise(src, off, len)) {
    // Half of what is asked for is enough: the thorough codec finds more.
    const found = quick.compress(src, off, len, dst, dstOff, len - (len >>> 4));
    if (found === DOES_NOT_FIT) return DOES_NOT_FIT;
  }
  return codec.compress(src, off, len, dst, dstOff, storedBytesMax(len));
}

/**
 * True if the values of the bytes are spread so evenly that only repeats could make them smaller:
 * their entropy of order 2, which is never above Shannon's, is over 7.5 bits. Borrows `buf`.
 */
export function looksLikeNoise(buf: Uint8Array, off: number, len: number): boolean {
  if (len < SAMPLE_BYTES) return false;
  counts.fill(0);
  const stride = Math.floor((len - RUN_BYTES) / (RUNS - 1));
  let pairs = 0;
  for (let run = 0; run < RUNS; run++) {
    const end = off + run * stride + RUN_BYTES;
    for (let at = end - RUN_BYTES; at < end; at++) {
      const value = buf[at]!;
      pairs += 2 * counts[value]!;
      counts[value] = counts[value]! + 1;
    }
  }
  return pairs <= NOISE_PAIRS_MAX;
}
