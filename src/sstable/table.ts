/**
 * An open table: point lookups, cursors, verification. The index stays in memory as long as the
 * table is open, and so does the filter from the first lookup on: who reads all entries, such as a
 * merge, has no use for it. Data blocks come and go through the shared cache.
 * @module
 */
import {
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_PROPERTIES,
} from '../block/block-format.ts';
import type { BlockReader } from '../block/block-reader.ts';
import { BlockPosition } from '../block/data-block-reader.ts';
import {
  FILE_CLASS_TABLE,
  FILE_HEADER_BYTES_MIN,
  type FileHeader,
  fileHeaderBytes,
} from '../block/file-header.ts';
import { type FileProtection, isSameProtection } from '../block/file-protection.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { bodyBytesOf } from '../block/striped-file.ts';
import { compareBytes, compareKeys, successorOf } from '../bytes/compare.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { CODEC_NONE } from '../compress/port.ts';
import {
  DICTIONARY_BYTES_MAX,
  DICTIONARY_BYTES_MIN,
  ZstdDictionary,
} from '../compress/zstd-dictionary.ts';
import { corruption, isVarveError, type LostKeys, VarveError } from '../errors.ts';
import { BloomFilter, FILTER_KIND_BLOCKED_BLOOM } from '../filter/bloom-filter.ts';
import { closeFile, type ReadableFile, sizeOf } from '../fs/port.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { Lookup } from '../key/lookup.ts';
import { TableBlocks } from './table-blocks.ts';
import { type FaultSink, TableCheck, type TableCounts } from './table-check.ts';
import { TableCursor, type TableCursorOptions } from './table-cursor.ts';
import { decodeFooter, footerBlockBytes, type TableFooter } from './table-footer.ts';
import { TableIndex } from './table-index.ts';
import type { TableMeta } from './table-meta.ts';
import { decodeProperties, type TableProperties } from './table-properties.ts';

export class Table {
  readonly meta: TableMeta;
  readonly #blocks: TableBlocks;
  readonly #footer: TableFooter;
  /** Undefined until it is needed, and where there is none. */
  #filter: BloomFilter | undefined;
  readonly #position: BlockPosition;

  /**
   * Opens a table file: reads header, footer and index.
   * @param file taken: closed by `close`, or before this throws
   * @param meta what the manifest says of the file
   * @throws VarveError `CORRUPTION` when the file is damaged or is not the one `meta` describes,
   * `KEY` when its key is missing, `UNSUPPORTED` for what a later version wrote
   */
  static open(file: ReadableFile, meta: TableMeta, cache: BlockCache, pipeline: Pipeline): Table {
    try {
      return new Table(file, meta, cache, pipeline);
    } catch (error) {
      closeFile(file);
      throw error;
    }
  }

  private constructor(file: ReadableFile, meta: TableMeta, cache: BlockCache, pipeline: Pipeline) {
    const reader = openReader(file, meta, pipeline);
    const footer = readFooter(reader, meta.protection, meta.sizeBytes);
    useDictionary(reader, footer, pipeline);
    const index = readIndex(reader, footer, meta);
    this.meta = meta;
    this.#blocks = new TableBlocks(reader, index, cache, meta.codecId !== CODEC_NONE);
    this.#footer = footer;
    this.#filter = undefined;
    this.#position = new BlockPosition();
  }

  /** Memory that the open table holds outside the block cache; its filter may be read any time. */
  get memoryBytes(): number {
    return this.#blocks.index.memoryBytes + this.#footer.filterLen + this.#blocks.memoryBytes;
  }

  /**
   * False only when no version of a key with this `hash32` is in the table.
   * @throws VarveError `CORRUPTION` or `IO` when the filter cannot be read, `UNSUPPORTED` when a
   * later version wrote it
   */
  mayContain(keyHash: number): boolean {
    const filter = this.#loadFilter();
    return filter === undefined || filter.mayContain(keyHash);
  }

