/**
 * The complete check of a table file, read front to back past the cache, in steps.
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
  type FileHeader,
  fileHeaderBytes,
  isIntactHeader,
} from '../block/file-header.ts';
import { bodyBytesOf } from '../block/striped-file.ts';
import { copyBytes } from '../bytes/byte-writer.ts';
import { compareBytes, compareKeys } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import { NO_ROOM, type Room } from '../bytes/room.ts';
import { corruption, isVarveError, type VarveError } from '../errors.ts';
import type { BloomFilter } from '../filter/bloom-filter.ts';
import { KIND_DELETE } from '../key/kind.ts';
import { CachedBlock } from './cached-block.ts';
import type { TableBlocks } from './table-blocks.ts';
import type { TableFooter } from './table-footer.ts';
import { footerBlockBytes } from './table-footer.ts';
import type { TableMeta } from './table-meta.ts';
import type { TableProperties } from './table-properties.ts';
import { checkStripes } from './table-stripes.ts';

const READ_BYTES = 1024 * 1024;

/** Takes damage that cannot be corrected: `CORRUPTION` with the offset of what is damaged. */
export type FaultSink = (fault: VarveError) => void;

/** What a check read. */
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
  /** False where the checksum of the file in `meta` says nothing. */
  readonly isChecksumKnown: boolean;
  readonly footer: TableFooter;
  /** Both throw as reading a block does. */
  readonly readFilter: () => BloomFilter | undefined;
  readonly readProperties: () => TableProperties;
}

/**
 * Checks every byte of the file and every promise of the format. What is damaged is told and passed
 * over: the rest is checked all the same, but for what only the whole could show.
 */
export class TableCheck {
  readonly #parts: TableParts;
  readonly #onFault: FaultSink;
  readonly #checksum: FileChecksum;
  readonly #entries: EntryChecker;
  readonly #block: CachedBlock;
  #header: FileHeader | undefined;
  #properties: TableProperties | undefined;
  /** Where contents go that do not stand in `#buf`. */
  #content: Room;
  #buf: Uint8Array;
  /** The next data block. */
  #ordinal: number;
  /** Offsets of what was told. */
  readonly #told: Set<number>;
  /** Nothing was passed over so far. */
  #isWhole: boolean;
  #isDone: boolean;
  /** Everything before was looked at. */
  position: number;
  /** Of the whole file as it should be; undefined until all was found to be sound. */
  digest: Digest64 | undefined;

  /**
   * @param parts borrowed until the check is over
   * @param onFault told of each damage that cannot be corrected, in the order of the file
   */
  constructor(parts: TableParts, onFault: FaultSink) {
    this.#parts = parts;
    this.#onFault = onFault;
    this.#checksum = new FileChecksum();
    this.#entries = new EntryChecker(parts.blocks);
    this.#header = undefined;
    this.#properties = undefined;
    this.#block = new CachedBlock();
    this.#content = NO_ROOM;
    this.#buf = new Uint8Array(0);
    this.#ordinal = 0;
    this.#told = new Set();
    this.#isWhole = true;
    this.#isDone = false;
    this.position = 0;
    this.digest = undefined;
  }

  /** What was read; complete if there was no fault. */
  get counts(): TableCounts {
    const { blocks, meta } = this.#parts;
    const { entryCount, tombstoneCount } = this.#entries;
    const { blockCount } = blocks.index;
    return { sizeBytes: meta.sizeBytes, blockCount, entryCount, tombstoneCount };
  }

