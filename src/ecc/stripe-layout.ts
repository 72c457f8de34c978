/**
 * How the bytes of a table form stripes: numbers only.
 *
 * The body of B bytes is cut into N chunks of 4 KiB, the last one filled up with zeros. Behind it
 * stands the stripe section: m S units, back to back, and one more copy of the file header (64
 * bytes), for the case that all others are lost. With k data chunks and m units a stripe,
 *
 *     S = ceil(N / k), at least ceil(3 / m)       number of stripes
 *     U = 4096 + 4 k + 4                          bytes of a unit (stripe-codec.ts)
 *
 * Unit q = j S + r, with r below S, is unit j of stripe r. Shard i of stripe r, for i from 0 to
 * k - 1, is chunk N + r - (i + 1) S; where that is below 0 it is zeros and stands nowhere.
 *
 * So chunk c belongs to stripe (c - N) mod S, and unit q to stripe q mod S: with each step through
 * the file another stripe has its turn, without a break where the section begins. Whatever is lost
 * in one piece touches each stripe no more often than it is long in steps of S. A hole of h bytes
 * touches at most ceil((h - 1) / 4096) + 2 chunks and units, one of which may be the last chunk,
 * which is shorter; so every hole of up to (m S - 2) 4096 + 1 bytes is rebuilt, wherever it is. m S
 * is at least 3, so that is never less than 4 KiB.
 * @module
 */
import type { StripeOptions } from './options.ts';

/** Bytes of a chunk, and of the parity in a unit. */
export const CHUNK_BYTES = 4096;
/** Bytes of the copy of the file header behind the units. */
export const HEADER_COPY_BYTES = 64;
/** Bytes of each checksum in a unit. */
const CHECKSUM_BYTES = 4;
/** A hole of a chunk's length touches so many chunks and units at most. */
const HOLE_PARTS_MIN = 3;

/** The stripes of one table. Immutable. */
export class StripeLayout {
  /** k: most chunks of a stripe. */
  readonly data: number;
  /** m: units of a stripe. */
  readonly parity: number;
  /** B: where the stripe section begins. */
  readonly bodyBytes: number;
  /** N. */
  readonly chunkCount: number;
  /** S. */
  readonly stripeCount: number;
  /** m S. */
  readonly unitCount: number;
  /** U. */
  readonly unitBytes: number;
  /** Where the last copy of the file header stands. */
  readonly headerCopyPosition: number;
  /** Body and stripe section. */
  readonly fileBytes: number;

  /** @param bodyBytes at least 1 */
  constructor({ data, parity }: StripeOptions, bodyBytes: number) {
    this.data = data;
    this.parity = parity;
    this.bodyBytes = bodyBytes;
    this.chunkCount = Math.ceil(bodyBytes / CHUNK_BYTES);
    this.stripeCount = Math.max(Math.ceil(this.chunkCount / data), stripeCountMin(parity));
    this.unitCount = parity * this.stripeCount;
    this.unitBytes = unitBytesOf(data);
    this.headerCopyPosition = bodyBytes + this.unitCount * this.unitBytes;
    this.fileBytes = this.headerCopyPosition + HEADER_COPY_BYTES;
  }

  /** The layout of a whole file of this size; undefined when no body leads to it. */
  static ofFile(stripe: StripeOptions, fileBytes: number): StripeLayout | undefined {
    const { data, parity } = stripe;
    const sectionBytes = parity * unitBytesOf(data);
    const withoutCopy = fileBytes - HEADER_COPY_BYTES;
    const estimate = Math.ceil(withoutCopy / (data * CHUNK_BYTES + sectionBytes));
    const bodyBytes = withoutCopy - Math.max(estimate, stripeCountMin(parity)) * sectionBytes;
    if (bodyBytes < 1) return undefined;
    const layout = new StripeLayout(stripe, bodyBytes);
    return layout.fileBytes === fileBytes ? layout : undefined;
  }

  /** Longest hole that is rebuilt wherever it is, in bytes. */
  get holeBytesMax(): number {
    return (this.unitCount - 2) * CHUNK_BYTES + 1;
  }

  /** The stripe of a chunk. */
  stripeOf(chunk: number): number {
    const fromEnd = this.chunkCount - 1 - chunk;
    return this.stripeCount - 1 - (fromEnd % this.stripeCount);
  }

  /** The chunk that is shard `i` of a stripe; below 0 where there is none. */
  chunkOf(stripe: number, i: number): number {
    return this.chunkCount + stripe - (i + 1) * this.stripeCount;
  }

  /** Bytes of a chunk that the file has: fewer than a whole one of the last. */
  chunkBytes(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.bodyBytes - chunk * CHUNK_BYTES);
  }

  /** The number of unit `j` of a stripe in the file. */
  unitOf(stripe: number, j: number): number {
    return j * this.stripeCount + stripe;
  }

  /** Where it stands in the file. */
  unitPosition(stripe: number, j: number): number {
    return this.bodyBytes + this.unitOf(stripe, j) * this.unitBytes;
  }
}

/** Bytes of a table with its stripes for each byte of its body, if it is not a small one. */
export function stripeGrowth(stripe: StripeOptions | undefined): number {
  if (stripe === undefined) return 1;
  return 1 + (stripe.parity * unitBytesOf(stripe.data)) / (stripe.data * CHUNK_BYTES);
}

/** Bytes of a unit: parity, the checksums of the data chunks, and its own. */
function unitBytesOf(data: number): number {
  return CHUNK_BYTES + CHECKSUM_BYTES * (data + 1);
}

function stripeCountMin(parity: number): number {
  return Math.ceil(HOLE_PARTS_MIN / parity);
}
