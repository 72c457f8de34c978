/**
 * Zstandard frames by zstd-codec, with and without a dictionary.
 * @module
 */
import { assert } from '../errors.ts';
import {
  assertRanges,
  CODEC_ZSTD,
  CODEC_ZSTD_DICTIONARY,
  type Compressor,
  DOES_NOT_FIT,
} from './port.ts';
import type { ZstdDictionary } from './zstd-dictionary.ts';
import { frameContentBytes, NO_CONTENT_SIZE } from './zstd-frame.ts';
import { ZSTD_CONTENT_BYTES_MAX, ZSTD_LEVEL_MAX, ZSTD_LEVEL_MIN } from './zstd-limits.ts';
import { type ZstdModule, zstdModule } from './zstd-module.ts';

/** Content that a dictionary is tried on. */
const PROBE = new Uint8Array(64);

/**
 * The zstd codec; {@link loadZstdModule} has resolved.
 * @param level 1 to 19
 * @throws TypeError for a dictionary in zstd's own format that is damaged
 */
export function createZstd(level: number, dictionary?: ZstdDictionary): Compressor {
  assert(level >= ZSTD_LEVEL_MIN && level <= ZSTD_LEVEL_MAX, 'zstd levels were checked');
  const module = zstdModule();
  if (dictionary?.isFormatted) {
    const tried = module.compress(PROBE, 0, PROBE.length, level, dictionary);
    if (tried < 0) throw new TypeError('the dictionary is damaged');
  }
  return new Zstd(module, level, dictionary);
}

class Zstd implements Compressor {
  readonly id: number;
  readonly name = 'zstd';
  readonly isThorough = true;
  readonly #module: ZstdModule;
  readonly #level: number;
  readonly #dictionary: ZstdDictionary | undefined;

  constructor(module: ZstdModule, level: number, dictionary: ZstdDictionary | undefined) {
    this.id = dictionary === undefined ? CODEC_ZSTD : CODEC_ZSTD_DICTIONARY;
    this.#module = module;
    this.#level = level;
    this.#dictionary = dictionary;
  }

  compress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    dstCapacity: number,
  ): number {
    assertRanges(off + len, src, dstOff + dstCapacity, dst);
    if (len === 0 || len > ZSTD_CONTENT_BYTES_MAX) return DOES_NOT_FIT;
    const stored = this.#module.compress(src, off, len, this.#level, this.#dictionary);
    if (stored < 0 || stored > dstCapacity) return DOES_NOT_FIT;
    dst.set(this.#module.out.subarray(0, stored), dstOff);
    return stored;
  }

  decompress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    contentLen: number,
  ): boolean {
    assertRanges(off + len, src, dstOff + contentLen, dst);
    if (!isFrameOf(src, off, len, contentLen)) return false;
    if (this.#module.decompress(src, off, len, this.#dictionary) !== contentLen) return false;
    dst.set(this.#module.out.subarray(0, contentLen), dstOff);
    return true;
  }

  contentBytesMax(): number {
    return ZSTD_CONTENT_BYTES_MAX;
  }
}

/**
 * True if the bytes, which may be any, begin like a frame of `contentLen` bytes, not too many. Some
 * encoders do not state the size; the module then writes no more than a block may hold either.
 */
function isFrameOf(src: Uint8Array, off: number, len: number, contentLen: number): boolean {
  if (len > ZSTD_CONTENT_BYTES_MAX || contentLen > ZSTD_CONTENT_BYTES_MAX) return false;
  if (contentLen === 0) return false;
  const stated = frameContentBytes(src, off, len);
  return stated === contentLen || stated === NO_CONTENT_SIZE;
}
