/**
 * Making a directory of a capture: a whole database, with second names of tables where that can be
 * done, and copies of everything else. What is written to in place by nobody, ever, are tables
 * alone; logs, manifest and CURRENT are always copies, or a write to the original would reach the
 * checkpoint, and the other way round.
 * @module
 */
import { closeFile, type Fs } from '../fs/port.ts';
import type { Capture, CapturedFile } from './capture.ts';
import { PIECE_BYTES, piecesOf } from './file-bytes.ts';
import { NewDirectory } from './new-directory.ts';
import type { CopyPace } from './pace.ts';

/** What a checkpoint is made of. */
export interface CheckpointReport {
  /** It holds every write up to this one, and none after it. */
  readonly seqno: number;
  /** Files of the database in the new directory. */
  readonly fileCount: number;
  /** Tables that are the same file as in the database, under a second name. */
  readonly linkedCount: number;
  /** Bytes of the files that were copied. */
  readonly bytesCopied: number;
}

/**
 * Writes a capture into a directory that is missing or empty: all of it or, after a crash or a
 * failure, none. The capture stays the caller's.
 * @param fs of the capture and of the directory
 * @param path resolved
 * @throws VarveError as {@link NewDirectory.begin}, and of reading; the reason of a signal
 */
export async function writeCapture(
  fs: Fs,
  capture: Capture,
  path: string,
  pace: CopyPace,
): Promise<Omit<CheckpointReport, 'seqno'>> {
  const directory = await NewDirectory.begin(fs, path);
  try {
    let linkedCount = 0;
    let bytesCopied = 0;
    const room = new Uint8Array(PIECE_BYTES);
    let current = new Uint8Array(0);
    for (const file of capture.files) {
      if (file.kind === 'current') {
        current = bytesOf(file);
        continue;
      }
      if (file.linkPath !== undefined && directory.link(file.linkPath, file.name)) {
        linkedCount++;
        await pace.step(file.sizeBytes);
        continue;
      }
      await copyInto(directory, file, room, pace);
      bytesCopied += file.sizeBytes;
    }
    pace.assertGoesOn();
    await directory.finish(current);
    return { fileCount: capture.files.length, linkedCount, bytesCopied };
  } catch (error) {
    await directory.abandon();
    throw error;
  }
}

async function copyInto(
  directory: NewDirectory,
  file: CapturedFile,
  room: Uint8Array,
  pace: CopyPace,
): Promise<void> {
  const to = directory.create(file.name);
  try {
    let at = 0;
    for (const piece of piecesOf(file, room)) {
      to.write(piece, 0, piece.length, at);
      at += piece.length;
      await pace.step(piece.length);
    }
    await to.syncAsync();
  } finally {
    closeFile(to);
  }
}

/** All bytes of a small file, fresh. */
function bytesOf(file: CapturedFile): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(file.sizeBytes);
  let at = 0;
  for (const piece of piecesOf(file, new Uint8Array(Math.max(1, file.sizeBytes)))) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
