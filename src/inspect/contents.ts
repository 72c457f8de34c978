/**
 * What stands in the blocks of a table or log, once they are opened.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_MANIFEST_EDIT,
  BLOCK_PROPERTIES,
  BLOCK_WAL_RECORD,
} from '../block/block-format.ts';
import { DataBlockCursor } from '../block/data-block-cursor.ts';
import { DataBlock } from '../block/data-block-reader.ts';
import { readU32 } from '../bytes/fixed.ts';
import { VarintReader } from '../bytes/varint.ts';
import {
  DICTIONARY_BYTES_MAX,
  DICTIONARY_BYTES_MIN,
  ZstdDictionary,
} from '../compress/zstd-dictionary.ts';
import { corruption, isVarveError } from '../errors.ts';
import { FILTER_HEADER_BYTES } from '../filter/bloom-filter.ts';
import { KEY_BYTES_MAX, KIND_PUT, KIND_UNKNOWN_MIN, VALUE_BYTES_MAX } from '../key/kind.ts';
import { decodeVersionEdit } from '../manifest/version-edit-codec.ts';
import { decodeFooter, type ParityLengths } from '../sstable/table-footer.ts';
import { decodeProperties } from '../sstable/table-properties.ts';
import { decodeClosing, WAL_RECORD_PREFIX_BYTES, WalRecordPrefix } from '../wal/wal-record.ts';
import { hexOf } from './names.ts';
import type { InspectionPart } from './parts.ts';

/** An opened block. */
export interface OpenedBlock {
  readonly ordinal: number;
  readonly type: number;
  /** Its content: `buf[off, off + len)`, lent. */
  readonly buf: Uint8Array;
  readonly off: number;
  readonly len: number;
  readonly isEncrypted: boolean;
  readonly path: string;
  readonly position: number;
  /** Where in the file data blocks begin. */
  readonly firstPosition: number;
  readonly parity: ParityLengths;
}

/** How much of it is told. */
export interface ContentDetail {
  /** Entries, operations and separators as well. */
  readonly hasEntries: boolean;
  /** At most this much of each value. */
  readonly valueBytesMax: number;
}

/** The parts of a content; what cannot be told is a problem among them. */
export function* contentParts(
  block: OpenedBlock,
  detail: ContentDetail,
): Generator<InspectionPart> {
  try {
    yield* partsOf(block, detail);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    const isDamage = error.code === 'CORRUPTION';
    yield { part: 'problem', offset: block.position, isDamage, message: error.message };
  }
}

function partsOf(block: OpenedBlock, detail: ContentDetail): Iterable<InspectionPart> {
  switch (block.type) {
    case BLOCK_DATA:
      return dataParts(block, detail);
    case BLOCK_INDEX:
      return indexParts(block, detail);
    case BLOCK_FILTER:
      return filterParts(block);
    case BLOCK_DICTIONARY:
      return dictionaryParts(block);
    case BLOCK_PROPERTIES:
      return propertiesParts(block);
    case BLOCK_FOOTER:
      return footerParts(block);
    case BLOCK_WAL_RECORD:
      return recordParts(block, detail);
    case BLOCK_MANIFEST_EDIT:
      return editParts(block);
    default:
      return [];
  }
}

/** Lists the entries of one block. */
class EntryLister extends DataBlockCursor {
  *list(opened: DataBlock, block: number, valueBytesMax: number): Generator<InspectionPart> {
    this.enterBlock(opened);
    let index = 0;
    for (let more = this.firstInBlock(); more; more = this.nextInBlock()) {
      const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = this;
      const isPut = kind === KIND_PUT;
      yield {
        part: 'entry',
        block,
        index: index++,
        key: keyBuf.slice(keyOff, keyOff + keyLen),
        seqno,
        kind: isPut ? 'put' : 'delete',
        value: isPut ? valBuf.slice(valOff, valOff + Math.min(valLen, valueBytesMax)) : undefined,
        valueBytes: valLen,
      };
    }
    if (!this.atBlockEnd()) opened.fail('areas of a data block are longer than its entries');
  }
}

function* dataParts(block: OpenedBlock, detail: ContentDetail): Generator<InspectionPart> {
  const opened = new DataBlock();
  opened.open(block.buf, block.off, block.len, block.path, block.position);
  yield {
    part: 'data',
    block: block.ordinal,
    entryCount: opened.entryCount,
    restartInterval: opened.interval,
    restartCount: opened.restartCount,
    valueAreaBytes: opened.keyStart - opened.valueStart,
    keyAreaBytes: opened.keyEnd - opened.keyStart,
    seqnoBytes: opened.seqnoWidth,
    baseSeqno: opened.baseSeqno,
    headPrefixBytes: opened.headPrefix,
  };
  if (!detail.hasEntries) return;
  yield* new EntryLister().list(opened, block.ordinal, detail.valueBytesMax);
}

