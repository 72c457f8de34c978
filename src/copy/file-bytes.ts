/**
 * The bytes of a captured file, in pieces.
 * @module
 */
import { corruption } from '../errors.ts';
import { closeFile, type ReadableFile, readAt } from '../fs/port.ts';
import type { CapturedFile } from './capture.ts';

/** Read, written and given on in pieces of this size at most. */
export const PIECE_BYTES: number = 1024 * 1024;

/**
 * Reads a file from its beginning to where it counts. Each piece is lent until the next one is
 * asked for; `room`, as large as a piece is to be, is borrowed meanwhile.
 * @throws VarveError `CORRUPTION` when the file is shorter than that; any error of the `Fs`
 */
export function* piecesOf(file: CapturedFile, room: Uint8Array): Generator<Uint8Array, void> {
  const opened = file.open();
  try {
    for (let at = 0; at < file.sizeBytes; ) {
      const piece = readPiece(opened, room, Math.min(room.length, file.sizeBytes - at), at);
      yield piece;
      at += piece.length;
    }
  } finally {
    closeFile(opened);
  }
}

/**
 * The `length` bytes at a place of a file: the beginning of `room`, which is lent.
 * @throws VarveError `CORRUPTION` when the file ends before that; any error of the `Fs`
 */
export function readPiece(
  file: ReadableFile,
  room: Uint8Array,
  length: number,
  position: number,
): Uint8Array {
  const count = readAt(file, room, 0, length, position);
  if (count < length) throw corruption('the file is cut short', file.path, position + count);
  return room.subarray(0, length);
}
