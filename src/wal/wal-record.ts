/**
 * The content of a WAL record (block type `BLOCK_WAL_RECORD`): one write batch.
 *
 *     offset  size  meaning
 *     0       8     first seqno of the record
 *     8       8     durable seqno: the highest that was known to be on stable storage, over all
 *                   logs, when the record was written
 *     16      4     count of operations; they have the seqnos first to first + count - 1
 *     20      ...   the operations, opaque to the WAL
 *
 * An encrypted log begins with a record without content, which is durable with the header: the key
 * is bound to the header, so that a header without a record that opens is nobody's.
 *
 * Integers are little-endian. Seqnos leave no gap, within a log and from one log to the next: the
 * first record of a log begins at the header's base seqno + 1. The durable seqno tells damage from
 * an unacknowledged tail: whatever it covers cannot have been lost in a power cut.
 * @module
 */
import { readU32, readU64, U64_TOO_LARGE } from '../bytes/fixed.ts';
import { SEQNO_MAX } from '../key/kind.ts';

export const WAL_RECORD_PREFIX_BYTES = 20;

/** The decoded prefix of a record; reused from record to record. */
export class WalRecordPrefix {
  firstSeqno: number;
  durableSeqno: number;
  count: number;

  constructor() {
    this.firstSeqno = 0;
    this.durableSeqno = 0;
    this.count = 0;
  }

  /** Seqno of the record's last operation. */
  get lastSeqno(): number {
    return this.firstSeqno + this.count - 1;
  }

  /** Reads the prefix of a record's content; false when no writer makes such a record. */
  read(buf: Uint8Array, off: number, length: number): boolean {
    if (length < WAL_RECORD_PREFIX_BYTES) return false;
    this.firstSeqno = readU64(buf, off);
    this.durableSeqno = readU64(buf, off + 8);
    this.count = readU32(buf, off + 16);
    if (this.firstSeqno === U64_TOO_LARGE || this.durableSeqno === U64_TOO_LARGE) return false;
    if (this.firstSeqno === 0 || this.count === 0) return false;
    return this.durableSeqno < this.firstSeqno && this.firstSeqno <= SEQNO_MAX - this.count + 1;
  }
}
