/**
 * Dictionaries for zstd: content that blocks are likely to repeat, so that already their first
 * bytes find matches. Any bytes will do, the likeliest last; bytes in zstd's own dictionary format
 * (`zstd --train`) bring their entropy tables along.
 * @module
 */

import { readU32 } from '../bytes/fixed.ts';
import { hash32 } from '../bytes/hash32.ts';
import { isBytes } from '../bytes/is-bytes.ts';

/** Sizes of a dictionary; the heap of the zstd module has room for some of the largest. */
export const DICTIONARY_BYTES_MIN = 8;
export const DICTIONARY_BYTES_MAX = 0x1_0000;
const FORMAT_MAGIC = 0xec30_a437;
/** The id of no dictionary. */
export const NO_DICTIONARY = 0;

/**
 * A dictionary and the id by which blocks pin it. Whoever reads blocks of many tables keeps one
 * object for each id: prepared forms are kept by object.
 */
export class ZstdDictionary {
  /** 1 to 2^32-1: the XXH32 of the bytes, 1 where that is 0. */
  readonly id: number;
  /** Owned and never changed. */
  readonly bytes: Uint8Array;
  /** Whether the bytes are in zstd's own format, so that they can be wrong. */
  readonly isFormatted: boolean;

  /**
   * @param bytes copied
   * @throws TypeError for no bytes; RangeError for a size other than 8 bytes to 64 KiB
   */
  constructor(bytes: Uint8Array) {
    if (!isBytes(bytes)) throw new TypeError('a dictionary must be a Uint8Array');
    if (bytes.length < DICTIONARY_BYTES_MIN || bytes.length > DICTIONARY_BYTES_MAX) {
      throw new RangeError(
        `a dictionary has ${DICTIONARY_BYTES_MIN} to ${DICTIONARY_BYTES_MAX} bytes`,
      );
    }
    this.bytes = Uint8Array.from(bytes);
    this.id = hash32(this.bytes, 0, this.bytes.length) || 1;
    this.isFormatted = readU32(this.bytes, 0) === FORMAT_MAGIC;
  }
}
