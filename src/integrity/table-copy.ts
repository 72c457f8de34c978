/**
 * The file of a table as another directory has it: a checkpoint, or a copy of the database. It may
 * know what damage took.
 *
 * Nothing of it is taken at its word. What it gives counts if it is sound as a block of this very
 * file, of this number and salt, in this place (`file-check.ts`).
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, type ReadableFile, readAt } from '../fs/port.ts';
import { FileCheck } from './file-check.ts';
import type { ExpectedFile, RestoreSource } from './finding.ts';

const PIECE_BYTES = 0x10_0000;

/** See the module head. */
export class TableCopy implements RestoreSource {
  /** Path of the copy. */
  readonly name: string;
  readonly #fs: Fs;

  constructor(fs: Fs, path: string) {
    this.name = path;
    this.#fs = fs;
  }

  restore(from: number, to: number): Uint8Array | undefined {
    return this.#read((file) => {
      const bytes = new Uint8Array(to - from);
      return readAt(file, bytes, 0, bytes.length, from) === bytes.length ? bytes : undefined;
    });
  }

  /**
   * Makes the file anew where it is gone. If that is cut off, or fails, less than the file is
   * there: it is lost as before.
   * @param path of the file, which does not exist
   * @returns false when the copy is not this file, or not sound
   * @throws VarveError of writing it
   */
  rebuild(path: string, expected: ExpectedFile): boolean {
    const isMade = this.#read((file) => {
      if (!isSound(file, expected)) return false;
      const made = this.#fs.open(path, 'create');
      try {
        copyBytes(file, made, expected.endBytes!);
        made.sync();
      } finally {
        closeFile(made);
      }
      return true;
    });
    return isMade === true;
  }

  /** A directory that is not there, or cannot be read, knows nothing. */
  #read<T>(use: (file: ReadableFile) => T): T | undefined {
    let file: FileHandle;
    try {
      file = this.#fs.open(this.name, 'read');
    } catch (error) {
      if (isVarveError(error)) return undefined;
      throw error;
    }
    try {
      return use(file);
    } finally {
      closeFile(file);
    }
  }
}

function isSound(file: ReadableFile, expected: ExpectedFile): boolean {
  let isRight = true;
  const check = new FileCheck(file, expected, () => {
    isRight = false;
  });
  while (isRight && check.step(PIECE_BYTES));
  return isRight;
}

function copyBytes(from: ReadableFile, to: FileHandle, sizeBytes: number): void {
  const room = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < sizeBytes; ) {
    const length = Math.min(room.length, sizeBytes - at);
    if (readAt(from, room, 0, length, at) < length) {
      throw new VarveError('IO', 'the copy has become shorter', { file: from.path, offset: at });
    }
    to.write(room, 0, length, at);
    at += length;
  }
}
