/**
 * A file system in memory: for tests, for the simulation and for databases that need not last.
 *
 * Directories are maps from names to files, so hard links, renames and removal of an open file
 * behave as on POSIX. A file is one buffer that grows by doubling; every byte of the buffer at or
 * beyond `size` is zero, so that a gap or an extension needs no clearing.
 * @module
 */
import { VarveError } from '../errors.ts';
import { LocalLocks } from './local-locks.ts';
import type { FileHandle, Fs, FsCapabilities, FsLock, OpenMode } from './port.ts';

const MIN_BUFFER_BYTES = 256;

/** The content of one file, shared by its names and handles. */
export class MemoryFile {
  /** Content and spare room; owned by the file and replaced when it grows. */
  private bytes: Uint8Array;
  /** Size in bytes. */
  size: number;
  /** Directory entries that lead here. */
  names: number;
  /** Open handles. */
  handles: number;

  constructor() {
    this.bytes = new Uint8Array(0);
    this.size = 0;
    this.names = 0;
    this.handles = 0;
  }

  /** Reads as `FileHandle.read`; borrows `buf`. */
  read(buf: Uint8Array, off: number, length: number, position: number): number {
    const count = Math.min(length, this.size - position);
    if (count <= 0) return 0;
    buf.set(this.bytes.subarray(position, position + count), off);
    return count;
  }

  /** Writes as `FileHandle.write`; borrows `buf`. */
  write(buf: Uint8Array, off: number, length: number, position: number): void {
    if (length === 0) return;
    const end = position + length;
    if (end > this.size) this.resize(end);
    this.bytes.set(buf.subarray(off, off + length), position);
  }

  /** Cuts or extends with zeros. */
  resize(size: number): void {
    if (size === 0) {
      this.bytes = new Uint8Array(0);
    } else if (size < this.size) {
      this.bytes.fill(0, size, this.size);
    } else if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2, MIN_BUFFER_BYTES));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    this.size = size;
  }

  /** A file of its own with the same content and no names or handles. */
  copy(): MemoryFile {
    const twin = new MemoryFile();
    twin.bytes = this.bytes.slice(0, this.size);
    twin.size = this.size;
    return twin;
  }
}

/** Bytes in use against a limit, shared by all files of one {@link MemoryFs}. */
class MemoryQuota {
  readonly capacityBytes: number;
  usedBytes: number;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
    this.usedBytes = 0;
  }

  /** Gives the space of a file back once nothing leads to it any more. */
  releaseIfUnreachable(file: MemoryFile): void {
    if (file.names === 0 && file.handles === 0) this.usedBytes -= file.size;
  }
}

class MemoryHandle implements FileHandle {
  readonly path: string;
  private readonly file: MemoryFile;
  private readonly quota: MemoryQuota;
  private readonly writable: boolean;
  private open: boolean;

  constructor(path: string, file: MemoryFile, quota: MemoryQuota, writable: boolean) {
    this.path = path;
    this.file = file;
    this.quota = quota;
    this.writable = writable;
    this.open = true;
    file.handles++;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    this.requireOpen();
    requireRange(buf, off, length, position);
    return this.file.read(buf, off, length, position);
  }

  /** On a full disk it writes what fits before it throws, as a kernel does. */
  write(buf: Uint8Array, off: number, length: number, position: number): void {
    this.requireWritable();
    requireRange(buf, off, length, position);
    const growth = Math.max(0, length === 0 ? 0 : position + length - this.file.size);
    const missing = growth - this.room();
    if (missing <= 0) {
      this.quota.usedBytes += growth;
      this.file.write(buf, off, length, position);
      return;
    }
    if (missing < length) this.write(buf, off, length - missing, position);
    throw new VarveError('NOSPACE', `no space to write ${this.path}`, { file: this.path });
  }

  size(): number {
    this.requireOpen();
    return this.file.size;
  }

  linkCount(): number {
    this.requireOpen();
    return this.file.names;
  }

  truncate(size: number): void {
    this.requireWritable();
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`bad file size ${size}`);
    const growth = size - this.file.size;
    if (growth > this.room()) {
      throw new VarveError('NOSPACE', `no space to extend ${this.path}`, { file: this.path });
    }
    this.quota.usedBytes += growth;
    this.file.resize(size);
  }

  sync(): void {
    this.requireOpen();
  }

  async syncAsync(): Promise<void> {
    this.requireOpen();
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.file.handles--;
    this.quota.releaseIfUnreachable(this.file);
  }

  private room(): number {
    return this.quota.capacityBytes - this.quota.usedBytes;
  }

  private requireOpen(): void {
    if (this.open) return;
    throw new VarveError('CLOSED', `${this.path} is closed`, { file: this.path });
  }

  private requireWritable(): void {
    this.requireOpen();
    if (!this.writable) throw refused(this.path, 'it is open for reading only');
  }
}

/** Options of {@link MemoryFs}. */
export interface MemoryFsOptions {
  /** Limit for the sizes of all files together, in bytes; unlimited when absent. */
  readonly capacityBytes?: number | undefined;
}

/** A file system that lives and dies with the object. Durable in the sense of nothing. */
export class MemoryFs implements Fs {
  readonly capabilities: FsCapabilities;
  private readonly quota: MemoryQuota;
  private readonly tree: Map<string, Map<string, MemoryFile>>;
  private readonly locks: LocalLocks;

