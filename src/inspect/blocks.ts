/**
 * The blocks of a table, log or manifest whose header is known: each with its state, and with its
 * content as far as keys and damage let it be read.
 * @module
 */
import {
  BLOCK_HEADER_BYTES,
  BLOCK_MANIFEST_EDIT,
  BLOCK_MASK_OFF,
  BLOCK_WAL_RECORD,
} from '../block/block-format.ts';
import { type BlockReader, CONTENT_FAULT_TEXT } from '../block/block-reader.ts';
import { BlockWalker, type FoundBlock, type FoundGap } from '../block/block-walker.ts';
import { FILE_CLASS_MANIFEST, FILE_CLASS_TABLE, type FileHeader } from '../block/file-header.ts';
import { NO_MASK } from '../block/mask.ts';
import { RecordLogReader } from '../block/record-log-reader.ts';
import { readU16, readU32 } from '../bytes/fixed.ts';
import { NO_ROOM, type Room } from '../bytes/room.ts';
import { CODEC_NONE, CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import { DATABASE_ID_BYTES } from '../crypto/derive.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { blockCodeOf } from '../ecc/options.ts';
import { isVarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import { walkTable } from '../sstable/table-walk.ts';
import { blockFields, opaquePayload } from './block-fields.ts';
import { contentFields } from './content-fields.ts';
import { contentParts, type OpenedBlock } from './contents.ts';
import { FieldReader } from './fields.ts';
import { className, codecName, hexOf, suiteName, typeName } from './names.ts';
import type { InspectOptions } from './options.ts';
import type {
  AadFacts,
  BlockFacts,
  BlockPart,
  ContentState,
  FieldPart,
  InspectionPart,
  ParityFacts,
} from './parts.ts';
import { findDamagedShards } from './shards.ts';
import { stripesPart } from './stripes.ts';

/** Inspects the blocks of one file. */
export class BlocksInspector {
  readonly #file: FileHandle;
  readonly #header: FileHeader;
  readonly #options: InspectOptions;
  readonly #reader: BlockReader;
  readonly #walker: BlockWalker;
  /** Contents can be decrypted, or need not be. */
  readonly #isOpen: boolean;
  /** 0 without one, or while it is not known. */
  #dictionaryId: number;
  /** Where contents go that do not stand in their block as they are. */
  #content: Room;

  /**
   * @param file stays the caller's
   * @throws VarveError `KEY` when the key of the file's epoch is not the database's
   */
  constructor(file: FileHandle, header: FileHeader, options: InspectOptions) {
    const { pipeline } = options;
    const opening = openingReader(file, header, options);
    this.#file = file;
    this.#header = header;
    this.#options = options;
    this.#isOpen = opening !== undefined;
    this.#reader = opening ?? pipeline.blindReader(file, header);
    this.#walker = new BlockWalker(this.#reader, header);
    this.#dictionaryId = 0;
    this.#content = NO_ROOM;
  }

  /** All blocks and gaps with their contents; or one block with its fields, if it is asked for. */
  *parts(): Generator<InspectionPart> {
    const { block: wanted, contents } = this.#options;
    let ordinal = 0;
    for (const found of this.#found()) {
      if (this.#isTorn(found)) {
        if (wanted === undefined) yield gapPart(found, true);
      } else if (found.found === 'gap') {
        if (wanted === undefined) yield gapPart(found, false);
      } else if (wanted === undefined || wanted === ordinal) {
        const opened = this.#open(found, ordinal);
        const isKnown = typeof opened !== 'string';
        yield this.#blockPart(found, ordinal, isKnown ? 'read' : opened);
        if (wanted === ordinal) {
          yield* this.#fields(found, isKnown ? opened : undefined);
          return;
        }
        if (isKnown && contents !== undefined) yield* contentParts(opened, contents);
      }
      if (found.found === 'block') ordinal++;
    }
    const { stripes } = this.#reader;
    if (wanted !== undefined || stripes === undefined) return;
    yield stripesPart(this.#file, this.#header, stripes);
  }

  /** Forgets the file's key. */
  close(): void {
    this.#reader.close();
  }

  #found(): Generator<FoundBlock | FoundGap> {
    const walker = this.#walker;
    const { fileClass, protection } = this.#header;
    if (fileClass !== FILE_CLASS_TABLE) return walker.walk(walker.firstPosition, walker.sizeBytes);
    return walkTable({
      walker,
      protection,
      pipeline: this.#options.pipeline,
      open: (block) => {
        const opened = this.#open(block, 0);
        return typeof opened === 'string' ? undefined : opened;
      },
      onDictionary: (id) => {
        this.#dictionaryId = id;
      },
    });
  }

  /** The content of a block that was found just now, or what became of it. */
  #open(block: FoundBlock, ordinal: number): OpenedBlock | Exclude<ContentState, 'read'> {
    const reader = this.#reader;
    if (block.state === 'damaged') return 'unread';
    if (!this.#isOpen) return 'sealed';
    const { codecId, blockType } = reader;
    if (codecId === CODEC_ZSTD_DICTIONARY && this.#dictionaryId === 0) {
      return 'its dictionary cannot be read';
    }
    const fault = reader.decode(block.buf, this.#content);
    if (fault === 'unsupported') return `codec ${codecId} is not known`;
    if (fault !== 'none') return CONTENT_FAULT_TEXT[fault];
    this.#content = reader.roomAfter(block.buf, this.#content);
    return {
      ordinal,
      type: blockType,
      buf: reader.buf,
      off: reader.contentOff,
      len: reader.contentLen,
      isEncrypted: this.#header.protection.suiteId !== SUITE_NONE,
      path: this.#file.path,
      position: block.position,
      firstPosition: this.#walker.firstPosition,
      parity: reader,
    };
  }

  #blockPart(block: FoundBlock, ordinal: number, content: ContentState): BlockPart {
    const facts = factsOf(block);
    return {
      part: 'block',
      ordinal,
      offset: block.position,
      sizeBytes: block.blockLen,
      frame: block.frame,
      facts,
      checksum: block.state,
      fault: block.fault,
      parity: this.#parityFacts(block),
      aad: this.#aadFacts(block, facts),
      content,
    };
  }

  #aadFacts(block: FoundBlock, facts: BlockFacts): AadFacts | undefined {
    const { protection, fileClass, fileNumber } = this.#header;
    if (protection.suiteId === SUITE_NONE) return undefined;
    const { databaseId } = this.#options.pipeline;
    const needsDictionary = facts.codec === CODEC_ZSTD_DICTIONARY;
    const dictionaryId = needsDictionary ? this.#dictionaryId || undefined : 0;
    return {
      suite: suiteName(protection.suiteId),
      epoch: protection.epoch,
      fileClass: className(fileClass),
      fileNumber,
      databaseId: databaseId.length === 0 ? undefined : hexOf(databaseId),
      blockType: facts.type,
      codec: facts.codec,
      dictionaryId,
      position: block.position,
      generation: 0,
      contentBytes: facts.contentBytes,
      payloadBytes: facts.payloadBytes,
    };
  }

  #parityFacts(block: FoundBlock): ParityFacts | undefined {
    const codec = this.#walker.ecc;
    const ecc = blockCodeOf(this.#header.protection.ecc);
    if (codec === undefined || ecc === undefined) return undefined;
    const { blockLen, position, start } = block;
    const sizeBytes = codec.parityBytes(blockLen);
    const own = block.stored.subarray(position - start);
    let stored = own;
    if (own.length < blockLen + sizeBytes) {
      stored = new Uint8Array(blockLen + sizeBytes);
      stored.set(own);
    }
    const good =
      block.state === 'damaged' ? undefined : block.buf.subarray(block.off, block.off + blockLen);
    const { data, parity } = findDamagedShards(ecc, codec, stored, blockLen, good);
    return {
      offset: position + blockLen,
      sizeBytes,
      presentBytes: Math.max(0, own.length - blockLen),
      ...codec.layout(blockLen),
      damagedData: data,
      damagedParity: parity,
    };
  }

  /** True for what the last write of a process that died leaves at the end of a log. */
  #isTorn(found: FoundBlock | FoundGap): boolean {
    const { fileClass, fileNumber } = this.#header;
    const isLast = found.end === this.#walker.sizeBytes;
    if (fileClass === FILE_CLASS_TABLE || !isLast) return false;
    if (found.found === 'block' && found.state !== 'damaged') return false;
    const isManifest = fileClass === FILE_CLASS_MANIFEST;
    const { database, fs, pipeline } = this.#options;
    const { current, walEnds } = database;
    const isCurrent = isManifest && current?.manifestNumber === fileNumber;
    if (isCurrent && (current.isClean || found.start < current.manifestBytes)) return false;
    if (!isManifest && found.start < (walEnds.get(fileNumber) ?? 0)) return false;
    const type = isManifest ? BLOCK_MANIFEST_EDIT : BLOCK_WAL_RECORD;
    const { path } = this.#file;
    try {
      const log = RecordLogReader.openBlind(fs, path, fileClass, fileNumber, type, pipeline);
      try {
        return log.headerState === 'sound' && log.looksTorn(found.start);
      } finally {
        log.close();
      }
    } catch (error) {
      if (!isVarveError(error)) throw error;
      return false;
    }
  }

  *#fields(block: FoundBlock, opened: OpenedBlock | undefined): Generator<FieldPart> {
    const facts = factsOf(block);
    const isInPlace =
      opened !== undefined &&
      block.state === 'sound' &&
      block.buf[block.off + BLOCK_MASK_OFF] === NO_MASK &&
      facts.codec === CODEC_NONE &&
      facts.suite === SUITE_NONE;
    const { ecc } = this.#walker;
    const payload = (fields: FieldReader, length: number): Iterable<FieldPart> => {
      if (!isInPlace) return opaquePayload(fields, length, facts.codec, facts.suite);
      return contentFields(fields.part(length), opened.type, opened.buf, opened.off, opened.len);
    };
    yield* blockFields(block, this.#header, ecc, payload);
    if (opened === undefined || isInPlace) return;
    const { type, buf, off, len } = opened;
    yield* contentFields(new FieldReader('content', buf, off, len, 0), type, buf, off, len);
  }
}

