/**
 * What an inspection tells: plain data in the order in which a file holds it. Salts, ids and
 * checksums are hexadecimal text; a `Uint8Array` is a user's key or value, or bytes of the file.
 * @module
 */
import type { CopyState, FrameFacts } from '../block/block-walker.ts';
import type { EccOptions } from '../ecc/options.ts';
import type { TableFooter } from '../sstable/table-footer.ts';
import type { TableProperties } from '../sstable/table-properties.ts';

/** What a file is. */
export type InspectedKind = 'table' | 'wal' | 'manifest' | 'current' | 'lock' | 'scrub' | 'unknown';

/** The file as the file system has it. */
export interface FilePart {
  readonly part: 'file';
  readonly path: string;
  readonly kind: InspectedKind;
  readonly sizeBytes: number;
}

/** Fields of a file header. */
export interface HeaderFacts {
  readonly fileClass: string;
  readonly formatVersion: number;
  readonly fileNumber: number;
  readonly salt: string;
  readonly previousNumber: number;
  readonly baseSeqno: number;
  /** Of a table or manifest, unless an older version wrote it. */
  readonly databaseId: string | undefined;
  /** `none` for a file in the clear. */
  readonly suite: string;
  readonly epoch: number;
  readonly ecc: EccOptions | undefined;
}

/**
 * The header of a table, log or manifest. Its state:
 *
 * - `sound`: every byte is as it was written
 * - `corrected`: some copies or their SEC-DED section are damaged
 * - `unvouched`: no copy is sound, but blocks are, under the salt that one of them shows
 * - `unwritten`: its creation was cut off
 * - `damaged`: nothing in the file can be checked
 */
export interface HeaderPart {
  readonly part: 'header';
  readonly state: 'sound' | 'corrected' | 'unvouched' | 'unwritten' | 'damaged';
  /** Where the first block stands. */
  readonly sizeBytes: number;
  readonly copies: readonly CopyState[];
  /** Of a file with SEC-DED. */
  readonly section: 'sound' | 'damaged' | undefined;
  readonly facts: HeaderFacts | undefined;
}

/** One slot of CURRENT. */
export interface SlotPart {
  readonly part: 'slot';
  readonly slot: number;
  readonly state: 'sound' | 'corrected' | 'empty' | 'damaged';
  readonly copies: readonly CopyState[];
  readonly section: 'sound' | 'damaged';
  /** It has the higher generation. */
  readonly counts: boolean;
  readonly facts: SlotFacts | undefined;
  /** `sealed` without its key. */
  readonly tag: 'none' | 'sealed' | 'authentic' | 'not authentic';
}

/** Fields of a slot of CURRENT. */
export interface SlotFacts {
  readonly generation: number;
  readonly manifestNumber: number;
  readonly manifestBytes: number;
  readonly isClean: boolean;
  readonly databaseId: string;
  readonly suite: string;
  readonly epoch: number;
}

/** The first 16 bytes of a block: as they should be, or as they stand if it cannot be repaired. */
export interface BlockFacts {
  readonly type: number;
  readonly typeName: string;
  readonly codec: number;
  readonly codecName: string;
  readonly suite: number;
  readonly suiteName: string;
  readonly epoch: number;
  readonly checksumKind: number;
  readonly payloadBytes: number;
  readonly contentBytes: number;
}

/** Some of the shards that are damaged. */
export interface DamagedShards {
  readonly count: number;
  /** Counted from 0: shards, or words of 8 bytes with SEC-DED. The first of them if many. */
  readonly numbers: readonly number[];
}

/** The parity section of a block. */
export interface ParityFacts {
  readonly offset: number;
  readonly sizeBytes: number;
  /** Bytes of it that the file has. */
  readonly presentBytes: number;
  readonly dataShards: number;
  readonly dataShardBytes: number;
  readonly parityShards: number;
  readonly parityShardBytes: number;
  /** Undefined when no parity shard is left to say. */
  readonly damagedData: DamagedShards | undefined;
  readonly damagedParity: DamagedShards;
}

/** What the tag of an encrypted block vouches for beside its payload. */
export interface AadFacts {
  readonly suite: string;
  readonly epoch: number;
  readonly fileClass: string;
  readonly fileNumber: number;
  /** Undefined when it is not known. */
  readonly databaseId: string | undefined;
  readonly blockType: number;
  readonly codec: number;
  /** 0 without one; undefined when it is not known. */
  readonly dictionaryId: number | undefined;
  readonly position: number;
  readonly generation: number;
  readonly contentBytes: number;
  readonly payloadBytes: number;
}

/**
 * What became of the content:
 *
 * - `read`
 * - `sealed`: its key is not there
 * - `unread`: nobody asked, or the block is damaged
 * - any other text: why it cannot be read although the checksum is right; this is damage
 */
export type ContentState = 'read' | 'sealed' | 'unread' | (string & {});

/** One block, with its frame and its parity section. */
export interface BlockPart {
  readonly part: 'block';
  /** Number among the blocks of the file that were found, counted from 0. */
  readonly ordinal: number;
  /** Where the block begins: behind its frame, if it has one. */
  readonly offset: number;
  /** Without frame and parity section. */
  readonly sizeBytes: number;
  readonly frame: FrameFacts | undefined;
  readonly facts: BlockFacts;
  readonly checksum: 'sound' | 'corrected' | 'damaged';
  /** What is wrong with it as it stands in the file. */
  readonly fault: string | undefined;
  readonly parity: ParityFacts | undefined;
  /** Only in encrypted files. */
  readonly aad: AadFacts | undefined;
  readonly content: ContentState;
}

