/**
 * A file of which some sectors cannot be read. A disk that has lost a sector says so with an error,
 * and that is no reason to give up the rest: it is read around, what is missing is filled with
 * bytes that mean nothing, and parity restores it like any other damage. Most disks replace such a
 * sector once it is written.
 * @module
 */
import { isVarveError } from '../errors.ts';
import { type ReadableFile, readAt } from '../fs/port.ts';
import type { FileRange } from './finding.ts';

/** What is read at once where reading more fails: a sector of today's disks. */
const PIECE_BYTES = 4096;
/** With more of them the file as a whole cannot be read. */
const HOLES_MAX = 4096;

/** A file, and what of it was read in vain. */
export interface CheckedFile extends ReadableFile {
  /** True if some of the range was read in vain. */
  hasHole(from: number, to: number): boolean;
  /**
   * Makes those bytes of `stored` wrong that were read in vain: what stands in their place may be
   * right by chance, and has to be written all the same.
   * @param right what should stand at `position`; as long as `stored` at least. Both are borrowed
   */
  spoil(stored: Uint8Array, right: Uint8Array, position: number): void;
}

/** Reads around what cannot be read; see the module head. */
export class PatchyFile implements CheckedFile {
  readonly path: string;
  readonly #file: ReadableFile;
  /** What could not be read, in the order in which it was met. */
  readonly #holes: FileRange[];

  /** @param file stays the caller's */
  constructor(file: ReadableFile) {
    this.path = file.path;
    this.#file = file;
    this.#holes = [];
  }

  /**
   * As the file's own.
   * @throws VarveError `IO` when nothing of it can be read; others of the `Fs`
   */
  read(buf: Uint8Array, off: number, length: number, position: number): number {
    try {
      return readAt(this.#file, buf, off, length, position);
    } catch (error) {
      if (!isVarveError(error, 'IO')) throw error;
    }
    const wanted = Math.max(0, Math.min(length, this.size() - position));
    for (let done = 0; done < wanted; ) {
      const at = position + done;
      const piece = Math.min(PIECE_BYTES - (at % PIECE_BYTES), wanted - done);
      this.#readPiece(buf, off + done, piece, at);
      done += piece;
    }
    return wanted;
  }

  size(): number {
    return this.#file.size();
  }

  close(): void {
    this.#file.close();
  }

  hasHole(from: number, to: number): boolean {
    return this.#holes.some(({ offset, lengthBytes }) => {
      return offset < to && from < offset + lengthBytes;
    });
  }

  spoil(stored: Uint8Array, right: Uint8Array, position: number): void {
    const end = position + stored.length;
    for (const { offset, lengthBytes } of this.#holes) {
      const last = Math.min(end, offset + lengthBytes);
      for (let at = Math.max(position, offset); at < last; at++) {
        stored[at - position] = right[at - position]! ^ 0xff;
      }
    }
  }

  #readPiece(buf: Uint8Array, off: number, length: number, position: number): void {
    try {
      const count = readAt(this.#file, buf, off, length, position);
      buf.fill(0, off + count, off + length);
    } catch (error) {
      if (!isVarveError(error, 'IO') || this.#holes.length >= HOLES_MAX) throw error;
      if (!this.hasHole(position, position + length)) {
        this.#holes.push({ offset: position, lengthBytes: length });
      }
      // Not zeros, which mean something in a log, nor what may stand in a block.
      for (let i = 0; i < length; i++)
        buf[off + i] = Math.imul(position + i + 1, 0x9e3779b1) >>> 24;
    }
  }
}
