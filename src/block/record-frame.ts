/**
 * What stands before each record of a log with an error-correcting code: the length of the record's
 * block, which a reader needs before it can repair a block whose header is damaged. In tables that
 * length stands in the index; a log has none.
 *
 * One copy:
 *
 *     offset  size  meaning
 *     0       4     block length in bytes, without the parity section
 *     4       4     (check of the length, the copy's place in the file, and the salt) + number of
 *                   the copy, mod 2^32
 *
 * There is one copy more than the code has parity shards; with SEC-DED there is one, and behind it
 * its check byte (src/ecc/sec-ded.ts). Integers are little-endian. The check is
 *
 *     h = (length xor salt u32 0) * 0x85ebca77;  h = h xor (h >>> 13)
 *     h = (h xor place u32 low)   * 0xc2b2ae3d;  h = h xor (h >>> 16)
 *     h = (h xor place u32 high xor salt u32 1) * 0x27d4eb2f;  check = h xor (h >>> 15)
 *
 * in 32-bit arithmetic. The place makes a frame that was copied elsewhere fail.
 * @module
 */
import { readU32, writeU32 } from '../bytes/fixed.ts';
import type { EccOptions } from '../ecc/options.ts';
import { accusedBit, NO_BIT, SecDedCodec } from '../ecc/sec-ded.ts';

/** Length of one copy. */
export const FRAME_COPY_BYTES = 8;

const TWO_POW_32 = 0x1_0000_0000;
/** No copy is sound. */
export const NO_FRAME = -1;

/** Bytes of all copies; 0 for a log without a code, which has no frames. */
export function frameBytes(ecc: EccOptions | undefined): number {
  return copiesOf(ecc) * FRAME_COPY_BYTES + (ecc?.scheme === 'secded' ? 1 : 0);
}

/** The frames of one log. */
export class RecordFrame {
  /** See {@link frameBytes}. */
  readonly sizeBytes: number;
  readonly #copies: number;
  /** Undefined but for SEC-DED. */
  readonly #secDed: SecDedCodec | undefined;
  /** The one copy of a SEC-DED frame, with the bit turned back that its check byte accuses. */
  readonly #corrected: Uint8Array;
  /** A frame as it should be. */
  readonly #expected: Uint8Array;
  readonly #saltLow: number;
  readonly #saltHigh: number;

  /** @param salt of the file; borrowed for the call */
  constructor(ecc: EccOptions | undefined, salt: Uint8Array) {
    this.#copies = copiesOf(ecc);
    this.#secDed = ecc?.scheme === 'secded' ? new SecDedCodec() : undefined;
    this.sizeBytes = frameBytes(ecc);
    this.#corrected = new Uint8Array(FRAME_COPY_BYTES);
    this.#expected = new Uint8Array(this.sizeBytes);
    this.#saltLow = readU32(salt, 0);
    this.#saltHigh = readU32(salt, 4);
  }

  /** Writes the frame of a record that begins at `position` of the file; borrows `buf`. */
  write(buf: Uint8Array, off: number, blockLen: number, position: number): void {
    for (let i = 0; i < this.#copies; i++) {
      const at = i * FRAME_COPY_BYTES;
      writeU32(buf, off + at, blockLen);
      writeU32(buf, off + at + 4, this.#check(blockLen, position + at) + i);
    }
    this.#secDed?.append(buf, off, FRAME_COPY_BYTES);
  }

  /**
   * The block length in the frame `buf[off, off + sizeBytes)` of a record that begins at
   * `position`, or `NO_FRAME`. Borrows `buf`.
   */
  read(buf: Uint8Array, off: number, position: number): number {
    for (let i = 0; i < this.#copies; i++) {
      const at = i * FRAME_COPY_BYTES;
      if (this.#soundIndex(buf, off + at, position + at) === i) return readU32(buf, off + at);
    }
    return this.#isCorrectable(buf, off, position) ? readU32(this.#corrected, 0) : NO_FRAME;
  }

  /** True if no byte of the frame `buf[off, off + sizeBytes)` is wrong. Borrows `buf`. */
  isIntact(buf: Uint8Array, off: number, blockLen: number, position: number): boolean {
    this.write(this.#expected, 0, blockLen, position);
    for (let i = 0; i < this.sizeBytes; i++) {
      if (buf[off + i] !== this.#expected[i]) return false;
    }
    return true;
  }

  /**
   * Number of the copy at `buf[off]`, which stands at `place` of the file; -1 if it is not sound
   * and no bit makes it so. Borrows `buf`, which goes on for at least one byte behind the copy.
   */
  copyIndex(buf: Uint8Array, off: number, place: number): number {
    const index = this.#soundIndex(buf, off, place);
    return index < 0 && this.#isCorrectable(buf, off, place) ? 0 : index;
  }

  #soundIndex(buf: Uint8Array, off: number, place: number): number {
    const check = this.#check(readU32(buf, off), place);
    const index = (readU32(buf, off + 4) - check) >>> 0;
    return index < this.#copies ? index : -1;
  }

  /** Sets `#corrected` if that is a sound copy. */
  #isCorrectable(buf: Uint8Array, off: number, place: number): boolean {
    if (this.#secDed === undefined) return false;
    const bit = accusedBit(buf, off, off + FRAME_COPY_BYTES);
    if (bit === NO_BIT) return false;
    const copy = this.#corrected;
    for (let i = 0; i < FRAME_COPY_BYTES; i++) copy[i] = buf[off + i]!;
    copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
    return this.#soundIndex(copy, 0, place) === 0;
  }

  #check(blockLen: number, place: number): number {
    let h = Math.imul(blockLen ^ this.#saltLow, 0x85ebca77);
    h ^= h >>> 13;
    h = Math.imul(h ^ ((place % TWO_POW_32) | 0), 0xc2b2ae3d);
    h ^= h >>> 16;
    h = Math.imul(h ^ (place / TWO_POW_32) ^ this.#saltHigh, 0x27d4eb2f);
    return (h ^ (h >>> 15)) >>> 0;
  }
}

function copiesOf(ecc: EccOptions | undefined): number {
  if (ecc === undefined || ecc.scheme === 'none') return 0;
  if (ecc.scheme === 'secded') return 1;
  return ecc.scheme === 'xor' ? 2 : ecc.parity + 1;
}
