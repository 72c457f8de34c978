/**
 * The file of a table as it is written: blocks are put together in a buffer, sealed there, and
 * handed to the file in large pieces.
 * @module
 */
import { BLOCK_CONTENT_BYTES_MAX, BLOCK_HEADER_BYTES } from '../block/block-format.ts';
import type { BlockCompression, BlockWriter } from '../block/block-writer.ts';
import { type Digest64, FileChecksum } from '../block/checksum.ts';
import { encodeFileHeader, type FileHeader } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { StripeWriter } from '../block/stripe-writer.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { stripeGrowth } from '../ecc/stripe-layout.ts';
import { VarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';

/** Tables stay below this size: 4 GiB. */
export const TABLE_BYTES_MAX = 0xffff_ffff;

/** Output is handed to the file in pieces of at least this size. */
const CHUNK_BYTES = 256 * 1024;
export const OUTPUT_BUFFER_BYTES: number = CHUNK_BYTES + 64 * 1024;
/** A buffer that a huge value blew up beyond this is given back. */
const BUFFER_KEPT_BYTES_MAX = 4 * 1024 * 1024;

export class TableOutput {
  /** Content of the block that was begun is appended here, from `contentOff` on. */
  readonly out: ByteWriter;
  contentOff: number;
  readonly #file: FileHandle;
  readonly #blocks: BlockWriter;
  readonly #checksum: FileChecksum;
  readonly #stripes: StripeWriter | undefined;
  /** Bytes in the file for each byte of its body: more than 1 with stripes. */
  readonly stripeGrowth: number;
  /** Bytes already handed to the file. */
  #flushedBytes: number;

  /**
   * @param file fresh and empty; stays the caller's
   * @param out borrowed for as long as the output is written
   */
  constructor(file: FileHandle, header: FileHeader, pipeline: Pipeline, out: ByteWriter) {
    this.out = out;
    this.contentOff = 0;
    this.#file = file;
    this.#blocks = pipeline.writer(file.path, header);
    this.#checksum = new FileChecksum();
    this.#flushedBytes = 0;
    const stripe = header.protection.ecc?.stripe;
    this.#stripes = stripe === undefined ? undefined : new StripeWriter(file, header, stripe);
    this.stripeGrowth = stripeGrowth(stripe);
    out.reset();
    const bytes = encodeFileHeader(header);
    this.out.bytes(bytes, 0, bytes.length);
  }

  /** Where in the file the next byte goes; behind everything once it is finished. */
  get position(): number {
    return this.#flushedBytes + this.out.length;
  }

  /** Bytes of its body for each byte of a block of this length: more than 1 with parity. */
  growth(blockLen: number): number {
    return 1 + this.#blocks.parityBytes(blockLen) / blockLen;
  }

  /** Leaves room for a block's header; its content is appended to `out` next. */
  begin(): void {
    this.out.reserve(BLOCK_HEADER_BYTES);
    this.out.length += BLOCK_HEADER_BYTES;
    this.contentOff = this.out.length;
  }

  /**
   * Seals what was appended since {@link begin}.
   * @returns the length of the block, without its parity section
   */
  seal(type: number, compression: BlockCompression | undefined): number {
    if (this.out.length - this.contentOff > BLOCK_CONTENT_BYTES_MAX) throw tooLarge();
    const length = this.#blocks.seal(type, this.out, this.contentOff, this.#blockOff, compression);
    this.#flushIfLarge();
    return length;
  }

  /**
   * As {@link seal}, for a content that is compressed already, without a dictionary.
   * @param codec with which it is, or `CODEC_NONE`
   * @param contentLen its length before that
   */
  sealCompressed(type: number, codec: number, contentLen: number): number {
    const { out, contentOff } = this;
    const blocks = this.#blocks;
    const length = blocks.sealCompressed(type, out, contentOff, this.#blockOff, codec, contentLen);
    this.#flushIfLarge();
    return length;
  }

  /** Takes back what was appended since {@link begin}, and `begin`. Returns a fresh copy of it. */
  withdraw(): Uint8Array {
    const content = this.out.buf.slice(this.contentOff, this.out.length);
    this.out.length = this.contentOff - BLOCK_HEADER_BYTES;
    return content;
  }

  /** Hands the rest to the file. @param digest receives the checksum of the whole file */
  finish(digest: Digest64): void {
    this.#flush();
    if (this.#stripes !== undefined) {
      const { fileBytes } = this.#stripes;
      if (fileBytes > TABLE_BYTES_MAX) throw tooLarge();
      this.#stripes.finish(this.#checksum);
      this.#flushedBytes = fileBytes;
    }
    this.#checksum.digest(digest);
    this.#blocks.close();
  }

  /** Where in the file the block that was begun stands. */
  get #blockOff(): number {
    return this.#flushedBytes + this.contentOff - BLOCK_HEADER_BYTES;
  }

  #flushIfLarge(): void {
    if (this.position > TABLE_BYTES_MAX) throw tooLarge();
    if (this.out.length >= CHUNK_BYTES) this.#flush();
  }

  #flush(): void {
    const { out } = this;
    this.#file.write(out.buf, 0, out.length, this.#flushedBytes);
    this.#checksum.update(out.buf, 0, out.length);
    this.#stripes?.update(out.buf, 0, out.length);
    this.#flushedBytes += out.length;
    out.restart(BUFFER_KEPT_BYTES_MAX, OUTPUT_BUFFER_BYTES);
  }
}

/** Tables end before they are large, but never between two versions of a key. */
function tooLarge(): VarveError {
  return new VarveError('UNSUPPORTED', 'the versions of a key that snapshots hold fill a table');
}