  /**
   * Looks at about `budgetBytes` more, a block at least.
   * @returns false when all was looked at
   * @throws VarveError `UNSUPPORTED` for what a later version wrote, `IO`
   */
  step(budgetBytes: number): boolean {
    const { index } = this.#parts.blocks;
    if (this.position === 0) {
      this.#attempt(() => this.#checkHeader());
      this.#attempt(() => {
        this.#entries.filter = this.#parts.readFilter();
      });
      this.#attempt(() => {
        this.#properties = this.#parts.readProperties();
        this.#entries.hasChecksums = this.#properties.entryChecksums === 1;
      });
      this.position = index.blockOffs[0]!;
    } else if (this.#ordinal < index.blockCount) {
      this.#checkBlocks(budgetBytes);
    } else if (!this.#isDone) {
      this.#checkTail();
      if (this.#isWhole) this.#attempt(() => this.#checkWhole());
      this.position = this.#parts.meta.sizeBytes;
      this.#isDone = true;
    }
    return !this.#isDone;
  }

  /** Tells damage that `work` meets; false if it did. */
  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      this.#isWhole = false;
      // Filter and properties are read twice: to be used, and to be checked.
      const isNew = error.offset === undefined || !this.#told.has(error.offset);
      if (error.offset !== undefined) this.#told.add(error.offset);
      if (isNew) this.#onFault(error);
      return false;
    }
  }

  #checkHeader(): void {
    const { blocks, meta } = this.#parts;
    const buf = new Uint8Array(fileHeaderBytes(meta.protection));
    blocks.reader.fill(buf, 0, buf.length, 0);
    const own = { fileClass: FILE_CLASS_TABLE, fileNumber: meta.fileNumber };
    const { reader } = blocks;
    const decode = () => decodeFileHeader(buf, buf.length, blocks.path, own);
    let header = decode();
    const isIntact = header !== undefined && isIntactHeader(buf, buf.length, header);
    if (!isIntact && reader.stripes !== undefined) {
      reader.stripes.restore(buf, 0, buf.length, 0);
      header ??= decode();
    }
    if (header === undefined) throw corruption('file header is damaged', blocks.path, 0);
    if (!isIntact && !reader.isRestorable) {
      throw corruption('a copy of the file header is damaged', blocks.path, 0);
    }
    if (!isIntact) reader.noteCopyRepair(0, 0);
    this.#header = header;
    this.#checksum.update(encodeFileHeader(header), 0, buf.length);
  }

  /** The data blocks that one read takes. */
  #checkBlocks(budgetBytes: number): void {
    const { reader, index } = this.#parts.blocks;
    const { blockOffs, blockCount } = index;
    const first = this.#ordinal;
    const start = blockOffs[first]!;
    const limit = start + Math.min(budgetBytes, READ_BYTES);
    let end = first + 1;
    while (end < blockCount && blockOffs[end + 1]! <= limit) end++;
    const length = blockOffs[end]! - start;
    if (length > this.#buf.length) this.#buf = new Uint8Array(length);
    if (this.#attempt(() => reader.fill(this.#buf, 0, length, start))) {
      for (let ordinal = first; ordinal < end; ordinal++) {
        this.#attempt(() => this.#checkBlock(ordinal, blockOffs[ordinal]! - start));
      }
      // Of the bytes as they should be: what was put right on the way is reported elsewhere.
      if (this.#isWhole) this.#checksum.update(this.#buf, 0, length);
    }
    this.#ordinal = end;
    this.position = blockOffs[end]!;
  }

  #checkBlock(ordinal: number, off: number): void {
    const { blocks } = this.#parts;
    const { reader, index } = blocks;
    const position = index.blockOffs[ordinal]!;
    const buf = this.#buf;
    this.#content = blocks.open(ordinal, buf, off, this.#block, this.#content);
    this.#entries.checkBlock(ordinal, this.#block);
    reader.restoreParity(BLOCK_DATA, buf, off, index.blockBytes(ordinal), position);
  }

  /** The other parts: what was decoded at opening is read and checked again. */
  #checkTail(): void {
    const { blocks, footer, meta } = this.#parts;
    const { reader } = blocks;
    const tailOff = footer.dictionaryOff;
    const bodyBytes = bodyBytesOf(meta.protection, meta.sizeBytes)!;
    const buf = new Uint8Array(bodyBytes - tailOff);
    if (!this.#attempt(() => reader.fill(buf, 0, buf.length, tailOff))) return;
    const check = (type: number, position: number, length: number): void => {
      if (length === 0) return;
      this.#attempt(() => {
        reader.open(type, buf, position - tailOff, length, position, NO_ROOM);
        reader.restoreParity(type, buf, position - tailOff, length, position);
      });
    };
    check(BLOCK_DICTIONARY, footer.dictionaryOff, footer.dictionaryLen);
    check(BLOCK_FILTER, footer.filterOff, footer.filterLen);
    check(BLOCK_INDEX, footer.indexOff, footer.indexLen);
    check(BLOCK_PROPERTIES, footer.propertiesOff, footer.propertiesLen);
    const footerLen = footerBlockBytes(meta.protection);
    check(BLOCK_FOOTER, bodyBytes - footerLen - reader.parityBytes(footerLen), footerLen);
    this.#checksum.update(buf, 0, buf.length);
    checkStripes(reader, this.#header, this.#checksum, (fault) => {
      this.#isWhole = false;
      this.#onFault(fault);
    });
  }

  /** What only the whole table shows. */
  #checkWhole(): void {
    const { blocks, meta, isChecksumKnown } = this.#parts;
    const digest = new Digest64();
    this.#checksum.digest(digest);
    const isSame = digest.low === meta.checksumLow && digest.high === meta.checksumHigh;
    if (isChecksumKnown && !isSame) {
      throw corruption('checksum of the table is not the one in the manifest', blocks.path, 0);
    }
    checkFacts(this.#parts, this.#properties!, this.#entries);
    this.digest = digest;
  }
}

