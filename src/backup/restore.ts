/**
 * Making a database of a backup, in a directory of any file system.
 * @module
 */
import { NewDirectory } from '../copy/new-directory.ts';
import type { CopyPace } from '../copy/pace.ts';
import { VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs } from '../fs/port.ts';
import { CURRENT_NAME } from '../manifest/file-names.ts';
import type { Inventory, StoredFile } from './inventory.ts';
import type { BackupTarget } from './port.ts';
import { ObjectCheck } from './verify.ts';

/** A backup that was restored. */
export interface RestoreReport {
  /** Of the backup. */
  readonly number: number;
  /** Of the backup. */
  readonly id: string;
  /** As in the report of the backup. */
  readonly seqno: number | null;
  /** Files that were made. */
  readonly fileCount: number;
  /** Bytes of these files. */
  readonly bytesWritten: number;
  /** Names of files that are not what they were when the database was sound. */
  readonly damaged: readonly string[];
}

/**
 * Fills a directory, which is missing or empty, with the files of a backup: all of it or none.
 * @param path resolved
 * @param keepsDamaged whether files are made of damaged objects as well
 * @throws VarveError `CORRUPTION` for an object that is damaged or missing; as
 * {@link NewDirectory.begin}; any error of target and `fs`; the reason of a signal
 */
export async function restoreInto(
  target: BackupTarget,
  backup: Inventory,
  fs: Fs,
  path: string,
  keepsDamaged: boolean,
  pace: CopyPace,
): Promise<RestoreReport> {
  const directory = await NewDirectory.begin(fs, path);
  const damaged: string[] = [];
  const restore = async (file: StoredFile, write: (piece: Uint8Array) => void) => {
    const misfit = await copyObject(target, file, write, pace);
    if (misfit === undefined && !file.isDamaged) return;
    damaged.push(file.name);
    if (misfit !== undefined && !keepsDamaged) throw damagedObject(file, misfit);
  };
  try {
    let current = new Uint8Array(0);
    for (const file of backup.files) {
      if (file.name === CURRENT_NAME) {
        await restore(file, (piece) => {
          current = joined(current, piece);
        });
      } else {
        await restoreFile(directory, file, restore);
      }
    }
    pace.assertGoesOn();
    await directory.finish(current);
  } catch (error) {
    await directory.abandon();
    throw error;
  }
  const { number, id, seqno, files } = backup;
  const bytesWritten = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { number, id, seqno, fileCount: files.length, bytesWritten, damaged };
}

type Restore = (file: StoredFile, write: (piece: Uint8Array) => void) => Promise<void>;

async function restoreFile(
  directory: NewDirectory,
  file: StoredFile,
  restore: Restore,
): Promise<void> {
  const to: FileHandle = directory.create(file.name);
  try {
    let at = 0;
    await restore(file, (piece) => {
      to.write(piece, 0, piece.length, at);
      at += piece.length;
    });
    await to.syncAsync();
  } finally {
    closeFile(to);
  }
}

/** Returns what is wrong with the object, as far as the inventory can tell. */
async function copyObject(
  target: BackupTarget,
  file: StoredFile,
  write: (piece: Uint8Array) => void,
  pace: CopyPace,
): Promise<string | undefined> {
  const pieces = await target.get(file.object);
  if (pieces === undefined) return 'it is missing';
  const check = new ObjectCheck(file);
  for await (const piece of pieces) {
    write(piece);
    check.take(piece);
    await pace.step(piece.length);
  }
  return check.misfit();
}

function joined(head: Uint8Array, piece: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(head.length + piece.length);
  bytes.set(head, 0);
  bytes.set(piece, head.length);
  return bytes;
}

function damagedObject({ object, name }: StoredFile, misfit: string): VarveError {
  const text = `object ${object} of the backup, which is ${name}, is damaged: ${misfit}`;
  return new VarveError('CORRUPTION', text, { file: object });
}
