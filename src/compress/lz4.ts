/**
 * LZ4 blocks by a WebAssembly kernel of our own (lz4.wat), or where there is no WebAssembly by the
 * same in TypeScript (lz4-script.ts): whatever the bytes, it cannot reach beyond its own memory,
 * and only checked results are copied out of that.
 * @module
 */
import { assert } from '../errors.ts';
import { lz4KernelBytes } from './lz4-kernel.ts';
import { compressLz4, decompressLz4 } from './lz4-script.ts';
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

/** Undefined before the first codec, and where there is no WebAssembly. */
let module: WebAssembly.Module | undefined;
let shared: Kernel | undefined;

/** One instance of the kernel: the table, then the input, then the output. */
class Kernel {
  readonly compress: Run;
  readonly decompress: Run;
  /** Undefined for the kernel in TypeScript. */
  readonly #memory: WebAssembly.Memory | undefined;
  heap: Uint8Array;

  constructor(of: WebAssembly.Module | undefined) {
    if (of === undefined) {
      this.compress = (...args) => compressLz4(this.heap, ...args);
      this.decompress = (...args) => decompressLz4(this.heap, ...args);
      this.#memory = undefined;
      this.heap = new Uint8Array(PAGE_BYTES);
      return;
    }
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
    if (missing > 0) this.#grow(Math.ceil(missing / PAGE_BYTES));
    this.heap.set(src.subarray(off, off + len), TABLE_BYTES);
    return out;
  }

  #grow(pageCount: number): void {
    if (this.#memory === undefined) {
      this.heap = new Uint8Array(this.heap.length + pageCount * PAGE_BYTES);
    } else {
      this.#memory.grow(pageCount);
      this.heap = new Uint8Array(this.#memory.buffer);
    }
  }
}

/** The LZ4 codec. All of its objects share one kernel, which has no state between calls. */
export function createLz4(): Compressor {
  if (shared === undefined) {
    module = compiled();
    shared = new Kernel(module);
  }
  return new Lz4();
}

/** Undefined where WebAssembly is missing, or forbidden by a policy of the page. */
function compiled(): WebAssembly.Module | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    return new WebAssembly.Module(lz4KernelBytes());
  } catch {
    return undefined;
  }
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
  assert(shared !== undefined, 'the kernel is there before a codec is');
  return contentLen <= SHARED_CONTENT_BYTES ? shared : new Kernel(module);
}
