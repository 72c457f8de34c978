/**
 * LZ4 blocks by a WebAssembly kernel of our own (lz4.wat): whatever the bytes, it cannot reach
 * beyond its own memory, and only checked results are copied out of that.
 * @module
 */
import { assert, VarveError } from '../errors.ts';
import { lz4KernelBytes } from './lz4-kernel.ts';
import { assertRanges, CODEC_LZ4, type Compressor, DOES_NOT_FIT } from './port.ts';

/** Largest content that LZ4 takes: within it no sum of lengths in the kernel wraps. */
export const LZ4_CONTENT_BYTES_MAX = 0x100_0000;

/** Each stored byte adds at most 255 bytes of content. */
const EXPANSION_MAX = 255;
/** Contents up to this share one memory; a larger one gets a memory that is then given back. */
const SHARED_CONTENT_BYTES = 0x10_0000;
const TABLE_BYTES = 0x2000;
/** The kernel reads and writes in steps that may end behind input and output. */
const SLACK_BYTES = 16;
const PAGE_BYTES = 0x1_0000;

type Run = (src: number, len: number, dst: number, lenOrCapacity: number) => number;

let module: WebAssembly.Module | undefined;
let shared: Kernel | undefined;

/** One instance of the kernel: the table, then the input, then the output. */
class Kernel {
  readonly compress: Run;
  readonly decompress: Run;
  readonly #memory: WebAssembly.Memory;
  heap: Uint8Array;

  constructor(of: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(of);
    this.compress = exports['compress'] as Run;
    this.decompress = exports['decompress'] as Run;
    this.#memory = exports['memory'] as WebAssembly.Memory;
    this.heap = new Uint8Array(this.#memory.buffer);
  }

  /**
   * Puts `src[off, off + len)` where the kernel reads it and makes room for output behind it.
   * @returns where the output begins
   */
  take(src: Uint8Array, off: number, len: number, outputBytes: number): number {
    const out = TABLE_BYTES + len + SLACK_BYTES;
    const missing = out + outputBytes + SLACK_BYTES - this.heap.length;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
      this.heap = new Uint8Array(this.#memory.buffer);
    }
    this.heap.set(src.subarray(off, off + len), TABLE_BYTES);
    return out;
  }
}

/**
 * The LZ4 codec. All of its objects share one kernel, which has no state between calls.
 * @throws VarveError `UNSUPPORTED` where WebAssembly is missing
 */
export function createLz4(): Compressor {
  if (shared === undefined) {
    try {
      module = new WebAssembly.Module(lz4KernelBytes());
      shared = new Kernel(module);
    } catch (cause) {
      throw new VarveError('UNSUPPORTED', 'varve needs WebAssembly for LZ4', { cause });
    }
  }
  return new Lz4();
}

class Lz4 implements Compressor {
  readonly id = CODEC_LZ4;
  readonly name = 'lz4';
  readonly isThorough = false;

  compress(
    src: Uint8Array,
    off: number,
    len: number,
    dst: Uint8Array,
    dstOff: number,
    dstCapacity: number,
  ): number {
    assertRanges(off + len, src, dstOff + dstCapacity, dst);
    if (len === 0 || len > LZ4_CONTENT_BYTES_MAX) return DOES_NOT_FIT;
    const kernel = kernelFor(len);
    const capacity = Math.min(dstCapacity, storedBytesBound(len));
    const out = kernel.take(src, off, len, capacity);
    const stored = kernel.compress(TABLE_BYTES, len, out, capacity);
    if (stored < 0) return DOES_NOT_FIT;
    dst.set(kernel.heap.subarray(out, out + stored), dstOff);
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
    if (len > storedBytesBound(contentLen) || contentLen > this.contentBytesMax(len)) return false;
    const kernel = kernelFor(contentLen);
    const out = kernel.take(src, off, len, contentLen);
    if (kernel.decompress(TABLE_BYTES, len, out, contentLen) === 0) return false;
    dst.set(kernel.heap.subarray(out, out + contentLen), dstOff);
    return true;
  }

  contentBytesMax(storedLen: number): number {
    return Math.min(LZ4_CONTENT_BYTES_MAX, storedLen * EXPANSION_MAX);
  }
}

/** No writer needs more for `contentLen` bytes: literals alone, and what the kernel keeps free. */
function storedBytesBound(contentLen: number): number {
  return contentLen + Math.ceil(contentLen / EXPANSION_MAX) + SLACK_BYTES;
}

function kernelFor(contentLen: number): Kernel {
  assert(module !== undefined && shared !== undefined, 'the kernel is there before a codec is');
  return contentLen <= SHARED_CONTENT_BYTES ? shared : new Kernel(module);
}
