/**
 * The bytes of a captured file, in pieces.
 * @module
 */
import { corruption } from '../errors.ts';
import { closeFile, readAt } from '../fs/port.ts';
import type { CapturedFile } from './capture.ts';

/** Read, written and given on in pieces of this size. */
export const PIECE_BYTES: number = 1024 * 1024;

/**
 * Reads a file from its beginning to where it counts. Each piece is lent until the next one is
 * asked for; `room`, of `PIECE_BYTES`, is borrowed meanwhile.
 * @throws VarveError `CORRUPTION` when the file is shorter than that; any error of the `Fs`
 */
export function* piecesOf(file: CapturedFile, room: Uint8Array): Generator<Uint8Array, void> {
  const opened = file.open();
  try {
    for (let at = 0; at < file.sizeBytes; ) {
      const length = Math.min(room.length, file.sizeBytes - at);
      const count = readAt(opened, room, 0, length, at);
      if (count < length) throw corruption('the file is cut short', opened.path, at + count);
      yield room.subarray(0, length);
      at += length;
    }
  } finally {
    closeFile(opened);
  }
}
