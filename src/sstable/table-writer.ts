/**
 * Writes a table: file header | data blocks | filter | index | properties | footer, each but the
 * first a block of block-codec.ts. Entries come in order, and nothing is read back.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_HEADER_BYTES,
  BLOCK_INDEX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PROPERTIES,
  BLOCK_TRAILER_BYTES,
  BlockCodec,
} from '../block/block-codec.ts';
import { Digest64, FileChecksum } from '../block/checksum.ts';
import { DataBlockBuilder } from '../block/data-block-builder.ts';
import { encodeFileHeader, FILE_CLASS_TABLE, SALT_BYTES } from '../block/file-header.ts';
import { ByteWriter, copyBytes } from '../bytes/byte-writer.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import type { Random } from '../env/port.ts';
import { assert } from '../errors.ts';
import { BloomFilterBuilder, FILTER_KIND_BLOCKED_BLOOM } from '../filter/bloom-filter.ts';
import type { FileHandle } from '../fs/port.ts';
import { KEY_BYTES_MAX, KIND_DELETE, VALUE_BYTES_MAX } from '../key/kind.ts';
import { encodeFooter } from './table-footer.ts';
import { TableIndexBuilder } from './table-index.ts';
import type { TableMeta } from './table-meta.ts';
import { encodeProperties } from './table-properties.ts';

/** Tables stay below this size: 4 GiB. */
export const TABLE_BYTES_MAX = 0xffff_ffff;

/** Output is handed to the file in pieces of at least this size. */
const CHUNK_BYTES = 256 * 1024;
const BUFFER_INITIAL_BYTES = CHUNK_BYTES + 64 * 1024;
/** A buffer that a huge value blew up beyond this is given back. */
const BUFFER_KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** What an entry takes in a block beside key and value bytes, roughly. */
const ENTRY_OVERHEAD_BYTES = 6;
const WRITER_VERSION = 1;

export interface TableWriterOptions {
  /** A data block ends before it would grow beyond this on disk; one entry always fits. */
  readonly blockSizeBytes: number;
  /** Entries from one restart point to the next. */
  readonly restartInterval: number;
  /** 0 writes no filter. */
  readonly filterBitsPerKey: number;
}

export class TableWriter {
  readonly #file: FileHandle;
  readonly #fileNumber: number;
  readonly #options: TableWriterOptions;
  readonly #codec: BlockCodec;
  readonly #checksum: FileChecksum;
  readonly #out: ByteWriter;
  readonly #block: DataBlockBuilder;
  readonly #index: TableIndexBuilder;
  readonly #filter: BloomFilterBuilder | undefined;
  /** Bytes already handed to the file. */
  #flushedBytes: number;
  /** Where in `#out` the content of the block under construction begins. */
  #contentOff: number;
  #smallestKey: Uint8Array;
  #lastKey: Uint8Array;
  #lastKeyLen: number;
  #lastSeqno: number;
  #entryCount: number;
  #tombstoneCount: number;
  #rawKeyBytes: number;
  #rawValueBytes: number;
  #smallestSeqno: number;
  #largestSeqno: number;

