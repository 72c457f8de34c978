/**
 * Neighbouring stripes of a table, whole, in memory. As each chunk in turn belongs to the next
 * stripe, shard i of all of them is one range of the file, and so are their units j: a band costs
 * as many reads as a single stripe.
 * @module
 */
import { CHUNK_BYTES, type StripeLayout } from '../ecc/stripe-layout.ts';
import type { ReadableFile } from '../fs/port.ts';

/** Chunks and units of a band, in bytes, about. */
export const BAND_BYTES: number = 1024 * 1024;

/** Reads a range of a file into `buf`, as `readAt` and `readAround` do. */
type ReadRange = (
  file: ReadableFile,
  buf: Uint8Array,
  off: number,
  length: number,
  position: number,
) => unknown;

/** See the module head. */
export class StripeBand {
  /** Most stripes that it takes. */
  readonly stripeMax: number;
  /** Shard 0 of all stripes, then shard 1 of all, and so on, 4 KiB each. */
  readonly chunks: Uint8Array;
  /** Units, in the same order. */
  readonly units: Uint8Array;
  readonly #layout: StripeLayout;
  #first: number;
  #count: number;

  /** @param stripeMax at least 1 */
  constructor(layout: StripeLayout, stripeMax: number) {
    this.stripeMax = stripeMax;
    this.chunks = new Uint8Array(layout.data * stripeMax * CHUNK_BYTES);
    this.units = new Uint8Array(layout.parity * stripeMax * layout.unitBytes);
    this.#layout = layout;
    this.#first = 0;
    this.#count = 0;
  }

  /** Most stripes of a band of this layout, so that it has about {@link BAND_BYTES}. */
  static stripeMaxOf({ data, parity, stripeCount }: StripeLayout): number {
    const fitting = Math.floor(BAND_BYTES / ((data + parity) * CHUNK_BYTES));
    return Math.max(1, Math.min(fitting, stripeCount));
  }

  /**
   * Turns to the stripes from `first` on.
   * @param count at most `stripeMax`, and no more than there are
   */
  moveTo(first: number, count: number): void {
    this.#first = first;
    this.#count = count;
  }

  /** Where chunk `i` of a stripe begins in `chunks`. */
  chunkOff(stripe: number, i: number): number {
    return (i * this.stripeMax + stripe - this.#first) * CHUNK_BYTES;
  }

  /** Where unit `j` of a stripe begins in `units`. */
  unitOff(stripe: number, j: number): number {
    return (j * this.stripeMax + stripe - this.#first) * this.#layout.unitBytes;
  }

  /** Reads the chunks that the file has. */
  loadChunks(file: ReadableFile, read: ReadRange): void {
    const layout = this.#layout;
    for (let i = 0; i < layout.data; i++) {
      const begin = layout.chunkOf(this.#first, i);
      const from = Math.max(0, begin);
      const position = from * CHUNK_BYTES;
      const end = Math.min((begin + this.#count) * CHUNK_BYTES, layout.bodyBytes);
      if (end <= position) continue;
      read(
        file,
        this.chunks,
        this.chunkOff(this.#first + from - begin, i),
        end - position,
        position,
      );
    }
  }

  loadUnits(file: ReadableFile, read: ReadRange): void {
    for (let j = 0; j < this.#layout.parity; j++) {
      const position = this.#layout.unitPosition(this.#first, j);
      read(file, this.units, this.unitOff(this.#first, j), this.unitRangeBytes, position);
    }
  }

  /** Bytes of the units `j` of all stripes. */
  get unitRangeBytes(): number {
    return this.#count * this.#layout.unitBytes;
  }
}
