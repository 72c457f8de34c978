/**
 * The block: the unit in which every byte of every file is checked.
 *
 *     offset  size  meaning
 *     0       1     block type (BLOCK_*)
 *     1       1     codec of the payload: 0 none
 *     2       1     cipher suite of the payload: 0 none
 *     3       1     checksum kind: 1 XXH64
 *     4       2     key epoch: 0 while the suite is none
 *     6       2     reserved, 0
 *     8       4     payload length n in bytes, as stored
 *     12      4     content length in bytes, as before compression and encryption
 *     16      n     payload
 *     16+n    8     checksum
 *
 * Integers are little-endian. The checksum is the XXH64, seeded with the first 8 bytes of the
 * file's salt, of header and payload, XORed with the block's position in the file: a block that is
 * read from another place or another file fails.
 *
 * The stages between content and payload are compression, then encryption; parity follows the
 * checksum. A stage that is off leaves no trace but the zero in its header field.
 * @module
 */
import { readU16, readU32, writeU32 } from '../bytes/fixed.ts';
import { assert, corruption, VarveError } from '../errors.ts';
import { checksum64, Digest64 } from './checksum.ts';

export const BLOCK_DATA = 1;
export const BLOCK_INDEX = 2;
export const BLOCK_FILTER = 3;
export const BLOCK_PROPERTIES = 4;
export const BLOCK_FOOTER = 5;
export const BLOCK_WAL_RECORD = 16;
export const BLOCK_MANIFEST_EDIT = 32;

export const BLOCK_HEADER_BYTES = 16;
export const BLOCK_TRAILER_BYTES = 8;
/** What a block costs beyond its content while no stage is on. */
export const BLOCK_OVERHEAD_BYTES: number = BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES;
/** Largest content: 1 GiB, which holds a write batch of the largest permitted size. */
export const BLOCK_CONTENT_BYTES_MAX = 0x4000_0000;

const CHECKSUM_KIND_XXH64 = 1;
const TWO_POW_32 = 0x1_0000_0000;

/** What {@link BlockCodec.inspect} found. */
export type BlockFault = 'none' | 'truncated' | 'header' | 'checksum' | 'unsupported';

/**
 * Seals and opens the blocks of one file. Not reentrant: results stand in its fields until the next
 * call.
 */
export class BlockCodec {
  readonly path: string;
  readonly #seed: bigint;
  readonly #digest: Digest64;
  /** Content of the block that was opened last: `buf[contentOff, contentOff + contentLen)`. */
  contentOff: number;
  contentLen: number;
  /** Length of that block on disk. */
  blockLen: number;
  /** Type of that block. */
  blockType: number;

  /**
   * @param path the file, for messages
   * @param salt the file's 16-byte salt; borrowed for the call
   */
  constructor(path: string, salt: Uint8Array) {
    this.path = path;
    this.#seed = (BigInt(readU32(salt, 4)) << 32n) | BigInt(readU32(salt, 0));
    this.#digest = new Digest64();
    this.contentOff = 0;
    this.contentLen = 0;
    this.blockLen = 0;
    this.blockType = 0;
  }

  /**
   * Turns content into a block in place: writes the header into the 16 bytes before `contentOff`
   * and the checksum into the 8 bytes behind the content. Borrows `buf`.
   * @param position where in the file the block will stand
   * @returns the block's length; it begins at `contentOff - BLOCK_HEADER_BYTES`
   */
  seal(
    type: number,
    buf: Uint8Array,
    contentOff: number,
    contentLen: number,
    position: number,
  ): number {
    assert(contentOff >= BLOCK_HEADER_BYTES, 'content leaves room for its block header');
    assert(contentOff + contentLen + BLOCK_TRAILER_BYTES <= buf.length, 'and for its checksum');
    assert(contentLen <= BLOCK_CONTENT_BYTES_MAX, 'content fits a block');
    const start = contentOff - BLOCK_HEADER_BYTES;
    writeU32(buf, start, type | (CHECKSUM_KIND_XXH64 << 24));
    writeU32(buf, start + 4, 0);
    writeU32(buf, start + 8, contentLen);
    writeU32(buf, start + 12, contentLen);
    const end = contentOff + contentLen;
    this.#checksum(buf, start, end - start, position);
    writeU32(buf, end, this.#digest.low);
    writeU32(buf, end + 4, this.#digest.high);
    return end + BLOCK_TRAILER_BYTES - start;
  }

  /**
   * Checks the block at `buf[off, end)` without throwing, and sets the result fields when there is
   * no fault. Borrows `buf`.
   * @param position where in the file the block stands
   */
  inspect(buf: Uint8Array, off: number, end: number, position: number): BlockFault {
    if (end - off < BLOCK_OVERHEAD_BYTES) return 'truncated';
    if (buf[off + 3] !== CHECKSUM_KIND_XXH64 || readU16(buf, off + 6) !== 0) return 'header';
    const payloadLen = readU32(buf, off + 8);
    const contentLen = readU32(buf, off + 12);
    if (payloadLen > BLOCK_CONTENT_BYTES_MAX || contentLen > BLOCK_CONTENT_BYTES_MAX) {
      return 'header';
    }
    if (payloadLen > end - off - BLOCK_OVERHEAD_BYTES) return 'truncated';
    const payloadOff = off + BLOCK_HEADER_BYTES;
    this.#checksum(buf, off, BLOCK_HEADER_BYTES + payloadLen, position);
    const stored = payloadOff + payloadLen;
    if (readU32(buf, stored) !== this.#digest.low) return 'checksum';
    if (readU32(buf, stored + 4) !== this.#digest.high) return 'checksum';
    if (buf[off + 1] !== 0 || buf[off + 2] !== 0 || readU16(buf, off + 4) !== 0) {
      return 'unsupported';
    }
    if (payloadLen !== contentLen) return 'header';
    this.contentOff = payloadOff;
    this.contentLen = contentLen;
    this.blockLen = payloadLen + BLOCK_OVERHEAD_BYTES;
    this.blockType = buf[off]!;
    return 'none';
  }

  /**
   * Opens the block that fills `buf[off, off + len)` exactly and sets the result fields; borrows
   * `buf`. The content is lent: it stands in `buf`.
   * @throws VarveError `CORRUPTION` for any damage, a wrong type or a wrong length; `UNSUPPORTED`
   * for a stage that this version does not know
   */
  open(type: number, buf: Uint8Array, off: number, len: number, position: number): void {
    const fault = this.inspect(buf, off, off + len, position);
    if (fault === 'unsupported') {
      throw new VarveError('UNSUPPORTED', `block needs a newer version of varve (${this.path})`, {
        file: this.path,
        offset: position,
      });
    }
    if (fault !== 'none') throw corruption(FAULT_TEXT[fault], this.path, position);
    if (this.blockLen !== len || this.blockType !== type) {
      throw corruption('block is not the one that was expected', this.path, position);
    }
  }

  #checksum(buf: Uint8Array, off: number, len: number, position: number): void {
    const digest = this.#digest;
    checksum64(buf, off, len, this.#seed, digest);
    digest.low = (digest.low ^ (position % TWO_POW_32)) >>> 0;
    digest.high = (digest.high ^ (position / TWO_POW_32)) >>> 0;
  }
}

const FAULT_TEXT = {
  truncated: 'block is cut short',
  header: 'block header is damaged',
  checksum: 'block checksum does not match',
} as const;
