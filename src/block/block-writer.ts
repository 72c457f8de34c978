/**
 * The way of a block to disk: content, compression, encryption, checksum, parity; the layout is in
 * block-format.ts. What is off is not there: with every stage off a block is its content between a
 * header and a checksum, made in place.
 * @module
 */
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { writeU16, writeU32 } from '../bytes/fixed.ts';
import { LZ4_CONTENT_BYTES_MAX } from '../compress/lz4.ts';
import { CODEC_NONE, type Compressor, DOES_NOT_FIT } from '../compress/port.ts';
import { compressIfWorthwhile } from '../compress/worthwhile.ts';
import { type FileCipher, type MutableSealContext, newSealContext } from '../crypto/file-cipher.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import type { EccCodec } from '../ecc/port.ts';
import { assert } from '../errors.ts';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  BLOCK_MASK_OFF,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_TRAILER_BYTES,
  CHECKSUM_KIND_XXH64,
} from './block-format.ts';
import { BlockChecksum } from './checksum.ts';
import { applyMask, NO_MASK } from './mask.ts';

/** No codec takes larger contents: 16 MiB. */
const COMPRESSED_CONTENT_BYTES_MAX: number = LZ4_CONTENT_BYTES_MAX;

/** How contents are compressed. */
export interface BlockCompression {
  readonly codec: Compressor;
  /** Asked first where contents look like noise to a thorough codec; may be the same. */
  readonly quick: Compressor;
  /** Of the dictionary that `codec` uses, 0 without one. */
  readonly dictionaryId: number;
}

/** Seals the blocks of one file, front to back. Not reentrant. */
export class BlockWriter {
  readonly #checksum: BlockChecksum;
  readonly #cipher: FileCipher | undefined;
  readonly #ecc: EccCodec | undefined;
  readonly #context: MutableSealContext;
  #compressed: Uint8Array;

  /**
   * @param salt the file's; borrowed for the call
   * @param cipher of the file, taken: `close` destroys it; undefined for a file in the clear
   * @param ecc undefined for a file without parity
   */
  constructor(salt: Uint8Array, cipher: FileCipher | undefined, ecc: EccCodec | undefined) {
    this.#checksum = new BlockChecksum(salt);
    this.#cipher = cipher;
    this.#ecc = ecc;
    this.#context = newSealContext();
    this.#compressed = new Uint8Array(0);
  }

  /** True if contents in the clear are blocks but for header and checksum. */
  get isPlain(): boolean {
    return this.#cipher === undefined && this.#ecc === undefined;
  }

  /** Bytes of the parity section of a block of this length. */
  parityBytes(blockLen: number): number {
    return this.#ecc === undefined ? 0 : this.#ecc.parityBytes(blockLen);
  }

  /**
   * Turns the content `out.buf[contentOff, out.length)` into a block with its parity section: from
   * the 16 bytes before the content, which it overwrites, to `out.length`, which it moves.
   * @param position where in the file the block will stand; above that of the block before
   * @returns the block's length
   */
  seal(
    type: number,
    out: ByteWriter,
    contentOff: number,
    position: number,
    compression?: BlockCompression,
  ): number {
    const contentLen = out.length - contentOff;
    assert(contentOff >= BLOCK_HEADER_BYTES, 'content leaves room for its block header');
    assert(contentLen <= BLOCK_CONTENT_BYTES_MAX, 'content fits a block');
    let codec = CODEC_NONE;
    if (compression !== undefined && this.#compress(compression, out, contentOff)) {
      codec = compression.codec.id;
    }
    const dictionaryId = compression?.codec.id === codec ? compression.dictionaryId : 0;
    return this.#finish(type, out, contentOff, position, codec, dictionaryId, contentLen);
  }

  /**
   * As {@link seal}, for a content that is compressed already, without a dictionary.
   * @param codec with which it is, or `CODEC_NONE`
   * @param contentLen its length before that
   */
  sealCompressed(
    type: number,
    out: ByteWriter,
    contentOff: number,
    position: number,
    codec: number,
    contentLen: number,
  ): number {
    assert(contentOff >= BLOCK_HEADER_BYTES, 'content leaves room for its block header');
    return this.#finish(type, out, contentOff, position, codec, 0, contentLen);
  }

