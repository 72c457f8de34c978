/**
 * What a scan that goes on past damage has met and left out.
 *
 * The sorted runs of a view have ranks: the newer, the lower. Of a key of a lost part, runs of a
 * lower rank hold newer versions, which count. What runs of a higher rank hold of it is older, and
 * may have been deleted or overwritten by what is lost: it is left out with it.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import { isVarveError, type LostKeys, type VarveError } from '../errors.ts';
import type { TableSlot } from './table-cache.ts';

/** A data block that cannot be read, or a whole table. */
export interface LostPart extends LostKeys {
  readonly rank: number;
  readonly slot: TableSlot;
  /** Undefined for all of the table. */
  readonly ordinal: number | undefined;
  readonly error: VarveError;
  /**
   * The oldest version of the last key in the block, where still older ones stand in the next
   * block; else 0.
   */
  readonly continuedSeqno: number;
}

/** Whether an error is one that a scan can go on past. */
export function isLoss(error: unknown): error is VarveError {
  return isVarveError(error, 'CORRUPTION') || isVarveError(error, 'IO');
}

/** See the module head; for one scan. */
export class LostParts {
  /** In the order in which they were met. */
  readonly met: LostPart[];
  readonly #seqno: number;

  /** @param seqno of the newest write that the scan sees */
  constructor(seqno: number) {
    this.met = [];
    this.#seqno = seqno;
  }

  /** Adds a part, once. */
  note(part: LostPart): void {
    const isKnown = this.met.some(({ slot, ordinal }) => {
      return slot === part.slot && ordinal === part.ordinal;
    });
    if (!isKnown) this.met.push(part);
  }

  /** The part for which an entry of a run is left out, if there is one. Borrows `buf`. */
  hiding(
    rank: number,
    buf: Uint8Array,
    off: number,
    len: number,
    seqno: number,
  ): LostPart | undefined {
    const { met } = this;
    for (let i = 0; i < met.length; i++) {
      const part = met[i]!;
      if (part.rank > rank) continue;
      if (part.rank === rank && !this.#isOlder(seqno, part)) continue;
      if (compareBytes(buf, off, len, part.gte, 0, part.gte.length) < 0) continue;
      if (compareBytes(buf, off, len, part.lt, 0, part.lt.length) < 0) return part;
    }
    return undefined;
  }

  /** Of a version in the run that has lost the part: it is behind it, and the scan sees both. */
  #isOlder(seqno: number, { continuedSeqno }: LostPart): boolean {
    return seqno < continuedSeqno && continuedSeqno <= this.#seqno;
  }
}
