/**
 * What the version and the manifest know of a table, so that opening a database reads none.
 * @module
 */
import type { FileProtection } from '../block/file-protection.ts';

/** Facts of one finished table; immutable. */
export interface TableMeta {
  readonly fileNumber: number;
  /** Whole file, in bytes. */
  readonly sizeBytes: number;
  /** First and last user key, both inclusive. */
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  readonly smallestSeqno: number;
  readonly largestSeqno: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  /** Key and value bytes before any encoding. */
  readonly rawBytes: number;
  /** XXH64, seed 0, of the whole file, as two unsigned 32-bit halves. */
  readonly checksumLow: number;
  readonly checksumHigh: number;
  /** Wall time at which it was written, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Codec that its data blocks were offered to: a `CODEC_*` number. */
  readonly codecId: number;
  /** The same stands in the file's header. */
  readonly protection: FileProtection;
  /** Of the file's header, 16 bytes; not known of tables in the clear that older versions wrote. */
  readonly salt: Uint8Array | undefined;
}