  /**
   * Finds the newest version of a user key that is not newer than `seqno`. Borrows `keyBuf` for the
   * call; `out.valBuf` is lent until the next block is read, or for good if `out.isKept`.
   * @param keyHash `hash32` of the key
   * @returns whether there is one; `out` is untouched otherwise
   * @throws VarveError `CORRUPTION` or `IO`
   */
  get(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    keyHash: number,
    seqno: number,
    out: Lookup,
  ): boolean {
    return this.mayContain(keyHash) && this.find(keyBuf, keyOff, keyLen, seqno, out);
  }

  /** As {@link get}, for a key that the filter has let pass. */
  find(keyBuf: Uint8Array, keyOff: number, keyLen: number, seqno: number, out: Lookup): boolean {
    const blocks = this.#blocks;
    const block = blocks.at(blocks.index.search(keyBuf, keyOff, keyLen, seqno));
    const position = this.#position;
    if (!block.search(keyBuf, keyOff, keyLen, seqno, position) || !position.sameKey) return false;
    if (out.isKept) block.isLent = true;
    out.seqno = block.seqnoAt(position.index);
    out.kind = block.kindAt(position.index);
    out.valBuf = block.buf;
    out.valOff = position.valOff;
    out.valLen = position.valLen;
    return true;
  }

  /** The data blocks, for streams; they end with the table. */
  get blocks(): TableBlocks {
    return this.#blocks;
  }

  /** The user keys whose newest versions may stand in a data block; fresh. */
  lostKeys(ordinal: number): LostKeys {
    const { index } = this.#blocks;
    const { smallestKey, largestKey } = this.meta;
    const next = ordinal + 1;
    const gte = ordinal === 0 ? smallestKey.slice() : index.separator(ordinal);
    if (next === index.blockCount) return { gte, lt: successorOf(largestKey) };
    const separator = index.separator(next);
    return { gte, lt: index.continuedSeqno(next) > 0 ? successorOf(separator) : separator };
  }

  /** The oldest version of the last user key of a block, if the next goes on with it; else 0. */
  continuedSeqno(ordinal: number): number {
    const { index } = this.#blocks;
    const next = ordinal + 1;
    return next === index.blockCount ? 0 : index.continuedSeqno(next);
  }