/** Compares what was counted with the manifest and with the table's own properties. */
function checkFacts(
  { blocks, meta, footer }: TableParts,
  properties: TableProperties,
  entries: EntryChecker,
): void {
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
  private readonly blocks: TableBlocks;
  private readonly found: BlockPosition;
  /** Undefined where there is none, or it could not be read. */
  filter: BloomFilter | undefined;
  /** What the properties say; undefined if they could not be read. */
  hasChecksums: boolean | undefined;
  private lastKey: Uint8Array;
  private lastKeyLen: number;
  private lastSeqno: number;
  entryCount: number;
  tombstoneCount: number;
  rawKeyBytes: number;
  rawValueBytes: number;
  smallestSeqno: number;
  largestSeqno: number;
  smallestKey: Uint8Array;

  constructor(blocks: TableBlocks) {
    super();
    this.blocks = blocks;
    this.found = new BlockPosition();
    this.filter = undefined;
    this.hasChecksums = undefined;
    this.lastKey = new Uint8Array(256);
    this.lastKeyLen = 0;
    this.lastSeqno = 0;
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
    return this.lastKey.slice(0, this.lastKeyLen);
  }

  checkBlock(ordinal: number, block: DataBlock): void {
    this.enterBlock(block);
    const hasChecksums = block.checksumStart !== 0;
    if (this.hasChecksums !== undefined && hasChecksums !== this.hasChecksums) {
      block.fail('entry checksums are not as the properties of the table say');
    }
    let index = 0;
    for (let more = this.firstInBlock(); more; more = this.nextInBlock()) {
      this.checkOrder(block);
      if (!this.matchesChecksum()) block.fail('entry does not match its own checksum');
      this.checkLookup(ordinal, block, index++);
      this.count();
    }
    this.checkEnds(block);
  }

  private checkOrder(block: DataBlock): void {
    const { keyBuf, keyOff, keyLen } = this;
    if (this.entryCount > 0) {
      const order = compareBytes(this.lastKey, 0, this.lastKeyLen, keyBuf, keyOff, keyLen);
      if (order > 0 || (order === 0 && this.lastSeqno <= this.seqno)) {
        block.fail('entries of a table are out of order');
      }
    } else {
      this.smallestKey = keyBuf.slice(keyOff, keyOff + keyLen);
    }
    if (keyLen > this.lastKey.length) this.lastKey = new Uint8Array(keyLen * 2);
    copyBytes(keyBuf, keyOff, keyLen, this.lastKey, 0);
    this.lastKeyLen = keyLen;
    this.lastSeqno = this.seqno;
  }

  /**
   * A lookup of this entry must lead here: through filter, index and the block's own search. The
   * latter two lead keys in order to places in order: where they find the first and the last entry
   * of a block, and each at a restart point, they find those between.
   */
  private checkLookup(ordinal: number, block: DataBlock, index: number): void {
    const { keyBuf, keyOff, keyLen, seqno } = this;
    const { filter } = this;
    if (filter !== undefined && !filter.mayContain(hash32(keyBuf, keyOff, keyLen))) {
      block.fail('filter does not know an entry of the table');
    }
    const isLast = index === block.entryCount - 1;
    if (index % block.interval !== 0 && !isLast) return;
    const isEnd = index === 0 || isLast;
    if (isEnd && this.blocks.index.search(keyBuf, keyOff, keyLen, seqno) !== ordinal) {
      block.fail('index does not lead to an entry of the table');
    }
    const found = this.found;
    const reached = block.search(keyBuf, keyOff, keyLen, seqno, found);
    if (!reached || !found.sameKey || found.index !== index || found.valOff !== this.valOff) {
      block.fail('restart points do not lead to an entry of the block');
    }
  }

  private count(): void {
    this.entryCount++;
    if (this.kind === KIND_DELETE) this.tombstoneCount++;
    this.rawKeyBytes += this.keyLen;
    this.rawValueBytes += this.valLen;
    this.smallestSeqno = Math.min(this.smallestSeqno, this.seqno);
    this.largestSeqno = Math.max(this.largestSeqno, this.seqno);
  }

  /** Behind its last entry a block has nothing left in either area. */
  private checkEnds(block: DataBlock): void {
    if (!this.atBlockEnd()) block.fail('areas of a data block are longer than its entries');
  }
}
