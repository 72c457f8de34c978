/**
 * The choice of an error-correcting code, as users give it and as files record it.
 *
 * The record, {@link ECC_DESCRIPTOR_BYTES} long:
 *
 *     offset  size  meaning
 *     0       1     scheme: 0 none, 1 SEC-DED, 2 XOR, 3 Reed-Solomon
 *     1       1     data shards: 1 to 24 for XOR and Reed-Solomon, else 0
 *     2       1     parity shards: 1 to 6 for Reed-Solomon, 1 for XOR, else 0
 * @module
 */
import { corruption, VarveError } from '../errors.ts';
import { DATA_SHARDS_MAX, PARITY_SHARDS_MAX } from './coding-matrix.ts';

/** Any `parity` of `data + parity` shards of a block can be damaged, in whatever way. */
export interface ReedSolomonOptions {
  readonly scheme: 'reed-solomon';
  /** Data shards: 1 to 24. */
  readonly data: number;
  /** Parity shards: 1 to 6. */
  readonly parity: number;
}

/** Any one of `data + 1` shards of a block can be damaged. */
export interface XorOptions {
  readonly scheme: 'xor';
  /** Data shards: 1 to 24. */
  readonly data: number;
}

/** One bit of every 8 bytes can be wrong; costs an eighth of the block's length. */
export interface SecDedOptions {
  readonly scheme: 'secded';
}

/**
 * The code of tables, or of tables, logs and manifest: what may be damaged, at which cost in space.
 */
export type EccOptions = ReedSolomonOptions | XorOptions | SecDedOptions;

/** Length of the record of a code. */
export const ECC_DESCRIPTOR_BYTES = 3;

const SCHEME_NONE = 0;
const SCHEME_SECDED = 1;
const SCHEME_XOR = 2;
const SCHEME_REED_SOLOMON = 3;

/**
 * Checks a choice that a caller made.
 * @throws TypeError for an unknown scheme; RangeError for a number of shards out of range
 */
export function checkEccOptions(ecc: EccOptions): void {
  const { scheme } = ecc;
  if (scheme === 'secded') return;
  if (scheme !== 'xor' && scheme !== 'reed-solomon') {
    throw new TypeError(`unknown ECC scheme ${String(scheme)}`);
  }
  if (!isShardCount(ecc.data, DATA_SHARDS_MAX)) {
    throw new RangeError(`ecc.data must be an integer from 1 to ${DATA_SHARDS_MAX}`);
  }
  if (ecc.scheme === 'reed-solomon' && !isShardCount(ecc.parity, PARITY_SHARDS_MAX)) {
    throw new RangeError(`ecc.parity must be an integer from 1 to ${PARITY_SHARDS_MAX}`);
  }
}

/**
 * Checks what a user gave and copies it.
 * @throws TypeError, RangeError as {@link checkEccOptions}, and for names that mean nothing
 */
export function parseEcc(ecc: EccOptions): EccOptions {
  if (typeof ecc !== 'object' || ecc === null)
    throw new TypeError('ecc must be an object or false');
  checkEccOptions(ecc);
  const copy: EccOptions =
    ecc.scheme === 'secded'
      ? { scheme: 'secded' }
      : ecc.scheme === 'xor'
        ? { scheme: 'xor', data: ecc.data }
        : { scheme: 'reed-solomon', data: ecc.data, parity: ecc.parity };
  for (const name of Object.keys(ecc)) {
    if (!(name in copy)) throw new TypeError(`unknown option of ecc '${ecc.scheme}': ${name}`);
  }
  return copy;
}

/** Writes the record of a code, or of none. Borrows `buf`. */
export function writeEccDescriptor(
  buf: Uint8Array,
  off: number,
  ecc: EccOptions | undefined,
): void {
  buf[off] = SCHEME_NONE;
  buf[off + 1] = 0;
  buf[off + 2] = 0;
  if (ecc === undefined) return;
  if (ecc.scheme === 'secded') {
    buf[off] = SCHEME_SECDED;
    return;
  }
  buf[off] = ecc.scheme === 'xor' ? SCHEME_XOR : SCHEME_REED_SOLOMON;
  buf[off + 1] = ecc.data;
  buf[off + 2] = ecc.scheme === 'xor' ? 1 : ecc.parity;
}

/**
 * Reads the record of a code. Borrows `buf`.
 * @param file where the record stands, for messages
 * @param position and the offset in that file
 * @returns the code, or `undefined` where there is none
 * @throws VarveError `UNSUPPORTED` for a scheme that this version does not know; `CORRUPTION` for
 * numbers that its scheme does not permit
 */
export function readEccDescriptor(
  buf: Uint8Array,
  off: number,
  file: string,
  position: number,
): EccOptions | undefined {
  const scheme = buf[off]!;
  const data = buf[off + 1]!;
  const parity = buf[off + 2]!;
  if (scheme > SCHEME_REED_SOLOMON) {
    throw new VarveError('UNSUPPORTED', `ECC scheme ${scheme} needs a newer version of varve`, {
      file,
      offset: position,
    });
  }
  if (scheme === SCHEME_NONE || scheme === SCHEME_SECDED) {
    if (data !== 0 || parity !== 0) throw corruption('ECC record is damaged', file, position);
    return scheme === SCHEME_NONE ? undefined : { scheme: 'secded' };
  }
  const parityMax = scheme === SCHEME_XOR ? 1 : PARITY_SHARDS_MAX;
  if (!isShardCount(data, DATA_SHARDS_MAX) || !isShardCount(parity, parityMax)) {
    throw corruption('ECC record is damaged', file, position);
  }
  return scheme === SCHEME_XOR ? { scheme: 'xor', data } : { scheme: 'reed-solomon', data, parity };
}

function isShardCount(count: number, max: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= max;
}
