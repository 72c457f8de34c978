/**
 * The file system of Node (also Deno and Bun through `node:fs`).
 *
 * Reads and writes call the kernel at once and keep nothing back, so a written byte survives the
 * death of the process. `write` and `read` are the hot calls: they allocate nothing of their own.
 * @module
 */
import * as fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { VarveError } from '../errors.ts';
import { SharedHandles } from './handle-pool.ts';
import { openDirect } from './node-direct.ts';
import { isOutOfDescriptors, platformError, systemCode } from './node-error.ts';
import { assertNodeLockHeld } from './node-hold.ts';
import { openTablesLimit } from './node-limits.ts';
import { acquireNodeLock } from './node-lock.ts';
import type {
  FileHandle,
  Fs,
  FsCapabilities,
  FsLock,
  HandlePool,
  OpenMode,
  ReadableFile,
} from './port.ts';

/** Node takes lengths below 2^31, Linux moves at most 2^31 - 4096 bytes in one call. */
const MAX_TRANSFER_BYTES = 2 ** 30;

const CLOSED_FD = -1;

const OPEN_FLAGS: Record<OpenMode, string> = { create: 'wx+', read: 'r', update: 'r+' };

/** Files of the operating system. Stateless: any number of instances, in any thread, agree. */
export class NodeFs implements Fs {
  readonly capabilities: FsCapabilities;
  /** One for all databases of the process, for they share its limit. */
  readonly handles: HandlePool;

  constructor() {
    this.capabilities = {
      hardLinks: true,
      atomicRename: true,
      directorySync: directoriesSync,
      sharedHandles: true,
    };
    this.handles = processHandles;
  }

  /** Absolute and without symbolic links, as far as it leads to something that can be looked at. */
  resolve(path: string): string {
    const missing: string[] = [];
    const absolute = resolve(path);
    for (let head = absolute; ; head = dirname(head)) {
      try {
        return join(fs.realpathSync.native(head), ...missing);
      } catch (error) {
        const code = systemCode(error);
        // A path that is none, such as one with a zero byte.
        if (code === undefined || code.startsWith('ERR_')) throw error;
        if (code !== 'ENOENT' || head === dirname(head)) return absolute;
      }
      missing.unshift(basename(head));
    }
  }

  /** The new directories themselves are durable when it returns. */
  createDirectory(path: string): void {
    try {
      const first = makeDirectories(resolve(path));
      if (first !== undefined) this.syncParents(first, resolve(path));
    } catch (error) {
      throw platformError('create directory', path, error);
    }
  }

  exists(path: string): boolean {
    try {
      return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') return false;
      throw platformError('look up', path, error);
    }
  }

  list(directory: string): string[] {
    try {
      const names: string[] = [];
      const entries = withDescriptor(() => fs.readdirSync(directory, { withFileTypes: true }));
      for (const entry of entries) {
        if (entry.isFile()) names.push(entry.name);
      }
      return names;
    } catch (error) {
      throw platformError('list', directory, error);
    }
  }

  open(path: string, mode: OpenMode): FileHandle {
    try {
      return new NodeHandle(path, openDescriptor(path, OPEN_FLAGS[mode]));
    } catch (error) {
      throw platformError(mode === 'create' ? 'create' : 'open', path, error);
    }
  }

  openPastCache(path: string): ReadableFile | undefined {
    return openDirect(path, openDescriptor);
  }

  remove(path: string): void {
    try {
      fs.unlinkSync(path);
    } catch (error) {
      throw platformError('remove', path, error);
    }
  }

  removeAsync(path: string): Promise<void> {
    return new Promise((done, fail) => {
      fs.unlink(path, (error) => {
        if (isFailure(error)) fail(platformError('remove', path, error));
        else done();
      });
    });
  }

  rename(from: string, to: string): void {
    try {
      fs.renameSync(from, to);
    } catch (error) {
      throw platformError(`rename to ${to}`, from, error);
    }
  }

  link(existing: string, path: string): void {
    try {
      fs.linkSync(existing, path);
    } catch (error) {
      throw platformError(`link ${existing} as`, path, error);
    }
  }

  syncDirectory(path: string): void {
    if (!directoriesSync) return;
    try {
      syncDirectoryEntries(path);
    } catch (error) {
      throw platformError('sync directory', path, error);
    }
  }

  freeBytes(directory: string): number | undefined {
    try {
      const { bavail, bsize } = fs.statfsSync(directory);
      return bavail * bsize;
    } catch (error) {
      throw platformError('look for space in', directory, error);
    }
  }

  async lock(path: string): Promise<FsLock> {
    for (;;) {
      try {
        return await acquireNodeLock(path);
      } catch (error) {
        if (!isOutOfDescriptors(error) || !processHandles.shed()) throw error;
      }
    }
  }

  assertHeld(path: string, token: string): void {
    withDescriptor(() => assertNodeLockHeld(path, token));
  }

  /** Makes the entries of all directories from `first` down to `last` durable. */
  private syncParents(first: string, last: string): void {
    for (let path = last; ; path = dirname(path)) {
      this.syncDirectory(dirname(path));
      if (path === first || path === dirname(path)) return;
    }
  }
}

const directoriesSync = process.platform !== 'win32';

const processHandles = new SharedHandles(() => openTablesLimit());

/** Does what takes a descriptor. Where none is left, tables that nobody uses are closed for it. */
function withDescriptor<T>(work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isOutOfDescriptors(error) || !processHandles.shed()) throw error;
    }
  }
}

