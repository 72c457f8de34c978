/**
 * Rebuilds bytes of a table from its stripes (ecc/stripe-layout.ts). Stripes are read whole, in
 * bands (stripe-band.ts), only when they are needed, and anew each time, for a heal may have
 * written meanwhile. Memory is a band and the working memory of the code, however long the hole is.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import { StripeCodec } from '../ecc/stripe-codec.ts';
import { CHUNK_BYTES, type StripeLayout } from '../ecc/stripe-layout.ts';
import type { ReadableFile } from '../fs/port.ts';
import { readAround } from './read-around.ts';
import { StripeBand } from './stripe-band.ts';

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
const SOUND: StripeDamage = { state: 'sound', chunks: [], units: [] };

/** See the module head. Not reentrant. */
export class StripeReader {
  readonly layout: StripeLayout;
  readonly #file: ReadableFile;
  readonly #salt: number;
  /** Made when it is first needed. */
  #codec: StripeCodec | undefined;
  /** What stands in it counts within one call. */
  #band: StripeBand | undefined;

  /**
   * @param file stays the caller's; it may be shorter or longer than the layout says
   * @param salt the file's; borrowed for the call
   */
  constructor(file: ReadableFile, layout: StripeLayout, salt: Uint8Array) {
    this.layout = layout;
    this.#file = file;
    this.#salt = readU32(salt, 0);
    this.#codec = undefined;
    this.#band = undefined;
  }

  /**
   * Overwrites `buf[off, off + length)`, which stands for the bytes at `position` of the file, with
   * what their damaged chunks held, as far as stripes tell. Borrows `buf`.
   * @returns chunks that were restored
   */
  restore(buf: Uint8Array, off: number, length: number, position: number): number {
    const end = Math.min(position + length, this.layout.bodyBytes);
    const chunkEnd = Math.ceil(end / CHUNK_BYTES);
    let restored = 0;
    for (let chunk = Math.floor(position / CHUNK_BYTES); chunk < chunkEnd; ) {
      const stripe = this.layout.stripeOf(chunk);
      const count = Math.min(chunkEnd - chunk, this.layout.stripeCount - stripe);
      const offset = chunk - stripe;
      this.checkEach(stripe, count, (s, { state, chunks }) => {
        const c = s + offset;
        if (state !== 'restored' || !chunks.includes(c)) return;
        const start = c * CHUNK_BYTES;
        const from = Math.max(position, start);
        const to = Math.min(end, start + CHUNK_BYTES);
        const bytes = this.restoredChunk(c).subarray(from - start, to - start);
        buf.set(bytes, off + from - position);
        restored++;
      });
      chunk += count;
    }
    // An open table is not to hold it until the next damage.
    this.#band = undefined;
    return restored;
  }

