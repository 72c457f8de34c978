/**
 * The locks of a file system that nobody but one object has: who holds which path.
 * @module
 */
import { VarveError } from '../errors.ts';
import type { FsLock } from './port.ts';

/** See the module head. */
export class LocalLocks {
  /** What the locks are of, for messages. */
  readonly #owner: string;
  /** Path to the token of who holds it. */
  readonly #held: Map<string, string>;
  #count: number;

  constructor(owner: string) {
    this.#owner = owner;
    this.#held = new Map();
    this.#count = 0;
  }

  /**
   * @param name one spelling for all spellings of `path`
   * @throws VarveError `LOCKED` while another holder has it
   */
  take(name: string, path: string): FsLock {
    if (this.#held.has(name)) {
      const message = `${path} is locked by another holder of ${this.#owner}`;
      throw new VarveError('LOCKED', message, { file: path });
    }
    const token = String(++this.#count);
    this.#held.set(name, token);
    return {
      token,
      release: async () => {
        if (this.#held.get(name) === token) this.#held.delete(name);
      },
    };
  }

  /** @throws VarveError `DETACHED` unless the lock with this token is held */
  assertHeld(name: string, path: string, token: string): void {
    if (this.#held.get(name) === token) return;
    throw new VarveError('DETACHED', `${path} is not locked by this holder`, { file: path });
  }
}
