/**
 * The file system port: synchronous, and no wider than what OPFS access handles can do.
 *
 * Paths are opaque strings that the given `Fs` understands; the engine only ever joins a directory
 * and a name of `[A-Za-z0-9.-]` with `/`. Whatever a platform can only do asynchronously happens
 * when the `Fs` is made (mounted), or in the few calls that return a promise.
 *
 * Durability: written bytes survive the death of the process when `write` returns, and power loss
 * when `sync` returns. A created, removed or renamed entry survives power loss when `syncDirectory`
 * of its directory returns; where `capabilities.directorySync` is false that call does nothing, and
 * an entry that is missing after power loss has to be tolerated.
 *
 * Errors are `VarveError`: `NOSPACE` when the device or quota is full, `HANDLES` when too many
 * files are open, `LOCKED` from `lock`, `IO`
 * otherwise, each with the path and the platform's error as `cause`; `CLOSED` for a handle that was
 * closed. Ranges outside a buffer and sizes that are no integer of at least 0 are `RangeError`.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';

/** What a platform offers beyond the minimum; declared by the `Fs`, never guessed. */
export interface FsCapabilities {
  /** `link` works. */
  readonly hardLinks: boolean;
  /** `rename` works and replaces an existing target atomically. */
  readonly atomicRename: boolean;
  /** `syncDirectory` makes entries durable. */
  readonly directorySync: boolean;
  /** A file may be open through several handles at once. */
  readonly sharedHandles: boolean;
}

/**
 * - `create` makes a new file, readable and writable; fails with `IO` if the path exists
 * - `read` opens an existing file for reading
 * - `update` opens an existing file for reading and writing
 */
export type OpenMode = 'create' | 'read' | 'update';

/** An open file. Every position and length is in bytes; positions go up to 2^53-1. */
export interface FileHandle {
  /** The path that it was opened with. */
  readonly path: string;
  /**
   * Reads up to `length` bytes at `position` into `buf[off, off + length)`; borrows `buf`.
   * @returns the bytes read; fewer than `length` only at the end of the file
   */
  read(buf: Uint8Array, off: number, length: number, position: number): number;
  /**
   * Writes all of `buf[off, off + length)` at `position`, extending the file as needed; borrows
   * `buf`. When it throws, any part of the range may have been written.
   */
  write(buf: Uint8Array, off: number, length: number, position: number): void;
  /** Current size in bytes. */
  size(): number;
  /** How many names lead to the file: more than 1 only where there are hard links. */
  linkCount(): number;
  /** Cuts or extends (with zeros) to `size` bytes. */
  truncate(size: number): void;
  /** Blocks until all written bytes and the size are on stable storage. */
  sync(): void;
  /** Like `sync`, without blocking the thread. Covers every write that returned before the call. */
  syncAsync(): Promise<void>;
  /**
   * Releases the handle without syncing, after a `syncAsync` that is under way. Closing twice is
   * allowed. Whatever it throws, the handle is released.
   */
  close(): void;
}

/** A file of which somebody only reads. */
export type ReadableFile = Pick<FileHandle, 'path' | 'read' | 'size' | 'close'>;

/** An exclusive lock that is held until `release` or the death of the holder. */
export interface FsLock {
  /** Tells this hold of the lock from all others, for {@link Fs.assertHeld} in any thread. */
  readonly token: string;
  /**
   * Gives the lock up. Touches nothing at its path that is no longer what was locked. Releasing
   * twice is allowed.
   */
  release(): Promise<void>;
}

/** Somebody who keeps files open that could be opened again. */
export interface HandleHolder {
  /** Files that are open now. */
  readonly handleCount: number;
  /** Closes the file that is missed the least; false when all are in use. */
  giveUpHandle(): boolean;
}

/** The share of a limit of open files that holders may use together. */
export interface HandlePool {
  /** True if holders may keep another file open. */
  readonly hasRoom: boolean;
  /** From now on the holder's files count, and it may be asked for some of them. */
  add(holder: HandleHolder): void;
  /** The holder has no files any more. */
  remove(holder: HandleHolder): void;
  /** Makes holders close files until there is room for another one, as far as they can. */
  makeRoom(): void;
}

