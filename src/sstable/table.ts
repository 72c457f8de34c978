/**
 * An open table: point lookups, cursors, verification. Index and filter stay in memory as long as
 * the table is open; data blocks come and go through the shared cache.
 * @module
 */
import {
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_PROPERTIES,
  BlockCodec,
} from '../block/block-codec.ts';
import { BlockPosition } from '../block/data-block-reader.ts';
import { expectFileHeader, FILE_CLASS_TABLE, FILE_HEADER_BYTES } from '../block/file-header.ts';
import { compareBytes } from '../bytes/compare.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { corruption } from '../errors.ts';
import { BloomFilter } from '../filter/bloom-filter.ts';
import type { FileHandle } from '../fs/port.ts';
import type { Cursor } from '../key/cursor.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { Lookup } from '../key/lookup.ts';
import { readExactly, TableBlocks } from './table-blocks.ts';
import { TableCursor, type TableCursorOptions } from './table-cursor.ts';
import { decodeFooter, FOOTER_BLOCK_BYTES, type TableFooter } from './table-footer.ts';
import { TableIndex } from './table-index.ts';
import type { TableMeta } from './table-meta.ts';
import { decodeProperties, type TableProperties } from './table-properties.ts';
import { type TableCounts, verifyTable } from './table-verify.ts';

export class Table {
  readonly meta: TableMeta;
  /** Memory that the open table holds outside the block cache. */
  readonly memoryBytes: number;
  readonly #blocks: TableBlocks;
  readonly #footer: TableFooter;
  readonly #filter: BloomFilter | undefined;
  readonly #position: BlockPosition;

  /**
   * Opens a table file: reads header, footer, index and filter, and no data block.
   * @param file taken: closed by `close`, or before this throws
   * @param meta what the manifest says of the file
   * @throws VarveError `CORRUPTION` when the file is damaged or is not the one `meta` describes
   */
  static open(file: FileHandle, meta: TableMeta, cache: BlockCache): Table {
    try {
      return new Table(file, meta, cache);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(file: FileHandle, meta: TableMeta, cache: BlockCache) {
    const codec = new BlockCodec(file.path, readSalt(file, meta));
    const footer = readFooter(file, meta.sizeBytes, codec);
    const filter = readFilter(file, footer, codec);
    const index = readIndex(file, footer, codec);
    this.meta = meta;
    this.#blocks = new TableBlocks(file, index, codec, cache);
    this.#footer = footer;
    this.#filter = filter;
    this.#position = new BlockPosition();
    this.memoryBytes = index.memoryBytes + footer.filterLen + this.#blocks.memoryBytes;
  }

  /** False only when no version of a key with this `hash32` is in the table. */
  mayContain(keyHash: number): boolean {
    return this.#filter === undefined || this.#filter.mayContain(keyHash);
  }

  /**
   * Finds the newest version of a user key that is not newer than `seqno`. Borrows `keyBuf` for the
   * call; `out.valBuf` is lent, and its bytes never change while somebody holds it.
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
    const filter = this.#filter;
    if (filter !== undefined && !filter.mayContain(keyHash)) return false;
    const blocks = this.#blocks;
    const block = blocks.at(blocks.index.search(keyBuf, keyOff, keyLen, seqno));
    const position = this.#position;
    if (!block.search(keyBuf, keyOff, keyLen, seqno, position) || !position.sameKey) return false;
    out.seqno = block.seqnoAt(position.index);
    out.kind = block.kindAt(position.index);
    out.valBuf = block.buf;
    out.valOff = position.valOff;
    out.valLen = position.valLen;
    return true;
  }

  /** A cursor over all entries; close it before the table. */
  cursor(options?: TableCursorOptions): Cursor {
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
   * Reads the table's properties from its file.
   * @throws VarveError `CORRUPTION` or `IO`
   */
  properties(): TableProperties {
    const { propertiesOff, propertiesLen } = this.#footer;
    const buf = new Uint8Array(propertiesLen);
    this.#blocks.read(buf, 0, propertiesLen, propertiesOff);
    const { codec, path } = this.#blocks;
    codec.open(BLOCK_PROPERTIES, buf, 0, propertiesLen, propertiesOff);
    const properties = decodeProperties(buf, codec.contentOff, codec.contentLen);
    if (properties === undefined) throw corruption('properties are damaged', path, propertiesOff);
    return properties;
  }

  /**
   * Reads the whole file past the cache and checks everything: each checksum, the order of the
   * entries, that index and filter lead to each of them, all counts, the checksum of the file.
   * @throws VarveError `CORRUPTION` with the offset of the damaged block, or `IO`
   */
  verify(): TableCounts {
    return verifyTable({
      blocks: this.#blocks,
      meta: this.meta,
      footer: this.#footer,
      filter: this.#filter,
      properties: this.properties(),
    });
  }

  /** Drops the cached blocks and closes the file. Bytes that were lent stay as they are. */
  close(): void {
    this.#blocks.close();
  }
}

function readSalt(file: FileHandle, meta: TableMeta): Uint8Array {
  const size = file.size();
  if (size !== meta.sizeBytes || size < FILE_HEADER_BYTES + FOOTER_BLOCK_BYTES) {
    const what = `table has ${size} bytes where the manifest says ${meta.sizeBytes}`;
    throw corruption(what, file.path, Math.min(size, meta.sizeBytes));
  }
  const buf = new Uint8Array(FILE_HEADER_BYTES);
  readExactly(file, buf, 0, buf.length, 0);
  return expectFileHeader(buf, buf.length, file.path, FILE_CLASS_TABLE, meta.fileNumber).salt;
}

function readFooter(file: FileHandle, fileBytes: number, codec: BlockCodec): TableFooter {
  const position = fileBytes - FOOTER_BLOCK_BYTES;
  const buf = readBlock(file, BLOCK_FOOTER, position, FOOTER_BLOCK_BYTES, codec);
  const footer = decodeFooter(buf, codec.contentOff, codec.contentLen, fileBytes);
  if (footer === undefined) throw corruption('table footer is damaged', file.path, position);
  return footer;
}

function readFilter(
  file: FileHandle,
  footer: TableFooter,
  codec: BlockCodec,
): BloomFilter | undefined {
  if (footer.filterLen === 0) return undefined;
  const buf = readBlock(file, BLOCK_FILTER, footer.filterOff, footer.filterLen, codec);
  const filter = BloomFilter.decode(buf, codec.contentOff, codec.contentLen);
  if (filter === undefined) throw corruption('filter is damaged', file.path, footer.filterOff);
  return filter;
}

function readIndex(file: FileHandle, footer: TableFooter, codec: BlockCodec): TableIndex {
  const { indexOff, indexLen, blockCount, filterOff } = footer;
  const buf = readBlock(file, BLOCK_INDEX, indexOff, indexLen, codec);
  const { contentOff, contentLen } = codec;
  const index = TableIndex.decode(
    buf,
    contentOff,
    contentLen,
    blockCount,
    FILE_HEADER_BYTES,
    filterOff,
  );
  if (index === undefined) throw corruption('table index is damaged', file.path, indexOff);
  return index;
}

/** A fresh buffer with the block, opened; the caller has bounded `length` by the file size. */
function readBlock(
  file: FileHandle,
  type: number,
  position: number,
  length: number,
  codec: BlockCodec,
): Uint8Array {
  const buf = new Uint8Array(length);
  readExactly(file, buf, 0, length, position);
  codec.open(type, buf, 0, length, position);
  return buf;
}
