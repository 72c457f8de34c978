/**
 * Writes the stripe section behind the body of a table (ecc/stripe-layout.ts).
 *
 * How many stripes there are is known only when the body is complete, so the body is read back for
 * them, in bands (stripe-band.ts). Memory is 1 MiB, the working memory of the code, and 4 bytes for
 * each chunk: its checksum, taken of what was meant to be written. What is read back otherwise
 * fails the table.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import type { StripeOptions } from '../ecc/options.ts';
import { hashWords } from '../ecc/shard-checksum.ts';
import { StripeCodec } from '../ecc/stripe-codec.ts';
import { CHUNK_BYTES, HEADER_COPY_BYTES, StripeLayout } from '../ecc/stripe-layout.ts';
import { corruption, type VarveError } from '../errors.ts';
import { type FileHandle, readAt } from '../fs/port.ts';
import type { FileChecksum } from './checksum.ts';
import { encodeFileHeader, type FileHeader } from './file-header.ts';
import { StripeBand } from './stripe-band.ts';

const SUMS_INITIAL = 256;

/** See the module head. For one table. */
export class StripeWriter {
  readonly #file: FileHandle;
  readonly #header: FileHeader;
  readonly #stripe: StripeOptions;
  /** Of all chunks that are complete. */
  #sums: Int32Array;
  #chunkCount: number;
  /** The chunk that is not complete yet. */
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #length: number;

  /** @param file stays the caller's */
  constructor(file: FileHandle, header: FileHeader, stripe: StripeOptions) {
    this.#file = file;
    this.#header = header;
    this.#stripe = stripe;
    this.#sums = new Int32Array(SUMS_INITIAL);
    this.#chunkCount = 0;
    this.#words = new Int32Array(CHUNK_BYTES / 4);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#length = 0;
  }

  /** Takes in the next bytes of the body, which the caller writes to the file. Borrows `buf`. */
  update(buf: Uint8Array, off: number, length: number): void {
    const end = off + length;
    for (let at = off; at < end; ) {
      const count = Math.min(CHUNK_BYTES - this.#length, end - at);
      this.#bytes.set(buf.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      if (this.#length === CHUNK_BYTES) this.#endChunk();
    }
  }

  /** Bytes of the file with its stripe section, if its body ended here. */
  get fileBytes(): number {
    return this.#layout.fileBytes;
  }

  /**
   * Writes the stripe section, once the whole body stands in the file.
   * @param checksum of the file so far; takes the section in
   * @throws VarveError `CORRUPTION` when the file does not give back what was written
   */
  finish(checksum: FileChecksum): void {
    const layout = this.#layout;
    if (this.#length > 0) this.#endChunk();
    const section = new SectionWriter(this.#file, layout, readU32(this.#header.salt, 0));
    section.write(this.#sums);
    const copy = encodeFileHeader(this.#header).subarray(0, HEADER_COPY_BYTES);
    this.#file.write(copy, 0, copy.length, layout.headerCopyPosition);
    section.sumUnits(checksum);
    checksum.update(copy, 0, copy.length);
  }

  get #layout(): StripeLayout {
    return new StripeLayout(this.#stripe, this.#chunkCount * CHUNK_BYTES + this.#length);
  }

  #endChunk(): void {
    this.#bytes.fill(0, this.#length);
    if (this.#chunkCount === this.#sums.length) {
      const grown = new Int32Array(this.#sums.length * 2);
      grown.set(this.#sums);
      this.#sums = grown;
    }
    this.#sums[this.#chunkCount++] = hashWords(this.#words, 0, this.#words.length, 0);
    this.#length = 0;
  }
}

/** Reads the body back, band by band, and writes the units behind it. */
class SectionWriter {
  readonly #file: FileHandle;
  readonly #layout: StripeLayout;
  readonly #salt: number;
  readonly #codec: StripeCodec;
  readonly #band: StripeBand;
  /** Checksums of the chunks of a stripe. */
  readonly #stripeSums: Int32Array;

  constructor(file: FileHandle, layout: StripeLayout, salt: number) {
    this.#file = file;
    this.#layout = layout;
    this.#salt = salt;
    this.#codec = new StripeCodec(layout);
    this.#band = new StripeBand(layout, StripeBand.stripeMaxOf(layout));
    this.#stripeSums = new Int32Array(layout.data);
  }

  /** @param sums of all chunks of the body; borrowed */
  write(sums: Int32Array): void {
    const { parity, stripeCount } = this.#layout;
    const band = this.#band;
    for (let first = 0; first < stripeCount; first += band.stripeMax) {
      const end = Math.min(first + band.stripeMax, stripeCount);
      band.moveTo(first, end - first);
      band.loadChunks(this.#file, readAt);
      for (let stripe = first; stripe < end; stripe++) this.#encode(stripe, sums);
      for (let j = 0; j < parity; j++) {
        const position = this.#layout.unitPosition(first, j);
        this.#file.write(band.units, band.unitOff(first, j), band.unitRangeBytes, position);
      }
    }
  }

  /** Puts the units of a stripe into the band. */
  #encode(stripe: number, sums: Int32Array): void {
    const layout = this.#layout;
    const codec = this.#codec;
    const band = this.#band;
    for (let i = 0; i < layout.data; i++) {
      const chunk = layout.chunkOf(stripe, i);
      const length = chunk < 0 ? 0 : layout.chunkBytes(chunk);
      codec.setChunk(i, band.chunks, band.chunkOff(stripe, i), length);
      this.#stripeSums[i] = chunk < 0 ? 0 : sums[chunk]!;
      if (chunk >= 0 && codec.chunkSum(i) !== sums[chunk]) {
        throw unlike(this.#file.path, chunk * CHUNK_BYTES);
      }
    }
    codec.encode(this.#stripeSums);
    for (let j = 0; j < layout.parity; j++) {
      const seed = this.#salt + layout.unitOf(stripe, j);
      codec.writeUnit(j, band.units, band.unitOff(stripe, j), seed);
    }
  }

  /** Takes all units, in the order of the file, into the checksum of the file. */
  sumUnits(checksum: FileChecksum): void {
    const { unitBytes, unitCount, bodyBytes } = this.#layout;
    const { units } = this.#band;
    const file = this.#file;
    const step = units.length / unitBytes;
    for (let first = 0; first < unitCount; first += step) {
      const count = Math.min(step, unitCount - first);
      const position = bodyBytes + first * unitBytes;
      readAt(file, units, 0, count * unitBytes, position);
      for (let n = 0; n < count; n++) {
        if (!this.#codec.setUnit(0, units, n * unitBytes, this.#salt + first + n, true)) {
          throw unlike(file.path, position + n * unitBytes);
        }
      }
      checksum.update(units, 0, count * unitBytes);
    }
  }
}

function unlike(path: string, offset: number): VarveError {
  return corruption('file does not give back what was just written', path, offset);
}
