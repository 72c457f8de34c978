/**
 * The complete check of a table file, read front to back past the cache.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_PROPERTIES,
} from '../block/block-format.ts';
import { Digest64, FileChecksum } from '../block/checksum.ts';
import { DataBlockCursor } from '../block/data-block-cursor.ts';
import { BlockPosition, type DataBlock } from '../block/data-block-reader.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_CLASS_TABLE,
  fileHeaderBytes,
  isIntactHeader,
} from '../block/file-header.ts';
import { compareBytes, compareKeys } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import { NO_ROOM } from '../bytes/room.ts';
import { corruption } from '../errors.ts';
import type { BloomFilter } from '../filter/bloom-filter.ts';
import { KIND_DELETE } from '../key/kind.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableBlocks } from './table-blocks.ts';
import type { TableFooter } from './table-footer.ts';
import { footerBlockBytes } from './table-footer.ts';
import type { TableMeta } from './table-meta.ts';
import type { TableProperties } from './table-properties.ts';

const READ_BYTES = 1024 * 1024;

/** What a verification read; all of it was sound. */
export interface TableCounts {
  readonly sizeBytes: number;
  readonly blockCount: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
}

/** What is to be checked: a table's parts as they were opened. */
export interface TableParts {
  readonly blocks: TableBlocks;
  readonly meta: TableMeta;
  readonly footer: TableFooter;
  readonly filter: BloomFilter | undefined;
  readonly properties: TableProperties;
}

/**
 * Checks every byte of the file and every promise of the format; see `Table.verify`.
 * @throws VarveError `CORRUPTION` with the offset of the damaged block, or `IO`
 */
export function verifyTable(parts: TableParts): TableCounts {
  const { blocks, meta } = parts;
  const checksum = new FileChecksum();
  verifyHeader(parts, checksum);
  const entries = verifyDataBlocks(parts, checksum);
  verifyTail(parts, checksum);
  const digest = new Digest64();
  checksum.digest(digest);
  if (digest.low !== meta.checksumLow || digest.high !== meta.checksumHigh) {
    throw corruption('checksum of the table is not the one in the manifest', blocks.path, 0);
  }
  verifyFacts(parts, entries);
  return {
    sizeBytes: meta.sizeBytes,
    blockCount: blocks.index.blockCount,
    entryCount: entries.entryCount,
    tombstoneCount: entries.tombstoneCount,
  };
}

function verifyHeader(parts: TableParts, checksum: FileChecksum): void {
  const { blocks, meta } = parts;
  const buf = new Uint8Array(fileHeaderBytes(meta.protection));
  blocks.reader.fill(buf, 0, buf.length, 0);
  const own = { fileClass: FILE_CLASS_TABLE, fileNumber: meta.fileNumber };
  const header = decodeFileHeader(buf, buf.length, blocks.path, own);
  if (header === undefined) throw corruption('file header is damaged', blocks.path, 0);
  if (!isIntactHeader(buf, buf.length, header)) {
    if (!blocks.reader.hasParity) {
      throw corruption('a copy of the file header is damaged', blocks.path, 0);
    }
    blocks.reader.noteCopyRepair(0, 0);
  }
  checksum.update(encodeFileHeader(header), 0, buf.length);
}

function verifyDataBlocks(parts: TableParts, checksum: FileChecksum): EntryChecker {
  const { blocks } = parts;
  const { blockOffs, blockCount } = blocks.index;
  const checker = new EntryChecker(parts);
  const block = new CachedBlock();
  let buf = new Uint8Array(Math.min(READ_BYTES, blockOffs[blockCount]! - blockOffs[0]!));
  let content = NO_ROOM;
  for (let first = 0; first < blockCount; ) {
    const start = blockOffs[first]!;
    let end = first + 1;
    while (end < blockCount && blockOffs[end + 1]! - start <= READ_BYTES) end++;
    const length = blockOffs[end]! - start;
    if (length > buf.length) buf = new Uint8Array(length);
    blocks.reader.fill(buf, 0, length, start);
    for (; first < end; first++) {
      const position = blockOffs[first]!;
      const off = position - start;
      content = blocks.open(first, buf, off, block, content);
      checker.checkBlock(first, block);
      blocks.reader.restoreParity(BLOCK_DATA, buf, off, blocks.index.blockBytes(first), position);
    }
    // Of the bytes as they should be: what was put right on the way is reported elsewhere.
    checksum.update(buf, 0, length);
  }
  return checker;
}

/** The other parts: what was decoded at opening is read and checked again. */
function verifyTail(parts: TableParts, checksum: FileChecksum): void {
  const { blocks, footer, meta } = parts;
  const { reader } = blocks;
  const tailOff = footer.dictionaryOff;
  const buf = new Uint8Array(meta.sizeBytes - tailOff);
  reader.fill(buf, 0, buf.length, tailOff);
  const check = (type: number, position: number, length: number) => {
    if (length === 0) return;
    reader.open(type, buf, position - tailOff, length, position, NO_ROOM);
    reader.restoreParity(type, buf, position - tailOff, length, position);
  };
  check(BLOCK_DICTIONARY, footer.dictionaryOff, footer.dictionaryLen);
  check(BLOCK_FILTER, footer.filterOff, footer.filterLen);
  check(BLOCK_INDEX, footer.indexOff, footer.indexLen);
  check(BLOCK_PROPERTIES, footer.propertiesOff, footer.propertiesLen);
  const footerLen = footerBlockBytes(meta.protection);
  check(BLOCK_FOOTER, meta.sizeBytes - footerLen - reader.parityBytes(footerLen), footerLen);
  checksum.update(buf, 0, buf.length);
}

