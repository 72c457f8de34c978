/**
 * Writes a table: file header | data blocks | dictionary | filter | index | properties | footer,
 * each but the first a block of block-format.ts. Entries come in order, and nothing is read back.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PROPERTIES,
} from '../block/block-format.ts';
import type { BlockCompression } from '../block/block-writer.ts';
import { Digest64 } from '../block/checksum.ts';
import { DataBlockBuilder } from '../block/data-block-builder.ts';
import { FILE_CLASS_TABLE } from '../block/file-header.ts';
import type { FileProtection } from '../block/file-protection.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { copyBytes } from '../bytes/byte-writer.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import type { CodecSettings } from '../compress/options.ts';
import { NO_DICTIONARY } from '../compress/zstd-dictionary.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { ECC_DESCRIPTOR_BYTES, writeEccDescriptor } from '../ecc/options.ts';
import { assert } from '../errors.ts';
import { BloomFilterBuilder, FILTER_KIND_BLOCKED_BLOOM } from '../filter/bloom-filter.ts';
import type { FileHandle } from '../fs/port.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { KEY_BYTES_MAX, KIND_DELETE, VALUE_BYTES_MAX } from '../key/kind.ts';
import { BlockCompressor } from './block-compressor.ts';
import { encodeFooter, type TableFooter } from './table-footer.ts';
import { TableIndexBuilder } from './table-index.ts';
import type { TableMeta } from './table-meta.ts';
import { TableOutput } from './table-output.ts';
import { encodeProperties } from './table-properties.ts';

/** What an entry takes in a block beside key and value bytes, roughly. */
const ENTRY_OVERHEAD_BYTES = 6;
const WRITER_VERSION = 1;

export interface TableWriterOptions {
  /** A data block ends before its content would grow beyond this; one entry always fits. */
  readonly blockSizeBytes: number;
  /** Entries from one restart point to the next. */
  readonly restartInterval: number;
  /** 0 writes no filter. */
  readonly filterBitsPerKey: number;
  readonly compression: CodecSettings;
  readonly protection: FileProtection;
}

