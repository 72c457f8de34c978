/**
 * A part of a file in memory, for those who walk through it.
 * @module
 */
import type { ReadableFile } from '../fs/port.ts';

/** Bytes read at once; the window grows only for a block that is longer. */
const WINDOW_BYTES = 256 * 1024;

/** Moves over one file. */
export class FileWindow {
  /** Size of the file when it was opened; nothing behind it is read. */
  readonly sizeBytes: number;
  buf: Uint8Array;
  /** File range that `buf` holds from its beginning. */
  start: number;
  end: number;
  readonly #file: ReadableFile;

  /** @param file stays the caller's */
  constructor(file: ReadableFile) {
    this.sizeBytes = file.size();
    this.buf = new Uint8Array(0);
    this.start = 0;
    this.end = 0;
    this.#file = file;
  }

  /**
   * Brings `[at, at + length)` into `buf`, or what the file has of it.
   * @returns where in `buf` it begins
   */
  load(at: number, length: number): number {
    const wanted = Math.max(0, Math.min(length, this.sizeBytes - at));
    if (at >= this.start && at + wanted <= this.end) return at - this.start;
    const read = Math.max(0, Math.min(Math.max(wanted, WINDOW_BYTES), this.sizeBytes - at));
    if (read > this.buf.length) this.buf = new Uint8Array(read);
    this.start = at;
    this.end = at + this.#file.read(this.buf, 0, read, at);
    return 0;
  }

  /** Bytes in `buf` from file position `at` on, which was loaded. */
  held(at: number): number {
    return this.end - at;
  }
}
