/**
 * What single tables ask for, by file number: to be written anew or stepped around, for what is
 * known of their health, or to be merged because gets look into them in vain or scans keep passing
 * their tombstones.
 * @module
 */
import { compareKeys } from '../../bytes/compare.ts';
import { TableHealth } from '../../integrity/table-health.ts';
import type { TableSlot } from '../../tables/table-cache.ts';

/** Fewer deleted keys in a row are not worth a look at all tables of a family. */
const PASSED_MIN = 256;

/** See the module head. */
export class TableRequests {
  readonly health: TableHealth;
  readonly seekVictims: Set<number>;
  /** Tables whose tombstones scans have passed more often than a merge would cost. */
  readonly scanVictims: Set<number>;

  constructor() {
    this.health = new TableHealth();
    this.seekVictims = new Set();
    this.scanVictims = new Set();
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

  /** A table is no longer part of the database. */
  forget(fileNumber: number): void {
    this.health.forget(fileNumber);
    this.seekVictims.delete(fileNumber);
    this.scanVictims.delete(fileNumber);
  }
}
