/**
 * The file system of somebody who holds the lock of a directory. Before anything in there is
 * created, changed or removed, and before a sync is taken for done, it makes sure that the lock is
 * still held: paths may lead to another database by then. Bytes that are written to a file that is
 * open reach that file wherever it is, so writes are not looked after.
 * @module
 */
import type {
  FileHandle,
  Fs,
  FsCapabilities,
  FsLock,
  HandlePool,
  OpenMode,
  ReadableFile,
} from './port.ts';

/** See the module head. Every call may throw `DETACHED` besides what the wrapped one throws. */
export class HeldFs implements Fs {
  readonly capabilities: FsCapabilities;
  readonly handles: HandlePool | undefined;
  readonly #inner: Fs;
  readonly #lockPath: string;
  readonly #token: string;

  /**
   * @param inner does the work
   * @param lockPath what was locked, in this thread or another
   * @param token the lock's
   */
  constructor(inner: Fs, lockPath: string, token: string) {
    this.capabilities = inner.capabilities;
    this.handles = inner.handles;
    this.#inner = inner;
    this.#lockPath = lockPath;
    this.#token = token;
  }

  resolve(path: string): string {
    return this.#inner.resolve(path);
  }

  createDirectory(path: string): void {
    this.assertOwn();
    this.#inner.createDirectory(path);
  }

  /** What is not there may be so because the directory is another. */
  exists(path: string): boolean {
    if (this.#inner.exists(path)) return true;
    this.assertOwn();
    return false;
  }

  list(directory: string): string[] {
    this.assertOwn();
    return this.#inner.list(directory);
  }

  open(path: string, mode: OpenMode): FileHandle {
    this.assertOwn();
    const file = this.#inner.open(path, mode);
    return mode === 'read' ? file : new HeldHandle(file, this);
  }

  openPastCache(path: string): ReadableFile | undefined {
    this.assertOwn();
    return this.#inner.openPastCache?.(path);
  }

  remove(path: string): void {
    this.assertOwn();
    this.#inner.remove(path);
  }

  async removeAsync(path: string): Promise<void> {
    this.assertOwn();
    await this.#inner.removeAsync(path);
  }

  rename(from: string, to: string): void {
    this.assertOwn();
    this.#inner.rename(from, to);
  }

  link(existing: string, path: string): void {
    this.assertOwn();
    this.#inner.link(existing, path);
  }

  syncDirectory(path: string): void {
    this.assertOwn();
    this.#inner.syncDirectory(path);
  }

  freeBytes(directory: string): number | undefined {
    this.assertOwn();
    return this.#inner.freeBytes(directory);
  }

  lock(path: string): Promise<FsLock> {
    return this.#inner.lock(path);
  }

  assertHeld(path: string, token: string): void {
    this.#inner.assertHeld(path, token);
  }

  /** @throws VarveError `DETACHED` */
  assertOwn(): void {
    this.#inner.assertHeld(this.#lockPath, this.#token);
  }
}

/** A file that is written: what it holds counts only while its directory is ours. */
class HeldHandle implements FileHandle {
  readonly path: string;
  readonly #inner: FileHandle;
  readonly #fs: HeldFs;

  constructor(inner: FileHandle, fs: HeldFs) {
    this.path = inner.path;
    this.#inner = inner;
    this.#fs = fs;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    return this.#inner.read(buf, off, length, position);
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    this.#inner.write(buf, off, length, position);
  }

  size(): number {
    return this.#inner.size();
  }

  linkCount(): number {
    return this.#inner.linkCount();
  }

  truncate(size: number): void {
    this.#inner.truncate(size);
  }

  sync(): void {
    this.#inner.sync();
    this.#fs.assertOwn();
  }

  async syncAsync(): Promise<void> {
    await this.#inner.syncAsync();
    this.#fs.assertOwn();
  }

  close(): void {
    this.#inner.close();
  }
}
