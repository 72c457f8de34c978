/**
 * OPFS as browsers have it, on a disk of the tests: asynchronous names, one handle of a file at a
 * time, a limit of open files, a quota, and no barrier but `flush`. What was created and never
 * flushed may be gone after a power cut.
 * @module
 */
import { isVarveError } from '../../src/errors.ts';
import type { OpfsDirectory, OpfsPlatform, SyncAccess } from '../../src/fs/opfs-platform.ts';
import { type FileHandle, type Fs, joinPath } from '../../src/fs/port.ts';

/** What a browser calls its errors. */
class DomError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** One running browser; a new one on the same disk is what comes after a crash. */
export class TestBrowser implements OpfsPlatform {
  readonly root: OpfsDirectory;
  readonly disk: Fs;
  /** Files that may be open at a time. */
  handlesMax: number;
  /** Paths that somebody has open. */
  readonly open: Set<string>;
  /** Files that were created. */
  creationCount: number;
  readonly #held: Set<string>;

  constructor(disk: Fs) {
    this.disk = disk;
    this.handlesMax = 252;
    this.open = new Set();
    this.creationCount = 0;
    this.#held = new Set();
    disk.createDirectory('/opfs');
    this.root = new TestDirectory(this, '/opfs');
  }

  async hold(name: string): Promise<(() => void) | undefined> {
    if (this.#held.has(name)) return undefined;
    this.#held.add(name);
    return () => this.#held.delete(name);
  }

  async freeBytes(): Promise<number | undefined> {
    return this.disk.freeBytes('/opfs');
  }

  async persist(): Promise<boolean> {
    return true;
  }
}

class TestDirectory implements OpfsDirectory {
  readonly #browser: TestBrowser;
  readonly #path: string;

  constructor(browser: TestBrowser, path: string) {
    this.#browser = browser;
    this.#path = path;
  }

  async getDirectoryHandle(name: string): Promise<OpfsDirectory> {
    const path = joinPath(this.#path, name);
    this.#browser.disk.createDirectory(path);
    return new TestDirectory(this.#browser, path);
  }

  async getFileHandle(name: string, options?: { create?: boolean }) {
    const browser = this.#browser;
    const path = joinPath(this.#path, name);
    if (!browser.disk.exists(path)) {
      if (options?.create !== true) throw new DomError('NotFoundError', path);
      quota(() => browser.disk.open(path, 'create').close());
      browser.creationCount++;
    }
    return {
      createSyncAccessHandle: async () => {
        if (browser.open.has(path)) throw new DomError('NoModificationAllowedError', path);
        if (browser.open.size >= browser.handlesMax) throw new DomError('UnknownError', 'handles');
        browser.open.add(path);
        const flushEntry = () => browser.disk.syncDirectory(this.#path);
        const file = browser.disk.open(path, 'update');
        return new TestAccess(file, flushEntry, () => browser.open.delete(path));
      },
    };
  }

  async removeEntry(name: string): Promise<void> {
    const path = joinPath(this.#path, name);
    if (this.#browser.open.has(path)) throw new DomError('NoModificationAllowedError', path);
    this.#browser.disk.remove(path);
  }

  async *keys(): AsyncGenerator<string> {
    yield* this.#browser.disk.list(this.#path);
  }
}

class TestAccess implements SyncAccess {
  readonly #file: FileHandle;
  readonly #flushEntry: () => void;
  readonly #onClose: () => void;
  #isOpen: boolean;

  constructor(file: FileHandle, flushEntry: () => void, onClose: () => void) {
    this.#file = file;
    this.#flushEntry = flushEntry;
    this.#onClose = onClose;
    this.#isOpen = true;
  }

  read(buf: Uint8Array, { at }: { at: number }): number {
    this.#requireOpen();
    return this.#file.read(buf, 0, buf.length, at);
  }

  write(buf: Uint8Array, { at }: { at: number }): number {
    this.#requireOpen();
    return quota(() => {
      this.#file.write(buf, 0, buf.length, at);
      return buf.length;
    });
  }

  truncate(sizeBytes: number): void {
    this.#requireOpen();
    quota(() => this.#file.truncate(sizeBytes));
  }

  getSize(): number {
    this.#requireOpen();
    return this.#file.size();
  }

  flush(): void {
    this.#requireOpen();
    quota(() => {
      this.#file.sync();
      this.#flushEntry();
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.close();
    this.#onClose();
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw new DomError('InvalidStateError', 'closed');
  }
}

function quota<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isVarveError(error, 'NOSPACE')) throw error;
    throw new DomError('QuotaExceededError', error.message);
  }
}
