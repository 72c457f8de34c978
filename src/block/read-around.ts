/**
 * Reads a file some sectors of which cannot be read: the rest is of use where there is parity.
 * @module
 */
import { isVarveError, type VarveError } from '../errors.ts';
import { type ReadableFile, readAt } from '../fs/port.ts';

/** What is read at once where reading more fails: a sector of today's disks. */
const PIECE_BYTES = 4096;

/**
 * Reads `length` bytes at `position` into `buf[off, off + length)`, with zeros for those that the
 * file does not have or give. Borrows `buf`.
 * @returns the error with which the file refused some of them
 * @throws VarveError of the `Fs`, but for `IO`
 */
export function readAround(
  file: ReadableFile,
  buf: Uint8Array,
  off: number,
  length: number,
  position: number,
): VarveError | undefined {
  try {
    const got = readAt(file, buf, off, length, position);
    buf.fill(0, off + got, off + length);
    return undefined;
  } catch (error) {
    if (!isVarveError(error, 'IO')) throw error;
    const first = PIECE_BYTES - (position % PIECE_BYTES);
    if (length <= first) {
      buf.fill(0, off, off + length);
      return error;
    }
    for (let done = 0, piece = first; done < length; done += piece, piece = PIECE_BYTES) {
      const bytes = Math.min(piece, length - done);
      readAround(file, buf, off + done, bytes, position + done);
    }
    return error;
  }
}
