/**
 * Adds up what the parts of a file say of its health.
 * @module
 */
import type { CopyState } from '../block/block-walker.ts';
import type {
  BlockPart,
  HeaderPart,
  InspectedKind,
  InspectionPart,
  SlotPart,
  StripesPart,
  SummaryPart,
} from './parts.ts';

/** Takes the parts of one file. */
export class Tally {
  #kind: InspectedKind;
  #blockCount: number;
  #correctedCount: number;
  #damageCount: number;
  #isTorn: boolean;
  #isSealed: boolean;
  #soundSlots: number;
  #damagedSlots: number;

  constructor() {
    this.#kind = 'unknown';
    this.#blockCount = 0;
    this.#correctedCount = 0;
    this.#damageCount = 0;
    this.#isTorn = false;
    this.#isSealed = false;
    this.#soundSlots = 0;
    this.#damagedSlots = 0;
  }

  add(part: InspectionPart): void {
    if (part.part === 'file') this.#kind = part.kind;
    else if (part.part === 'header') this.#addHeader(part);
    else if (part.part === 'slot') this.#addSlot(part);
    else if (part.part === 'block') this.#addBlock(part);
    else if (part.part === 'gap') {
      if (part.isTorn) this.#isTorn = true;
      else this.#damageCount++;
    } else if (part.part === 'stripes' && isDamagedStripes(part)) this.#correctedCount++;
    else if (part.part === 'problem' && part.isDamage) this.#damageCount++;
  }

  summary(): SummaryPart {
    // One slot is enough; without any the database cannot be opened.
    const isLost = this.#damagedSlots > 0 && this.#soundSlots === 0;
    return {
      part: 'summary',
      blockCount: this.#blockCount,
      correctedCount: this.#correctedCount + (isLost ? 0 : this.#damagedSlots),
      damageCount: this.#damageCount + (isLost ? this.#damagedSlots : 0),
      isTorn: this.#isTorn,
      isSealed: this.#isSealed,
    };
  }

  #addHeader({ state }: HeaderPart): void {
    if (state === 'corrected' || state === 'unvouched') this.#correctedCount++;
    else if (state === 'unwritten' && this.#kind !== 'table') this.#isTorn = true;
    else if (state !== 'sound') this.#damageCount++;
  }

  #addSlot({ state, tag }: SlotPart): void {
    if (state === 'damaged') this.#damagedSlots++;
    else if (state !== 'empty') this.#soundSlots++;
    if (state === 'corrected') this.#correctedCount++;
    if (tag === 'not authentic') this.#damageCount++;
    if (tag === 'sealed') this.#isSealed = true;
  }

  #addBlock(block: BlockPart): void {
    this.#blockCount++;
    if (block.content === 'sealed') this.#isSealed = true;
    if (block.checksum === 'damaged') this.#damageCount++;
    else if (this.#isCutLog(block)) this.#isTorn = true;
    else if (block.checksum === 'corrected' || isDamagedAround(block)) this.#correctedCount++;
    if (isUnreadable(block)) this.#damageCount++;
  }

  /** A record whose parity section was not written to its end. */
  #isCutLog({ checksum, parity }: BlockPart): boolean {
    if (this.#kind === 'table' || checksum !== 'sound' || parity === undefined) return false;
    return parity.presentBytes < parity.sizeBytes;
  }
}

/** True if frame or parity section of a block are damaged. */
export function isDamagedAround({ frame, parity }: BlockPart): boolean {
  const isBad = (state: CopyState | undefined) => state !== undefined && state !== 'sound';
  if (frame !== undefined && (frame.copies.some(isBad) || isBad(frame.section))) return true;
  if (parity === undefined) return false;
  return parity.damagedParity.count > 0 || (parity.damagedData?.count ?? 0) > 0;
}

/** Units can be made anew from a whole body; what of the body is lost shows in its blocks. */
export function isDamagedStripes(part: StripesPart): boolean {
  const { damagedChunks, damagedUnits, headerCopy } = part;
  return damagedChunks.count + damagedUnits.count > 0 || headerCopy === 'damaged';
}

/** True if the checksum of a block is right and its content cannot be read all the same. */
export function isUnreadable({ content }: BlockPart): boolean {
  return content !== 'read' && content !== 'sealed' && content !== 'unread';
}
