/**
 * Rebuilds bytes of a table from its stripes (ecc/stripe-layout.ts). A stripe is read whole, chunk
 * by chunk, only when it is needed; nothing is kept but the working memory of the code.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import { StripeCodec } from '../ecc/stripe-codec.ts';
import { CHUNK_BYTES, type StripeLayout } from '../ecc/stripe-layout.ts';
import type { ReadableFile } from '../fs/port.ts';
import { readAround } from './read-around.ts';

/** What became of a unit that was asked for. */
export type UnitState = 'sound' | 'restored' | 'lost';

/**
 * - `sound`
 * - `restored`: what is damaged was restored: `restoredChunk` and `restoredUnit` give it
 * - `unlisted`: no unit is sound, so nobody can tell which chunks are. `restoredUnit` gives what
 *   units should be if all chunks are as they should be
 * - `lost`: more is damaged than can be restored
 */
export type StripeState = 'sound' | 'restored' | 'unlisted' | 'lost';

/** What is damaged of one stripe. */
export interface StripeDamage {
  readonly state: StripeState;
  /** Numbers of its damaged chunks in the file, ascending. */
  readonly chunks: readonly number[];
  /** Numbers of its damaged units among its own, ascending. */
  readonly units: readonly number[];
}

/** No unit of the stripe is sound. */
const UNLISTED = -1;
const EMPTY = new Uint8Array(0);

/** See the module head. Not reentrant. */
export class StripeReader {
  readonly layout: StripeLayout;
  readonly #file: ReadableFile;
  readonly #salt: number;
  /** Made when it is first needed, with room for a unit. */
  #codec: StripeCodec | undefined;
  #unit: Uint8Array;

  /**
   * @param file stays the caller's; it may be shorter or longer than the layout says
   * @param salt the file's; borrowed for the call
   */
  constructor(file: ReadableFile, layout: StripeLayout, salt: Uint8Array) {
    this.layout = layout;
    this.#file = file;
    this.#salt = readU32(salt, 0);
    this.#codec = undefined;
    this.#unit = EMPTY;
  }

  /**
   * Overwrites `buf[off, off + length)`, which stands for the bytes at `position` of the file, with
   * what their damaged chunks held, as far as stripes tell. Borrows `buf`.
   * @returns chunks that were restored
   */
  restore(buf: Uint8Array, off: number, length: number, position: number): number {
    const end = Math.min(position + length, this.layout.bodyBytes);
    let restored = 0;
    for (let chunk = Math.floor(position / CHUNK_BYTES); chunk * CHUNK_BYTES < end; chunk++) {
      const bytes = this.#restoredChunk(chunk);
      if (bytes === undefined) continue;
      const start = chunk * CHUNK_BYTES;
      const from = Math.max(position, start);
      const to = Math.min(end, start + CHUNK_BYTES);
      buf.set(bytes.subarray(from - start, to - start), off + from - position);
      restored++;
    }
    return restored;
  }