  constructor(options: MemoryFsOptions = {}) {
    this.capabilities = {
      hardLinks: true,
      atomicRename: true,
      directorySync: true,
      sharedHandles: true,
    };
    this.quota = new MemoryQuota(options.capacityBytes ?? Number.POSITIVE_INFINITY);
    this.tree = new Map([['', new Map()]]);
    this.locks = new LocalLocks('this MemoryFs');
  }

  /** There is no working directory: every path stays right. */
  resolve(path: string): string {
    return path;
  }

  createDirectory(path: string): void {
    const parts = normalizePath(path).split('/');
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = parts.slice(0, depth).join('/');
      if (this.tree.has(directory)) continue;
      if (this.fileAt(directory) !== undefined) throw refused(path, 'a file is in the way');
      this.tree.set(directory, new Map());
    }
  }

  exists(path: string): boolean {
    return this.tree.has(normalizePath(path)) || this.fileAt(path) !== undefined;
  }

  list(directory: string): string[] {
    return [...this.entries(normalizePath(directory)).keys()];
  }

  open(path: string, mode: OpenMode): FileHandle {
    let file = this.fileAt(path);
    if (mode === 'create') {
      file = new MemoryFile();
      this.attach(path, file);
    }
    if (file === undefined) throw refused(path, 'there is no such file');
    return new MemoryHandle(path, file, this.quota, mode !== 'read');
  }

  remove(path: string): void {
    const { entries, name } = this.locate(path);
    const file = entries.get(name);
    if (file === undefined) throw refused(path, 'there is no such file');
    entries.delete(name);
    file.names--;
    this.quota.releaseIfUnreachable(file);
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  rename(from: string, to: string): void {
    const source = this.locate(from);
    const file = source.entries.get(source.name);
    if (file === undefined) throw refused(from, 'there is no such file');
    if (this.tree.has(normalizePath(to))) throw refused(to, 'a directory is in the way');
    const target = this.locate(to);
    const replaced = target.entries.get(target.name);
    // POSIX: two names of one file stay as they are.
    if (replaced === file) return;
    if (replaced !== undefined) this.remove(to);
    source.entries.delete(source.name);
    target.entries.set(target.name, file);
  }

  link(existing: string, path: string): void {
    const file = this.fileAt(existing);
    if (file === undefined) throw refused(existing, 'there is no such file');
    this.attach(path, file);
  }

  syncDirectory(path: string): void {
    this.entries(normalizePath(path));
  }

  freeBytes(directory: string): number | undefined {
    this.entries(normalizePath(directory));
    const { capacityBytes, usedBytes } = this.quota;
    return capacityBytes === Number.POSITIVE_INFINITY ? undefined : capacityBytes - usedBytes;
  }

  async lock(path: string): Promise<FsLock> {
    return this.locks.take(normalizePath(path), path);
  }

  assertHeld(path: string, token: string): void {
    this.locks.assertHeld(normalizePath(path), path, token);
  }

  /** A file system of its own with the same files; without open handles, locks and limit. */
  clone(): MemoryFs {
    const twin = new MemoryFs();
    const copies = new Map<MemoryFile, MemoryFile>();
    for (const [directory, entries] of this.directories()) {
      twin.createDirectory(directory);
      for (const [name, file] of entries) {
        const copy = copies.get(file) ?? file.copy();
        copies.set(file, copy);
        twin.attach(`${directory}/${name}`, copy);
      }
    }
    return twin;
  }

  /** The file that `path` names, for tools that work below the handles. */
  fileAt(path: string): MemoryFile | undefined {
    const { parent, name } = splitPath(path);
    return this.tree.get(parent)?.get(name);
  }

  /** Gives `file` the name `path`, which must be free. The file now belongs to this file system. */
  attach(path: string, file: MemoryFile): void {
    const { entries, name } = this.locate(path);
    if (entries.has(name) || this.tree.has(normalizePath(path))) throw refused(path, 'it exists');
    if (file.names === 0 && file.handles === 0) this.quota.usedBytes += file.size;
    entries.set(name, file);
    file.names++;
  }

  /** Every directory with its files, parents first; paths are relative to the root (`''`). */
  directories(): Iterable<[string, ReadonlyMap<string, MemoryFile>]> {
    return this.tree;
  }

  private entries(directory: string): Map<string, MemoryFile> {
    const entries = this.tree.get(directory);
    if (entries === undefined) throw refused(directory, 'there is no such directory');
    return entries;
  }

  private locate(path: string): { entries: Map<string, MemoryFile>; name: string } {
    const { parent, name } = splitPath(path);
    return { entries: this.entries(parent), name };
  }
}

/** The error for a path that cannot be used so. */
export function refused(path: string, why: string): VarveError {
  return new VarveError('IO', `cannot use ${path}: ${why}`, { file: path });
}

/** One spelling for all spellings of a path: no empty, `.` or `..` parts, no outer slashes. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The directory of `path`, as {@link normalizePath} spells it, and the name in it. */
export function splitPath(path: string): { parent: string; name: string } {
  const whole = normalizePath(path);
  const slash = whole.lastIndexOf('/');
  return { parent: whole.slice(0, Math.max(0, slash)), name: whole.slice(slash + 1) };
}

/** @throws RangeError for a range outside of `buf`, or a position that is none */
export function requireRange(buf: Uint8Array, off: number, length: number, position: number): void {
  const inside = off >= 0 && length >= 0 && off + length <= buf.length;
  if (!inside) throw new RangeError('range outside of the buffer');
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`bad file position ${position}`);
  }
}
