/**
 * Writes a table: file header | data blocks | dictionary | filter | index | properties | footer,
 * each but the first a block of block-format.ts, and the stripe section, if there are stripes.
 * Entries come in order, and nothing is read back but for the stripes.
 * @module
 */
import {
  BLOCK_CONTENT_BYTES_MAX,
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
import type { DataBlock } from '../block/data-block-reader.ts';
import type { DataBlockScan } from '../block/data-block-scan.ts';
import { FILE_CLASS_TABLE } from '../block/file-header.ts';
import type { FileProtection } from '../block/file-protection.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { ByteWriter, copyBytes } from '../bytes/byte-writer.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import type { CodecSettings } from '../compress/options.ts';
import { CODEC_NONE } from '../compress/port.ts';
import { NO_DICTIONARY } from '../compress/zstd-dictionary.ts';
import { blockCodeOf, ECC_DESCRIPTOR_BYTES, writeEccDescriptor } from '../ecc/options.ts';
import { assert } from '../errors.ts';
import { BloomFilterBuilder, FILTER_KIND_BLOCKED_BLOOM } from '../filter/bloom-filter.ts';
import type { FileHandle } from '../fs/port.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';
import { BlockCompressor } from './block-compressor.ts';
import type { StoredBlock } from './block-window.ts';
import { encodeFooter, type TableFooter } from './table-footer.ts';
import { TableIndexBuilder } from './table-index.ts';
import type { TableMeta } from './table-meta.ts';
import type { TableOrigin } from './table-origin.ts';
import { OUTPUT_BUFFER_BYTES, TableOutput } from './table-output.ts';
import { encodeProperties } from './table-properties.ts';

/** What an entry takes in a block beside key and value bytes, roughly. */
const ENTRY_OVERHEAD_BYTES = 6;
const WRITER_VERSION = 1;
/** Filter and index are a block each; one more entry always fits. */
const PART_BYTES_MAX: number = BLOCK_CONTENT_BYTES_MAX / 2;
/** Before so many copies a block may end before it is half full. */
const COPIES_WORTH_A_SHORT_BLOCK = 8;

export interface TableWriterOptions {
  /** A data block ends before its content would grow beyond this; one entry always fits. */
  readonly blockSizeBytes: number;
  /** Entries from one restart point to the next. */
  readonly restartInterval: number;
  /** 0 writes no filter. */
  readonly filterBitsPerKey: number;
  readonly compression: CodecSettings;
  readonly protection: FileProtection;
  /** No entry is of a later write, whatever its seqno is by then; absent where none was changed. */
  readonly asOfSeqno?: number;
  /** Of every table of a database. */
  readonly origin?: TableOrigin | undefined;
}

export class TableWriter {
  private readonly fileNumber: number;
  private readonly options: TableWriterOptions;
  /** As the manifest will know it. */
  private readonly salt: Uint8Array;
  private readonly output: TableOutput;
  private readonly compressor: BlockCompressor;
  private readonly block: DataBlockBuilder;
  private readonly hasEntryChecksums: boolean;
  /** Bytes in the body of the file for each that was not sealed yet, about. */
  private readonly growth: number;
  private readonly index: TableIndexBuilder;
  private readonly filter: BloomFilterBuilder | undefined;
  private smallestKey: Uint8Array;
  private lastKey: Uint8Array;
  private lastKeyLen: number;
  private lastSeqno: number;
  private entries: number;
  private tombstoneCount: number;
  private rawKeyBytes: number;
  private rawValueBytes: number;
  private smallestSeqno: number;
  private largestSeqno: number;

  /**
   * @param file fresh and empty; stays the caller's, who syncs and closes it after `finish`
   * @param guard given, entries are stored with their checksums; see `addChecksum`
   * @param out where the table is put together: borrowed until `finish`
   * @throws VarveError `KEY` when the key of `options.protection` is missing
   */
  constructor(
    file: FileHandle,
    fileNumber: number,
    pipeline: Pipeline,
    options: TableWriterOptions,
    guard?: EntryGuard,
    out: ByteWriter = new ByteWriter(OUTPUT_BUFFER_BYTES),
  ) {
    this.fileNumber = fileNumber;
    this.options = options;
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_TABLE,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: options.protection,
    });
    this.salt = header.salt;
    this.output = new TableOutput(file, header, pipeline, out);
    this.growth = this.output.growth(options.blockSizeBytes);
    this.compressor = new BlockCompressor(pipeline, options.compression);
    this.block = new DataBlockBuilder(this.output.out, options.restartInterval, guard);
    this.hasEntryChecksums = guard !== undefined;
    this.index = new TableIndexBuilder();
    this.filter =
      options.filterBitsPerKey === 0 ? undefined : new BloomFilterBuilder(options.filterBitsPerKey);
    this.smallestKey = new Uint8Array(0);
    this.lastKey = new Uint8Array(256);
    this.lastKeyLen = 0;
    this.lastSeqno = 0;
    this.entries = 0;
    this.tombstoneCount = 0;
    this.rawKeyBytes = 0;
    this.rawValueBytes = 0;
    this.smallestSeqno = Number.MAX_SAFE_INTEGER;
    this.largestSeqno = 0;
  }

  get entryCount(): number {
    return this.entries;
  }

  /** True when the table has to end, whatever its size: its filter or index fills a block soon. */
  get isFull(): boolean {
    return Math.max(this.index.sizeBytes, this.filter?.sizeBytes ?? 0) > PART_BYTES_MAX;
  }

  /** About the file size if the table ended now, parity, stripes, filter and index included. */
  get sizeBytes(): number {
    const { position, out, contentOff } = this.output;
    const filterBytes = this.filter === undefined ? 0 : this.filter.sizeBytes;
    let written = position;
    let unwritten = this.compressor.heldBytes + this.index.sizeBytes + filterBytes;
    if (this.block.entryCount > 0) {
      written -= out.length - contentOff;
      unwritten += this.block.contentBytes();
    }
    return (written + unwritten * this.growth) * this.output.stripeGrowth;
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
    const shared = sharedPrefixLength(this.lastKey, 0, this.lastKeyLen, keyBuf, keyOff, keyLen);
    this.append(keyBuf, keyOff, keyLen, shared, seqno, kind, valBuf, valOff, valLen);
  }

  /**
   * As {@link add}, for callers who have compared the key with the last one.
   * @param shared bytes that the two have in common; any number for the first entry
   */
  append(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    shared: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
  ): void {
    assert(keyLen <= KEY_BYTES_MAX && valLen <= VALUE_BYTES_MAX, 'entry sizes were checked');
    const isFirst = this.entries === 0;
    const kept = isFirst ? 0 : shared;
    const sameKey = kept === keyLen && kept === this.lastKeyLen && !isFirst;
    this.assertOrder(keyBuf, keyOff, keyLen, kept, sameKey, seqno);
    const block = this.block;
    if (block.entryCount > 0) {
      const grown = block.contentBytes() + keyLen - kept + valLen + ENTRY_OVERHEAD_BYTES;
      if (grown + BLOCK_OVERHEAD_BYTES > this.options.blockSizeBytes) this.finishDataBlock();
    }
    if (block.entryCount === 0) this.beginDataBlock(keyBuf, keyOff, kept, sameKey);
    block.add(keyBuf, keyOff, keyLen, kept, seqno, kind, valBuf, valOff, valLen);
    if (!sameKey) {
      this.rememberKey(keyBuf, keyOff, keyLen, kept);
      this.filter?.add(hash32(keyBuf, keyOff, keyLen));
    }
    this.lastSeqno = seqno;
    this.entries++;
    this.rawKeyBytes += keyLen;
    this.rawValueBytes += valLen;
  }

  /**
   * Whether {@link copy} may follow: the block would look the same if its entries were added here,
   * and does not end an open block too early.
   * @param block as it was opened
   * @param codecId to which it was offered when it was written
   * @param following number of blocks that are to be copied, this one first
   */
  canCopy(block: DataBlock, stored: StoredBlock, codecId: number, following: number): boolean {
    const { blockSizeBytes, restartInterval } = this.options;
    const { codecId: ownCodecId, dictionary, isSampling } = this.compressor;
    const bytes = stored.contentLen + BLOCK_OVERHEAD_BYTES;
    if (isSampling || dictionary !== undefined || codecId !== ownCodecId) return false;
    if (stored.codecId !== CODEC_NONE && stored.codecId !== ownCodecId) return false;
    if (block.interval !== restartInterval) return false;
    if (this.hasEntryChecksums || block.checksumStart !== 0) return false;
    // The size at which a block ends is an estimate, so some are a little larger.
    const isTooLarge = bytes > blockSizeBytes * 1.125 && block.entryCount > 1;
    if (isTooLarge || bytes < blockSizeBytes / 2) return false;
    if (this.block.entryCount === 0 || following >= COPIES_WORTH_A_SHORT_BLOCK) return true;
    return this.block.contentBytes() >= blockSizeBytes / 2;
  }

  /**
   * Appends the entries of a block by copying it; all stand behind the last entry, and the keys are
   * others. Borrows everything for the call.
   * @param scan of the block
   * @param shared as in {@link append}, of the block's first key
   */
  copy(block: DataBlock, stored: StoredBlock, scan: DataBlockScan, shared: number): void {
    const { buf, firstKeyOff, firstKeyLen } = block;
    const kept = this.entries === 0 ? 0 : shared;
    this.assertOrder(buf, firstKeyOff, firstKeyLen, kept, false, block.seqnoAt(0));
    if (this.block.entryCount > 0) this.finishDataBlock();
    this.beginIndexEntry(buf, firstKeyOff, kept, false);
    this.output.begin();
    this.output.out.bytes(stored.buf, stored.off, stored.len);
    const { codecId, contentLen } = stored;
    this.index.end(this.output.sealCompressed(BLOCK_DATA, codecId, contentLen));
    if (this.entries === 0) {
      this.smallestKey = buf.slice(firstKeyOff, firstKeyOff + firstKeyLen);
    }
    this.entries += scan.count;
    this.rememberKey(scan.lastKey, 0, scan.lastKeyLen, 0);
    this.filter?.addAll(scan.hashes, scan.count);
    this.lastSeqno = scan.lastSeqno;
    this.noteSeqnos(scan.smallestSeqno, scan.largestSeqno);
    this.rawKeyBytes += scan.keyBytes;
    this.rawValueBytes += scan.valueBytes;
  }

  /** With a guard, after each `add`: the `entryChecksum` of the entry. */
  addChecksum(checksum: number): void {
    this.block.addChecksum(checksum);
  }

  /**
   * Writes everything that is still missing and tells what the manifest has to know. The caller
   * syncs and closes the file.
   * @param createdAtMs wall time, in milliseconds since the epoch
   */
  finish(createdAtMs: number): TableMeta {
    assert(this.entries > 0, 'a table holds an entry');
    if (this.block.entryCount > 0) this.finishDataBlock();
    if (this.compressor.isSampling) this.releaseHeld();
    const footer = this.writeParts(createdAtMs);
    this.output.begin();
    encodeFooter(this.output.out, footer);
    this.output.seal(BLOCK_FOOTER, undefined);
    const digest = new Digest64();
    this.output.finish(digest);
    return this.meta(createdAtMs, digest);
  }

  /** Writes what stands between data blocks and footer; returns where. */
  private writeParts(createdAtMs: number): TableFooter {
    const output = this.output;
    const dictionaryOff = output.position;
    const { dictionary, index } = this.compressor;
    const dictionaryLen =
      dictionary === undefined
        ? 0
        : this.part(BLOCK_DICTIONARY, undefined, () => {
            output.out.bytes(dictionary.bytes, 0, dictionary.bytes.length);
          });
    const filterOff = output.position;
    const filter = this.filter;
    const filterLen =
      filter === undefined
        ? 0
        : this.part(BLOCK_FILTER, undefined, () => this.appendFilter(filter));
    const indexOff = output.position;
    const indexLen = this.part(BLOCK_INDEX, index, () => this.index.finish(output.out));
    const propertiesOff = output.position;
    const propertiesLen = this.part(BLOCK_PROPERTIES, undefined, () => {
      this.appendProperties(createdAtMs);
    });
    const { blockCount } = this.index;
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

  private part(
    type: number,
    compression: BlockCompression | undefined,
    append: () => void,
  ): number {
    this.output.begin();
    append();
    return this.output.seal(type, compression);
  }

  private assertOrder(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    shared: number,
    sameKey: boolean,
    seqno: number,
  ): void {
    if (sameKey) {
      assert(seqno < this.lastSeqno, 'versions of a key come newest first');
    } else if (shared < this.lastKeyLen) {
      const greater = shared < keyLen && keyBuf[keyOff + shared]! > this.lastKey[shared]!;
      assert(greater, 'keys of a table ascend');
    }
  }

  private rememberKey(keyBuf: Uint8Array, keyOff: number, keyLen: number, shared: number): void {
    if (keyLen > this.lastKey.length) {
      const grown = new Uint8Array(Math.max(keyLen, this.lastKey.length * 2));
      grown.set(this.lastKey);
      this.lastKey = grown;
    }
    copyBytes(keyBuf, keyOff + shared, keyLen - shared, this.lastKey, shared);
    this.lastKeyLen = keyLen;
    if (this.entries === 0) this.smallestKey = this.lastKey.slice(0, keyLen);
  }

  private beginDataBlock(
    keyBuf: Uint8Array,
    keyOff: number,
    shared: number,
    sameKey: boolean,
  ): void {
    this.beginIndexEntry(keyBuf, keyOff, shared, sameKey);
    this.output.begin();
    this.block.begin();
  }

  private beginIndexEntry(
    keyBuf: Uint8Array,
    keyOff: number,
    shared: number,
    sameKey: boolean,
  ): void {
    if (this.entries === 0) this.index.begin(keyBuf, keyOff, 0, 0);
    else if (sameKey) this.index.begin(keyBuf, keyOff, shared, this.lastSeqno);
    else this.index.begin(keyBuf, keyOff, shared + 1, 0);
  }

  private noteSeqnos(smallest: number, largest: number): void {
    this.smallestSeqno = Math.min(this.smallestSeqno, smallest);
    this.largestSeqno = Math.max(this.largestSeqno, largest);
  }

  private finishDataBlock(): void {
    this.noteSeqnos(this.block.smallestSeqno, this.block.largestSeqno);
    this.tombstoneCount += this.block.tombstoneCount();
    this.block.finish();
    if (this.compressor.isSampling) {
      if (this.compressor.hold(this.output.withdraw())) this.releaseHeld();
    } else {
      this.index.end(this.output.seal(BLOCK_DATA, this.compressor.data));
    }
  }

  /** Writes the blocks that were held back, now that there is a dictionary. */
  private releaseHeld(): void {
    for (const content of this.compressor.release()) {
      this.output.begin();
      this.output.out.bytes(content, 0, content.length);
      this.block.checkHeld(this.output.contentOff);
      this.index.end(this.output.seal(BLOCK_DATA, this.compressor.data));
    }
  }

  private appendFilter(filter: BloomFilterBuilder): void {
    const { out } = this.output;
    const bytes = filter.contentBytes();
    out.reserve(bytes);
    filter.finish(out.buf, out.length);
    out.length += bytes;
  }

  private appendProperties(createdAtMs: number): void {
    const { protection } = this.options;
    const ecc = new Uint8Array(ECC_DESCRIPTOR_BYTES);
    writeEccDescriptor(ecc, 0, blockCodeOf(protection.ecc));
    encodeProperties(this.output.out, {
      entryCount: this.entries,
      tombstoneCount: this.tombstoneCount,
      rawKeyBytes: this.rawKeyBytes,
      rawValueBytes: this.rawValueBytes,
      smallestKey: this.smallestKey,
      largestKey: this.lastKey.subarray(0, this.lastKeyLen),
      smallestSeqno: this.smallestSeqno,
      largestSeqno: this.largestSeqno,
      blockCount: this.index.blockCount,
      filterKind: this.filter === undefined ? 0 : FILTER_KIND_BLOCKED_BLOOM,
      filterMillibitsPerKey: Math.round(this.options.filterBitsPerKey * 1000),
      codecId: this.compressor.codecId,
      dictionaryId: this.compressor.dictionary?.id ?? NO_DICTIONARY,
      suiteId: protection.suiteId,
      keyEpoch: protection.epoch,
      eccScheme: ecc[0]!,
      eccDataShards: ecc[1]!,
      eccParityShards: ecc[2]!,
      createdAtMs,
      writerVersion: WRITER_VERSION,
      entryChecksums: this.hasEntryChecksums ? 1 : 0,
      asOfSeqno: Math.max(this.largestSeqno, this.options.asOfSeqno ?? 0),
      origin: this.options.origin,
      stripeDataChunks: protection.ecc?.stripe?.data,
      stripeParityUnits: protection.ecc?.stripe?.parity,
    });
  }

  private meta(createdAtMs: number, digest: Digest64): TableMeta {
    return {
      fileNumber: this.fileNumber,
      sizeBytes: this.output.position,
      smallestKey: this.smallestKey,
      largestKey: this.lastKey.slice(0, this.lastKeyLen),
      smallestSeqno: this.smallestSeqno,
      largestSeqno: this.largestSeqno,
      entryCount: this.entries,
      tombstoneCount: this.tombstoneCount,
      rawBytes: this.rawKeyBytes + this.rawValueBytes,
      checksumLow: digest.low,
      checksumHigh: digest.high,
      createdAtMs,
      codecId: this.compressor.codecId,
      protection: this.options.protection,
      salt: this.salt,
    };
  }
}
