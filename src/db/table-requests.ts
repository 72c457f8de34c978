/**
 * What single tables ask for, by file number: to be written anew for damage that was put right
 * when they were read, or to be merged because reads look into them in vain.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { parseFileName } from '../manifest/file-names.ts';

/** See the module head. */
export class TableRequests {
  /** Tables that are damaged on disk, within what their code can correct as far as is known. */
  readonly damaged: Set<number>;
  readonly seekVictims: Set<number>;
  /** Damaged beyond that: whatever is read of them, they stay as they are. */
  readonly #hopeless: Set<number>;

  constructor() {
    this.damaged = new Set();
    this.seekVictims = new Set();
    this.#hopeless = new Set();
  }

  noteCorrection({ file }: Correction): void {
    const parsed = parseFileName(file.slice(file.lastIndexOf('/') + 1));
    if (parsed?.kind !== 'table' || this.#hopeless.has(parsed.number)) return;
    this.damaged.add(parsed.number);
  }

  /** A table could not be written anew. */
  giveUpHealing(fileNumber: number): void {
    this.damaged.delete(fileNumber);
    this.#hopeless.add(fileNumber);
  }

  /** A table is no longer part of the database. */
  forget(fileNumber: number): void {
    this.damaged.delete(fileNumber);
    this.seekVictims.delete(fileNumber);
    this.#hopeless.delete(fileNumber);
  }
}