/** Compares what was counted with the manifest and with the table's own properties. */
function verifyFacts(parts: TableParts, entries: EntryChecker): void {
  const { blocks, meta, properties, footer } = parts;
  const sound =
    entries.entryCount === meta.entryCount &&
    entries.tombstoneCount === meta.tombstoneCount &&
    entries.rawKeyBytes + entries.rawValueBytes === meta.rawBytes &&
    entries.smallestSeqno === meta.smallestSeqno &&
    entries.largestSeqno === meta.largestSeqno &&
    compareKeys(entries.smallestKey, meta.smallestKey) === 0 &&
    compareKeys(entries.largestKey(), meta.largestKey) === 0;
  if (!sound) throw corruption('table is not the one that the manifest describes', blocks.path, 0);
  const agrees =
    properties.entryCount === meta.entryCount &&
    properties.tombstoneCount === meta.tombstoneCount &&
    properties.rawKeyBytes === entries.rawKeyBytes &&
    properties.rawValueBytes === entries.rawValueBytes &&
    properties.smallestSeqno === meta.smallestSeqno &&
    properties.largestSeqno === meta.largestSeqno &&
    properties.blockCount === footer.blockCount &&
    properties.codecId === meta.codecId &&
    properties.suiteId === meta.protection.suiteId &&
    properties.keyEpoch === meta.protection.epoch &&
    compareKeys(properties.smallestKey, meta.smallestKey) === 0 &&
    compareKeys(properties.largestKey, meta.largestKey) === 0;
  if (!agrees) {
    throw corruption('table properties are wrong', blocks.path, footer.propertiesOff);
  }
}

/** Walks block after block and holds each entry against the one before and against all lookups. */
class EntryChecker extends DataBlockCursor {
  readonly #parts: TableParts;
  readonly #found: BlockPosition;
  #lastKey: Uint8Array;
  #lastKeyLen: number;
  #lastSeqno: number;
  entryCount: number;
  tombstoneCount: number;
  rawKeyBytes: number;
  rawValueBytes: number;
  smallestSeqno: number;
  largestSeqno: number;
  smallestKey: Uint8Array;

  constructor(parts: TableParts) {
    super();
    this.#parts = parts;
    this.#found = new BlockPosition();
    this.#lastKey = new Uint8Array(256);
    this.#lastKeyLen = 0;
    this.#lastSeqno = 0;
    this.entryCount = 0;
    this.tombstoneCount = 0;
    this.rawKeyBytes = 0;
    this.rawValueBytes = 0;
    this.smallestSeqno = Number.MAX_SAFE_INTEGER;
    this.largestSeqno = 0;
    this.smallestKey = new Uint8Array(0);
  }

  /** A fresh copy of the key of the last entry. */
  largestKey(): Uint8Array {
    return this.#lastKey.slice(0, this.#lastKeyLen);
  }

  checkBlock(ordinal: number, block: DataBlock): void {
    this.enterBlock(block);
    const hasChecksums = block.checksumStart !== 0;
    if (hasChecksums !== (this.#parts.properties.entryChecksums === 1)) {
      block.fail('entry checksums are not as the properties of the table say');
    }
    let index = 0;
    for (let more = this.firstInBlock(); more; more = this.nextInBlock()) {
      this.#checkOrder(block);
      if (!this.matchesChecksum()) block.fail('entry does not match its own checksum');
      this.#checkLookup(ordinal, block, index++);
      this.#count();
    }
    this.#checkEnds(block);
  }

  #checkOrder(block: DataBlock): void {
    const { keyBuf, keyOff, keyLen } = this;
    if (this.entryCount > 0) {
      const order = compareBytes(this.#lastKey, 0, this.#lastKeyLen, keyBuf, keyOff, keyLen);
      if (order > 0 || (order === 0 && this.#lastSeqno <= this.seqno)) {
        block.fail('entries of a table are out of order');
      }
    } else {
      this.smallestKey = keyBuf.slice(keyOff, keyOff + keyLen);
    }
    if (keyLen > this.#lastKey.length) this.#lastKey = new Uint8Array(keyLen * 2);
    this.#lastKey.set(keyBuf.subarray(keyOff, keyOff + keyLen));
    this.#lastKeyLen = keyLen;
    this.#lastSeqno = this.seqno;
  }

  /** A lookup of this entry must lead here: through filter, index and the block's own search. */
  #checkLookup(ordinal: number, block: DataBlock, index: number): void {
    const { keyBuf, keyOff, keyLen, seqno } = this;
    const { filter, blocks } = this.#parts;
    if (filter !== undefined && !filter.mayContain(hash32(keyBuf, keyOff, keyLen))) {
      block.fail('filter does not know an entry of the table');
    }
    if (blocks.index.search(keyBuf, keyOff, keyLen, seqno) !== ordinal) {
      block.fail('index does not lead to an entry of the table');
    }
    const found = this.#found;
    const reached = block.search(keyBuf, keyOff, keyLen, seqno, found);
    if (!reached || !found.sameKey || found.index !== index) {
      block.fail('restart points do not lead to an entry of the block');
    }
  }

  #count(): void {
    this.entryCount++;
    if (this.kind === KIND_DELETE) this.tombstoneCount++;
    this.rawKeyBytes += this.keyLen;
    this.rawValueBytes += this.valLen;
    this.smallestSeqno = Math.min(this.smallestSeqno, this.seqno);
    this.largestSeqno = Math.max(this.largestSeqno, this.seqno);
  }

  /** Behind its last entry a block has nothing left in either area. */
  #checkEnds(block: DataBlock): void {
    if (!this.atBlockEnd()) block.fail('areas of a data block are longer than its entries');
  }
}
