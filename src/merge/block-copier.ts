/**
 * Whole blocks from a merge's inputs to its outputs, as they are stored: without decoding values
 * and without compressing anything again. Only header, checksum and parity are new, because these
 * say in which file and where a block stands.
 *
 * A block is copied if the merge would give its entries back as they are, and nothing else among
 * them: its keys are different, all stand before the next entry of every other input, all are puts,
 * and no seqno is to become 0. What the output wants of a block is asked of its writer.
 * @module
 */
import { DataBlockScan } from '../block/data-block-scan.ts';
import { compareBytes } from '../bytes/compare.ts';
import type { EntryStream } from '../key/cursor.ts';
import { KIND_PUT } from '../key/kind.ts';
import { StoredBlock } from '../sstable/block-window.ts';
import type { TableStream } from '../sstable/table-stream.ts';
import type { TableWriter } from '../sstable/table-writer.ts';

/** See the module head. */
export class BlockCopier {
  /** From this seqno on, none becomes 0. */
  readonly #keptSeqnoMin: number;
  readonly #stored: StoredBlock;
  /** Of the block that was copied last. */
  readonly scan: DataBlockScan;

  /**
   * @param snapshots ascending
   * @param isBottommost whether seqnos that no snapshot needs become 0
   */
  constructor(snapshots: readonly number[], isBottommost: boolean) {
    const oldest = snapshots[0] ?? Number.POSITIVE_INFINITY;
    this.#keptSeqnoMin = isBottommost ? oldest + 1 : 0;
    this.#stored = new StoredBlock();
    this.scan = new DataBlockScan();
  }

  /**
   * What can be said at little cost of the block on whose first entry a stream stands: false if the
   * merge would change its entries, or the index knows of others among them.
   * @param other the stream with the next entry of all others; undefined if there is none
   */
  mayFit(stream: TableStream, other: EntryStream | undefined): boolean {
    const { block } = stream;
    if (block.kind !== KIND_PUT) return false;
    const isAgeless = block.baseSeqno === 0 && block.seqnoWidth === 0;
    if (block.baseSeqno < this.#keptSeqnoMin && !isAgeless) return false;
    return stream.blocksBefore(other) > 0;
  }

  /**
   * Copies a block that may fit, if it does and the writer takes it, and brings the stream to its
   * last entry. The block's first key is greater than any that was merged.
   * @param other as for {@link mayFit}
   * @param shared bytes that the first key has in common with the key written last
   */
  copy(
    stream: TableStream,
    other: EntryStream | undefined,
    writer: TableWriter,
    shared: number,
  ): boolean {
    const { block, codecId } = stream;
    const stored = this.#stored;
    const following = stream.blocksBefore(other);
    if (!stream.stored(stored) || !writer.canCopy(block, stored, codecId, following)) return false;
    if (!this.scan.scan(block) || !this.#isBefore(other)) return false;
    writer.copy(block, stored, this.scan, shared);
    stream.toBlockEnd();
    return true;
  }

  /** Whether the last key of the scan stands before a stream's. */
  #isBefore(other: EntryStream | undefined): boolean {
    if (other === undefined) return true;
    const { lastKey, lastKeyLen } = this.scan;
    const { keyBuf, keyOff, keyLen } = other;
    return compareBytes(lastKey, 0, lastKeyLen, keyBuf, keyOff, keyLen) < 0;
  }
}
