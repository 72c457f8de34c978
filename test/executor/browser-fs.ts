/**
 * What the workers of the browser tests are given: the shared files, and a way to die of them.
 * @module
 */
import type { Fs, OpenMode } from '../../src/core.ts';
import { SharedMemoryFs } from './shared-memory-fs.ts';

/** In the first word of `trap`; a worker that creates a file takes it out and follows. */
export const TRAP_NONE = 0;
/** The worker throws where nobody catches. */
export const TRAP_THROW = 1;
/** The worker ends, without a word. */
export const TRAP_CLOSE = 2;
/** The worker does nothing any more, for ever. */
export const TRAP_HANG = 3;

/** For {@link openTrappedFs}; shared by all threads. */
export interface TrappedFiles {
  readonly memory: SharedArrayBuffer;
  readonly trap: Int32Array;
}

/** The factory that the options of `webThreads` name. */
export async function openTrappedFs({ memory, trap }: TrappedFiles): Promise<Fs> {
  return new TrappedFs(memory, trap);
}

class TrappedFs extends SharedMemoryFs {
  readonly #trap: Int32Array;

  constructor(memory: SharedArrayBuffer, trap: Int32Array) {
    super(memory);
    this.#trap = trap;
  }

  override open(path: string, mode: OpenMode) {
    const file = super.open(path, mode);
    const action = mode === 'create' ? Atomics.exchange(this.#trap, 0, TRAP_NONE) : TRAP_NONE;
    if (action === TRAP_CLOSE) close();
    while (action === TRAP_HANG);
    if (action === TRAP_THROW) {
      setTimeout(() => {
        throw new Error('it was trapped');
      }, 0);
    }
    return file;
  }
}