function* indexParts(block: OpenedBlock, detail: ContentDetail): Generator<InspectionPart> {
  const { buf, off, len, ordinal } = block;
  const reader = new VarintReader(buf, off, off + len);
  const blockCount = reader.next();
  const prefixLen = reader.next();
  const prefixOff = reader.skip(prefixLen);
  if (reader.failed) throw malformed(block, 'index');
  const prefix = buf.slice(prefixOff, prefixOff + prefixLen);
  yield { part: 'index', block: ordinal, blockCount, prefix };
  for (let dataBlock = 0; dataBlock < blockCount; dataBlock++) {
    const blockBytes = reader.next();
    const continuedSeqno = reader.next();
    const restLen = reader.next();
    const restOff = reader.skip(restLen);
    if (reader.failed) throw malformed(block, 'index');
    if (!detail.hasEntries) continue;
    const shared = dataBlock === 0 ? 0 : prefixLen;
    const separator = new Uint8Array(shared + restLen);
    separator.set(prefix.subarray(0, shared));
    separator.set(buf.subarray(restOff, restOff + restLen), shared);
    yield { part: 'separator', block: ordinal, dataBlock, separator, blockBytes, continuedSeqno };
  }
  if (reader.off !== reader.end) throw malformed(block, 'index');
}

function* filterParts(block: OpenedBlock): Generator<InspectionPart> {
  const { buf, off, len, ordinal } = block;
  if (len < FILTER_HEADER_BYTES) throw malformed(block, 'filter');
  yield {
    part: 'filter',
    block: ordinal,
    kind: buf[off]!,
    probes: buf[off + 1]!,
    lineCount: readU32(buf, off + 4),
    keyCount: readU32(buf, off + 8),
  };
}

function* dictionaryParts(block: OpenedBlock): Generator<InspectionPart> {
  const { id } = dictionaryOf(block);
  yield { part: 'dictionary', block: block.ordinal, id, sizeBytes: block.len };
}

/**
 * The dictionary in its block.
 * @throws VarveError `CORRUPTION` for a size that none has
 */
export function dictionaryOf(block: OpenedBlock): ZstdDictionary {
  const { buf, off, len } = block;
  if (len < DICTIONARY_BYTES_MIN || len > DICTIONARY_BYTES_MAX)
    throw malformed(block, 'dictionary');
  return new ZstdDictionary(buf.subarray(off, off + len));
}

function* propertiesParts(block: OpenedBlock): Generator<InspectionPart> {
  const properties = decodeProperties(block.buf, block.off, block.len);
  if (properties === undefined) throw malformed(block, 'properties');
  yield { part: 'properties', block: block.ordinal, properties };
}

function* footerParts(block: OpenedBlock): Generator<InspectionPart> {
  const { buf, off, len, firstPosition, position, parity } = block;
  const footer = decodeFooter(buf, off, len, firstPosition, position, parity);
  if (footer === undefined) throw malformed(block, 'footer');
  yield { part: 'footer', block: block.ordinal, footer };
}

function* recordParts(block: OpenedBlock, detail: ContentDetail): Generator<InspectionPart> {
  const { buf, off, len, ordinal } = block;
  if (len === 0 && block.isEncrypted) {
    yield { part: 'opening', block: ordinal };
    return;
  }
  const next = decodeClosing(buf, off, len, block.path, block.position);
  if (next !== undefined) {
    const { fileNumber: nextNumber, salt } = next;
    yield { part: 'closing', block: ordinal, nextNumber, nextSalt: hexOf(salt) };
    return;
  }
  const prefix = new WalRecordPrefix();
  if (!prefix.read(buf, off, len)) throw malformed(block, 'WAL record');
  const { firstSeqno, durableSeqno, count } = prefix;
  yield { part: 'record', block: ordinal, firstSeqno, durableSeqno, operationCount: count };
  const reader = new VarintReader(buf, off + WAL_RECORD_PREFIX_BYTES, off + len);
  for (let index = 0; index < count; index++) {
    const operation = readOperation(reader);
    if (operation === undefined) throw malformed(block, 'WAL record');
    if (!detail.hasEntries) continue;
    const { isPut, familyId, keyOff, keyLen, valOff, valLen } = operation;
    yield {
      part: 'entry',
      block: ordinal,
      index,
      key: buf.slice(keyOff, keyOff + keyLen),
      seqno: firstSeqno + index,
      kind: isPut ? 'put' : 'delete',
      value: isPut ? buf.slice(valOff, valOff + Math.min(valLen, detail.valueBytesMax)) : undefined,
      valueBytes: valLen,
      familyId,
    };
  }
  if (reader.off !== reader.end) throw malformed(block, 'WAL record');
}

interface Operation {
  readonly isPut: boolean;
  readonly familyId: number;
  readonly keyOff: number;
  readonly keyLen: number;
  readonly valOff: number;
  readonly valLen: number;
}

/** The next operation (layout: db/write-batch.ts); undefined where there is none. */
function readOperation(reader: VarintReader): Operation | undefined {
  const kind = reader.byte();
  const familyId = reader.next();
  const keyLen = reader.next();
  const keyOff = reader.skip(keyLen);
  const isPut = kind === KIND_PUT;
  const valLen = isPut ? reader.next() : 0;
  const valOff = reader.skip(valLen);
  const isSound =
    !reader.failed &&
    kind < KIND_UNKNOWN_MIN &&
    keyLen <= KEY_BYTES_MAX &&
    valLen <= VALUE_BYTES_MAX;
  return isSound ? { isPut, familyId, keyOff, keyLen, valOff, valLen } : undefined;
}

function* editParts(block: OpenedBlock): Generator<InspectionPart> {
  const edit = decodeVersionEdit(block.buf, block.off, block.len, block.path, block.position);
  yield { part: 'edit', block: block.ordinal, edit };
}

function malformed(block: OpenedBlock, what: string): Error {
  return corruption(`content of the ${what} block is malformed`, block.path, block.position);
}