  /**
   * Puts the unit `q` of the file, as it should be, at `buf[off]`. Borrows `buf`. Where no unit of
   * its stripe is sound it is made of the chunks as they stand: who asks for it has to make sure of
   * them, or of what comes out.
   */
  unit(q: number, buf: Uint8Array, off: number): UnitState {
    const { stripeCount, unitBytes } = this.layout;
    const stripe = q % stripeCount;
    const j = Math.floor(q / stripeCount);
    const codec = this.#prepare();
    this.#read(buf, off, unitBytes, this.layout.unitPosition(stripe, j));
    if (codec.setUnit(j, buf, off, this.#seed(stripe, j), true)) return 'sound';
    const { state } = this.check(stripe);
    if (state === 'lost') return 'lost';
    this.restoredUnit(stripe, j, buf, off);
    return 'restored';
  }

  /** True if some unit is sound. Costs no more than the first one if that is. */
  hasSoundUnit(): boolean {
    const { unitCount, stripeCount, unitBytes } = this.layout;
    const codec = this.#prepare();
    for (let q = 0; q < unitCount; q++) {
      const stripe = q % stripeCount;
      const j = Math.floor(q / stripeCount);
      this.#read(this.#unit, 0, unitBytes, this.layout.unitPosition(stripe, j));
      if (codec.setUnit(j, this.#unit, 0, this.#seed(stripe, j), true)) return true;
    }
    return false;
  }

  /** Looks at all of a stripe. */
  check(stripe: number): StripeDamage {
    const { data, parity } = this.layout;
    const lost = this.#load(stripe);
    if (lost === UNLISTED) {
      const units = Array.from({ length: parity }, (_, j) => j);
      return { state: 'unlisted', chunks: [], units };
    }
    const chunks: number[] = [];
    for (let i = data - 1; i >= 0; i--) {
      if ((lost >>> i) & 1) chunks.push(this.layout.chunkOf(stripe, i));
    }
    const units: number[] = [];
    for (let j = 0; j < parity; j++) if ((lost >>> (data + j)) & 1) units.push(j);
    if (lost === 0) return { state: 'sound', chunks, units };
    return { state: this.#prepare().restore(lost) ? 'restored' : 'lost', chunks, units };
  }

  /**
   * Makes the units of a stripe of its chunks as they stand, which the caller has made sure of:
   * {@link restoredUnit} gives them.
   */
  encode(stripe: number): void {
    this.#load(stripe);
    this.#prepare().encode(this.#sums(stripe));
  }

  /** A chunk of the stripe that was checked last, and restored; lent until the next call. */
  restoredChunk(chunk: number): Uint8Array {
    const stripe = this.layout.stripeOf(chunk);
    const shard = (this.layout.chunkCount + stripe - chunk) / this.layout.stripeCount - 1;
    return this.#prepare().chunk(shard).subarray(0, this.layout.chunkBytes(chunk));
  }

  /** Writes unit `j` of the stripe that was checked last, and is not lost. Borrows `buf`. */
  restoredUnit(stripe: number, j: number, buf: Uint8Array, off: number): void {
    this.#prepare().writeUnit(j, buf, off, this.#seed(stripe, j));
  }

  /** The chunk as it was; undefined if it is not damaged, or lost. */
  #restoredChunk(chunk: number): Uint8Array | undefined {
    const { state, chunks } = this.check(this.layout.stripeOf(chunk));
    return state === 'restored' && chunks.includes(chunk) ? this.restoredChunk(chunk) : undefined;
  }

  /** Sets the whole stripe; returns the damaged chunks and units as bits, or `UNLISTED`. */
  #load(stripe: number): number {
    const { layout } = this;
    const codec = this.#prepare();
    const unit = this.#unit;
    let lost = 0;
    let hasList = false;
    for (let j = 0; j < layout.parity; j++) {
      this.#read(unit, 0, layout.unitBytes, layout.unitPosition(stripe, j));
      if (codec.setUnit(j, unit, 0, this.#seed(stripe, j), !hasList)) hasList = true;
      else lost |= 1 << (layout.data + j);
    }
    for (let i = 0; i < layout.data; i++) {
      const chunk = layout.chunkOf(stripe, i);
      const length = chunk < 0 ? 0 : layout.chunkBytes(chunk);
      if (length > 0) this.#read(unit, 0, length, chunk * CHUNK_BYTES);
      codec.setChunk(i, unit, 0, length);
      if (hasList && length > 0 && !codec.isListed(i)) lost |= 1 << i;
    }
    if (hasList) return lost;
    codec.encode(this.#sums(stripe));
    return UNLISTED;
  }

  /** The checksums of the chunks as they are set; 0 for those that stand nowhere. Fresh. */
  #sums(stripe: number): Int32Array {
    const { layout } = this;
    const codec = this.#prepare();
    const sumOf = (i: number) => (layout.chunkOf(stripe, i) < 0 ? 0 : codec.chunkSum(i));
    return Int32Array.from({ length: layout.data }, (_, i) => sumOf(i));
  }

  /** Reads with zeros for what the file does not have, or does not give. */
  #read(buf: Uint8Array, off: number, length: number, position: number): void {
    readAround(this.#file, buf, off, length, position);
  }

  #seed(stripe: number, j: number): number {
    return this.#salt + this.layout.unitOf(stripe, j);
  }

  #prepare(): StripeCodec {
    if (this.#codec === undefined) {
      this.#codec = new StripeCodec(this.layout);
      this.#unit = new Uint8Array(this.layout.unitBytes);
    }
    return this.#codec;
  }
}
