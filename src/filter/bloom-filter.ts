/**
 * A Bloom filter in which all probes of a key fall into one cache line of 64 bytes (F. Putze,
 * P. Sanders, J. Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007), over 32-bit
 * hashes of user keys.
 *
 * Content of a filter block:
 *
 *     offset  size  meaning
 *     0       1     kind: 1 blocked Bloom
 *     1       1     probes a key, 1 to 16
 *     2       2     reserved, 0
 *     4       4     number of lines
 *     8       4     number of hashes added
 *     12      4     reserved, 0
 *     16      64n   the lines, as little-endian 32-bit words
 *
 * The line of a hash is floor(hash * lines / 2^32). Probe i sets bit (g_i >>> 23) of the line. g_0
 * is the hash mixed: f = (hash ^ (hash >>> 15)) * 0x85ebca6b, g_0 = f ^ (f >>> 13); and g_(i+1) =
 * g_i * 0x9e3779b9; all modulo 2^32, shifts of f arithmetic.
 * @module
 */
import { readU32, writeU32 } from '../bytes/fixed.ts';
import { assert } from '../errors.ts';

export const FILTER_KIND_BLOCKED_BLOOM = 1;
export const FILTER_HEADER_BYTES = 16;
/** Most bits a key that a filter may be given. */
export const FILTER_BITS_PER_KEY_MAX = 64;

const LINE_BYTES = 64;
const LINE_WORDS = 16;
const PROBES_MAX = 16;
const PROBE_FACTOR = 0x9e3779b9 | 0;
const MIX_FACTOR = 0x85ebca6b | 0;
const TWO_POW_MINUS_32 = 2 ** -32;
const HASHES_INITIAL = 1024;

/** A filter at rest: answers whether a key may have been added. */
export class BloomFilter {
  readonly #words: Uint32Array;
  readonly #lines: number;
  readonly #probes: number;

  private constructor(words: Uint32Array, probes: number) {
    this.#words = words;
    this.#lines = words.length / LINE_WORDS;
    this.#probes = probes;
  }

  /**
   * Opens the content of a filter block; keeps and borrows `buf` for its lifetime.
   * @param off a multiple of 4 in the underlying ArrayBuffer
   * @returns undefined when the content cannot be a filter of this kind
   */
  static decode(buf: Uint8Array, off: number, len: number): BloomFilter | undefined {
    if (len < FILTER_HEADER_BYTES || buf[off] !== FILTER_KIND_BLOCKED_BLOOM) return undefined;
    const probes = buf[off + 1]!;
    const lines = readU32(buf, off + 4);
    if (probes < 1 || probes > PROBES_MAX || lines < 1) return undefined;
    if (lines * LINE_BYTES !== len - FILTER_HEADER_BYTES) return undefined;
    const start = buf.byteOffset + off + FILTER_HEADER_BYTES;
    assert(start % 4 === 0, 'filter words are aligned');
    return new BloomFilter(new Uint32Array(buf.buffer, start, lines * LINE_WORDS), probes);
  }

  /** False only if no key with this hash was added. `hash` is an unsigned 32-bit integer. */
  mayContain(hash: number): boolean {
    const words = this.#words;
    const base = Math.floor(hash * this.#lines * TWO_POW_MINUS_32) * LINE_WORDS;
    let mixed = mix(hash);
    for (let probe = this.#probes; probe > 0; probe--) {
      const bit = mixed >>> 23;
      if ((words[base + (bit >>> 5)]! & (1 << (bit & 31))) === 0) return false;
      mixed = Math.imul(mixed, PROBE_FACTOR);
    }
    return true;
  }
}

/** Collects the hashes of a table's keys and lays out the filter when their number is known. */
export class BloomFilterBuilder {
  readonly #bitsPerKey: number;
  #hashes: Uint32Array;
  #count: number;

  /** @param bitsPerKey 1 to `FILTER_BITS_PER_KEY_MAX`; fractions allowed */
  constructor(bitsPerKey: number) {
    if (!(bitsPerKey >= 1 && bitsPerKey <= FILTER_BITS_PER_KEY_MAX)) {
      throw new RangeError(`filter bits per key must be 1 to ${FILTER_BITS_PER_KEY_MAX}`);
    }
    this.#bitsPerKey = bitsPerKey;
    this.#hashes = new Uint32Array(HASHES_INITIAL);
    this.#count = 0;
  }

  /** Adds the hash of one user key; once per key, however many versions it has. */
  add(hash: number): void {
    if (this.#count === this.#hashes.length) {
      const grown = new Uint32Array(this.#count * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[this.#count++] = hash;
  }

  /** Adds the first `count` of `hashes`, each as {@link add} does. Borrows `hashes`. */
  addAll(hashes: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) this.add(hashes[i]!);
  }

  /** About {@link contentBytes}, sooner known. */
  get sizeBytes(): number {
    return (this.#count * this.#bitsPerKey) / 8;
  }

  /** Bytes that {@link finish} writes. */
  contentBytes(): number {
    return FILTER_HEADER_BYTES + this.#lineCount() * LINE_BYTES;
  }

  /** Writes the content of the filter block to `buf[off, off + contentBytes())`; borrows `buf`. */
  finish(buf: Uint8Array, off: number): void {
    const lines = this.#lineCount();
    const probes = probesFor(this.#bitsPerKey);
    buf.fill(0, off, off + this.contentBytes());
    buf[off] = FILTER_KIND_BLOCKED_BLOOM;
    buf[off + 1] = probes;
    writeU32(buf, off + 4, lines);
    writeU32(buf, off + 8, this.#count);
    const start = off + FILTER_HEADER_BYTES;
    for (let i = 0; i < this.#count; i++) {
      const hash = this.#hashes[i]!;
      const base = start + Math.floor(hash * lines * TWO_POW_MINUS_32) * LINE_BYTES;
      let mixed = mix(hash);
      for (let probe = 0; probe < probes; probe++) {
        const bit = mixed >>> 23;
        const at = base + (bit >>> 3);
        buf[at] = buf[at]! | (1 << (bit & 7));
        mixed = Math.imul(mixed, PROBE_FACTOR);
      }
    }
  }

  #lineCount(): number {
    return Math.max(1, Math.ceil((this.#count * this.#bitsPerKey) / (LINE_BYTES * 8)));
  }
}

/**
 * Number of probes with the fewest false positives: measured, as lines fill unevenly and the
 * optimum lies below the ln 2 * bits of an ordinary Bloom filter.
 */
function probesFor(bitsPerKey: number): number {
  return Math.min(PROBES_MAX, Math.max(1, Math.round(bitsPerKey * 0.6)));
}

/** Spreads the low bits, which tell the keys of one line apart, over all bits. */
function mix(hash: number): number {
  const folded = Math.imul(hash ^ (hash >>> 15), MIX_FACTOR);
  return folded ^ (folded >>> 13);
}
