/**
 * The files of a capture as a file system that is only read: what the engine recovers from it is
 * what the copy will hold.
 * @module
 */
import { VarveError } from '../errors.ts';
import {
  type FileHandle,
  type Fs,
  type FsCapabilities,
  type FsLock,
  joinPath,
  type OpenMode,
  type ReadableFile,
  readAt,
} from '../fs/port.ts';
import type { CapturedFile } from './capture.ts';

/** See the module head. */
export class CaptureFs implements Fs {
  readonly capabilities: FsCapabilities;
  readonly #directory: string;
  readonly #files: ReadonlyMap<string, CapturedFile>;

  /** @param files by which it is asked for paths in `directory` */
  constructor(files: readonly CapturedFile[], directory: string, capabilities: FsCapabilities) {
    this.capabilities = capabilities;
    this.#directory = directory;
    this.#files = new Map(files.map((file) => [joinPath(directory, file.name), file]));
  }

  resolve(path: string): string {
    return path;
  }

  exists(path: string): boolean {
    return path === this.#directory || this.#files.has(path);
  }

  list(): string[] {
    return [...this.#files.values()].map(({ name }) => name);
  }

  open(path: string, mode: OpenMode): FileHandle {
    const file = this.#files.get(path);
    if (mode !== 'read') throw readOnly(path);
    if (file === undefined) {
      throw new VarveError('IO', `cannot open ${path}: the capture has no such file`, {
        file: path,
      });
    }
    return new CapturedHandle(path, file);
  }

  freeBytes(): number | undefined {
    return undefined;
  }

  lock(path: string): Promise<FsLock> {
    return Promise.reject(readOnly(path));
  }

  createDirectory(path: string): void {
    throw readOnly(path);
  }

  remove(path: string): void {
    throw readOnly(path);
  }

  removeAsync(path: string): Promise<void> {
    return Promise.reject(readOnly(path));
  }

  rename(path: string): void {
    throw readOnly(path);
  }

  link(_existing: string, path: string): void {
    throw readOnly(path);
  }

  syncDirectory(path: string): void {
    throw readOnly(path);
  }

  assertHeld(path: string): void {
    throw readOnly(path);
  }
}

/** So much of a file as counts. */
class CapturedHandle implements FileHandle {
  readonly path: string;
  readonly #file: ReadableFile;
  readonly #sizeBytes: number;

  constructor(path: string, file: CapturedFile) {
    this.path = path;
    this.#file = file.open();
    this.#sizeBytes = file.sizeBytes;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    const rest = Math.max(0, Math.min(length, this.#sizeBytes - position));
    return rest === 0 ? 0 : readAt(this.#file, buf, off, rest, position);
  }

  size(): number {
    return this.#sizeBytes;
  }

  linkCount(): number {
    return 1;
  }

  close(): void {
    this.#file.close();
  }

  write(): void {
    throw readOnly(this.path);
  }

  truncate(): void {
    throw readOnly(this.path);
  }

  sync(): void {
    throw readOnly(this.path);
  }

  syncAsync(): Promise<void> {
    return Promise.reject(readOnly(this.path));
  }
}

function readOnly(path: string): VarveError {
  return new VarveError('UNSUPPORTED', `${path} is of a capture, which is only read`);
}