function openDescriptor(path: string, flags: string | number): number {
  return withDescriptor(() => fs.openSync(path, flags));
}

function syncDirectoryEntries(path: string): void {
  const fd = openDescriptor(path, 'r');
  try {
    fs.fsyncSync(fd);
  } catch (error) {
    // Some network and FUSE file systems have no such call; nothing better can be done there.
    if (systemCode(error) !== 'EINVAL') throw error;
  } finally {
    fs.closeSync(fd);
  }
}

class NodeHandle implements FileHandle {
  readonly path: string;
  /** The descriptor, or `CLOSED_FD`, so that a late call can't reach a recycled number. */
  private fd: number;
  /** Calls of `syncAsync` that use the descriptor; it must not be recycled under them. */
  private syncsUnderWay: number;
  /** The descriptor to close when the last of them ends. */
  private fdToClose: number;

  /** Takes ownership of `fd`. */
  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.syncsUnderWay = 0;
    this.fdToClose = CLOSED_FD;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    if (this.fd === CLOSED_FD) throw this.closedError();
    let done = 0;
    try {
      while (done < length) {
        const rest = Math.min(length - done, MAX_TRANSFER_BYTES);
        const count = fs.readSync(this.fd, buf, off + done, rest, position + done);
        if (count === 0) break;
        done += expectCount(count, rest);
      }
    } catch (error) {
      throw platformError('read', this.path, error);
    }
    return done;
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    if (this.fd === CLOSED_FD) throw this.closedError();
    try {
      let done = 0;
      while (done < length) {
        const rest = Math.min(length - done, MAX_TRANSFER_BYTES);
        const count = fs.writeSync(this.fd, buf, off + done, rest, position + done);
        if (count === 0) throw new Error('the system wrote nothing');
        done += expectCount(count, rest);
      }
    } catch (error) {
      throw platformError('write', this.path, error);
    }
  }

  size(): number {
    if (this.fd === CLOSED_FD) throw this.closedError();
    try {
      return fs.fstatSync(this.fd).size;
    } catch (error) {
      throw platformError('read the size of', this.path, error);
    }
  }

  linkCount(): number {
    if (this.fd === CLOSED_FD) throw this.closedError();
    try {
      return fs.fstatSync(this.fd).nlink;
    } catch (error) {
      throw platformError('count the names of', this.path, error);
    }
  }

  truncate(size: number): void {
    if (this.fd === CLOSED_FD) throw this.closedError();
    // Node would take a negative size as zero.
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`bad file size ${size}`);
    try {
      fs.ftruncateSync(this.fd, size);
      const now = fs.fstatSync(this.fd).size;
      if (now !== size) throw new Error(`the size is ${now} instead of ${size}`);
    } catch (error) {
      throw platformError('truncate', this.path, error);
    }
  }

  /** `fdatasync`: the data and the size; on macOS Node makes it `F_FULLFSYNC`. */
  sync(): void {
    if (this.fd === CLOSED_FD) throw this.closedError();
    try {
      fs.fdatasyncSync(this.fd);
    } catch (error) {
      throw platformError('sync', this.path, error);
    }
  }

  syncAsync(): Promise<void> {
    if (this.fd === CLOSED_FD) return Promise.reject(this.closedError());
    const { fd, path } = this;
    this.syncsUnderWay++;
    return new Promise((done, fail) => {
      fs.fdatasync(fd, (error) => {
        this.syncsUnderWay--;
        try {
          this.closeWhenIdle();
          if (isFailure(error)) throw platformError('sync', path, error);
          done();
        } catch (failure) {
          fail(failure);
        }
      });
    });
  }

  /** A sync under way still ends well; the descriptor is closed after it. */
  close(): void {
    if (this.fd === CLOSED_FD) return;
    this.fdToClose = this.fd;
    this.fd = CLOSED_FD;
    this.closeWhenIdle();
  }

  private closeWhenIdle(): void {
    if (this.syncsUnderWay > 0 || this.fdToClose === CLOSED_FD) return;
    const fd = this.fdToClose;
    this.fdToClose = CLOSED_FD;
    try {
      fs.closeSync(fd);
    } catch (error) {
      throw platformError('close', this.path, error);
    }
  }

  private closedError(): VarveError {
    return new VarveError('CLOSED', `${this.path} is closed`, { file: this.path });
  }
}

/** Callbacks are given null where all went well; those of Deno, in part, undefined. */
function isFailure(error: unknown): boolean {
  return error !== null && error !== undefined;
}

/** The bytes that a call says it has moved, 1 to `asked`; another `node:fs` may say anything. */
function expectCount(count: number, asked: number): number {
  if (Number.isInteger(count) && count > 0 && count <= asked) return count;
  throw new Error(`the system says that it moved ${count} of ${asked} bytes`);
}

/**
 * Makes a directory and its missing parents, one by one: Node's own recursion does not end where a
 * file system refuses to make directories, as /proc does.
 * @returns the first directory that was made, undefined when the path was there already
 */
function makeDirectories(path: string): string | undefined {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return undefined;
  const parent = dirname(path);
  const first = parent === path ? undefined : makeDirectories(parent);
  try {
    fs.mkdirSync(path);
  } catch (error) {
    // Another process may have been faster.
    if (systemCode(error) !== 'EEXIST' || !fs.statSync(path).isDirectory()) throw error;
    return first;
  }
  return first ?? path;
}
