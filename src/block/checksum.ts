/**
 * XXH64 (Yann Collet's xxHash, 64-bit variant) of blocks and files, computed in WebAssembly, or in
 * TypeScript where there is none.
 *
 * Digests are handled as two unsigned 32-bit halves. A file's blocks are seeded with its salt, so
 * that bytes left over from another file never verify.
 * @module
 */
import xxhash, { type XXHashAPI } from 'xxhash-wasm';
import { readU32, writeU32 } from '../bytes/fixed.ts';
import { Xxh64 } from '../bytes/xxh64.ts';
import { assert, VarveError } from '../errors.ts';

let api: XXHashAPI | undefined;
/** In place of `api` where there is no WebAssembly. */
let portable: Xxh64 | undefined;

/** One slot that takes a digest and gives its halves, without BigInt arithmetic. */
const digestSlot = new BigUint64Array(1);
const digestHalves = new Uint32Array(digestSlot.buffer);

/**
 * Compiles the module; must have resolved before anything else here is called. Later calls cost
 * nothing.
 * @throws VarveError `UNSUPPORTED` on a big-endian machine
 */
export async function loadChecksum(): Promise<void> {
  if (api !== undefined || portable !== undefined) return;
  digestSlot[0] = 1n;
  if (digestHalves[0] !== 1) {
    throw new VarveError('UNSUPPORTED', 'varve needs a little-endian machine');
  }
  try {
    api = await xxhash();
  } catch {
    // It is missing, or a policy of the page forbids it.
    portable = new Xxh64();
  }
}

/** The two halves of a 64-bit digest; owned and overwritten by whoever computes. */
export class Digest64 {
  /** Low 32 bits, unsigned. */
  low: number;
  /** High 32 bits, unsigned. */
  high: number;

  constructor() {
    this.low = 0;
    this.high = 0;
  }

  /** Stores the digest in 8 bytes at `buf[off]`; borrows `buf`. */
  write(buf: Uint8Array, off: number): void {
    writeU32(buf, off, this.low);
    writeU32(buf, off + 4, this.high);
  }

  /** True if the 8 bytes at `buf[off]` are the digest; borrows `buf`. */
  matches(buf: Uint8Array, off: number): boolean {
    return readU32(buf, off) === this.low && readU32(buf, off + 4) === this.high;
  }
}

/** Puts the XXH64 of `buf[off, off + len)` into `out`; borrows `buf`. */
export function checksum64(
  buf: Uint8Array,
  off: number,
  len: number,
  seed: bigint,
  out: Digest64,
): void {
  if (api === undefined) {
    assert(portable !== undefined, 'loadChecksum() resolved before the first checksum');
    portable.reset(Number(seed & 0xffff_ffffn), Number(seed >> 32n));
    portable.update(buf, off, len);
    portable.digest();
    out.low = portable.low;
    out.high = portable.high;
    return;
  }
  digestSlot[0] = api.h64Raw(buf.subarray(off, off + len), seed);
  out.low = digestHalves[0]!;
  out.high = digestHalves[1]!;
}

const TWO_POW_32 = 0x1_0000_0000;

/** The checksums of the blocks of one file: seeded by its salt, and bound to positions. */
export class BlockChecksum {
  readonly #seed: bigint;
  readonly #digest: Digest64;

  /** @param salt the file's 16-byte salt; borrowed for the call */
  constructor(salt: Uint8Array) {
    this.#seed = (BigInt(readU32(salt, 4)) << 32n) | BigInt(readU32(salt, 0));
    this.#digest = new Digest64();
  }

  /**
   * The checksum of `buf[off, off + len)` as it stands at `position` of the file; lent until the
   * next call. Borrows `buf`.
   */
  of(buf: Uint8Array, off: number, len: number, position: number): Digest64 {
    const digest = this.#digest;
    checksum64(buf, off, len, this.#seed, digest);
    digest.low = (digest.low ^ (position % TWO_POW_32)) >>> 0;
    digest.high = (digest.high ^ (position / TWO_POW_32)) >>> 0;
    return digest;
  }
}

/** The running XXH64, seed 0, of a whole file as it is written or read front to back. */
export class FileChecksum {
  /** Undefined without WebAssembly. */
  readonly #state: ReturnType<XXHashAPI['create64']> | undefined;
  readonly #portable: Xxh64 | undefined;

  constructor() {
    const isLoaded = api !== undefined || portable !== undefined;
    assert(isLoaded, 'loadChecksum() resolved before the first checksum');
    this.#state = api?.create64();
    this.#portable = api === undefined ? new Xxh64() : undefined;
  }

  /** Takes in the next bytes; borrows `buf`. */
  update(buf: Uint8Array, off: number, len: number): void {
    if (this.#state !== undefined) this.#state.update(buf.subarray(off, off + len));
    else this.#portable!.update(buf, off, len);
  }

  /** The digest of everything so far. */
  digest(out: Digest64): void {
    if (this.#state === undefined) {
      const hash = this.#portable!;
      hash.digest();
      out.low = hash.low;
      out.high = hash.high;
      return;
    }
    digestSlot[0] = this.#state.digest();
    out.low = digestHalves[0]!;
    out.high = digestHalves[1]!;
  }
}
