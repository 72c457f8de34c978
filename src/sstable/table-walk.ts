/**
 * The order in which the blocks of a table are visited: by footer and index where they can be read,
 * else one behind the other.
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
import type { BlockWalker, FoundBlock, FoundGap } from '../block/block-walker.ts';
import type { FileProtection } from '../block/file-protection.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import {
  DICTIONARY_BYTES_MAX,
  DICTIONARY_BYTES_MIN,
  ZstdDictionary,
} from '../compress/zstd-dictionary.ts';
import { isCallerMistake, isVarveError } from '../errors.ts';
import { decodeFooter, footerBlockBytes, type TableFooter } from './table-footer.ts';
import { TableIndex } from './table-index.ts';

/** The content of a block: `buf[off, off + len)`, lent until the next one is opened. */
export interface BlockContent {
  readonly buf: Uint8Array;
  readonly off: number;
  readonly len: number;
}

/** What is known of a table besides its header. */
export interface TableAccess {
  readonly walker: BlockWalker;
  readonly protection: FileProtection;
  readonly pipeline: Pipeline;
  /** The content of a block that was found just now; undefined when it cannot be read. */
  readonly open: (block: FoundBlock) => BlockContent | undefined;
  /** Told of the table's dictionary. */
  readonly onDictionary: (id: number) => void;
}

/** All blocks of a table, in order and without holes. */
export function* walkTable(access: TableAccess): Generator<FoundBlock | FoundGap> {
  const { walker, protection } = access;
  const { firstPosition, sizeBytes } = walker;
  const footerLen = footerBlockBytes(protection);
  const footerAt = sizeBytes - footerLen - walker.reader.parityBytes(footerLen);
  const hasFooter =
    footerAt >= firstPosition &&
    walker.known(BLOCK_FOOTER, footerAt, footerLen).state !== 'damaged';
  if (!hasFooter) {
    findDictionary(access);
    yield* walker.walk(firstPosition, sizeBytes);
    return;
  }
  const footer = readFooter(access, footerAt, footerLen);
  if (footer === undefined) {
    yield* walker.walk(firstPosition, footerAt);
  } else {
    const { dictionaryOff, dictionaryLen, filterOff, filterLen } = footer;
    const { indexOff, indexLen, propertiesOff, propertiesLen } = footer;
    if (dictionaryLen > 0) {
      useDictionary(access, walker.known(BLOCK_DICTIONARY, dictionaryOff, dictionaryLen));
    }
    yield* walkData(access, footer);
    if (dictionaryLen > 0) yield walker.known(BLOCK_DICTIONARY, dictionaryOff, dictionaryLen);
    if (filterLen > 0) yield walker.known(BLOCK_FILTER, filterOff, filterLen);
    if (indexLen > 0) yield walker.known(BLOCK_INDEX, indexOff, indexLen);
    if (propertiesLen > 0) yield walker.known(BLOCK_PROPERTIES, propertiesOff, propertiesLen);
  }
  yield walker.known(BLOCK_FOOTER, footerAt, footerLen);
}

function* walkData(access: TableAccess, footer: TableFooter): Generator<FoundBlock | FoundGap> {
  const { walker } = access;
  const index = readIndex(access, footer);
  if (index === undefined) {
    yield* walker.walk(walker.firstPosition, footer.dictionaryOff);
    return;
  }
  for (let ordinal = 0; ordinal < index.blockCount; ordinal++) {
    yield walker.known(BLOCK_DATA, index.blockOffs[ordinal]!, index.blockBytes(ordinal));
  }
}

function readFooter(access: TableAccess, at: number, length: number): TableFooter | undefined {
  const { walker, open } = access;
  const opened = open(walker.known(BLOCK_FOOTER, at, length));
  if (opened === undefined) return undefined;
  const { buf, off, len } = opened;
  return decodeFooter(buf, off, len, walker.firstPosition, at, walker.reader);
}

function readIndex(access: TableAccess, footer: TableFooter): TableIndex | undefined {
  const { walker, open } = access;
  const { indexOff, indexLen, blockCount, dictionaryOff } = footer;
  const opened = open(walker.known(BLOCK_INDEX, indexOff, indexLen));
  if (opened === undefined) return undefined;
  const { off, len } = opened;
  const content = opened.buf.slice(off, off + len);
  const { firstPosition, reader } = walker;
  return TableIndex.decode(content, 0, len, blockCount, firstPosition, dictionaryOff, reader);
}

/** Data blocks stand before their dictionary: without a footer it takes a walk to find it. */
function findDictionary(access: TableAccess): void {
  const { walker } = access;
  let isNeeded = false;
  for (const block of walker.walk(walker.firstPosition, walker.sizeBytes)) {
    if (block.found !== 'block' || block.state === 'damaged') continue;
    const { blockType, codecId } = walker.reader;
    if (codecId === CODEC_ZSTD_DICTIONARY) isNeeded = true;
    if (blockType !== BLOCK_DICTIONARY || !isNeeded) continue;
    useDictionary(access, block);
    return;
  }
}

function useDictionary({ walker, pipeline, open, onDictionary }: TableAccess, block: FoundBlock) {
  const opened = open(block);
  if (opened === undefined) return;
  const { buf, off, len } = opened;
  if (len < DICTIONARY_BYTES_MIN || len > DICTIONARY_BYTES_MAX) return;
  try {
    const dictionary = pipeline.dictionary(new ZstdDictionary(buf.subarray(off, off + len)));
    const codec = pipeline.dictionaryCodec(dictionary);
    if (codec === undefined) return;
    walker.reader.useDictionary(dictionary.id, codec);
    onDictionary(dictionary.id);
  } catch (error) {
    // A dictionary may be damaged in ways that only zstd sees.
    if (!isVarveError(error) && !isCallerMistake(error)) throw error;
  }
}
