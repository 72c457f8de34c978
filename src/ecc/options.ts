/**
 * The choice of an error-correcting code, as users give it and as files record it.
 *
 * The record, {@link ECC_DESCRIPTOR_BYTES} long:
 *
 *     offset  size  meaning
 *     0       1     code of the blocks: 0 none, 1 SEC-DED, 2 XOR, 3 Reed-Solomon;
 *                   + 4 with stripes
 *     1       1     data shards of a block (1 to 24 for XOR and Reed-Solomon, else 0)
 *                   + 32 x parity units of a stripe (1 to 6, 0 without stripes)
 *     2       1     parity shards of a block (1 to 6 for Reed-Solomon, 1 for XOR, else 0)
 *                   + 8 x data chunks of a stripe (1 to 24, 0 without stripes)
 *
 * Readers that know no stripes see a code that they do not know, and refuse the file.
 * @module
 */
import { corruption, VarveError } from '../errors.ts';
import { DATA_SHARDS_MAX, PARITY_SHARDS_MAX } from './coding-matrix.ts';

/**
 * Parity over whole tables: chunks of 4 KiB from all over the file form stripes. Of each stripe any
 * `parity` chunks can be lost, so of the file any hole that is not longer than about `parity /
 * (data + parity)` of it. Costs `parity / data` of the space. Logs and manifest have no stripes.
 */
export interface StripeOptions {
  /** Chunks of 4 KiB in a stripe: 1 to 24. */
  readonly data: number;
  /** Parity units of a stripe: 1 to 6. */
  readonly parity: number;
}

/** Any `parity` of `data + parity` shards of a block can be damaged, in whatever way. */
export interface ReedSolomonOptions {
  readonly scheme: 'reed-solomon';
  /** Data shards: 1 to 24. */
  readonly data: number;
  /** Parity shards: 1 to 6. */
  readonly parity: number;
  /** Parity over the whole table besides; absent for none. */
  readonly stripe?: StripeOptions;
}

/** Any one of `data + 1` shards of a block can be damaged. */
export interface XorOptions {
  readonly scheme: 'xor';
  /** Data shards: 1 to 24. */
  readonly data: number;
  /** Parity over the whole table besides; absent for none. */
  readonly stripe?: StripeOptions;
}

/** One bit of every 8 bytes can be wrong; costs an eighth of the block's length. */
export interface SecDedOptions {
  readonly scheme: 'secded';
  /** Parity over the whole table besides; absent for none. */
  readonly stripe?: StripeOptions;
}

/** Blocks have no parity of their own, and tables have stripes. */
export interface StripeOnlyOptions {
  readonly scheme: 'none';
  /** Parity over the whole table. */
  readonly stripe: StripeOptions;
}

/** A code within the blocks. */
export type BlockCodeOptions = ReedSolomonOptions | XorOptions | SecDedOptions;

/**
 * The code of tables, or of tables, logs and manifest: what may be damaged, at which cost in space.
 */
export type EccOptions = BlockCodeOptions | StripeOnlyOptions;

/** Length of the record of a code. */
export const ECC_DESCRIPTOR_BYTES = 3;

const SCHEME_NONE = 0;
const SCHEME_SECDED = 1;
const SCHEME_XOR = 2;
const SCHEME_REED_SOLOMON = 3;
/** Added to the scheme where there are stripes. */
const WITH_STRIPES = 4;
const SCHEME_MAX: number = SCHEME_REED_SOLOMON + WITH_STRIPES;
/** What the numbers of a stripe are multiplied with in bytes 1 and 2. */
const STRIPE_PARITY_UNIT = 32;
const STRIPE_DATA_UNIT = 8;

/**
 * Checks a choice that a caller made.
 * @throws TypeError for an unknown scheme; RangeError for a number of shards out of range
 */
export function checkEccOptions(ecc: EccOptions): void {
  const { scheme, stripe } = ecc;
  if (stripe !== undefined) checkStripe(stripe);
  if (scheme === 'secded') return;
  if (scheme === 'none') {
    if (stripe === undefined) throw new TypeError("ecc 'none' needs a stripe");
    return;
  }
  if (scheme !== 'xor' && scheme !== 'reed-solomon') {
    throw new TypeError(`unknown ECC scheme ${String(scheme)}`);
  }
  checkShards('ecc.data', ecc.data, DATA_SHARDS_MAX);
  if (ecc.scheme === 'reed-solomon') checkShards('ecc.parity', ecc.parity, PARITY_SHARDS_MAX);
}

