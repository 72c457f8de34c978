/**
 * Writes the stripe section behind the body of a table (ecc/stripe-layout.ts).
 *
 * How many stripes there are is known only when the body is complete, so the body is read back for
 * them, in bands: some neighbouring stripes at a time, of which each shard is one range of the
 * file. Memory is 1 MiB, the working memory of the code, and 4 bytes for each chunk: its checksum,
 * taken of what was meant to be written. What is read back otherwise fails the table.
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

/** Chunks and units of a band. */
const BAND_BYTES = 1024 * 1024;
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
    const codec = new StripeCodec(this.#stripe);
    const { data, parity } = codec;
    const bandMax = Math.floor(BAND_BYTES / ((data + parity) * CHUNK_BYTES));
    const band = new Band(layout, codec, Math.min(layout.stripeCount, bandMax));
    const salt = readU32(this.#header.salt, 0);
    for (let first = 0; first < layout.stripeCount; first += band.stripeCount) {
      band.load(this.#file, first);
      band.encode(first, this.#sums, salt, this.#file.path);
      band.store(this.#file, first);
    }
    const copy = encodeFileHeader(this.#header).subarray(0, HEADER_COPY_BYTES);
    this.#file.write(copy, 0, copy.length, layout.headerCopyPosition);
    band.sumUnits(this.#file, salt, checksum);
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

/** Neighbouring stripes, all chunks and units of which are in memory. */
class Band {
  /** Stripes of a full band. */
  readonly stripeCount: number;
  readonly #layout: StripeLayout;
  readonly #codec: StripeCodec;
  /** The chunks of all stripes: shard 0 of each, then shard 1 of each, and so on. */
  readonly #chunks: Uint8Array;
  /** The units, in the same order. */
  readonly #units: Uint8Array;
  readonly #sums: Int32Array;

  constructor(layout: StripeLayout, codec: StripeCodec, stripeCount: number) {
    this.stripeCount = stripeCount;
    this.#layout = layout;
    this.#codec = codec;
    this.#chunks = new Uint8Array(codec.data * stripeCount * CHUNK_BYTES);
    this.#units = new Uint8Array(codec.parity * stripeCount * layout.unitBytes);
    this.#sums = new Int32Array(codec.data);
  }

  /** Reads the chunks of the stripes from `first` on. */
  load(file: FileHandle, first: number): void {
    const layout = this.#layout;
    const count = this.#countFrom(first);
    for (let i = 0; i < layout.data; i++) {
      const begin = layout.chunkOf(first, i);
      const from = Math.max(0, begin);
      const to = Math.min((begin + count) * CHUNK_BYTES, layout.bodyBytes);
      const position = from * CHUNK_BYTES;
      if (to <= position) continue;
      const off = (i * this.stripeCount + from - begin) * CHUNK_BYTES;
      readAt(file, this.#chunks, off, to - position, position);
    }
  }

  /** @param sums of all chunks of the file */
  encode(first: number, sums: Int32Array, salt: number, path: string): void {
    const layout = this.#layout;
    const codec = this.#codec;
    for (let n = 0; n < this.#countFrom(first); n++) {
      for (let i = 0; i < layout.data; i++) {
        const chunk = layout.chunkOf(first + n, i);
        const off = (i * this.stripeCount + n) * CHUNK_BYTES;
        codec.setChunk(i, this.#chunks, off, chunk < 0 ? 0 : layout.chunkBytes(chunk));
        this.#sums[i] = chunk < 0 ? 0 : sums[chunk]!;
        if (chunk >= 0 && codec.chunkSum(i) !== sums[chunk]) {
          throw unlike(path, chunk * CHUNK_BYTES);
        }
      }
      codec.encode(this.#sums);
      for (let j = 0; j < layout.parity; j++) {
        const seed = salt + layout.unitOf(first + n, j);
        codec.writeUnit(j, this.#units, (j * this.stripeCount + n) * layout.unitBytes, seed);
      }
    }
  }

  /** Writes the units of the stripes from `first` on. */
  store(file: FileHandle, first: number): void {
    const layout = this.#layout;
    const length = this.#countFrom(first) * layout.unitBytes;
    for (let j = 0; j < layout.parity; j++) {
      const off = j * this.stripeCount * layout.unitBytes;
      file.write(this.#units, off, length, layout.unitPosition(first, j));
    }
  }

  /** Takes all units, in the order of the file, into the checksum of the file. */
  sumUnits(file: FileHandle, salt: number, checksum: FileChecksum): void {
    const { unitBytes, unitCount, bodyBytes } = this.#layout;
    const units = this.#units;
    const step = units.length / unitBytes;
    for (let first = 0; first < unitCount; first += step) {
      const count = Math.min(step, unitCount - first);
      const position = bodyBytes + first * unitBytes;
      readAt(file, units, 0, count * unitBytes, position);
      for (let n = 0; n < count; n++) {
        if (!this.#codec.setUnit(0, units, n * unitBytes, salt + first + n, true)) {
          throw unlike(file.path, position + n * unitBytes);
        }
      }
      checksum.update(units, 0, count * unitBytes);
    }
  }

  #countFrom(first: number): number {
    return Math.min(this.stripeCount, this.#layout.stripeCount - first);
  }
}

function unlike(path: string, offset: number): VarveError {
  return corruption('file does not give back what was just written', path, offset);
}