/** The stripe section at the end of a table, and the chunks of the file that it stands for. */
export interface StripesPart {
  readonly part: 'stripes';
  readonly offset: number;
  /** With the last copy of the header. */
  readonly sizeBytes: number;
  readonly stripeCount: number;
  readonly dataChunks: number;
  readonly parityUnits: number;
  readonly unitBytes: number;
  /** Longest hole that is rebuilt wherever it is. */
  readonly holeBytesMax: number;
  /** Chunks of 4 KiB of the file, counted from 0. */
  readonly damagedChunks: DamagedShards;
  /** Counted from 0 in the section. */
  readonly damagedUnits: DamagedShards;
  /** Stripes of which more is damaged than can be restored. */
  readonly lostCount: number;
  /** The copy of the file header behind the units. */
  readonly headerCopy: 'sound' | 'damaged';
}

/** Bytes in which no block was found. */
export interface GapPart {
  readonly part: 'gap';
  readonly offset: number;
  readonly sizeBytes: number;
  /** It looks like the unfinished last write of a process that died, which is no damage. */
  readonly isTorn: boolean;
  readonly reason: string;
}

/** A data block's content; its entries follow. */
export interface DataPart {
  readonly part: 'data';
  readonly block: number;
  readonly entryCount: number;
  readonly restartInterval: number;
  readonly restartCount: number;
  readonly valueAreaBytes: number;
  readonly keyAreaBytes: number;
  readonly seqnoBytes: number;
  readonly baseSeqno: number;
  readonly headPrefixBytes: number;
}

/** An entry of a data block, or an operation of a WAL record. */
export interface EntryPart {
  readonly part: 'entry';
  readonly block: number;
  readonly index: number;
  readonly key: Uint8Array;
  readonly seqno: number;
  readonly kind: 'put' | 'delete';
  /** The first bytes; undefined for a delete. */
  readonly value: Uint8Array | undefined;
  readonly valueBytes: number;
  /** Of an operation of a WAL record. */
  readonly familyId?: number;
}

/** An index block's content; its separators follow. */
export interface IndexPart {
  readonly part: 'index';
  readonly block: number;
  readonly blockCount: number;
  readonly prefix: Uint8Array;
}

/** What an index says of one data block. */
export interface SeparatorPart {
  readonly part: 'separator';
  readonly block: number;
  readonly dataBlock: number;
  readonly separator: Uint8Array;
  readonly blockBytes: number;
  readonly continuedSeqno: number;
}

export interface FilterPart {
  readonly part: 'filter';
  readonly block: number;
  readonly kind: number;
  readonly probes: number;
  readonly lineCount: number;
  readonly keyCount: number;
}

export interface DictionaryPart {
  readonly part: 'dictionary';
  readonly block: number;
  readonly id: number;
  readonly sizeBytes: number;
}

export interface PropertiesPart {
  readonly part: 'properties';
  readonly block: number;
  readonly properties: TableProperties;
}

export interface FooterPart {
  readonly part: 'footer';
  readonly block: number;
  readonly footer: TableFooter;
}

/** A WAL record's content; its operations follow as entries. */
export interface RecordPart {
  readonly part: 'record';
  readonly block: number;
  readonly firstSeqno: number;
  readonly durableSeqno: number;
  readonly operationCount: number;
}

/** The record with which a log ends: it names the log that follows. */
export interface ClosingPart {
  readonly part: 'closing';
  readonly block: number;
  readonly nextNumber: number;
  /** Hexadecimal. */
  readonly nextSalt: string;
}

/** The record without content with which an encrypted log begins. */
export interface OpeningPart {
  readonly part: 'opening';
  readonly block: number;
}

/** A version edit, as src/manifest/version-edit.ts has it. */
export interface EditPart {
  readonly part: 'edit';
  readonly block: number;
  readonly edit: object;
}

/** The lock file. */
export interface LockPart {
  readonly part: 'lock';
  readonly text: string;
}

/** Something worth knowing that is no part of the file. */
export interface ProblemPart {
  readonly part: 'problem';
  readonly offset: number | undefined;
  readonly isDamage: boolean;
  readonly message: string;
}

/** Some bytes and what they mean; asked for one block. */
export interface FieldPart {
  readonly part: 'field';
  /** Whether `offset` counts from the beginning of the file or of the block's content. */
  readonly area: 'file' | 'content';
  readonly offset: number;
  /** Lent until the next part. */
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly meaning: string;
}

/** The last part of every inspection. */
export interface SummaryPart {
  readonly part: 'summary';
  readonly blockCount: number;
  /** Blocks and headers that are damaged and can be read nevertheless. */
  readonly correctedCount: number;
  /** Damage that cannot be put right. */
  readonly damageCount: number;
  readonly isTorn: boolean;
  readonly isSealed: boolean;
}

/** Told apart by `part`. */
export type InspectionPart =
  | FilePart
  | HeaderPart
  | SlotPart
  | BlockPart
  | GapPart
  | StripesPart
  | DataPart
  | EntryPart
  | IndexPart
  | SeparatorPart
  | FilterPart
  | DictionaryPart
  | PropertiesPart
  | FooterPart
  | RecordPart
  | OpeningPart
  | ClosingPart
  | EditPart
  | LockPart
  | ProblemPart
  | FieldPart
  | SummaryPart;
