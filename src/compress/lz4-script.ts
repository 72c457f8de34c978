/**
 * The LZ4 kernel in plain TypeScript, for runtimes without WebAssembly. It does what lz4.wat does,
 * byte for byte, in a heap that is laid out the same; the format and the rules stand there.
 * @module
 */

const TABLE_BYTES = 0x2000;
const WINDOW_BYTES = 0xffff;
/** A match begins at least so many bytes before the end, and ends so many before it. */
const SEARCH_END_BYTES = 12;
const MATCH_END_BYTES = 5;
const MATCH_BYTES_MIN = 4;
const MISSES_MIN = 32;
/** What half of a token can hold. */
const HALF_MAX = 15;
const GOLDEN_HIGH = 0x9e3779b9 | 0;
const GOLDEN_LOW = 0x7f4a7c15;

/**
 * Puts `buf[src, src + len)`, compressed, at `dst`; returns its length, or -1 if it might not fit.
 */
export function compressLz4(
  buf: Uint8Array,
  src: number,
  len: number,
  dst: number,
  capacity: number,
): number {
  const table = new Uint16Array(buf.buffer, buf.byteOffset, TABLE_BYTES / 2);
  const end = src + len;
  const searchEnd = end - SEARCH_END_BYTES;
  const matchEnd = end - MATCH_END_BYTES;
  const stop = dst + capacity;
  let anchor = src;
  let out = dst;
  let misses = MISSES_MIN;
  let at = src + 1;
  while (len > SEARCH_END_BYTES && at <= searchEnd) {
    // A window begins, and with it the table: it has the last place of each hash, from `base`.
    table.fill(0);
    const base = at - 1;
    const windowEnd = Math.min(base + WINDOW_BYTES, searchEnd);
    while (at <= windowEnd) {
      const slot = hashAt(buf, at);
      let from = table[slot]! + base;
      table[slot] = at - base;
      if (!isEqual4(buf, from, at)) {
        at += misses++ >>> 5;
        continue;
      }
      misses = MISSES_MIN;
      while (at !== anchor && from !== src && buf[at - 1] === buf[from - 1]) {
        at--;
        from--;
      }
      let to = at + MATCH_BYTES_MIN;
      while (to < matchEnd && buf[to] === buf[to - at + from]) to++;
      const literals = at - anchor;
      const length = to - at - MATCH_BYTES_MIN;
      // Room for this sequence and for a last one with 5 literals.
      if (out + literals + Math.floor((literals + length) / 255) + 12 > stop) return -1;
      out = putLiterals(buf, out, anchor, literals, Math.min(length, HALF_MAX));
      buf[out] = at - from;
      buf[out + 1] = (at - from) >>> 8;
      out += 2;
      if (length >= HALF_MAX) out = putRest(buf, out, length - HALF_MAX);
      anchor = to;
      at = to;
      table[hashAt(buf, at - 2)] = at - 2 - base;
    }
  }
  const literals = end - anchor;
  if (out + literals + Math.floor((literals + 240) / 255) + 1 > stop) return -1;
  return putLiterals(buf, out, anchor, literals, 0) - dst;
}

/** The slot of the table for 5 bytes: 12 bits of their product with the golden ratio. */
function hashAt(buf: Uint8Array, at: number): number {
  // Of the 64 bits, the bytes are the upper 40.
  const first = buf[at]!;
  const high = buf[at + 1]! | (buf[at + 2]! << 8) | (buf[at + 3]! << 16) | (buf[at + 4]! << 24);
  const carried = Math.floor((first * GOLDEN_LOW) / 256);
  const sum = carried + Math.imul(first << 24, GOLDEN_HIGH) + Math.imul(high, GOLDEN_LOW);
  return (sum >>> 20) & 0xfff;
}

function isEqual4(buf: Uint8Array, a: number, b: number): boolean {
  return (
    buf[a] === buf[b] &&
    buf[a + 1] === buf[b + 1] &&
    buf[a + 2] === buf[b + 2] &&
    buf[a + 3] === buf[b + 3]
  );
}

/** Writes a token and its literals; returns where they end. */
function putLiterals(
  buf: Uint8Array,
  out: number,
  from: number,
  count: number,
  lengthHalf: number,
): number {
  let at = out;
  buf[at++] = (Math.min(count, HALF_MAX) << 4) | lengthHalf;
  if (count >= HALF_MAX) at = putRest(buf, at, count - HALF_MAX);
  buf.copyWithin(at, from, from + count);
  return at + count;
}

/** Writes the part of a count that its half of the token could not hold; returns where it ended. */
function putRest(buf: Uint8Array, out: number, count: number): number {
  let at = out;
  let rest = count;
  for (; rest >= 255; rest -= 255) buf[at++] = 255;
  buf[at++] = rest;
  return at;
}

/**
 * Returns 1 if the input stands for exactly `contentLen` bytes, which then are at `dst`; else 0.
 */
export function decompressLz4(
  buf: Uint8Array,
  src: number,
  len: number,
  dst: number,
  contentLen: number,
): number {
  const end = src + len;
  const stop = dst + contentLen;
  let at = src;
  let out = dst;
  while (at < end) {
    const token = buf[at++]!;
    let count = token >>> 4;
    for (let byte = count === HALF_MAX ? 255 : 0; byte === 255; count += byte) {
      if (at >= end) return 0;
      byte = buf[at++]!;
    }
    if (count > end - at || count > stop - out) return 0;
    buf.copyWithin(out, at, at + count);
    at += count;
    out += count;
    if (at === end) return out === stop ? 1 : 0;
    if (end - at < 2) return 0;
    const distance = buf[at]! | (buf[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > out - dst) return 0;
    count = token & HALF_MAX;
    for (let byte = count === HALF_MAX ? 255 : 0; byte === 255; count += byte) {
      if (at >= end) return 0;
      byte = buf[at++]!;
    }
    count += MATCH_BYTES_MIN;
    if (count > stop - out) return 0;
    const matchEnd = out + count;
    // A match may overlap what it makes.
    if (distance >= count) buf.copyWithin(out, out - distance, matchEnd - distance);
    else for (let to = out; to < matchEnd; to++) buf[to] = buf[to - distance]!;
    out = matchEnd;
  }
  return 0;
}
