/**
 * What the sealed bytes of one file show of themselves, record by record: a record is a block with
 * what belongs to it, its frame in a log with an error-correcting code and its parity section.
 * @module
 */
import { readU16, readU32 } from '../bytes/fixed.ts';
import { CODEC_NONE, CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import { createEccCodec } from '../ecc/codec.ts';
import { blockCodeOf } from '../ecc/options.ts';
import type { EccCodec } from '../ecc/port.ts';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_CONTENT_LEN_OFF,
  BLOCK_HEADER_BYTES,
  BLOCK_MANIFEST_EDIT,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_WAL_RECORD,
  CHECKSUM_KIND_XXH64,
} from './block-format.ts';
import type { BlockReader } from './block-reader.ts';
import { FILE_CLASS_MANIFEST, FILE_CLASS_WAL, type FileHeader } from './file-header.ts';
import { RecordFrame } from './record-frame.ts';

/** Judges the records of one file. */
export class SealedRecords {
  /** After {@link isIntact} it has the block's type. */
  readonly reader: BlockReader;
  readonly frame: RecordFrame;
  /** The one type of a log's blocks; undefined for a table. */
  readonly type: number | undefined;
  /** The file's code; undefined without one. */
  readonly ecc: EccCodec | undefined;
  /** Bytes of a record up to the end of its block header. */
  readonly headBytes: number;
  readonly #suiteId: number;
  readonly #epoch: number;

  /** @param reader of the file with this header; stays the caller's */
  constructor(reader: BlockReader, header: FileHeader) {
    const { ecc, suiteId, epoch } = header.protection;
    this.reader = reader;
    this.type = recordType(header.fileClass);
    this.frame = new RecordFrame(this.type === undefined ? undefined : ecc, header.salt);
    const code = blockCodeOf(ecc);
    this.ecc = code === undefined ? undefined : createEccCodec(code);
    this.headBytes = this.frame.sizeBytes + BLOCK_HEADER_BYTES;
    this.#suiteId = suiteId;
    this.#epoch = epoch;
  }

  /**
   * What the record at `buf[off]` takes if its block header is right; 0 if that is more than `most`
   * bytes. Borrows `buf`, which has `headBytes` bytes there.
   */
  claimedBytes(buf: Uint8Array, off: number, most: number): number {
    const frameBytes = this.frame.sizeBytes;
    const blockLen = readU32(buf, off + frameBytes + 8) + BLOCK_OVERHEAD_BYTES;
    if (frameBytes + blockLen > most) return 0;
    const length = frameBytes + blockLen + this.reader.parityBytes(blockLen);
    return length > most ? 0 : length;
  }

  /**
   * True if no byte of the record `buf[startOff, startOff + claimedBytes)` is wrong, which stands
   * at `start` of the file. Borrows `buf`; allocates nothing.
   */
  isIntact(buf: Uint8Array, startOff: number, start: number): boolean {
    const { reader, frame, ecc } = this;
    const off = startOff + frame.sizeBytes;
    const blockLen = readU32(buf, off + 8) + BLOCK_OVERHEAD_BYTES;
    if (frame.sizeBytes > 0 && !frame.isIntact(buf, startOff, blockLen, start)) return false;
    const fault = reader.inspect(buf, off, off + blockLen, start + frame.sizeBytes);
    if (fault !== 'none' || !this.isSealedAsFile(buf, off)) return false;
    if (this.type !== undefined && reader.blockType !== this.type) return false;
    return ecc === undefined || ecc.isIntact(buf, off, blockLen);
  }

  /** True if `bytes` are whole records, all intact, as they stand at `start`. Borrows them. */
  isIntactRun(bytes: Uint8Array, start: number): boolean {
    let off = 0;
    while (off < bytes.length) {
      if (bytes.length - off < this.headBytes) return false;
      const length = this.claimedBytes(bytes, off, bytes.length - off);
      if (length === 0 || !this.isIntact(bytes, off, start + off)) return false;
      off += length;
    }
    return off > 0;
  }

  /** True if the block at `buf[off]` names the suite and the epoch of the file. Borrows `buf`. */
  isSealedAsFile(buf: Uint8Array, off: number): boolean {
    return buf[off + 2] === this.#suiteId && readU16(buf, off + 4) === this.#epoch;
  }

  /**
   * True if the header at `buf[off]` is so far right that memory is made for a long block. Borrows
   * `buf`.
   */
  mayBeLong(buf: Uint8Array, off: number): boolean {
    return (
      buf[off + 3] === CHECKSUM_KIND_XXH64 && buf[off + 7] === 0 && this.isSealedAsFile(buf, off)
    );
  }

  /** True if the fields of the block header at `buf[off]` bear each other out. Borrows `buf`. */
  isPlausible(buf: Uint8Array, off: number): boolean {
    if (!this.mayBeLong(buf, off)) return false;
    if (this.type !== undefined && buf[off] !== this.type) return false;
    const codec = buf[off + 1]!;
    const payloadLen = readU32(buf, off + 8);
    const contentLen = readU32(buf, off + BLOCK_CONTENT_LEN_OFF);
    if (codec > CODEC_ZSTD_DICTIONARY || contentLen > BLOCK_CONTENT_BYTES_MAX) return false;
    const tagLen = this.#suiteId === SUITE_NONE ? 0 : TAG_BYTES;
    return codec === CODEC_NONE
      ? payloadLen === contentLen + tagLen
      : payloadLen < contentLen + tagLen;
  }

  /**
   * The whole record, as it should be, of the block `buf[off, off + blockLen)`, which is; fresh.
   * Borrows `buf`.
   * @param start where in the file the record begins
   */
  asWritten(buf: Uint8Array, off: number, blockLen: number, start: number): Uint8Array {
    const frameBytes = this.frame.sizeBytes;
    const parityBytes = this.reader.parityBytes(blockLen);
    const bytes = new Uint8Array(frameBytes + blockLen + parityBytes);
    if (frameBytes > 0) this.frame.write(bytes, 0, blockLen, start);
    bytes.set(buf.subarray(off, off + blockLen), frameBytes);
    this.ecc?.append(bytes, frameBytes, blockLen);
    return bytes;
  }
}

function recordType(fileClass: number): number | undefined {
  if (fileClass === FILE_CLASS_WAL) return BLOCK_WAL_RECORD;
  return fileClass === FILE_CLASS_MANIFEST ? BLOCK_MANIFEST_EDIT : undefined;
}
