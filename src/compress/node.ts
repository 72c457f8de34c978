/**
 * Compression for Node, and for runtimes that have its zlib: the portable one, and the zstd of
 * node:zlib (since Node 22.15) where it is faster: to compress blocks from a certain size on,
 * without a dictionary. Its frames may be a few bytes longer or shorter; every runtime reads them.
 * @module
 */
import zlib from 'node:zlib';
import { assertRanges, type Compression, type Compressor, DOES_NOT_FIT } from './port.ts';
import { portableCompression } from './portable.ts';
import { ZSTD_CONTENT_BYTES_MAX } from './zstd-module.ts';

/** Contents from here on are compressed by node:zlib: below, its calls cost more than it saves. */
const NATIVE_BYTES_MIN = 16_384;

/** The part of node:zlib that the types of older versions lack. */
interface NativeZstd {
  zstdCompressSync(buf: Uint8Array, options: object): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** The compression of this version of Node. */
export function nodeCompression(): Compression {
  const native = zlib as unknown as Partial<NativeZstd>;
  if (!hasZstd(native)) return portableCompression;
  return {
    ...portableCompression,
    zstd: (level, dictionary) => {
      const portable = portableCompression.zstd(level, dictionary);
      // node:zlib would prepare a dictionary anew in every call.
      return dictionary === undefined ? new NodeZstd(native, portable, level) : portable;
    },
  };
}

function hasZstd(native: Partial<NativeZstd>): native is NativeZstd {
  return native.zstdCompressSync !== undefined;
}

class NodeZstd implements Compressor {
  readonly id: number;
  readonly name: Compressor['name'];
  readonly isThorough: boolean;
  readonly #native: NativeZstd;
  readonly #portable: Compressor;
  readonly #options: object;

  constructor(native: NativeZstd, portable: Compressor, level: number) {
    this.id = portable.id;
    this.name = portable.name;
    this.isThorough = portable.isThorough;
    this.#native = native;
    this.#portable = portable;
    this.#options = { params: { [native.constants.ZSTD_c_compressionLevel]: level } };
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
    const frame = this.#native.zstdCompressSync(content, this.#options);
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
