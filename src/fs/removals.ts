/**
 * Files on their way out. To free a large file takes milliseconds, which nobody should have to
 * wait for.
 * @module
 */
import { isVarveError } from '../errors.ts';
import type { Fs } from './port.ts';

/** See the module head. */
export class Removals {
  readonly #fs: Fs;
  /** By path. */
  readonly #underWay: Map<string, Promise<void>>;
  /** Paths that could not be removed. */
  readonly #left: Set<string>;

  constructor(fs: Fs) {
    this.#fs = fs;
    this.#underWay = new Map();
    this.#left = new Set();
  }

  /** Paths of what may still be there. */
  *[Symbol.iterator](): Generator<string> {
    yield* this.#underWay.keys();
    yield* this.#left;
  }

  /**
   * Begins to remove a file that nothing depends on, and whose name is not used again before
   * {@link settle}. What stays behind is swept when a database opens.
   */
  add(path: string): void {
    const removal = this.#fs.removeAsync(path).catch(() => {
      this.#left.add(path);
    });
    this.#underWay.set(path, removal);
    void removal.then(() => this.#underWay.delete(path));
  }

  /** Makes what is under way come to pass now, for whoever counts on the space. */
  hurry(): void {
    for (const path of this.#underWay.keys()) removeIfPossible(this.#fs, path);
  }

  /** Resolves when nothing of what is under way now is so any more. */
  async settle(): Promise<void> {
    await Promise.all([...this.#underWay.values()]);
  }
}

/** Removes a file that nothing depends on; what stays behind is swept when a database opens. */
export function removeIfPossible(fs: Fs, path: string): void {
  try {
    fs.remove(path);
  } catch (error) {
    if (!isVarveError(error)) throw error;
  }
}