  /** Forgets the file's key. Calling it again is allowed; sealing is not. */
  close(): void {
    this.#cipher?.destroy();
  }

  /** Encryption, header, checksum and parity. */
  #finish(
    type: number,
    out: ByteWriter,
    contentOff: number,
    position: number,
    codec: number,
    dictionaryId: number,
    contentLen: number,
  ): number {
    const start = contentOff - BLOCK_HEADER_BYTES;
    const cipher = this.#cipher;
    if (cipher !== undefined) {
      const context = this.#context;
      context.position = position;
      context.blockType = type;
      context.codec = codec;
      context.dictionaryId = dictionaryId;
      context.contentLen = contentLen;
      out.reserve(TAG_BYTES);
      const len = out.length - contentOff;
      out.length += cipher.seal(context, out.buf, contentOff, len, out.buf, contentOff) - len;
    }
    out.reserve(BLOCK_TRAILER_BYTES);
    const { buf } = out;
    const suite = cipher?.suiteId ?? SUITE_NONE;
    writeU32(buf, start, type | (codec << 8) | (suite << 16) | (CHECKSUM_KIND_XXH64 << 24));
    writeU16(buf, start + 4, cipher?.epoch ?? 0);
    writeU16(buf, start + 6, 0);
    writeU32(buf, start + 8, out.length - contentOff);
    writeU32(buf, start + 12, contentLen);
    return this.#close(out, start, position);
  }

  /**
   * Gives the block at `out.buf[start]`, which {@link seal} made last and nothing follows, another
   * mask (mask.ts).
   */
  remask(out: ByteWriter, start: number, blockLen: number, position: number, mask: number): void {
    this.unmask(out, start, blockLen);
    const payloadOff = start + BLOCK_HEADER_BYTES;
    const payloadLen = blockLen - BLOCK_OVERHEAD_BYTES;
    applyMask(out.buf, payloadOff, payloadLen, mask);
    out.buf[start + BLOCK_MASK_OFF] = mask;
    out.length = payloadOff + payloadLen;
    this.#close(out, start, position);
  }

  /** Takes the mask away; what is left is not sealed. */
  unmask({ buf }: ByteWriter, start: number, blockLen: number): void {
    const mask = buf[start + BLOCK_MASK_OFF]!;
    if (mask === NO_MASK) return;
    applyMask(buf, start + BLOCK_HEADER_BYTES, blockLen - BLOCK_OVERHEAD_BYTES, mask);
    buf[start + BLOCK_MASK_OFF] = NO_MASK;
  }

  /** Checksum and parity; returns the length of the block. */
  #close(out: ByteWriter, start: number, position: number): number {
    const { buf, length: end } = out;
    const digest = this.#checksum.of(buf, start, end - start, position);
    digest.write(buf, end);
    out.length = end + BLOCK_TRAILER_BYTES;
    const blockLen = out.length - start;
    if (this.#ecc !== undefined) this.#appendParity(this.#ecc, out, start, blockLen);
    return blockLen;
  }

  /** Puts the compressed content in the content's place; false if it stays as it is. */
  #compress(compression: BlockCompression, out: ByteWriter, contentOff: number): boolean {
    const contentLen = out.length - contentOff;
    if (contentLen > COMPRESSED_CONTENT_BYTES_MAX) return false;
    if (this.#compressed.length < contentLen) this.#compressed = new Uint8Array(contentLen);
    const compressed = this.#compressed;
    const { codec, quick } = compression;
    const { buf } = out;
    const len = compressIfWorthwhile(codec, quick, buf, contentOff, contentLen, compressed, 0);
    if (len === DOES_NOT_FIT) return false;
    buf.set(compressed.subarray(0, len), contentOff);
    out.length = contentOff + len;
    return true;
  }

  #appendParity(ecc: EccCodec, out: ByteWriter, start: number, blockLen: number): void {
    const bytes = this.parityBytes(blockLen);
    out.reserve(bytes);
    ecc.append(out.buf, start, blockLen);
    out.length += bytes;
  }
}
