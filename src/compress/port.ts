/**
 * What the engine asks of compression: codecs from bytes to bytes. A runtime's entry module passes
 * in one {@link Compression}; all of them read each other's bytes.
 *
 * | codec id | name             | stored bytes                                            |
 * |----------|------------------|---------------------------------------------------------|
 * | 0        | (not compressed) |                                                         |
 * | 1        | lz4              | one LZ4 block (LZ4 block format, without a frame)       |
 * | 2        | zstd             | one Zstandard frame (RFC 8878) without checksum; it     |
 * |          |                  | states its content size, but readers do without         |
 * | 3        | zstd, dictionary | the same, made with a dictionary that stands elsewhere  |
 *
 * Ids stand on disk and keep their meaning for ever. A level is a matter of the writer only. No
 * codec detects damage reliably: blocks have checksums for that.
 * @module
 */
import { assert } from '../errors.ts';
import type { ZstdDictionary } from './zstd-dictionary.ts';

export const CODEC_NONE = 0;
export const CODEC_LZ4 = 1;
export const CODEC_ZSTD = 2;
export const CODEC_ZSTD_DICTIONARY = 3;

/** The names under which users choose a codec. */
export type CodecName = 'none' | 'lz4' | 'zstd';

/** What {@link Compressor.compress} returns when the result does not fit. */
export const DOES_NOT_FIT = -1;

/** One codec, ready for use, with its working memory. Not reentrant. */
export interface Compressor {
  /** A `CODEC_*` number. */
  readonly id: number;
  /** What users call it. */
  readonly name: CodecName;
  /**
   * Whether it squeezes out more than repeats, at a cost that makes a look at the data beforehand
   * worthwhile.
   */
  readonly isThorough: boolean;

  /**
   * Compresses `src[off, off + len)` to `dst` from `dstOff`. Borrows both; the ranges may overlap.
   * @returns the bytes written, or {@link DOES_NOT_FIT}, with `dst` outside and inside its range
   * as it was, if they would be more than `dstCapacity` (a codec may give up a few bytes early) or
   * `len` is 0 or above what the codec takes
   */
  compress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    dstCapacity: number,
  ): number;

  /**
   * Restores `src[off, off + len)`, which may be any bytes, to `dst[dstOff, dstOff + contentLen)`;
   * nothing else of `dst` is touched. Borrows both; the ranges may overlap.
   * @returns false, with `dst` as it was, if the bytes do not stand for `contentLen` bytes of
   * content
   */
  decompress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    contentLen: number,
  ): boolean;

  /**
   * The most content that `storedLen` bytes can stand for: who reads a content length from disk
   * compares before making room for it.
   */
  contentBytesMax(storedLen: number): number;
}

/** All the compression of one runtime. */
export interface Compression {
  /**
   * Makes zstd ready; must have resolved before {@link zstd} is called. Later calls cost nothing.
   * @throws VarveError `UNSUPPORTED` where the zstd module cannot run
   */
  loadZstd(): Promise<void>;

  /** Everywhere; without WebAssembly it takes some four times as long. */
  lz4(): Compressor;

  /**
   * @param level 1 (fast) to 19 (small); readers give any
   * @param dictionary with which the bytes are made and read
   * @throws TypeError for a dictionary in zstd's own format that is damaged
   */
  zstd(level: number, dictionary?: ZstdDictionary): Compressor;
}

/**
 * For implementations of {@link Compressor}: input and output lie in their buffers. Views would
 * otherwise be cut short in silence.
 */
export function assertRanges(
  srcEnd: number,
  src: Uint8Array,
  dstEnd: number,
  dst: Uint8Array,
): void {
  assert(srcEnd <= src.length, 'what a codec reads lies in its buffer');
  assert(dstEnd <= dst.length, 'the room for what it writes lies in its buffer');
}
