/**
 * What single tables ask for, by file number: to be written anew for damage that was put right
 * when they were read, to be merged because gets look into them in vain or scans keep passing
 * their tombstones, or to be left alone for they cannot be read.
 * @module
 */
import type { Correction } from '../../block/block-reader.ts';
import { compareKeys } from '../../bytes/compare.ts';
import { tableNumberOf } from '../../manifest/file-names.ts';
import type { TableSlot } from '../../tables/table-cache.ts';
import { UnreadableTables } from '../unreadable-tables.ts';

/** Fewer deleted keys in a row are not worth a look at all tables of a family. */
const PASSED_MIN = 256;

/** See the module head. */
export class TableRequests {
  /** Tables that are damaged on disk, within what their code can correct as far as is known. */
  readonly damaged: Set<number>;
  readonly seekVictims: Set<number>;
  /** Tables whose tombstones scans have passed more often than a merge would cost. */
  readonly scanVictims: Set<number>;
  readonly unreadable: UnreadableTables;
  /** Damaged beyond that: whatever is read of them, they stay as they are. */
  readonly #hopeless: Set<number>;

  constructor() {
    this.damaged = new Set();
    this.seekVictims = new Set();
    this.scanVictims = new Set();
    this.unreadable = new UnreadableTables();
    this.#hopeless = new Set();
  }

  noteCorrection({ file }: Correction): void {
    const fileNumber = tableNumberOf(file);
    if (fileNumber === undefined || this.#hopeless.has(fileNumber)) return;
    this.damaged.add(fileNumber);
  }

  /**
   * A scan has passed deleted keys from `from` to before `to`, or to the end of all keys.
   * @param levels the tables of the family
   */
  notePassed(
    levels: readonly (readonly TableSlot[])[],
    from: Uint8Array,
    to: Uint8Array | undefined,
    count: number,
  ): void {
    if (count < PASSED_MIN) return;
    for (const slots of levels) {
      for (const slot of slots) {
        const { smallestKey, largestKey, meta } = slot;
        const { tombstoneCount, fileNumber } = meta;
        if (tombstoneCount === 0 || compareKeys(largestKey, from) < 0) continue;
        if (to !== undefined && compareKeys(smallestKey, to) >= 0) continue;
        slot.passed += Math.min(count, tombstoneCount);
        if (slot.passed >= slot.passedMax) this.scanVictims.add(fileNumber);
      }
    }
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
    this.scanVictims.delete(fileNumber);
    this.unreadable.forget(fileNumber);
    this.#hopeless.delete(fileNumber);
  }
}
