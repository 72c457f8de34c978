/**
 * Making a directory of a capture: a whole database, with second names of tables where that can be
 * done, and copies of everything else. What is written to in place by nobody, ever, are tables
 * alone; logs, manifest and CURRENT are always copies, or a write to the original would reach the
 * checkpoint, and the other way round.
 * @module
 */
import { closeFile, type Fs } from '../fs/port.ts';
import type { Capture, CapturedFile } from './capture.ts';
import type { CopyPlace } from './copy-job.ts';
import { piecesOf } from './file-bytes.ts';
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

/** Copies files that any thread can open into a directory; all of them are synced then. */
export type CopyNamed = (files: readonly CapturedFile[], to: CopyPlace) => Promise<void>;

/**
 * Writes a capture into a directory that is missing or empty: all of it or, after a crash or a
 * failure, none. The capture stays the caller's.
 * @param fs of the capture and of the directory
 * @param path resolved
 * @param copyNamed for tables that cannot be linked; when it settles, nobody writes them any more.
 * If absent they are copied here
 * @throws VarveError as {@link NewDirectory.begin}, and of reading; the reason of a signal
 */
export async function writeCapture(
  fs: Fs,
  capture: Capture,
  path: string,
  pace: CopyPace,
  copyNamed?: CopyNamed,
): Promise<Omit<CheckpointReport, 'seqno'>> {
  const directory = await NewDirectory.begin(fs, path);
  try {
    const unlinked = await linkFiles(directory, capture, pace);
    const isCopied = ({ kind }: CapturedFile) => kind !== 'current';
    const copied = unlinked.filter(isCopied);
    const isOfOthers = ({ isNamed }: CapturedFile) => isNamed && copyNamed !== undefined;
    await copyNamed?.(copied.filter(isOfOthers), directory.place);
    const room = pace.newRoom();
    for (const file of copied) if (!isOfOthers(file)) await copyInto(directory, file, room, pace);
    pace.assertGoesOn();
    const current = unlinked.find((file) => !isCopied(file));
    await directory.finish(current === undefined ? new Uint8Array(0) : bytesOf(current));
    const { files } = capture;
    const linkedCount = files.length - unlinked.length;
    const bytesCopied = copied.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { fileCount: files.length, linkedCount, bytesCopied };
  } catch (error) {
    await directory.abandon();
    throw error;
  }
}

/** Gives files second names, where that can be done; returns the others. */
async function linkFiles(
  directory: NewDirectory,
  { files }: Capture,
  pace: CopyPace,
): Promise<CapturedFile[]> {
  const unlinked: CapturedFile[] = [];
  for (const file of files) {
    const { linkPath, name, sizeBytes } = file;
    const isLinked = linkPath !== undefined && directory.link(linkPath, name);
    if (isLinked) await pace.skip(sizeBytes);
    else unlinked.push(file);
  }
  return unlinked;
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