  /**
   * @param file fresh and empty; stays the caller's, who syncs and closes it after `finish`
   * @param random gives the salt of the file
   */
  constructor(file: FileHandle, fileNumber: number, random: Random, options: TableWriterOptions) {
    this.#file = file;
    this.#fileNumber = fileNumber;
    this.#options = options;
    const salt = new Uint8Array(SALT_BYTES);
    random.fill(salt);
    this.#codec = new BlockCodec(file.path, salt);
    this.#checksum = new FileChecksum();
    this.#out = new ByteWriter(BUFFER_INITIAL_BYTES);
    this.#block = new DataBlockBuilder(this.#out, options.restartInterval);
    this.#index = new TableIndexBuilder();
    this.#filter =
      options.filterBitsPerKey === 0 ? undefined : new BloomFilterBuilder(options.filterBitsPerKey);
    this.#flushedBytes = 0;
    this.#contentOff = 0;
    this.#smallestKey = new Uint8Array(0);
    this.#lastKey = new Uint8Array(256);
    this.#lastKeyLen = 0;
    this.#lastSeqno = 0;
    this.#entryCount = 0;
    this.#tombstoneCount = 0;
    this.#rawKeyBytes = 0;
    this.#rawValueBytes = 0;
    this.#smallestSeqno = Number.MAX_SAFE_INTEGER;
    this.#largestSeqno = 0;
    const fileClass = FILE_CLASS_TABLE;
    const header = encodeFileHeader({
      fileClass,
      fileNumber,
      salt,
      previousNumber: 0,
      baseSeqno: 0,
    });
    this.#out.bytes(header, 0, header.length);
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** File size if the table ended now, without filter, index, properties and footer. */
  get sizeBytes(): number {
    const open = this.#block.entryCount > 0 ? this.#block.contentBytes() : 0;
    return this.#flushedBytes + (open === 0 ? this.#out.length : this.#contentOff + open);
  }

  /** Appends an entry, which must stand behind the last in internal order. Borrows both buffers. */
  add(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
  ): void {
    assert(keyLen <= KEY_BYTES_MAX && valLen <= VALUE_BYTES_MAX, 'entry sizes were checked');
    const shared = sharedPrefixLength(this.#lastKey, 0, this.#lastKeyLen, keyBuf, keyOff, keyLen);
    const sameKey = shared === keyLen && shared === this.#lastKeyLen && this.#entryCount > 0;
    this.#assertOrder(keyBuf, keyOff, keyLen, shared, sameKey, seqno);
    const block = this.#block;
    if (block.entryCount > 0) {
      const grown = block.contentBytes() + keyLen - shared + valLen + ENTRY_OVERHEAD_BYTES;
      if (grown + BLOCK_OVERHEAD_BYTES > this.#options.blockSizeBytes) this.#finishDataBlock();
    }
    if (block.entryCount === 0) this.#beginDataBlock(keyBuf, keyOff, shared, sameKey);
    block.add(keyBuf, keyOff, keyLen, shared, seqno, kind, valBuf, valOff, valLen);
    if (!sameKey) {
      this.#filter?.add(hash32(keyBuf, keyOff, keyLen));
      this.#rememberKey(keyBuf, keyOff, keyLen, shared);
    }
    this.#lastSeqno = seqno;
    if (seqno < this.#smallestSeqno) this.#smallestSeqno = seqno;
    if (seqno > this.#largestSeqno) this.#largestSeqno = seqno;
    if (kind === KIND_DELETE) this.#tombstoneCount++;
    this.#entryCount++;
    this.#rawKeyBytes += keyLen;
    this.#rawValueBytes += valLen;
  }

  /**
   * Writes everything that is still missing and tells what the manifest has to know. The caller
   * syncs and closes the file.
   * @param createdAtMs wall time, in milliseconds since the epoch
   */
  finish(createdAtMs: number): TableMeta {
    assert(this.#entryCount > 0, 'a table holds an entry');
    if (this.#block.entryCount > 0) this.#finishDataBlock();
    const filterOff = this.#position();
    if (this.#filter !== undefined) this.#writeFilter(this.#filter);
    const indexOff = this.#position();
    this.#beginBlock();
    this.#index.finish(this.#out);
    this.#sealBlock(BLOCK_INDEX);
    const propertiesOff = this.#position();
    this.#writeProperties(createdAtMs);
    const end = this.#position();
    this.#beginBlock();
    encodeFooter(this.#out, {
      filterOff,
      filterLen: indexOff - filterOff,
      indexOff,
      indexLen: propertiesOff - indexOff,
      propertiesOff,
      propertiesLen: end - propertiesOff,
      blockCount: this.#index.blockCount,
    });
    this.#sealBlock(BLOCK_FOOTER);
    this.#flush();
    return this.#meta(createdAtMs);
  }

  #assertOrder(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    shared: number,
    sameKey: boolean,
    seqno: number,
  ): void {
    if (sameKey) {
      assert(seqno < this.#lastSeqno, 'versions of a key come newest first');
    } else if (shared < this.#lastKeyLen) {
      const greater = shared < keyLen && keyBuf[keyOff + shared]! > this.#lastKey[shared]!;
      assert(greater, 'keys of a table ascend');
    }
  }

  #rememberKey(keyBuf: Uint8Array, keyOff: number, keyLen: number, shared: number): void {
    if (keyLen > this.#lastKey.length) {
      const grown = new Uint8Array(Math.max(keyLen, this.#lastKey.length * 2));
      grown.set(this.#lastKey);
      this.#lastKey = grown;
    }
    copyBytes(keyBuf, keyOff + shared, keyLen - shared, this.#lastKey, shared);
    this.#lastKeyLen = keyLen;
    if (this.#entryCount === 0) this.#smallestKey = this.#lastKey.slice(0, keyLen);
  }

  #beginDataBlock(keyBuf: Uint8Array, keyOff: number, shared: number, sameKey: boolean): void {
    if (this.#entryCount === 0) this.#index.begin(keyBuf, keyOff, 0, 0);
    else if (sameKey) this.#index.begin(keyBuf, keyOff, shared, this.#lastSeqno);
    else this.#index.begin(keyBuf, keyOff, shared + 1, 0);
    this.#beginBlock();
    this.#block.begin();
  }

  #finishDataBlock(): void {
    this.#block.finish();
    const start = this.#contentOff - BLOCK_HEADER_BYTES;
    this.#sealBlock(BLOCK_DATA);
    this.#index.end(this.#out.length - start);
    if (this.#out.length >= CHUNK_BYTES) this.#flush();
  }

  #position(): number {
    return this.#flushedBytes + this.#out.length;
  }

  /** Leaves room for the header; content is appended to `#out` next. */
  #beginBlock(): void {
    this.#out.reserve(BLOCK_HEADER_BYTES);
    this.#out.length += BLOCK_HEADER_BYTES;
    this.#contentOff = this.#out.length;
  }

  /** Seals what was appended since `#beginBlock`. */
  #sealBlock(type: number): void {
    const out = this.#out;
    const contentLen = out.length - this.#contentOff;
    out.reserve(BLOCK_TRAILER_BYTES);
    const position = this.#flushedBytes + this.#contentOff - BLOCK_HEADER_BYTES;
    this.#codec.seal(type, out.buf, this.#contentOff, contentLen, position);
    out.length += BLOCK_TRAILER_BYTES;
    assert(this.#position() <= TABLE_BYTES_MAX, 'a table stays below 4 GiB');
  }

  #flush(): void {
    const out = this.#out;
    this.#file.write(out.buf, 0, out.length, this.#flushedBytes);
    this.#checksum.update(out.buf, 0, out.length);
    this.#flushedBytes += out.length;
    out.reset();
    if (out.buf.length > BUFFER_KEPT_BYTES_MAX) out.buf = new Uint8Array(BUFFER_INITIAL_BYTES);
  }

  #writeFilter(filter: BloomFilterBuilder): void {
    this.#beginBlock();
    const bytes = filter.contentBytes();
    this.#out.reserve(bytes);
    filter.finish(this.#out.buf, this.#out.length);
    this.#out.length += bytes;
    this.#sealBlock(BLOCK_FILTER);
  }

  #writeProperties(createdAtMs: number): void {
    this.#beginBlock();
    encodeProperties(this.#out, {
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      rawKeyBytes: this.#rawKeyBytes,
      rawValueBytes: this.#rawValueBytes,
      smallestKey: this.#smallestKey,
      largestKey: this.#lastKey.subarray(0, this.#lastKeyLen),
      smallestSeqno: this.#smallestSeqno,
      largestSeqno: this.#largestSeqno,
      blockCount: this.#index.blockCount,
      filterKind: this.#filter === undefined ? 0 : FILTER_KIND_BLOCKED_BLOOM,
      filterMillibitsPerKey: Math.round(this.#options.filterBitsPerKey * 1000),
      createdAtMs,
      writerVersion: WRITER_VERSION,
    });
    this.#sealBlock(BLOCK_PROPERTIES);
  }

  #meta(createdAtMs: number): TableMeta {
    const digest = new Digest64();
    this.#checksum.digest(digest);
    return {
      fileNumber: this.#fileNumber,
      sizeBytes: this.#flushedBytes,
      smallestKey: this.#smallestKey,
      largestKey: this.#lastKey.slice(0, this.#lastKeyLen),
      smallestSeqno: this.#smallestSeqno,
      largestSeqno: this.#largestSeqno,
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      rawBytes: this.#rawKeyBytes + this.#rawValueBytes,
      checksumLow: digest.low,
      checksumHigh: digest.high,
      createdAtMs,
    };
  }
}
