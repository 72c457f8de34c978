/**
 * Compression for Node, and for runtimes that have its zlib: the portable one, and the zstd of
 * node:zlib (since Node 22.15) where it is faster: to compress blocks from a certain size on,
 * without a dictionary. Its frames may be a few bytes longer or shorter; every runtime reads them.
 * What it returns is checked before it is stored: other runtimes have the same API with an encoder
 * of their own.
 * @module
 */
import zlib from 'node:zlib';
import { assertRanges, type Compression, type Compressor, DOES_NOT_FIT } from './port.ts';
import { portableCompression } from './portable.ts';
import { isPlainFrame } from './zstd-frame.ts';
import { ZSTD_CONTENT_BYTES_MAX, ZSTD_LEVEL_MIN } from './zstd-limits.ts';

/** Contents from here on are compressed by node:zlib: below, its calls cost more than it saves. */
const NATIVE_BYTES_MIN = 16_384;

/** The part of node:zlib that the types of older versions lack. */
export interface NativeZstd {
  zstdCompressSync(buf: Uint8Array, options: object): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/**
 * The compression of this version of Node, Deno or Bun.
 * @param native the zstd of the runtime, if it has one: used if what it makes is right
 */
export function nodeCompression(
  native: Partial<NativeZstd> = zlib as unknown as Partial<NativeZstd>,
): Compression {
  let isRight: boolean | undefined;
  return {
    ...portableCompression,
    zstd: (level, dictionary) => {
      const portable = portableCompression.zstd(level, dictionary);
      // node:zlib would prepare a dictionary anew in every call.
      if (dictionary !== undefined || !hasZstd(native)) return portable;
      isRight ??= makesRightFrames(native, portable);
      return isRight ? new NodeZstd(native, portable, level) : portable;
    },
  };
}

function hasZstd(native: Partial<NativeZstd>): native is NativeZstd {
  return native.zstdCompressSync !== undefined;
}

/** Tries the runtime's encoder on some content, which the portable decoder must give back. */
function makesRightFrames(native: NativeZstd, portable: Compressor): boolean {
  const content = new Uint8Array(NATIVE_BYTES_MIN);
  // Repeats and bytes without a pattern, so that blocks of all types may come.
  for (let i = 0; i < content.length; i++) content[i] = i < 12_000 ? (i * i) >>> 9 : i % 11;
  const back = new Uint8Array(content.length);
  try {
    const frame = nativeFrame(native, content, ZSTD_LEVEL_MIN);
    if (!isPlainFrame(frame, 0, frame.length, content.length)) return false;
    return (
      portable.decompress(frame, 0, frame.length, back, 0, back.length) &&
      back.every((byte, i) => byte === content[i])
    );
  } catch {
    return false;
  }
}

/** The frame, which may be anything, that the runtime makes of `content`. */
function nativeFrame(native: NativeZstd, content: Uint8Array, level: number): Uint8Array {
  return native.zstdCompressSync(content, {
    params: { [native.constants.ZSTD_c_compressionLevel]: level },
    // Deno leaves the content size out of its frames otherwise.
    pledgedSrcSize: content.length,
  });
}

class NodeZstd implements Compressor {
  readonly id: number;
  readonly name: Compressor['name'];
  readonly isThorough: boolean;
  readonly #native: NativeZstd;
  readonly #portable: Compressor;
  readonly #level: number;

  constructor(native: NativeZstd, portable: Compressor, level: number) {
    this.id = portable.id;
    this.name = portable.name;
    this.isThorough = portable.isThorough;
    this.#native = native;
    this.#portable = portable;
    this.#level = level;
  }

  compress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    dstCapacity: number,
  ): number {
    if (len < NATIVE_BYTES_MIN || len > ZSTD_CONTENT_BYTES_MAX) {
      return this.#portable.compress(src, off, len, dst, dstOff, dstCapacity);
    }
    assertRanges(off + len, src, dstOff + dstCapacity, dst);
    const content = src.subarray(off, off + len);
    const frame = nativeFrame(this.#native, content, this.#level);
    // Nobody could read it back otherwise.
    if (!isPlainFrame(frame, 0, frame.length, len)) {
      return this.#portable.compress(src, off, len, dst, dstOff, dstCapacity);
    }
    if (frame.length > dstCapacity) return DOES_NOT_FIT;
    dst.set(frame, dstOff);
    return frame.length;
  }

  decompress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    contentLen: number,
  ): boolean {
    return this.#portable.decompress(src, off, len, dst, dstOff, contentLen);
  }

  contentBytesMax(storedLen: number): number {
    return this.#portable.contentBytesMax(storedLen);
  }
}
