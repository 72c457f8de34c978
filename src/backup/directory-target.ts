/**
 * Backups in a directory of any file system that the engine can use.
 * @module
 */
import { isVarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath, readAt, sizeOf } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { PART_SUFFIX } from './object-names.ts';
import type { BackupTarget, ByteRange, Pieces } from './port.ts';

const PIECE_BYTES = 1024 * 1024;

/**
 * A target whose objects are the files of one directory, which is made with the first of them. A
 * file gets its name when it is complete, where the file system can rename; what a crash leaves is
 * called `*.part`.
 */
export class DirectoryTarget implements BackupTarget {
  readonly #fs: Fs;
  readonly #directory: string;

  /**
   * @param fs for instance a `NodeFs`
   * @param directory in the terms of `fs`; nothing else may be kept in it
   */
  constructor(fs: Fs, directory: string) {
    this.#fs = fs;
    this.#directory = fs.resolve(directory);
  }

  async put(name: string, pieces: Pieces): Promise<void> {
    const fs = this.#fs;
    fs.createDirectory(this.#directory);
    const path = joinPath(this.#directory, name);
    const isMoved = fs.capabilities.atomicRename;
    const place = isMoved ? path + PART_SUFFIX : path;
    if (fs.exists(place)) fs.remove(place);
    const file = fs.open(place, 'create');
    try {
      await fill(file, pieces);
    } catch (error) {
      closeFile(file);
      removeIfPossible(fs, place);
      throw error;
    }
    closeFile(file);
    if (isMoved) fs.rename(place, path);
    fs.syncDirectory(this.#directory);
  }

  async get(name: string, range?: ByteRange): Promise<Pieces | undefined> {
    const path = joinPath(this.#directory, name);
    return this.#fs.exists(path) ? piecesOf(this.#fs, path, range) : undefined;
  }

  async list(): Promise<string[]> {
    return this.#fs.exists(this.#directory) ? this.#fs.list(this.#directory) : [];
  }

  async delete(name: string): Promise<void> {
    const path = joinPath(this.#directory, name);
    try {
      this.#fs.remove(path);
    } catch (error) {
      if (isVarveError(error, 'IO') && !this.#fs.exists(path)) return;
      throw error;
    }
    this.#fs.syncDirectory(this.#directory);
  }
}

async function fill(file: FileHandle, pieces: Pieces): Promise<void> {
  let at = 0;
  for await (const piece of pieces) {
    file.write(piece, 0, piece.length, at);
    at += piece.length;
  }
  await file.syncAsync();
}

/** Opens the file when the first piece is asked for. */
async function* piecesOf(fs: Fs, path: string, range: ByteRange | undefined): Pieces {
  const file = fs.open(path, 'read');
  try {
    const size = sizeOf(file);
    const from = Math.min(range?.from ?? 0, size);
    const end = Math.min(from + (range?.length ?? size), size);
    const room = new Uint8Array(Math.min(PIECE_BYTES, end - from));
    for (let at = from; at < end; ) {
      const count = readAt(file, room, 0, Math.min(room.length, end - at), at);
      if (count === 0) return;
      yield room.subarray(0, count);
      at += count;
    }
  } finally {
    closeFile(file);
  }
}
