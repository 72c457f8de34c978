/**
 * The file systems of processes that live one after the other on the same files.
 * @module
 */
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';

/** See the module head. */
export interface Lives {
  /**
   * The file system of the next process, or of the first one. It holds what was written in the one
   * before, which is of no use from then on: as after the death of its process.
   */
  next(): Promise<Fs>;
  /** Lets background work get on. */
  turn(): Promise<void>;
}

/** In memory. */
export class MemoryLives implements Lives {
  private fs: MemoryFs | undefined;

  constructor() {
    this.fs = undefined;
  }

  async next(): Promise<MemoryFs> {
    this.fs = this.fs?.clone() ?? new MemoryFs();
    return this.fs;
  }

  async turn(): Promise<void> {
    await Promise.resolve();
    await Promise.resolve();
  }
}