/** A file system, or a part of one. */
export interface Fs {
  /** What it can do beyond the least. */
  readonly capabilities: FsCapabilities;
  /** Undefined where any number of files may be open. */
  readonly handles?: HandlePool | undefined;
  /**
   * A path for the same place that stays right whatever becomes of the process's working directory
   * and of symbolic links. There may be nothing at `path` yet.
   */
  resolve(path: string): string;
  /**
   * Makes a directory and its missing parents, durably: the engine cannot name the parent of an
   * opaque path, so it cannot sync it. An existing one is fine.
   */
  createDirectory(path: string): void;
  /** True when a file or directory is at `path`. */
  exists(path: string): boolean;
  /** Names of the files directly in `directory`, in no particular order. */
  list(directory: string): string[];
  /** Opens a file. @throws `IO` when it must exist and does not, or the other way round */
  open(path: string, mode: OpenMode): FileHandle;
  /**
   * Opens an existing file so that reads give what the device holds, past every cache of the
   * system; what was written before is there too. Undefined where this file cannot be read so;
   * absent where none can.
   * @throws `IO` when the file does not exist
   */
  openPastCache?(path: string): ReadableFile | undefined;
  /** Removes a file; fails with `IO` if there is none. */
  remove(path: string): void;
  /** Like `remove`, without blocking the thread. The file may still be there while it goes on. */
  removeAsync(path: string): Promise<void>;
  /** Moves a file; `UNSUPPORTED` without `capabilities.atomicRename`. */
  rename(from: string, to: string): void;
  /** Makes a second name for a file; `UNSUPPORTED` without `capabilities.hardLinks`. */
  link(existing: string, path: string): void;
  /**
   * Makes the names of the files in `path` durable; nothing without `capabilities.directorySync`.
   */
  syncDirectory(path: string): void;
  /** Bytes that files in `directory` may still grow by, about; undefined if nobody can tell. */
  freeBytes(directory: string): number | undefined;
  /**
   * Takes the exclusive lock that is named by `path` (files may be created at and beside it).
   * @throws `LOCKED` at once when another holder, in any process or thread, is alive; the message
   * names it
   */
  lock(path: string): Promise<FsLock>;
  /**
   * Makes sure, in a few microseconds, that a lock is still held: that nobody has removed, moved or
   * replaced its directory, or taken it meanwhile. Where a lock cannot be lost so, there is nothing
   * to look at.
   * @param path what was locked
   * @param token the lock's
   * @throws `DETACHED` saying what has become of it
   */
  assertHeld(path: string, token: string): void;
}

/**
 * Releases a handle of which nothing more is expected: it was only read, what was written has been
 * synced, or an earlier failure counts. So an error of `close` loses nothing and fails nothing; the
 * handle is gone all the same.
 * @param tell called with the error, if there is one
 */
export function closeFile(file: ReadableFile, tell?: (error: VarveError) => void): void {
  try {
    file.close();
  } catch (cause) {
    const text = `cannot close ${file.path}: ${String(cause)}`;
    tell?.(isVarveError(cause) ? cause : new VarveError('IO', text, { file: file.path, cause }));
  }
}

/**
 * Like `FileHandle.read`.
 * @throws VarveError `IO` when the file system tells of bytes that it cannot have read
 */
export function readAt(
  file: ReadableFile,
  buf: Uint8Array,
  off: number,
  length: number,
  position: number,
): number {
  const count = file.read(buf, off, length, position);
  if (Number.isInteger(count) && count >= 0 && count <= length) return count;
  const what = `the file system read ${count} bytes of ${length}`;
  throw new VarveError('IO', `${what} (${file.path})`, { file: file.path, offset: position });
}

/**
 * The size of a file in bytes.
 * @throws VarveError `IO` when the file system tells what is no size
 */
export function sizeOf(file: ReadableFile): number {
  const size = file.size();
  if (Number.isSafeInteger(size) && size >= 0) return size;
  const what = `the file system tells a size of ${size}`;
  throw new VarveError('IO', `${what} (${file.path})`, { file: file.path });
}

/** Like `Fs.freeBytes`; what is no number of bytes is not known. */
export function freeBytesIn(fs: Fs, directory: string): number | undefined {
  const bytes = fs.freeBytes(directory);
  return typeof bytes === 'number' && bytes >= 0 ? bytes : undefined;
}

/** Joins a directory and a file name. */
export function joinPath(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}