  /** A cursor over all entries; close it before the table. */
  cursor(options?: TableCursorOptions): TableCursor {
    return new TableCursor(this.#blocks, options);
  }

  /** The file offset at which the user key stands or would stand; borrows `keyBuf` for the call. */
  approximateOffset(keyBuf: Uint8Array, keyOff: number, keyLen: number): number {
    const { index } = this.#blocks;
    const { largestKey } = this.meta;
    if (compareBytes(keyBuf, keyOff, keyLen, largestKey, 0, largestKey.length) > 0) {
      return index.blockOffs[index.blockCount]!;
    }
    return index.blockOffs[index.search(keyBuf, keyOff, keyLen, SEQNO_MAX)]!;
  }

  /**
   * Up to `count` keys, fresh, in ascending order, that cut the data into parts of about the same
   * size; the first is at the start.
   */
  cuts(count: number): Uint8Array[] {
    const { index } = this.#blocks;
    const parts = Math.min(count, index.blockCount);
    const keys: Uint8Array[] = [this.meta.smallestKey.slice()];
    for (let i = 1; i < parts; i++) {
      keys.push(index.separator(Math.floor((i * index.blockCount) / parts)));
    }
    return keys;
  }

  /**
   * Reads the table's properties from its file.
   * @throws VarveError `CORRUPTION` or `IO`
   */
  properties(): TableProperties {
    return readProperties(this.#blocks.reader, this.#footer);
  }

  /**
   * Reads the whole file past the cache and checks everything: each checksum, the order of the
   * entries, that index and filter lead to each of them, all counts, the checksum of the file.
   * @throws VarveError `CORRUPTION` with the offset of the damaged block, or `IO`
   */
  verify(): TableCounts {
    const check = this.check((fault) => {
      throw fault;
    });
    while (check.step(Number.POSITIVE_INFINITY));
    return check.counts;
  }

  /**
   * The same in steps, which tells damage and passes over it; to be over before `close`.
   * @param isChecksumKnown false where the meta has no checksum of the file
   */
  check(onFault: FaultSink, isChecksumKnown = true): TableCheck {
    const parts = {
      isChecksumKnown,
      blocks: this.#blocks,
      meta: this.meta,
      footer: this.#footer,
      readFilter: () => this.#loadFilter(),
      readProperties: () => this.properties(),
    };
    return new TableCheck(parts, onFault);
  }

  /** First and last user key that a block of the table at this offset of the file concerns. */
  keysAround(offset: number): Pick<TableMeta, 'smallestKey' | 'largestKey'> {
    const { index } = this.#blocks;
    const { smallestKey, largestKey } = this.meta;
    const ordinal = index.ordinalAt(offset);
    if (ordinal === undefined) return { smallestKey, largestKey };
    const next = ordinal + 1;
    return {
      smallestKey: ordinal === 0 ? smallestKey : index.separator(ordinal),
      largestKey: next === index.blockCount ? largestKey : index.separator(next),
    };
  }

  /**
   * Drops the cached blocks and closes the file; a failure to close is told to the pipeline. Bytes
   * that were lent stay as they are.
   */
  close(): void {
    this.#blocks.close();
  }

  /** The filter if there is one; the first call reads it. */
  #loadFilter(): BloomFilter | undefined {
    this.#filter ??= readFilter(this.#blocks.reader, this.#footer);
    return this.#filter;
  }
}

/**
 * True if the file is the table that the manifest means, by its size and header; no block is read.
 * @param file borrowed
 * @throws VarveError `KEY`, `UNSUPPORTED`, or of the `Fs`
 */
export function isTableOf(file: ReadableFile, meta: TableMeta, pipeline: Pipeline): boolean {
  return ifSound(() => openReader(file, meta, pipeline)) !== undefined;
}

/** What a table file says of itself. */
export interface OwnFacts {
  readonly header: FileHeader;
  readonly properties: TableProperties;
}

/**
 * Reads what a table says of itself, where nothing else is known of it but its name.
 * @param file borrowed
 * @returns undefined for a table that is not complete: its footer is written last
 * @throws VarveError `KEY`, `UNSUPPORTED`, or of the `Fs`
 */
export function readOwnProperties(
  file: ReadableFile,
  fileNumber: number,
  pipeline: Pipeline,
): TableProperties | undefined {
  return ifSound(() => readOwnFacts(file, fileNumber, pipeline).properties);
}

/**
 * The same, where a table that is not complete or damaged is an error.
 * @param sizeBytes of the file, which a file with a code may have lost the end of
 * @throws VarveError `CORRUPTION`, `KEY`, `UNSUPPORTED`, or of the `Fs`
 */
export function readOwnFacts(
  file: ReadableFile,
  fileNumber: number,
  pipeline: Pipeline,
  sizeBytes: number = sizeOf(file),
): OwnFacts {
  const header = pipeline.readHeader(file, FILE_CLASS_TABLE, fileNumber);
  const reader = pipeline.reader(file, header, sizeBytes);
  try {
    const footer = readFooter(reader, header.protection, sizeBytes);
    return { header, properties: readProperties(reader, footer) };
  } finally {
    reader.close();
  }
}

function ifSound<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isVarveError(error, 'CORRUPTION')) return undefined;
    throw error;
  }
}

/** Checks size and header, and that the header promises what the manifest says. */
function openReader(file: ReadableFile, meta: TableMeta, pipeline: Pipeline): BlockReader {
  const size = sizeOf(file);
  const headerBytes = fileHeaderBytes(meta.protection);
  const isCut = size < meta.sizeBytes && meta.protection.ecc === undefined;
  if (size > meta.sizeBytes || isCut || meta.sizeBytes < headerBytes + FILE_HEADER_BYTES_MIN) {
    const what = `table has ${size} bytes where the manifest says ${meta.sizeBytes}`;
    throw corruption(what, file.path, Math.min(size, meta.sizeBytes));
  }
  const header = pipeline.readHeader(file, FILE_CLASS_TABLE, meta.fileNumber);
  if (!isSameProtection(header.protection, meta.protection)) {
    throw corruption('table is not protected as the manifest says', file.path, 0);
  }
  if (meta.salt !== undefined && compareKeys(header.salt, meta.salt) !== 0) {
    throw corruption('table is another one than the manifest says', file.path, 0);
  }
  return pipeline.reader(file, header, meta.sizeBytes);
}

