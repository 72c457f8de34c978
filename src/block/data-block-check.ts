/**
 * The check of a finished data block against the entry checksums in it, while it still is in
 * memory: what it finds would otherwise be sealed under a block checksum that is right.
 * @module
 */
import { NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { DataBlockCursor } from './data-block-cursor.ts';
import { DataBlock } from './data-block-reader.ts';

/** Reused for block after block. */
export class DataBlockCheck extends DataBlockCursor {
  readonly #content: DataBlock;

  constructor() {
    super();
    this.#content = new DataBlock();
  }

  /**
   * Decodes the content `buf[off, off + len)` and holds it against the checksums in it, and against
   * the seqnos of its entries where they are known. Borrows both buffers.
   * @returns whether it is sound; if not, `seqno` is that of the first entry that is wrong
   * @throws VarveError when the content cannot be decoded
   */
  isSound(buf: Uint8Array, off: number, len: number, seqnos: Float64Array | undefined): boolean {
    const block = this.#content;
    block.open(buf, off, len, 'block in memory', off);
    this.enterBlock(block);
    let index = 0;
    for (let more = this.firstInBlock(); more; more = this.nextInBlock(), index++) {
      if (this.entryChecksum() === NO_ENTRY_CHECKSUM || !this.matchesChecksum()) return false;
      if (seqnos !== undefined && this.seqno !== seqnos[index]) return false;
    }
    return this.atBlockEnd();
  }
}
