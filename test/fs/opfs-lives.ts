/**
 * Processes that live one after the other on the same files of OPFS: each has a mount of its own,
 * and that of the one before is taken from it.
 * @module
 */
import { mountOpfs, type OpfsFs, systemHostLoop } from '../../src/core.ts';
import type { Lives } from '../prove/lives.ts';

/** As often the browser gets a turn, in which it makes files in advance. */
const TURN_INTERVAL = 8;

/** See the module head. */
export class OpfsLives implements Lives {
  readonly #directory: string;
  readonly #handlesMax: number;
  #fs: OpfsFs | undefined;
  #turnCount: number;

  constructor(directory: string, handlesMax: number) {
    this.#directory = directory;
    this.#handlesMax = handlesMax;
    this.#fs = undefined;
    this.#turnCount = 0;
  }

  async next(): Promise<OpfsFs> {
    await this.end();
    this.#fs = await mountOpfs({ directory: this.#directory, handlesMax: this.#handlesMax });
    return this.#fs;
  }

  async turn(): Promise<void> {
    if (++this.#turnCount % TURN_INTERVAL === 0) await systemHostLoop.turn();
  }

  /** Gives the files back. */
  async end(): Promise<void> {
    await this.#fs?.close();
    this.#fs = undefined;
  }
}
