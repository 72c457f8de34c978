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
import { createEccCodec } from '../ecc/codec.ts';
import type { EccOptions } from '../ecc/options.ts';

/** Length of one copy. */
export const FRAME_COPY_BYTES = 8;

const TWO_POW_32 = 0x1_0000_0000;
/** No copy is sound. */
export const NO_FRAME = -1;

/** The frames of one log. */
export class RecordFrame {
  /** Bytes of all copies; 0 for a log without a code, which has no frames. */
  readonly sizeBytes: number;
  readonly #copies: number;
  readonly #isSecDed: boolean;
  readonly #saltLow: number;
  readonly #saltHigh: number;

  /** @param salt of the file; borrowed for the call */
  constructor(ecc: EccOptions | undefined, salt: Uint8Array) {
    this.#copies = copiesOf(ecc);
    this.#isSecDed = ecc?.scheme === 'secded';
    this.sizeBytes = this.#copies * FRAME_COPY_BYTES + (this.#isSecDed ? 1 : 0);
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
    if (this.#isSecDed) createEccCodec({ scheme: 'secded' }).append(buf, off, FRAME_COPY_BYTES);
  }

  /**
   * The block length in the frame `buf[off, off + sizeBytes)` of a record that begins at
   * `position`, or `NO_FRAME`. Borrows `buf`.
   */
  read(buf: Uint8Array, off: number, position: number): number {
    for (let i = 0; i < this.#copies; i++) {
      const at = i * FRAME_COPY_BYTES;
      if (this.copyIndex(buf, off + at, position + at) === i) return readU32(buf, off + at);
    }
    if (!this.#isSecDed) return NO_FRAME;
    const copy = buf.slice(off, off + this.sizeBytes);
    const isSound = () => this.copyIndex(copy, 0, position) === 0;
    const codec = createEccCodec({ scheme: 'secded' });
    return codec.repair(copy, 0, FRAME_COPY_BYTES, isSound) === undefined
      ? NO_FRAME
      : readU32(copy, 0);
  }

  /** Number of the sound copy at `buf[off]`, which stands at `place` of the file; -1 if none does. */
  copyIndex(buf: Uint8Array, off: number, place: number): number {
    const check = this.#check(readU32(buf, off), place);
    const index = (readU32(buf, off + 4) - check) >>> 0;
    return index < this.#copies ? index : -1;
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
  if (ecc === undefined) return 0;
  if (ecc.scheme === 'secded') return 1;
  return ecc.scheme === 'xor' ? 2 : ecc.parity + 1;
}