function readFooter(
  reader: BlockReader,
  protection: FileProtection,
  fileBytes: number,
): TableFooter {
  const length = footerBlockBytes(protection);
  const bodyBytes = bodyBytesOf(protection, fileBytes) ?? 0;
  const position = bodyBytes - length - reader.parityBytes(length);
  const dataOff = fileHeaderBytes(protection);
  if (position < dataOff) throw corruption('table is cut short', reader.path, 0);
  reader.read(BLOCK_FOOTER, length, position);
  const { buf, contentOff, contentLen } = reader;
  const footer = decodeFooter(buf, contentOff, contentLen, dataOff, position, reader);
  if (footer === undefined) throw corruption('table footer is damaged', reader.path, position);
  return footer;
}

function readProperties(reader: BlockReader, footer: TableFooter): TableProperties {
  const { propertiesOff, propertiesLen } = footer;
  reader.read(BLOCK_PROPERTIES, propertiesLen, propertiesOff);
  const properties = decodeProperties(reader.buf, reader.contentOff, reader.contentLen);
  if (properties !== undefined) return properties;
  throw corruption('properties are damaged', reader.path, propertiesOff);
}

function useDictionary(reader: BlockReader, footer: TableFooter, pipeline: Pipeline): void {
  const { dictionaryOff, dictionaryLen } = footer;
  if (dictionaryLen === 0) return;
  reader.read(BLOCK_DICTIONARY, dictionaryLen, dictionaryOff);
  const { buf, contentOff, contentLen } = reader;
  if (contentLen < DICTIONARY_BYTES_MIN || contentLen > DICTIONARY_BYTES_MAX) {
    throw corruption('dictionary has a wrong length', reader.path, dictionaryOff);
  }
  const bytes = buf.subarray(contentOff, contentOff + contentLen);
  const dictionary = pipeline.dictionary(new ZstdDictionary(bytes));
  const codec = pipeline.dictionaryCodec(dictionary);
  if (codec === undefined) throw corruption('dictionary is not announced', reader.path, 0);
  reader.useDictionary(dictionary.id, codec);
}

function readFilter(reader: BlockReader, footer: TableFooter): BloomFilter | undefined {
  const { filterOff, filterLen } = footer;
  if (filterLen === 0) return undefined;
  reader.read(BLOCK_FILTER, filterLen, filterOff);
  const { buf, contentOff, contentLen, path } = reader;
  if (contentLen > 0 && buf[contentOff] !== FILTER_KIND_BLOCKED_BLOOM) {
    const text = `filter is of kind ${buf[contentOff]}, which is not known (${path})`;
    throw new VarveError('UNSUPPORTED', text, { file: path, offset: filterOff });
  }
  const filter = BloomFilter.decode(buf, contentOff, contentLen);
  if (filter === undefined) throw corruption('filter is damaged', path, filterOff);
  return filter;
}

function readIndex(reader: BlockReader, footer: TableFooter, meta: TableMeta): TableIndex {
  const { indexOff, indexLen, blockCount, dictionaryOff } = footer;
  reader.read(BLOCK_INDEX, indexLen, indexOff);
  const { buf, contentOff, contentLen, path } = reader;
  const dataOff = fileHeaderBytes(meta.protection);
  const index = TableIndex.decode(
    buf,
    contentOff,
    contentLen,
    blockCount,
    dataOff,
    dictionaryOff,
    reader,
  );
  if (index === undefined) throw corruption('table index is damaged', path, indexOff);
  return index;
}