function checkStripe(stripe: StripeOptions): void {
  if (typeof stripe !== 'object' || stripe === null) {
    throw new TypeError('ecc.stripe must be an object');
  }
  checkShards('ecc.stripe.data', stripe.data, DATA_SHARDS_MAX);
  checkShards('ecc.stripe.parity', stripe.parity, PARITY_SHARDS_MAX);
}

function checkShards(what: string, count: number, max: number): void {
  if (!isShardCount(count, max)) {
    throw new RangeError(`${what} must be an integer from 1 to ${max}`);
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
  const copy = copyOf(ecc);
  checkNames(ecc, copy, `ecc '${ecc.scheme}'`);
  if (ecc.stripe !== undefined) checkNames(ecc.stripe, copy.stripe!, 'ecc.stripe');
  return copy;
}

/** The code within blocks, which is all that logs have; undefined if there is none. */
export function blockCodeOf(ecc: EccOptions | undefined): BlockCodeOptions | undefined {
  return ecc === undefined || ecc.scheme === 'none' ? undefined : blockCode(ecc);
}

function copyOf(ecc: EccOptions): EccOptions {
  const { stripe } = ecc;
  if (ecc.scheme === 'none') return { scheme: 'none', stripe: stripeOf(ecc.stripe) };
  const code = blockCode(ecc);
  return stripe === undefined ? code : { ...code, stripe: stripeOf(stripe) };
}

function stripeOf({ data, parity }: StripeOptions): StripeOptions {
  return { data, parity };
}

function blockCode(ecc: BlockCodeOptions): BlockCodeOptions {
  if (ecc.scheme === 'secded') return { scheme: 'secded' };
  if (ecc.scheme === 'xor') return { scheme: 'xor', data: ecc.data };
  return { scheme: 'reed-solomon', data: ecc.data, parity: ecc.parity };
}

function checkNames(given: object, known: object, what: string): void {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in known) && !(name === 'stripe' && value === undefined)) {
      throw new TypeError(`unknown option of ${what}: ${name}`);
    }
  }
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
  if (ecc.scheme === 'secded') buf[off] = SCHEME_SECDED;
  if (ecc.scheme === 'xor' || ecc.scheme === 'reed-solomon') {
    buf[off] = ecc.scheme === 'xor' ? SCHEME_XOR : SCHEME_REED_SOLOMON;
    buf[off + 1] = ecc.data;
    buf[off + 2] = ecc.scheme === 'xor' ? 1 : ecc.parity;
  }
  const { stripe } = ecc;
  if (stripe === undefined) return;
  buf[off]! += WITH_STRIPES;
  buf[off + 1]! += STRIPE_PARITY_UNIT * stripe.parity;
  buf[off + 2]! += STRIPE_DATA_UNIT * stripe.data;
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
  if (scheme > SCHEME_MAX) {
    throw new VarveError('UNSUPPORTED', `ECC scheme ${scheme} needs a newer version of varve`, {
      file,
      offset: position,
    });
  }
  const stripe: StripeOptions = {
    data: Math.floor(buf[off + 2]! / STRIPE_DATA_UNIT),
    parity: Math.floor(buf[off + 1]! / STRIPE_PARITY_UNIT),
  };
  const hasStripes = scheme >= WITH_STRIPES;
  const isStripe = hasStripes
    ? isShardCount(stripe.data, DATA_SHARDS_MAX) && isShardCount(stripe.parity, PARITY_SHARDS_MAX)
    : stripe.data === 0 && stripe.parity === 0;
  const code = readBlockCode(
    scheme % WITH_STRIPES,
    buf[off + 1]! % STRIPE_PARITY_UNIT,
    buf[off + 2]! % STRIPE_DATA_UNIT,
  );
  if (!isStripe || code === undefined) throw corruption('ECC record is damaged', file, position);
  if (!hasStripes) return code === 'none' ? undefined : code;
  return code === 'none' ? { scheme: 'none', stripe } : { ...code, stripe };
}

/** Undefined for numbers that the scheme does not permit. */
function readBlockCode(
  scheme: number,
  data: number,
  parity: number,
): BlockCodeOptions | 'none' | undefined {
  if (scheme === SCHEME_NONE || scheme === SCHEME_SECDED) {
    if (data !== 0 || parity !== 0) return undefined;
    return scheme === SCHEME_NONE ? 'none' : { scheme: 'secded' };
  }
  const parityMax = scheme === SCHEME_XOR ? 1 : PARITY_SHARDS_MAX;
  if (!isShardCount(data, DATA_SHARDS_MAX) || !isShardCount(parity, parityMax)) return undefined;
  return scheme === SCHEME_XOR ? { scheme: 'xor', data } : { scheme: 'reed-solomon', data, parity };
}

function isShardCount(count: number, max: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= max;
}
