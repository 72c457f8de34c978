/**
 * How the bytes of one file are protected. The record of it stands in the file's header, and for a
 * table in the manifest too, so that neither can be changed alone:
 *
 *     offset  size  meaning
 *     0       1     cipher suite: 0 none (src/crypto/port.ts)
 *     1       1     reserved, 0
 *     2       2     key epoch: 0 while the suite is none
 *     4       3     error-correcting code (src/ecc/options.ts)
 *     7       1     reserved, 0
 *
 * Integers are little-endian.
 * @module
 */
import { readU16, writeU16 } from '../bytes/fixed.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { type EccOptions, readEccDescriptor, writeEccDescriptor } from '../ecc/options.ts';
import { corruption } from '../errors.ts';

export const PROTECTION_BYTES = 8;

/** Immutable. */
export interface FileProtection {
  /** A `SUITE_*` number; readers may meet others. */
  readonly suiteId: number;
  /** Epoch of the key; 0 without encryption. */
  readonly epoch: number;
  readonly ecc: EccOptions | undefined;
}

/** No stage is on. */
export const UNPROTECTED: FileProtection = { suiteId: SUITE_NONE, epoch: 0, ecc: undefined };

/** Writes the record into `buf[off, off + PROTECTION_BYTES)`; borrows `buf`. */
export function writeProtection(buf: Uint8Array, off: number, protection: FileProtection): void {
  buf.fill(0, off, off + PROTECTION_BYTES);
  buf[off] = protection.suiteId;
  writeU16(buf, off + 2, protection.epoch);
  writeEccDescriptor(buf, off + 4, protection.ecc);
}

/**
 * Reads the record at `buf[off]`, whose bytes were found sound. Borrows `buf`.
 * @param file and `position`: where the record stands, for errors
 * @throws VarveError `UNSUPPORTED` for a code that this version does not know, `CORRUPTION` for
 * numbers that no writer puts there
 */
export function readProtection(
  buf: Uint8Array,
  off: number,
  file: string,
  position: number,
): FileProtection {
  const suiteId = buf[off]!;
  const epoch = readU16(buf, off + 2);
  const isConsistent = (suiteId === SUITE_NONE) === (epoch === 0);
  if (!isConsistent || buf[off + 1] !== 0 || buf[off + 7] !== 0) {
    throw corruption('record of the protection is malformed', file, position);
  }
  return { suiteId, epoch, ecc: readEccDescriptor(buf, off + 4, file, position) };
}

/** True if both say the same. */
export function isSameProtection(a: FileProtection, b: FileProtection): boolean {
  const first = new Uint8Array(PROTECTION_BYTES);
  const second = new Uint8Array(PROTECTION_BYTES);
  writeProtection(first, 0, a);
  writeProtection(second, 0, b);
  return first.every((byte, i) => byte === second[i]);
}
