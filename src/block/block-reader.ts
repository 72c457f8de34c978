/**
 * The way of a block from disk: checksum, repair where that fails, decryption, decompression; the
 * layout is in block-format.ts.
 *
 * Every length is checked against what can contain it before room is made for it. Damage that the
 * file's code can repair is reported and otherwise unnoticed by the caller; what cannot be repaired
 * and what is not authentic is CORRUPTION.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import { readU16, readU32 } from '../bytes/fixed.ts';
import { NO_ROOM, Room, roomFor } from '../bytes/room.ts';
import { CODEC_NONE, CODEC_ZSTD_DICTIONARY, type Compressor } from '../compress/port.ts';
import { type FileCipher, type MutableSealContext, newSealContext } from '../crypto/file-cipher.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import type { EccCodec, EccRepair } from '../ecc/port.ts';
import { corruption, VarveError } from '../errors.ts';
import { closeFile, type ReadableFile, readAt } from '../fs/port.ts';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_CONTENT_LEN_OFF,
  BLOCK_HEADER_BYTES,
  BLOCK_MASK_OFF,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PAYLOAD_BYTES_MAX,
  CHECKSUM_KIND_XXH64,
} from './block-format.ts';
import { BlockChecksum } from './checksum.ts';
import { applyMask, NO_MASK } from './mask.ts';
import { readAround } from './read-around.ts';
import type { StripeReader } from './stripe-reader.ts';

/** What {@link BlockReader.inspect} found. */
export type BlockFault = 'none' | 'truncated' | 'header' | 'checksum';

/** What {@link BlockReader.decode} found. */
export type ContentFault = 'none' | 'forged' | 'unsupported' | 'content';

/**
 * Damage that a read put right; the file still has it, unless it came from a read that went wrong
 * and was repeated: then neither shards nor bits were corrected.
 */
export interface Correction {
  /** Path of the file. */
  readonly file: string;
  /**
   * Where the damaged block, or the frame before it, or the damaged unit of a stripe begins, in
   * bytes; 0 for the file's header.
   */
  readonly offset: number;
  /** A `BLOCK_*` number; 0 for the file's header and units of stripes. */
  readonly blockType: number;
  /**
   * Shards of the block or chunks of its stripes that were restored; 1 for copies of a header or a
   * frame, and for a unit of a stripe.
   */
  readonly correctedShards: number;
  /** Bits that were turned back. */
  readonly correctedBits: number;
}

/** What a reader needs to undo the stages. */
export interface ReaderStages {
  /** The file's; borrowed for the constructor. */
  readonly salt: Uint8Array;
  /** Taken: `close` destroys it. Undefined for a file in the clear. */
  readonly cipher: FileCipher | undefined;
  readonly ecc: EccCodec | undefined;
  /** Undefined for a file without stripes. */
  readonly stripes?: StripeReader | undefined;
  /** The codec with this id, without a dictionary; undefined if it is not known. */
  readonly decompressor: (codecId: number) => Compressor | undefined;
  readonly onCorrection: (correction: Correction) => void;
  /** Told of a file that could not be closed without an error. */
  readonly onCloseFailed?: ((error: VarveError) => void) | undefined;
}

/** Reads the blocks of one file. Not reentrant: results stand in its fields until the next call. */
export class BlockReader {
  readonly file: ReadableFile;
  readonly path: string;
  /** Undefined for a file without stripes. */
  readonly stripes: StripeReader | undefined;
  readonly #checksum: BlockChecksum;
  readonly #stages: ReaderStages;
  readonly #cipher: FileCipher | undefined;
  readonly #ecc: EccCodec | undefined;
  readonly #context: MutableSealContext;
  #dictionaryCodec: Compressor | undefined;
  #dictionaryId: number;
  #payloadOff: number;
  #payloadLen: number;
  #position: number;
  /** Why the last `fill` did not get all that it was to read. */
  #readError: VarveError | undefined;
  /** Content of the block that was decoded last: `buf[contentOff, contentOff + contentLen)`. */
  buf: Uint8Array;
  contentOff: number;
  contentLen: number;
  /** Length of the block that was inspected last, without its parity section. */
  blockLen: number;
  /** Its type. */
  blockType: number;
  /** Codec of its payload. */
  codecId: number;

