/**
 * What single tables ask for, by file number: to be written anew for damage that was put right
 * when they were read, to be merged because reads look into them in vain, or to be left alone for
 * they cannot be read.
 * @module
 */
import type { Correction } from '../../block/block-reader.ts';
import { tableNumberOf } from '../../manifest/file-names.ts';
import { UnreadableTables } from '../unreadable-tables.ts';

/** See the module head. */
export class TableRequests {
  /** Tables that are damaged on disk, within what their code can correct as far as is known. */
  readonly damaged: Set<number>;
  readonly seekVictims: Set<number>;
  readonly unreadable: UnreadableTables;
  /** Damaged beyond that: whatever is read of them, they stay as they are. */
  readonly #hopeless: Set<number>;

  constructor() {
    this.damaged = new Set();
    this.seekVictims = new Set();
    this.unreadable = new UnreadableTables();
    this.#hopeless = new Set();
  }

  noteCorrection({ file }: Correction): void {
    const fileNumber = tableNumberOf(file);
    if (fileNumber === undefined || this.#hopeless.has(fileNumber)) return;
    this.damaged.add(fileNumber);
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
    this.unreadable.forget(fileNumber);
    this.#hopeless.delete(fileNumber);
  }
}