/** A reader with the key of an encrypted file; undefined without it. */
function openingReader(
  file: FileHandle,
  header: FileHeader,
  { pipeline }: InspectOptions,
): BlockReader | undefined {
  const { suiteId, epoch } = header.protection;
  if (suiteId === SUITE_NONE) return pipeline.reader(file, header);
  const { keys, databaseId } = pipeline;
  if (keys === undefined || databaseId.length !== DATABASE_ID_BYTES) return undefined;
  try {
    keys.keyCheck(epoch, databaseId, file.path);
  } catch (error) {
    // There is no key of this epoch: what is in the clear can be told all the same.
    if (isVarveError(error, 'KEY')) return undefined;
    throw error;
  }
  try {
    return pipeline.reader(file, header);
  } catch (error) {
    if (isVarveError(error, 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

function factsOf(block: FoundBlock): BlockFacts {
  const head = new Uint8Array(BLOCK_HEADER_BYTES);
  const own = block.stored.subarray(block.position - block.start);
  const good = block.state === 'damaged' ? own : block.buf.subarray(block.off);
  head.set(good.subarray(0, head.length));
  return {
    type: head[0]!,
    typeName: typeName(head[0]!),
    codec: head[1]!,
    codecName: codecName(head[1]!),
    suite: head[2]!,
    suiteName: suiteName(head[2]!),
    epoch: readU16(head, 4),
    checksumKind: head[3]!,
    payloadBytes: readU32(head, 8),
    contentBytes: readU32(head, 12),
  };
}

function gapPart(found: FoundBlock | FoundGap, isTorn: boolean): InspectionPart {
  return {
    part: 'gap',
    offset: found.start,
    sizeBytes: found.end - found.start,
    isTorn,
    reason: found.found === 'gap' ? found.reason : (found.fault ?? ''),
  };
}