  /** @param file stays the caller's */
  constructor(file: ReadableFile, stages: ReaderStages) {
    this.file = file;
    this.path = file.path;
    this.stripes = stages.stripes;
    this.#checksum = new BlockChecksum(stages.salt);
    this.#stages = stages;
    this.#cipher = stages.cipher;
    this.#ecc = stages.ecc;
    this.#context = newSealContext();
    this.#dictionaryCodec = undefined;
    this.#dictionaryId = 0;
    this.#payloadOff = 0;
    this.#payloadLen = 0;
    this.#position = 0;
    this.#readError = undefined;
    this.buf = EMPTY;
    this.contentOff = 0;
    this.contentLen = 0;
    this.blockLen = 0;
    this.blockType = 0;
    this.codecId = CODEC_NONE;
  }

  /** True if there is parity of some kind, so that missing bytes may be restored. */
  get isRestorable(): boolean {
    return this.#ecc !== undefined || this.stripes !== undefined;
  }

  /** Bytes of the parity section of a block of this length. */
  parityBytes(blockLen: number): number {
    return this.#ecc === undefined ? 0 : this.#ecc.parityBytes(blockLen);
  }

  /**
   * The length of the longest block that takes no more than `bytes` with its parity section: that
   * of the one block that fills them, where only its place is known.
   */
  lengthWithin(bytes: number): number {
    let low = 0;
    let high = bytes;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (middle + this.parityBytes(middle) <= bytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Lets blocks that were compressed with the file's dictionary be read. */
  useDictionary(id: number, codec: Compressor): void {
    this.#dictionaryId = id;
    this.#dictionaryCodec = codec;
  }

  /**
   * Checks header and checksum of the block at `buf[off]`, which ends before `end`, and sets
   * `blockLen`, `blockType` and `codecId` when there is no fault. Borrows `buf`.
   * @param position where in the file the block stands
   */
  inspect(buf: Uint8Array, off: number, end: number, position: number): BlockFault {
    if (end - off < BLOCK_OVERHEAD_BYTES) return 'truncated';
    if (buf[off + 3] !== CHECKSUM_KIND_XXH64 || buf[off + 7] !== 0) return 'header';
    const payloadLen = readU32(buf, off + 8);
    const contentLen = readU32(buf, off + BLOCK_CONTENT_LEN_OFF);
    if (payloadLen > BLOCK_PAYLOAD_BYTES_MAX || contentLen > BLOCK_CONTENT_BYTES_MAX) {
      return 'header';
    }
    if (payloadLen > end - off - BLOCK_OVERHEAD_BYTES) return 'truncated';
    const payloadOff = off + BLOCK_HEADER_BYTES;
    const digest = this.#checksum.of(buf, off, BLOCK_HEADER_BYTES + payloadLen, position);
    if (!digest.matches(buf, payloadOff + payloadLen)) return 'checksum';
    this.#payloadOff = payloadOff;
    this.#payloadLen = payloadLen;
    this.#position = position;
    this.contentLen = contentLen;
    this.blockLen = payloadLen + BLOCK_OVERHEAD_BYTES;
    this.blockType = buf[off]!;
    this.codecId = buf[off + 1]!;
    return 'none';
  }

  /**
   * Undoes encryption and compression of the block in `buf` that {@link inspect} found sound, and
   * sets the result fields.
   * @param reuse where the content goes if it does not stand in `buf` already and fits; it must not
   * overlap the block, which is then left as it is. Undefined gives the block up: it may be
   * overwritten, and the content stands in its place or in a fresh array.
   */
  decode(buf: Uint8Array, reuse: Room | undefined): ContentFault {
    const off = this.#payloadOff - BLOCK_HEADER_BYTES;
    const suiteId = this.#cipher?.suiteId ?? SUITE_NONE;
    const isOwn = buf[off + 2] === suiteId && readU16(buf, off + 4) === (this.#cipher?.epoch ?? 0);
    if (!isOwn) return 'forged';
    const mask = buf[off + BLOCK_MASK_OFF]!;
    if (mask !== NO_MASK) return this.#unmask(buf, off, mask, reuse);
    let from = buf;
    let fromOff = this.#payloadOff;
    let fromLen = this.#payloadLen;
    if (this.#cipher !== undefined) {
      fromLen -= TAG_BYTES;
      if (fromLen < 0) return 'forged';
      if (reuse !== undefined) {
        // Where it is compressed, its content may come to stand in the same place.
        const room = roomFor(fromLen, reuse);
        from = room.buf;
        fromOff = room.off;
      }
      if (!this.#decrypt(this.#cipher, buf, from, fromOff)) return 'forged';
    }
    if (this.codecId !== CODEC_NONE) return this.#decompress(from, fromOff, fromLen, reuse);
    if (fromLen !== this.contentLen) return 'content';
    this.buf = from;
    this.contentOff = fromOff;
    return 'none';
  }

  /** Decodes the block at `buf[off]` without its mask, in a copy if it is not given up. */
  #unmask(buf: Uint8Array, off: number, mask: number, reuse: Room | undefined): ContentFault {
    let own = buf;
    let ownOff = off;
    if (reuse !== undefined) {
      own = buf.slice(off, off + this.blockLen);
      ownOff = 0;
    }
    this.#payloadOff = ownOff + BLOCK_HEADER_BYTES;
    applyMask(own, this.#payloadOff, this.#payloadLen, mask);
    own[ownOff + BLOCK_MASK_OFF] = NO_MASK;
    return this.decode(own, reuse);
  }

  /**
   * What to lend for the next block after {@link decode} found no fault: `reuse`, or what had to be
   * made because that was too small.
   */
  roomAfter(buf: Uint8Array, reuse: Room): Room {
    return this.buf === buf || this.buf === reuse.buf ? reuse : new Room(this.buf);
  }

  /**
   * Opens the block that fills `buf[off, off + len)` exactly and sets the result fields. If it is
   * damaged, reads its parity section from the file and repairs it in `buf`.
   * @param reuse as for {@link decode}
   * @throws VarveError `CORRUPTION` for damage that cannot be repaired, a wrong type or length and
   * what is not authentic; `IO` for bytes that cannot be read nor restored; `UNSUPPORTED`
   * for a codec that this version does not know
   */
  open(
    type: number,
    buf: Uint8Array,
    off: number,
    len: number,
    position: number,
    reuse: Room | undefined,
  ): void {
    const fault = this.inspect(buf, off, off + len, position);
    if (fault !== 'none' || this.blockLen !== len || this.blockType !== type) {
      const isRepaired = this.#repairFromFile(type, buf, off, len, position);
      if (!isRepaired && this.#readError !== undefined) throw this.#readError;
      if (!isRepaired && fault !== 'none') {
        throw corruption(FAULT_TEXT[fault], this.path, position);
      }
      if (!isRepaired) {
        throw corruption('block is not the one that was expected', this.path, position);
      }
    }
    const contentFault = this.decode(buf, reuse);
    if (contentFault !== 'none') throw this.contentError(contentFault, position);
  }

  /**
   * Reads `len` bytes at `position` of the file and opens the block there; otherwise as
   * {@link open}. The content stands in a fresh array.
   * @param len bounded by the size of the file
   */
  read(type: number, len: number, position: number): void {
    const buf = new Uint8Array(len);
    this.fill(buf, 0, len, position);
    this.open(type, buf, 0, len, position, undefined);
  }

  /**
   * Reads file bytes that must exist; with parity or stripes, zeros stand for those that do not, or
   * that the file does not give. Borrows `buf`.
   * @throws VarveError `CORRUPTION` when the file ends before them, `IO`
   */
  fill(buf: Uint8Array, off: number, length: number, position: number): void {
    if (this.isRestorable) {
      this.#readError = readAround(this.file, buf, off, length, position);
      return;
    }
    const got = readAt(this.file, buf, off, length, position);
    if (got !== length) throw corruption('file is cut short', this.path, position + got);
  }

  /**
   * Repairs the block `buf[off, off + len)` by the parity section that follows it in `buf`, if the
   * file has a code, else by the stripes of the file; both may be damaged. On success the block is
   * inspected. Borrows `buf`.
   * @param len from a sound place
   */
  repair(type: number, buf: Uint8Array, off: number, len: number, position: number): boolean {
    const isSound = () => this.#isExpected(type, buf, off, len, position);
    if (!this.isRestorable) return false;
    // Read once more for its parity, a block may be right: then the first read was not.
    const done = isSound() ? NOTHING_DONE : this.#ecc?.repair(buf, off, len, isSound);
    if (done === undefined) return this.#rebuild(type, buf, off, len, position);
    this.#report(type, position, done.correctedShards, done.correctedBits);
    return true;
  }

  /** Restores block and parity section by stripes, and the rest by that section. */
  #rebuild(type: number, buf: Uint8Array, off: number, len: number, position: number): boolean {
    const whole = len + this.parityBytes(len);
    const chunks = this.stripes?.restore(buf, off, whole, position) ?? 0;
    if (chunks === 0) return false;
    const isSound = () => this.#isExpected(type, buf, off, len, position);
    const done = isSound() ? NOTHING_DONE : this.#ecc?.repair(buf, off, len, isSound);
    if (done === undefined) return false;
    this.#report(type, position, chunks + done.correctedShards, done.correctedBits);
    return true;
  }

  #isExpected(type: number, buf: Uint8Array, off: number, len: number, position: number): boolean {
    return (
      this.inspect(buf, off, off + len, position) === 'none' &&
      this.blockLen === len &&
      this.blockType === type
    );
  }

  /**
   * Makes the parity section behind the sound block `buf[off, off + len)` what it should be, and
   * reports it if it was not. Borrows `buf`.
   */
  restoreParity(type: number, buf: Uint8Array, off: number, len: number, position: number): void {
    const bytes = this.parityBytes(len);
    if (bytes === 0) return;
    const end = off + len;
    const stored = buf.slice(end, end + bytes);
    this.#ecc!.append(buf, off, len);
    if (compareBytes(stored, 0, bytes, buf, end, bytes) === 0) return;
    this.#report(type, position, 1, 0);
  }

  /**
   * Reports damage to copies of the frame before a block, or with type 0 of the file's header or of
   * its stripe section.
   */
  noteCopyRepair(type: number, position: number): void {
    this.#report(type, position, 1, 0);
  }

  /** The error for what {@link decode} found at `position`. */
  contentError(fault: Exclude<ContentFault, 'none'>, position: number): VarveError {
    if (fault !== 'unsupported') {
      return corruption(CONTENT_FAULT_TEXT[fault], this.path, position);
    }
    return new VarveError('UNSUPPORTED', `block needs a newer version of varve (${this.path})`, {
      file: this.path,
      offset: position,
    });
  }

  /** Forgets the file's key. Calling it again is allowed; decoding is not. */
  close(): void {
    this.#cipher?.destroy();
  }

  /** Releases the file, for its owner; a failure is told, and no more. */
  closeFile(): void {
    closeFile(this.file, this.#stages.onCloseFailed);
  }

  #report(blockType: number, offset: number, correctedShards: number, correctedBits: number): void {
    const { path: file } = this;
    this.#stages.onCorrection({ file, offset, blockType, correctedShards, correctedBits });
  }

  #repairFromFile(
    type: number,
    buf: Uint8Array,
    off: number,
    len: number,
    position: number,
  ): boolean {
    if (!this.isRestorable) return false;
    const whole = new Uint8Array(len + this.parityBytes(len));
    this.fill(whole, 0, whole.length, position);
    if (!this.repair(type, whole, 0, len, position)) return false;
    buf.set(whole.subarray(0, len), off);
    this.#payloadOff += off;
    return true;
  }

  #decrypt(cipher: FileCipher, buf: Uint8Array, out: Uint8Array, outOff: number): boolean {
    const context = this.#context;
    context.position = this.#position;
    context.blockType = this.blockType;
    context.codec = this.codecId;
    context.dictionaryId = this.codecId === CODEC_ZSTD_DICTIONARY ? this.#dictionaryId : 0;
    context.contentLen = this.contentLen;
    return cipher.open(context, buf, this.#payloadOff, this.#payloadLen, out, outOff);
  }

  #decompress(from: Uint8Array, off: number, len: number, reuse: Room = NO_ROOM): ContentFault {
    const { codecId, contentLen } = this;
    const isDictionary = codecId === CODEC_ZSTD_DICTIONARY;
    const codec = isDictionary ? this.#dictionaryCodec : this.#stages.decompressor(codecId);
    if (codec === undefined) return isDictionary ? 'content' : 'unsupported';
    if (contentLen > codec.contentBytesMax(len)) return 'content';
    const room = roomFor(contentLen, reuse);
    if (!codec.decompress(from, off, len, room.buf, room.off, contentLen)) return 'content';
    this.buf = room.buf;
    this.contentOff = room.off;
    return 'none';
  }
}

const EMPTY = new Uint8Array(0);
const NOTHING_DONE: EccRepair = { correctedShards: 0, correctedBits: 0 };

export const FAULT_TEXT = {
  truncated: 'block is cut short',
  header: 'block header is damaged',
  checksum: 'block checksum does not match',
} as const;

export const CONTENT_FAULT_TEXT = {
  forged: 'block is not authentic',
  content: 'block does not hold what it declares',
} as const;
