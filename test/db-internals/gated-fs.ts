/**
 * A file system in memory whose `syncAsync` calls end when a test says so. It knows what is on
 * stable storage and notes every misuse of a handle.
 */
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, OpenMode } from '../../src/fs/port.ts';

/** One `syncAsync` under way. */
export interface PendingSync {
  readonly path: string;
  finish(): void;
  fail(error: Error): void;
}

export class GatedFs extends MemoryFs {
  /** Asynchronous syncs under way, oldest first. */
  readonly pending: PendingSync[];
  /** Per path, how much of the file is on stable storage. */
  readonly durableBytes: Map<string, number>;
  /** Paths of all syncs that were begun, of both kinds. */
  readonly syncs: string[];
  readonly misuses: string[];
  readonly openPaths: string[];
  /** Set to make the next `sync` fail. */
  nextSyncError: Error | undefined;

  constructor() {
    super();
    this.pending = [];
    this.durableBytes = new Map();
    this.syncs = [];
    this.misuses = [];
    this.openPaths = [];
    this.nextSyncError = undefined;
  }

  override open(path: string, mode: OpenMode): FileHandle {
    this.openPaths.push(path);
    return new GatedHandle(super.open(path, mode), this);
  }
}

class GatedHandle implements FileHandle {
  readonly path: string;
  readonly #inner: FileHandle;
  readonly #fs: GatedFs;
  #isOpen: boolean;
  #underWay: number;

  constructor(inner: FileHandle, fs: GatedFs) {
    this.path = inner.path;
    this.#inner = inner;
    this.#fs = fs;
    this.#isOpen = true;
    this.#underWay = 0;
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
    this.#begin();
    const error = this.#fs.nextSyncError;
    this.#fs.nextSyncError = undefined;
    if (error !== undefined) throw error;
    this.#fs.durableBytes.set(this.path, this.#inner.size());
  }

  syncAsync(): Promise<void> {
    this.#begin();
    const { pending, durableBytes } = this.#fs;
    const sizeBytes = this.#inner.size();
    this.#underWay++;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        pending.splice(pending.indexOf(sync), 1);
        this.#underWay--;
      };
      const sync = {
        path: this.path,
        finish: () => {
          end();
          durableBytes.set(this.path, Math.max(sizeBytes, durableBytes.get(this.path) ?? 0));
          resolve();
        },
        fail: (error: Error) => {
          end();
          reject(error);
        },
      };
      pending.push(sync);
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#underWay > 0) this.#fs.misuses.push(`${this.path} closed while it is synced`);
    this.#inner.close();
    this.#fs.openPaths.splice(this.#fs.openPaths.indexOf(this.path), 1);
  }

  #begin(): void {
    this.#fs.syncs.push(this.path);
    if (!this.#isOpen) this.#fs.misuses.push(`${this.path} synced after it was closed`);
  }
}

/** Resolves when all that is ready to run has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
