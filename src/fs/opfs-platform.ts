/**
 * What a browser offers of the origin private file system, as far as the engine uses it, and what
 * its errors mean.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';

/** An open file of OPFS; `FileSystemSyncAccessHandle`. */
export interface SyncAccess {
  /** Reads into all of `buf` as far as the file goes; borrows `buf`. @returns bytes read */
  read(buf: Uint8Array, options: { at: number }): number;
  /** Writes all of `buf` unless the quota ends it; borrows `buf`. @returns bytes written */
  write(buf: Uint8Array, options: { at: number }): number;
  /** Cuts, or extends with zeros. */
  truncate(sizeBytes: number): void;
  /** Size in bytes. */
  getSize(): number;
  /** Blocks until content and size are on stable storage: the only barrier that there is. */
  flush(): void;
  /** Gives the file free; does not flush. */
  close(): void;
}

/** A file of OPFS that need not be open; `FileSystemFileHandle` in a dedicated worker. */
export interface OpfsFile {
  /** Opens it for this context alone; rejects while anybody has it open. */
  createSyncAccessHandle(): Promise<SyncAccess>;
}

/** A directory of OPFS; `FileSystemDirectoryHandle`. */
export interface OpfsDirectory {
  /** A file in it. */
  getFileHandle(name: string, options?: { create?: boolean }): Promise<OpfsFile>;
  /** A directory in it. */
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<OpfsDirectory>;
  /** Removes a file that nobody has open. */
  removeEntry(name: string): Promise<void>;
  /** Names of all that is in it. */
  keys(): AsyncIterable<string>;
}

/** What `mountOpfs` needs of a browser; tests bring their own. */
export interface OpfsPlatform {
  /** The directory in which mounts have theirs. */
  readonly root: OpfsDirectory;
  /**
   * Takes the lock of this name, which dies with its holder.
   * @param waitMs how long to wait for it; Infinity for ever
   * @returns what gives it up; undefined when somebody else has it
   */
  hold(name: string, waitMs: number): Promise<(() => void) | undefined>;
  /** Bytes that the origin may still store, about; undefined if nobody can tell. */
  freeBytes(): Promise<number | undefined>;
  /** Asks that the data is not evicted. @returns whether the browser promises it */
  persist(): Promise<boolean>;
}

/** Parts of the global scope that TypeScript knows of windows or of workers only. */
interface BrowserScope {
  readonly isSecureContext?: boolean;
  readonly navigator?: {
    readonly storage?: {
      getDirectory?(): Promise<unknown>;
      estimate?(): Promise<{ quota?: number; usage?: number }>;
      persisted?(): Promise<boolean>;
      persist?(): Promise<boolean>;
    };
    readonly locks?: LockManager;
  };
  readonly FileSystemFileHandle?: { readonly prototype: object };
  readonly WorkerGlobalScope?: unknown;
}

/**
 * The browser that this runs in.
 * @throws VarveError `UNSUPPORTED` naming the first thing that is missing
 */
export async function browserPlatform(): Promise<OpfsPlatform> {
  const scope = globalThis as unknown as BrowserScope;
  const storage = scope.navigator?.storage;
  const locks = scope.navigator?.locks;
  if (scope.isSecureContext === false) {
    throw unsupported('a page has OPFS only in a secure context: over https, or from localhost');
  }
  if (storage?.getDirectory === undefined) {
    throw unsupported('this runtime has no origin private file system (OPFS)');
  }
  const filePrototype = scope.FileSystemFileHandle?.prototype;
  if (filePrototype === undefined || !('createSyncAccessHandle' in filePrototype)) {
    throw unsupported('OPFS files can be opened in a dedicated worker only, not on this thread');
  }
  if (locks === undefined) throw unsupported('this browser has no Web Locks (navigator.locks)');
  let root: OpfsDirectory;
  try {
    root = (await storage.getDirectory()) as OpfsDirectory;
  } catch (cause) {
    const what = 'the browser refuses its private file system, as in some private windows';
    throw unsupported(what, cause);
  }
  return {
    root,
    hold: (name, waitMs) => holdLock(locks, name, waitMs),
    freeBytes: async () => {
      const { quota, usage } = (await storage.estimate?.()) ?? {};
      return quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage);
    },
    persist: async () =>
      (await storage.persisted?.()) === true || (await storage.persist?.()) === true,
  };
}

function holdLock(
  locks: LockManager,
  name: string,
  waitMs: number,
): Promise<(() => void) | undefined> {
  const limit = Number.isFinite(waitMs) ? { signal: AbortSignal.timeout(waitMs) } : {};
  const options: LockOptions = waitMs === 0 ? { ifAvailable: true } : limit;
  return new Promise((resolve, reject) => {
    const onLock = (lock: Lock | null): Promise<void> => {
      if (lock === null) {
        resolve(undefined);
        return Promise.resolve();
      }
      return new Promise<void>((release) => resolve(release));
    };
    locks.request(name, options, onLock).catch((error: unknown) => {
      if (options.signal?.aborted === true) resolve(undefined);
      else reject(error);
    });
  });
}

/** What a failure of the browser means, for the file at `path`. */
export function opfsError(cause: unknown, what: string, path: string): VarveError {
  if (isVarveError(cause)) return cause;
  const name = (cause as { readonly name?: unknown } | null)?.name;
  const text = `cannot ${what} ${path}: ${String(cause)}`;
  if (name === 'QuotaExceededError') return new VarveError('NOSPACE', text, { file: path, cause });
  if (name === 'NoModificationAllowedError') {
    const message = `${path} is open in another tab or worker`;
    return new VarveError('LOCKED', message, { file: path, cause });
  }
  return new VarveError('IO', text, { file: path, cause });
}

/** True if the file or directory is not there. */
export function isMissing(cause: unknown): boolean {
  return (cause as { readonly name?: unknown } | null)?.name === 'NotFoundError';
}

function unsupported(what: string, cause?: unknown): VarveError {
  return new VarveError('UNSUPPORTED', what, { cause });
}
