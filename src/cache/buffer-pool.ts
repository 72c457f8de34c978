/**
 * Buffers of blocks that went, kept for the next blocks that are read.
 *
 * The garbage collector hears late of memory outside its heap: if all blocks that went were left to
 * it, a process would hold half a cache of them.
 * @module
 */

/** Blocks differ by an entry or so: a buffer is made with a length that suits others too. */
const STEP_BYTES = 256;
/** Larger buffers are made and dropped one by one. */
const LENGTH_BYTES_MAX = 65_536;

export class BufferPool {
  /** Sum of the lengths of the buffers. */
  bytes: number;
  /** By length in whole steps. */
  readonly #classes: Uint8Array[][];
  /** No class below has a buffer. */
  #lowest: number;

  constructor() {
    this.bytes = 0;
    this.#classes = Array.from({ length: LENGTH_BYTES_MAX / STEP_BYTES + 1 }, () => []);
    this.#lowest = this.#classes.length;
  }

  /**
   * A buffer, which is the caller's from then on; its contents are whatever was there.
   * @param lengthBytes that it has at least; it may have an eighth more, and two steps
   */
  take(lengthBytes: number): Uint8Array {
    if (lengthBytes > LENGTH_BYTES_MAX) return new Uint8Array(lengthBytes);
    const steps = Math.ceil(lengthBytes / STEP_BYTES);
    const last = Math.min(steps + (steps >> 3) + 1, this.#classes.length - 1);
    for (let i = Math.max(steps, this.#lowest); i <= last; i++) {
      const buf = this.#classes[i]!.pop();
      if (buf === undefined) continue;
      this.bytes -= buf.length;
      return buf;
    }
    return new Uint8Array(steps * STEP_BYTES);
  }

  /** Takes in a buffer that nobody holds. One that is too long is left to the collector. */
  give(buf: Uint8Array): void {
    if (buf.length > LENGTH_BYTES_MAX) return;
    const steps = Math.floor(buf.length / STEP_BYTES);
    this.#classes[steps]!.push(buf);
    this.#lowest = Math.min(this.#lowest, steps);
    this.bytes += buf.length;
  }

  /** Leaves buffers to the collector until all have at most so many bytes together. */
  trim(bytesMax: number): void {
    while (this.bytes > bytesMax) {
      const buf = this.#classes[this.#lowest]!.pop();
      if (buf === undefined) this.#lowest++;
      else this.bytes -= buf.length;
    }
  }
}
