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
 * The last record of a log is written when the next log is there, and names it: no other file
 * counts as its successor. It is on stable storage before anything in that log is said to be.
 *
 *     offset  size  meaning
 *     0       8     0, which is no batch's first seqno
 *     8       8     number of the next log
 *     16      8     its protection (block/file-protection.ts)
 *     24      16    salt of its header
 *
 * Integers are little-endian. Seqnos leave no gap, within a log and from one log to the next: the
 * first record of a log begins at the header's base seqno + 1. The durable seqno tells damage from
 * an unacknowledged tail: whatever it covers cannot have been lost in a power cut.
 * @module
 */
import { SALT_BYTES } from '../block/file-header.ts';
import { PROTECTION_BYTES, readProtection, writeProtection } from '../block/file-protection.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { readU32, readU64, U64_TOO_LARGE } from '../bytes/fixed.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';

export const WAL_RECORD_PREFIX_BYTES = 20;

const CLOSING_PROTECTION_OFF = 16;
const CLOSING_SALT_OFF: number = CLOSING_PROTECTION_OFF + PROTECTION_BYTES;
const CLOSING_BYTES: number = CLOSING_SALT_OFF + SALT_BYTES;

/** Appends the content of the record with which a log ends. */
export function encodeClosing(out: ByteWriter, next: LogIdentity): void {
  const protection = new Uint8Array(PROTECTION_BYTES);
  writeProtection(protection, 0, next.protection);
  out.u64(0);
  out.u64(next.fileNumber);
  out.bytes(protection, 0, protection.length);
  out.bytes(next.salt, 0, next.salt.length);
}

/**
 * The log that a closing record names; undefined for any other record. Borrows `buf`.
 * @param path and `position`: where the record stands, for errors
 * @throws VarveError `CORRUPTION` or `UNSUPPORTED` for a protection that does not exist
 */
export function decodeClosing(
  buf: Uint8Array,
  off: number,
  length: number,
  path: string,
  position: number,
): LogIdentity | undefined {
  if (length !== CLOSING_BYTES || readU64(buf, off) !== 0) return undefined;
  const fileNumber = readU64(buf, off + 8);
  if (fileNumber === U64_TOO_LARGE) return undefined;
  const protection = readProtection(buf, off + CLOSING_PROTECTION_OFF, path, position);
  const salt = buf.slice(off + CLOSING_SALT_OFF, off + CLOSING_BYTES);
  return { fileNumber, protection, salt };
}

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