export class TableWriter {
  readonly #fileNumber: number;
  readonly #options: TableWriterOptions;
  /** As the manifest will know it. */
  readonly #salt: Uint8Array | undefined;
  readonly #output: TableOutput;
  readonly #compressor: BlockCompressor;
  readonly #block: DataBlockBuilder;
  readonly #hasEntryChecksums: boolean;
  readonly #index: TableIndexBuilder;
  readonly #filter: BloomFilterBuilder | undefined;
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
   * @param guard given, entries are stored with their checksums; see `addChecksum`
   * @throws VarveError `KEY` when the key of `options.protection` is missing
   */
  constructor(
    file: FileHandle,
    fileNumber: number,
    pipeline: Pipeline,
    options: TableWriterOptions,
    guard?: EntryGuard,
  ) {
    this.#fileNumber = fileNumber;
    this.#options = options;
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_TABLE,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: options.protection,
    });
    this.#salt = header.protection.suiteId === SUITE_NONE ? undefined : header.salt;
    this.#output = new TableOutput(file, header, pipeline);
    this.#compressor = new BlockCompressor(pipeline, options.compression);
    this.#block = new DataBlockBuilder(this.#output.out, options.restartInterval, guard);
    this.#hasEntryChecksums = guard !== undefined;
    this.#index = new TableIndexBuilder();
    this.#filter =
      options.filterBitsPerKey === 0 ? undefined : new BloomFilterBuilder(options.filterBitsPerKey);
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
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** About the file size if the table ended now, without filter, index, properties and footer. */
  get sizeBytes(): number {
    const { position, out, contentOff } = this.#output;
    const held = this.#compressor.heldBytes;
    if (this.#block.entryCount === 0) return held + position;
    return held + position - out.length + contentOff + this.#block.contentBytes();
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

  /** With a guard, after each `add`: the `entryChecksum` of the entry. */
  addChecksum(checksum: number): void {
    this.#block.addChecksum(checksum);
  }

  /**
   * Writes everything that is still missing and tells what the manifest has to know. The caller
   * syncs and closes the file.
   * @param createdAtMs wall time, in milliseconds since the epoch
   */
  finish(createdAtMs: number): TableMeta {
    assert(this.#entryCount > 0, 'a table holds an entry');
    if (this.#block.entryCount > 0) this.#finishDataBlock();
    if (this.#compressor.isSampling) this.#releaseHeld();
    const footer = this.#writeParts(createdAtMs);
    this.#output.begin();
    encodeFooter(this.#output.out, footer);
    this.#output.seal(BLOCK_FOOTER, undefined);
    const digest = new Digest64();
    this.#output.finish(digest);
    return this.#meta(createdAtMs, digest);
  }

  /** Writes what stands between data blocks and footer; returns where. */
  #writeParts(createdAtMs: number): TableFooter {
    const output = this.#output;
    const dictionaryOff = output.position;
    const { dictionary, index } = this.#compressor;
    const dictionaryLen =
      dictionary === undefined
        ? 0
        : this.#part(BLOCK_DICTIONARY, undefined, () => {
            output.out.bytes(dictionary.bytes, 0, dictionary.bytes.length);
          });
    const filterOff = output.position;
    const filter = this.#filter;
    const filterLen =
      filter === undefined
        ? 0
        : this.#part(BLOCK_FILTER, undefined, () => this.#appendFilter(filter));
    const indexOff = output.position;
    const indexLen = this.#part(BLOCK_INDEX, index, () => this.#index.finish(output.out));
    const propertiesOff = output.position;
    const propertiesLen = this.#part(BLOCK_PROPERTIES, undefined, () => {
      this.#appendProperties(createdAtMs);
    });
    const { blockCount } = this.#index;
    return {
      dictionaryOff,
      dictionaryLen,
      filterOff,
      filterLen,
      indexOff,
      indexLen,
      propertiesOff,
      propertiesLen,
      blockCount,
    };
  }

  #part(type: number, compression: BlockCompression | undefined, append: () => void): number {
    this.#output.begin();
    append();
    return this.#output.seal(type, compression);
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
    this.#output.begin();
    this.#block.begin();
  }

  #finishDataBlock(): void {
    this.#block.finish();
    if (this.#compressor.isSampling) {
      if (this.#compressor.hold(this.#output.withdraw())) this.#releaseHeld();
    } else {
      this.#index.end(this.#output.seal(BLOCK_DATA, this.#compressor.data));
    }
  }

  /** Writes the blocks that were held back, now that there is a dictionary. */
  #releaseHeld(): void {
    for (const content of this.#compressor.release()) {
      this.#output.begin();
      this.#output.out.bytes(content, 0, content.length);
      this.#block.checkHeld(this.#output.contentOff);
      this.#index.end(this.#output.seal(BLOCK_DATA, this.#compressor.data));
    }
  }

  #appendFilter(filter: BloomFilterBuilder): void {
    const { out } = this.#output;
    const bytes = filter.contentBytes();
    out.reserve(bytes);
    filter.finish(out.buf, out.length);
    out.length += bytes;
  }

  #appendProperties(createdAtMs: number): void {
    const { protection } = this.#options;
    const ecc = new Uint8Array(ECC_DESCRIPTOR_BYTES);
    writeEccDescriptor(ecc, 0, protection.ecc);
    encodeProperties(this.#output.out, {
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
      codecId: this.#compressor.codecId,
      dictionaryId: this.#compressor.dictionary?.id ?? NO_DICTIONARY,
      suiteId: protection.suiteId,
      keyEpoch: protection.epoch,
      eccScheme: ecc[0]!,
      eccDataShards: ecc[1]!,
      eccParityShards: ecc[2]!,
      createdAtMs,
      writerVersion: WRITER_VERSION,
      entryChecksums: this.#hasEntryChecksums ? 1 : 0,
    });
  }

  #meta(createdAtMs: number, digest: Digest64): TableMeta {
    return {
      fileNumber: this.#fileNumber,
      sizeBytes: this.#output.position,
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
      codecId: this.#compressor.codecId,
      protection: this.#options.protection,
      salt: this.#salt,
    };
  }
}
