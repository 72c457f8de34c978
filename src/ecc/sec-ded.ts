/**
 * SEC-DED: one check byte for every 8 bytes corrects one wrong bit and detects two (Hsiao, "A class
 * of optimal minimum odd-weight-column SEC-DED codes", 1970; the (72,64) code).
 *
 * The parity section of a block of n bytes:
 *
 *     offset  size         meaning
 *     0       ceil(n / 8)  check byte of each word of 8 bytes; the last word is filled with zeros
 *
 * A check byte is the XOR of the columns of its word's set bits; bit b of byte j is bit 8 j + b.
 * Columns 0 to 55 are the bytes with three ones, ascending; columns 56 to 63 are 0x1f rotated left
 * by 0 to 7. The syndrome (stored XOR computed check byte) is then 0 where nothing is wrong, the
 * column of a wrong bit, a power of two for a wrong check bit, and of even weight for two.
 *
 * Guarantee: a block reads back right when at most one bit is wrong in each word and its check byte
 * together. Two wrong bits in a word are found; more can look like one, and then the block's own
 * checksum refuses the result.
 * @module
 */
import { assert } from '../errors.ts';
import type { EccCodec, EccLayout, EccRepair } from './port.ts';

const WORD_BYTES = 8;
/** Marks a syndrome that is no column: nothing is wrong, the check byte, or too much. */
export const NO_BIT = 0xff;

const COLUMNS: Uint8Array = makeColumns();
/** Check byte of a word that holds only byte value v, at place j: `CHECKS[256 * j + v]`. */
const CHECKS: Uint8Array = makeChecks();
/** Which bit of the word a syndrome accuses. */
const BIT_OF_SYNDROME: Uint8Array = makeBits();

function makeColumns(): Uint8Array {
  const columns: number[] = [];
  for (let value = 0; value < 256; value++) if (weight(value) === 3) columns.push(value);
  for (let by = 0; by < 8; by++) columns.push(((0x1f << by) | (0x1f >> (8 - by))) & 0xff);
  return Uint8Array.from(columns);
}

function makeChecks(): Uint8Array {
  const checks = new Uint8Array(WORD_BYTES * 256);
  for (let at = 0; at < checks.length; at++) {
    const value = at & 0xff;
    if (value === 0) continue;
    const lowest = 31 - Math.clz32(value & -value);
    // That of the value without its lowest bit is there.
    checks[at] = checks[at & (at - 1)]! ^ COLUMNS[(at >> 8) * 8 + lowest]!;
  }
  return checks;
}

function makeBits(): Uint8Array {
  const bits = new Uint8Array(256).fill(NO_BIT);
  for (const [bit, column] of COLUMNS.entries()) bits[column] = bit;
  return bits;
}

function weight(value: number): number {
  let ones = 0;
  for (; value !== 0; value &= value - 1) ones++;
  return ones;
}

/** The SEC-DED code as a codec. */
export class SecDedCodec implements EccCodec {
  parityBytes(blockLen: number): number {
    return Math.ceil(blockLen / WORD_BYTES);
  }

  layout(blockLen: number): EccLayout {
    const words = Math.ceil(blockLen / WORD_BYTES);
    return {
      dataShardBytes: WORD_BYTES,
      dataShards: words,
      parityShardBytes: 1,
      parityShards: words,
    };
  }

  append(buf: Uint8Array, off: number, blockLen: number): void {
    const end = off + blockLen;
    let out = end;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'there is room for the parity section');
    for (; off + WORD_BYTES <= end; off += WORD_BYTES) buf[out++] = wordCheck(buf, off);
    if (off < end) buf[out] = tailCheck(buf, off, end);
  }

  isIntact(buf: Uint8Array, off: number, blockLen: number): boolean {
    const end = off + blockLen;
    let at = end;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'the parity section was read');
    for (; off + WORD_BYTES <= end; off += WORD_BYTES) {
      if (buf[at++] !== wordCheck(buf, off)) return false;
    }
    return off === end || buf[at] === tailCheck(buf, off, end);
  }

  hasSoundShard(): boolean {
    return false;
  }

  repair(
    buf: Uint8Array,
    off: number,
    blockLen: number,
    isSound: () => boolean,
  ): EccRepair | undefined {
    const end = off + blockLen;
    assert(end + this.parityBytes(blockLen) <= buf.length, 'the parity section was read');
    /** By word, the bit that its syndrome accuses. */
    const accused = new Uint8Array(this.parityBytes(blockLen)).fill(NO_BIT);
    let correctedBits = 0;
    for (let word = 0, at = off; at < end; word++, at += WORD_BYTES) {
      const isWhole = at + WORD_BYTES <= end;
      const computed = isWhole ? wordCheck(buf, at) : tailCheck(buf, at, end);
      const bit = BIT_OF_SYNDROME[computed ^ buf[end + word]!]!;
      if (bit === NO_BIT || at + (bit >> 3) >= end) continue;
      accused[word] = bit;
      correctedBits++;
    }
    if (correctedBits === 0) return undefined;
    turnBits(buf, off, accused);
    if (isSound()) {
      this.append(buf, off, blockLen);
      return { correctedShards: 0, correctedBits };
    }
    turnBits(buf, off, accused);
    return undefined;
  }
}

/**
 * The bit of the word `buf[at, at + 8)`, 0 to 63, that its check byte `buf[checkAt]` accuses, or
 * `NO_BIT`. Borrows `buf`.
 */
export function accusedBit(buf: Uint8Array, at: number, checkAt: number): number {
  return BIT_OF_SYNDROME[wordCheck(buf, at) ^ buf[checkAt]!]!;
}

function wordCheck(buf: Uint8Array, at: number): number {
  return (
    CHECKS[buf[at]!]! ^
    CHECKS[256 | buf[at + 1]!]! ^
    CHECKS[512 | buf[at + 2]!]! ^
    CHECKS[768 | buf[at + 3]!]! ^
    CHECKS[1024 | buf[at + 4]!]! ^
    CHECKS[1280 | buf[at + 5]!]! ^
    CHECKS[1536 | buf[at + 6]!]! ^
    CHECKS[1792 | buf[at + 7]!]!
  );
}

/** The check byte of the last, short word. */
function tailCheck(buf: Uint8Array, at: number, end: number): number {
  let check = 0;
  for (let place = 0; at < end; place++, at++) check ^= CHECKS[(place << 8) | buf[at]!]!;
  return check;
}

/** Turns one bit in each word for which there is one. */
function turnBits(buf: Uint8Array, off: number, accused: Uint8Array): void {
  for (let word = 0; word < accused.length; word++) {
    const bit = accused[word]!;
    if (bit === NO_BIT) continue;
    const at = off + word * WORD_BYTES + (bit >> 3);
    buf[at] = buf[at]! ^ (1 << (bit & 7));
  }
}
