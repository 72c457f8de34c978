/**
 * A stretch of a record log in memory, with what can be said of its zeros: what was never written
 * reads as zeros, and no record is written that has them in the wrong place (mask.ts).
 * @module
 */
import { type ReadableFile, readAt } from '../fs/port.ts';
import { BLOCK_HEADER_BYTES } from './block-format.ts';
import { SECTOR_BYTES } from './mask.ts';

/** Bytes read at once; the window grows only for a record that is longer. */
const WINDOW_BYTES = 256 * 1024;

/** See the module head. */
export class LogWindow {
  /** Holds the bytes of the file from `start` on, at its beginning, as far as `end`. */
  buf: Uint8Array;
  start: number;
  end: number;
  /** The log ends here, whatever the file does. */
  endBytes: number;
  readonly #file: ReadableFile;

  /** @param file stays the caller's */
  constructor(file: ReadableFile, endBytes: number) {
    this.buf = new Uint8Array(0);
    this.start = 0;
    this.end = 0;
    this.endBytes = endBytes;
    this.#file = file;
  }

  /** Brings `[at, at + length)`, which lies within the log, into the window. */
  load(at: number, length: number): void {
    if (at >= this.start && at + length <= this.end) return;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.endBytes - at);
    if (wanted > this.buf.length) this.buf = new Uint8Array(wanted);
    this.start = at;
    this.end = at + readAt(this.#file, this.buf, 0, wanted, at);
  }

  /** True if a part of a record that begins with a block header at `from` was never written. */
  isPartlyUnwritten(from: number, to: number): boolean {
    if (this.isZero(from, Math.min(to, from + BLOCK_HEADER_BYTES))) return true;
    if (this.isZero(Math.max(from, to - 1), to)) return true;
    for (let at = from; at < to; ) {
      const end = Math.min(to, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
      if (this.isZero(at, end)) return true;
      at = end;
    }
    return false;
  }

  /** True if nothing but zeros stands from `from` on. */
  isBlankFrom(from: number): boolean {
    for (let at = from; at < this.endBytes; at += WINDOW_BYTES) {
      if (!this.isZero(at, Math.min(this.endBytes, at + WINDOW_BYTES))) return false;
    }
    return true;
  }

  /** Behind the last byte from `from` on that is not zero. */
  dataEnd(from: number): number {
    for (let to = this.endBytes; to > from; to -= WINDOW_BYTES) {
      const start = Math.max(from, to - WINDOW_BYTES);
      this.load(start, to - start);
      for (let at = to - 1; at >= start; at--) {
        if (this.buf[at - this.start] !== 0) return at + 1;
      }
    }
    return from;
  }

  /** True if the range is not empty and holds nothing but zeros. */
  isZero(from: number, to: number): boolean {
    if (from >= to) return false;
    this.load(from, to - from);
    for (let at = from; at < to; at++) if (this.buf[at - this.start] !== 0) return false;
    return true;
  }
}
