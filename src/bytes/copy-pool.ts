/**
 * Fresh copies of small byte ranges at a fraction of the price of `slice`: the copies are cut from
 * slabs, so making one costs a view and no allocation of backing memory.
 * @module
 */

/**
 * A retained copy keeps one slab alive; larger slabs would make that dearer and copies no cheaper.
 */
const SLAB_BYTES = 32_768;
/** Longer ranges get memory of their own. */
const POOLED_BYTES_MAX = 4_096;

const NO_SLAB = new ArrayBuffer(0);

/** Makes copies that are never touched again by the engine; like Node's pooled Buffers. */
export class CopyPool {
  #slab: ArrayBuffer;
  #used: number;

  constructor() {
    this.#slab = NO_SLAB;
    this.#used = 0;
  }

  /** A fresh copy of `src[off, off + len)`, the caller's to keep and change. Borrows `src`. */
  copy(src: Uint8Array, off: number, len: number): Uint8Array {
    const copy = this.#take(len);
    copy.set(src.subarray(off, off + len));
    return copy;
  }

  #take(len: number): Uint8Array {
    if (len > POOLED_BYTES_MAX) return new Uint8Array(len);
    if (this.#used + len > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, len);
    // Eight-byte steps keep copies aligned for callers that lay typed arrays over them.
    this.#used += (len + 7) & ~7;
    return copy;
  }
}