  /**
   * Reads the units from `q` of the file on to `buf[0]`, as they should be. Borrows `buf`. Where no
   * unit of its stripe is sound one is made of the chunks as they stand: who asks for it has to
   * make sure of them, or of what comes out.
   * @param visit told of each unit, in the order of the file
   */
  units(
    q: number,
    count: number,
    buf: Uint8Array,
    visit: (q: number, state: UnitState) => void,
  ): void {
    const { bodyBytes, unitBytes } = this.layout;
    readAround(this.#file, buf, 0, count * unitBytes, bodyBytes + q * unitBytes);
    for (let n = 0; n < count; n++) visit(q + n, this.#unit(q + n, buf, n * unitBytes));
    this.#band = undefined;
  }

  /** Makes the unit that was read to `buf[off]` what it should be. */
  #unit(q: number, buf: Uint8Array, off: number): UnitState {
    if (this.#isSound(q, buf, off)) return 'sound';
    const { stripeCount } = this.layout;
    const stripe = q % stripeCount;
    if (this.check(stripe).state === 'lost') return 'lost';
    this.restoredUnit(stripe, Math.floor(q / stripeCount), buf, off);
    return 'restored';
  }

  /** True if some unit is sound. Costs no more than the first one if that is. */
  hasSoundUnit(): boolean {
    const { unitCount, unitBytes, bodyBytes } = this.layout;
    const unit = new Uint8Array(unitBytes);
    for (let n = 0; n < unitCount; n++) {
      // From both ends: a hole is at one of them, or in between.
      const q = n % 2 === 0 ? n / 2 : unitCount - (n + 1) / 2;
      readAround(this.#file, unit, 0, unitBytes, bodyBytes + q * unitBytes);
      if (this.#isSound(q, unit, 0)) return true;
    }
    return false;
  }

  /** Looks at all of a stripe. */
  check(stripe: number): StripeDamage {
    this.#read(stripe, 1);
    return this.#look(stripe);
  }

  /**
   * Looks at all of `count` stripes from `first` on, in bands.
   * @param visit told of each; what was restored of it can be had until it returns
   */
  checkEach(
    first: number,
    count: number,
    visit: (stripe: number, damage: StripeDamage) => void,
  ): void {
    this.#each(first, count, (stripe) => visit(stripe, this.#look(stripe)));
  }

  /**
   * Makes the units of `count` stripes from `first` on, in bands, of their chunks as they stand,
   * which the caller has made sure of.
   * @param visit {@link restoredUnit} gives the units of the stripe until it returns
   */
  encodeEach(first: number, count: number, visit: (stripe: number) => void): void {
    this.#each(first, count, (stripe) => {
      this.#load(stripe);
      this.#prepare().encode(this.#sums(stripe));
      visit(stripe);
    });
  }

  /** Reads stripes in bands. */
  #each(first: number, count: number, visit: (stripe: number) => void): void {
    const most = StripeBand.stripeMaxOf(this.layout);
    for (let stripe = first; stripe < first + count; ) {
      const end = Math.min(stripe + most, first + count);
      this.#read(stripe, end - stripe);
      for (; stripe < end; stripe++) visit(stripe);
    }
  }

  /** Looks at a stripe of the band. */
  #look(stripe: number): StripeDamage {
    const { data, parity } = this.layout;
    const lost = this.#load(stripe);
    if (lost === UNLISTED) {
      const units = Array.from({ length: parity }, (_, j) => j);
      return { state: 'unlisted', chunks: [], units };
    }
    if (lost === 0) return SOUND;
    const chunks: number[] = [];
    for (let i = data - 1; i >= 0; i--) {
      if ((lost >>> i) & 1) chunks.push(this.layout.chunkOf(stripe, i));
    }
    const units: number[] = [];
    for (let j = 0; j < parity; j++) if ((lost >>> (data + j)) & 1) units.push(j);
    return { state: this.#prepare().restore(lost) ? 'restored' : 'lost', chunks, units };
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

  /** Reads some neighbouring stripes. */
  #read(first: number, count: number): void {
    if (this.#band === undefined || this.#band.stripeMax < count) {
      this.#band = new StripeBand(this.layout, count);
    }
    this.#band.moveTo(first, count);
    // Zeros stand for what the file does not have, or does not give.
    this.#band.loadChunks(this.#file, readAround);
    this.#band.loadUnits(this.#file, readAround);
  }

  /** Sets a stripe of the band; returns the damaged chunks and units as bits, or `UNLISTED`. */
  #load(stripe: number): number {
    const { layout } = this;
    const { chunks, units } = this.#band!;
    const codec = this.#prepare();
    let lost = 0;
    let hasList = false;
    for (let j = 0; j < layout.parity; j++) {
      const off = this.#band!.unitOff(stripe, j);
      if (codec.setUnit(j, units, off, this.#seed(stripe, j), !hasList)) hasList = true;
      else lost |= 1 << (layout.data + j);
    }
    for (let i = 0; i < layout.data; i++) {
      const chunk = layout.chunkOf(stripe, i);
      const length = chunk < 0 ? 0 : layout.chunkBytes(chunk);
      codec.setChunk(i, chunks, this.#band!.chunkOff(stripe, i), length);
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

  /** Whether the bytes at `buf[off]` are the unit `q` of the file, and sound. */
  #isSound(q: number, buf: Uint8Array, off: number): boolean {
    const j = Math.floor(q / this.layout.stripeCount);
    return this.#prepare().setUnit(j, buf, off, this.#salt + q, true);
  }

  #seed(stripe: number, j: number): number {
    return this.#salt + this.layout.unitOf(stripe, j);
  }

  #prepare(): StripeCodec {
    this.#codec ??= new StripeCodec(this.layout);
    return this.#codec;
  }
}
