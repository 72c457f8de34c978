/**
 * The bytes of a version edit: the content of one manifest record (block type
 * `BLOCK_MANIFEST_EDIT`).
 *
 * An edit is a list of fields, in any order: tag varint, length varint, body. Tag = 2 x field
 * number, plus 1 if a reader that does not know the field may skip it; any other unknown field
 * makes the edit UNSUPPORTED. Fields 1 to 5 may repeat, one for each table, family or number.
 *
 *     field  body
 *     1      added table: fields of its own, below
 *     2      removed table: family id, level, file number (varints)
 *     3      created family: id (varint), name (UTF-8, the rest)
 *     4      dropped family: id (varint)
 *     5      log number: family id, log number (varints)
 *     6      next file number (varint)
 *     7      last seqno (varint)
 *     8      WAL ends: log number, size in bytes (varints), repeated to the end of the body
 *     9      next family id (varint)
 *     10     number from which on manifests and logs are encrypted (varint)
 *     11     key check: epoch (varint), 16 bytes (crypto/derive.ts); repeats
 *     12     log identity: log number (varint), protection and salt of the log's header; repeats
 *     13     losses of a table, optional: loss-codec.ts; repeats
 *
 * An added table holds these fields, each once, with tags of the same kind; the last one is missing
 * where its codec, protection and salt would all be 0 or unknown:
 *
 *     1      facts (varints): family id, level, file number, size in bytes, smallest seqno, largest
 *            seqno, entry count, tombstone count, raw bytes, creation time in ms
 *     2      smallest user key
 *     3      largest user key
 *     4      XXH64 of the file: low half, high half (4 bytes each, little-endian)
 *     5      storage: codec (1 byte), protection (block/file-protection.ts), salt of the file's
 *            header (16 bytes): no other file of that number passes. Older databases have no salt
 *            of tables in the clear
 * @module
 */
import { SALT_BYTES } from '../block/file-header.ts';
import {
  isSameProtection,
  PROTECTION_BYTES,
  readProtection,
  UNPROTECTED,
  writeProtection,
} from '../block/file-protection.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { compareKeys } from '../bytes/compare.ts';
import { readU32 } from '../bytes/fixed.ts';
import { VarintReader } from '../bytes/varint.ts';
import { CODEC_NONE } from '../compress/port.ts';
import { KEY_CHECK_BYTES } from '../crypto/derive.ts';
import { EPOCH_MAX } from '../crypto/key-options.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { assert, corruption, VarveError } from '../errors.ts';
import { KEY_BYTES_MAX } from '../key/kind.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { LEVEL_COUNT } from './family-version.ts';
import { decodeLosses, encodeLosses } from './loss-codec.ts';
import {
  type AddedTable,
  type CreatedFamily,
  emptyEdit,
  type FamilyLogNumber,
  type KeyCheck,
  type LogIdentity,
  type RemovedTable,
  type TableLosses,
  type VersionEdit,
  type WalEnd,
} from './version-edit.ts';

/** Longest name of a column family in UTF-8. */
export const FAMILY_NAME_BYTES_MAX = 255;

/** Largest id of a column family. */
const FAMILY_ID_MAX = 0xffff_ffff;

const FIELD_ADDED_TABLE = 1;
const FIELD_REMOVED_TABLE = 2;
const FIELD_CREATED_FAMILY = 3;
const FIELD_DROPPED_FAMILY = 4;
const FIELD_LOG_NUMBER = 5;
const FIELD_NEXT_FILE_NUMBER = 6;
const FIELD_LAST_SEQNO = 7;
const FIELD_WAL_ENDS = 8;
const FIELD_NEXT_FAMILY_ID = 9;
const FIELD_SEALED_FROM = 10;
const FIELD_KEY_CHECK = 11;
const FIELD_LOG_IDENTITY = 12;
/** Optional. */
const FIELD_LOSSES = 13;

const TABLE_FACTS = 1;
const TABLE_SMALLEST_KEY = 2;
const TABLE_LARGEST_KEY = 3;
const TABLE_CHECKSUM = 4;
const TABLE_STORAGE = 5;

/** Without the salt. */
const STORAGE_BYTES: number = 1 + PROTECTION_BYTES;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Appends the edit's bytes to `out`. */
export function encodeVersionEdit(edit: VersionEdit, out: ByteWriter): void {
  const body = new ByteWriter(256);
  const field = (number: number, ...values: number[]): void => {
    body.reset();
    for (const value of values) body.varint(value);
    writeField(out, number, body);
  };
  for (const added of edit.addedTables) {
    body.reset();
    encodeTable(added, body);
    writeField(out, FIELD_ADDED_TABLE, body);
  }
  for (const { familyId, level, fileNumber } of edit.removedTables) {
    field(FIELD_REMOVED_TABLE, familyId, level, fileNumber);
  }
  for (const { id, name } of edit.createdFamilies) {
    const bytes = utf8Encoder.encode(name);
    assert(bytes.length <= FAMILY_NAME_BYTES_MAX, 'family name has a permitted length');
    body.reset();
    body.varint(id);
    body.bytes(bytes, 0, bytes.length);
    writeField(out, FIELD_CREATED_FAMILY, body);
  }
  for (const id of edit.droppedFamilies) field(FIELD_DROPPED_FAMILY, id);
  for (const { familyId, logNumber } of edit.logNumbers) {
    field(FIELD_LOG_NUMBER, familyId, logNumber);
  }
  const { nextFileNumber, lastSeqno, nextFamilyId, walEnds } = edit;
  if (nextFileNumber !== undefined) field(FIELD_NEXT_FILE_NUMBER, nextFileNumber);
  if (lastSeqno !== undefined) field(FIELD_LAST_SEQNO, lastSeqno);
  if (walEnds !== undefined) {
    field(FIELD_WAL_ENDS, ...walEnds.flatMap((end) => [end.logNumber, end.sizeBytes]));
  }
  if (nextFamilyId !== undefined) field(FIELD_NEXT_FAMILY_ID, nextFamilyId);
  if (edit.sealedFrom !== undefined) field(FIELD_SEALED_FROM, edit.sealedFrom);
  for (const { epoch, check } of edit.keyChecks ?? []) {
    body.reset();
    body.varint(epoch);
    body.bytes(check, 0, check.length);
    writeField(out, FIELD_KEY_CHECK, body);
  }
  for (const { fileNumber, protection, salt } of edit.logIdentities ?? []) {
    const bytes = new Uint8Array(PROTECTION_BYTES);
    writeProtection(bytes, 0, protection);
    body.reset();
    body.varint(fileNumber);
    body.bytes(bytes, 0, bytes.length);
    body.bytes(salt, 0, salt.length);
    writeField(out, FIELD_LOG_IDENTITY, body);
  }
  for (const losses of edit.losses ?? []) {
    body.reset();
    encodeLosses(losses, body);
    out.varint(FIELD_LOSSES * 2 + 1);
    out.lengthPrefixed(body.buf, 0, body.length);
  }
}

function encodeTable(added: AddedTable, out: ByteWriter): void {
  const { meta } = added;
  const facts = new ByteWriter(64);
  facts.varint(added.familyId);
  facts.varint(added.level);
  facts.varint(meta.fileNumber);
  facts.varint(meta.sizeBytes);
  facts.varint(meta.smallestSeqno);
  facts.varint(meta.largestSeqno);
  facts.varint(meta.entryCount);
  facts.varint(meta.tombstoneCount);
  facts.varint(meta.rawBytes);
  facts.varint(meta.createdAtMs);
  writeField(out, TABLE_FACTS, facts);
  writeTag(out, TABLE_SMALLEST_KEY);
  out.lengthPrefixed(meta.smallestKey, 0, meta.smallestKey.length);
  writeTag(out, TABLE_LARGEST_KEY);
  out.lengthPrefixed(meta.largestKey, 0, meta.largestKey.length);
  writeTag(out, TABLE_CHECKSUM);
  out.varint(8);
  out.u32(meta.checksumLow);
  out.u32(meta.checksumHigh);
  encodeStorage(meta, out);
}

function encodeStorage({ codecId, protection, salt }: TableMeta, out: ByteWriter): void {
  const isPlain = codecId === CODEC_NONE && isSameProtection(protection, UNPROTECTED);
  if (isPlain && salt === undefined) return;
  assert(salt !== undefined || protection.suiteId === SUITE_NONE, 'salt of what is encrypted');
  const bytes = new Uint8Array(STORAGE_BYTES + (salt?.length ?? 0));
  bytes[0] = codecId;
  writeProtection(bytes, 1, protection);
  if (salt !== undefined) bytes.set(salt, STORAGE_BYTES);
  writeTag(out, TABLE_STORAGE);
  out.lengthPrefixed(bytes, 0, bytes.length);
}

function writeTag(out: ByteWriter, number: number): void {
  out.varint(number * 2);
}

function writeField(out: ByteWriter, number: number, body: ByteWriter): void {
  writeTag(out, number);
  out.lengthPrefixed(body.buf, 0, body.length);
}

/**
 * Decodes an edit from bytes that may be anything. Borrows `buf`; the edit is a fresh copy.
 * @param file and `position`: where the record stands, for errors
 * @throws VarveError `CORRUPTION` for anything that no encoder writes; `UNSUPPORTED` for a field of
 * a later version that may not be skipped
 */
export function decodeVersionEdit(
  buf: Uint8Array,
  off: number,
  len: number,
  file: string,
  position: number,
): VersionEdit {
  return new EditDecoder(buf, file, position).edit(off, off + len);
}

/** An edit whose numbers are still being read. */
type EditDraft = { -readonly [Key in keyof VersionEdit]: VersionEdit[Key] };

class EditDecoder {
  readonly #buf: Uint8Array;
  readonly #file: string;
  readonly #position: number;
  /** Reads within the body of one field. */
  readonly #body: VarintReader;

  constructor(buf: Uint8Array, file: string, position: number) {
    this.#buf = buf;
    this.#file = file;
    this.#position = position;
    this.#body = new VarintReader(buf, 0, 0);
  }

  edit(off: number, end: number): VersionEdit {
    const edit: EditDraft = emptyEdit();
    this.#fields(off, end, (number, from, to) => {
      this.#body.reset(this.#buf, from, to);
      if (number === FIELD_ADDED_TABLE) edit.addedTables.push(this.#table(from, to));
      else if (number === FIELD_REMOVED_TABLE) edit.removedTables.push(this.#removedTable());
      else if (number === FIELD_CREATED_FAMILY) edit.createdFamilies.push(this.#family(to));
      else if (number === FIELD_DROPPED_FAMILY) edit.droppedFamilies.push(this.#droppedFamily());
      else if (number === FIELD_LOG_NUMBER) edit.logNumbers.push(this.#logNumber());
      else if (number === FIELD_NEXT_FILE_NUMBER) {
        edit.nextFileNumber = this.#single(edit.nextFileNumber);
      } else if (number === FIELD_LAST_SEQNO) edit.lastSeqno = this.#single(edit.lastSeqno);
      else if (number === FIELD_NEXT_FAMILY_ID) {
        edit.nextFamilyId = this.#single(edit.nextFamilyId);
      } else if (number === FIELD_WAL_ENDS) edit.walEnds = this.#walEnds(edit.walEnds, to);
      else if (number === FIELD_SEALED_FROM) edit.sealedFrom = this.#single(edit.sealedFrom);
      else if (number === FIELD_KEY_CHECK) {
        edit.keyChecks = [...(edit.keyChecks ?? []), this.#keyCheck(to)];
      } else if (number === FIELD_LOG_IDENTITY) {
        edit.logIdentities = [...(edit.logIdentities ?? []), this.#logIdentity(to)];
      } else if (number === FIELD_LOSSES) {
        edit.losses = [...(edit.losses ?? []), this.#losses()];
      } else return false;
      return true;
    });
    return edit;
  }

  /**
   * Walks through a list of fields.
   * @param take gets a field number and its body's range; false when it does not know the field
   */
  #fields(
    off: number,
    end: number,
    take: (number: number, from: number, to: number) => boolean,
  ): void {
    const reader = new VarintReader(this.#buf, off, end);
    while (reader.off < end) {
      const tag = reader.next();
      const length = reader.next();
      const from = reader.skip(length);
      this.#require(!reader.failed, 'field is cut short');
      const isOptional = tag % 2 === 1;
      if (take((tag - (tag % 2)) / 2, from, from + length) || isOptional) continue;
      throw new VarveError('UNSUPPORTED', `manifest needs a newer version (${this.#file})`, {
        file: this.#file,
        offset: this.#position,
      });
    }
  }

  #table(off: number, end: number): AddedTable {
    const parts: [number, number][] = [];
    this.#fields(off, end, (number, from, to) => {
      if (number < TABLE_FACTS || number > TABLE_STORAGE) return false;
      this.#require(parts[number] === undefined, 'table repeats a field');
      parts[number] = [from, to];
      return true;
    });
    const [, facts, smallest, largest, checksum, storage] = parts;
    if (!facts || !smallest || !largest || !checksum) throw this.#bad('table lacks a field');
    this.#body.reset(this.#buf, facts[0], facts[1]);
    const body = this.#body;
    const familyId = this.#familyId();
    const level = this.#level();
    const meta: TableMeta = {
      fileNumber: this.#fileNumber(),
      sizeBytes: body.next(),
      smallestSeqno: body.next(),
      largestSeqno: body.next(),
      entryCount: body.next(),
      tombstoneCount: body.next(),
      rawBytes: body.next(),
      createdAtMs: body.next(),
      smallestKey: this.#buf.slice(smallest[0], smallest[1]),
      largestKey: this.#buf.slice(largest[0], largest[1]),
      checksumLow: this.#half(checksum, 0),
      checksumHigh: this.#half(checksum, 4),
      ...this.#storage(storage),
    };
    this.#finish(facts[1]);
    this.#checkTable(meta);
    return { familyId, level, meta };
  }

  #checkTable(meta: TableMeta): void {
    this.#require(meta.smallestKey.length <= KEY_BYTES_MAX, 'key is too long');
    this.#require(meta.largestKey.length <= KEY_BYTES_MAX, 'key is too long');
    this.#require(compareKeys(meta.smallestKey, meta.largestKey) <= 0, 'key range is inverted');
    this.#require(meta.smallestSeqno <= meta.largestSeqno, 'seqno range is inverted');
    this.#require(meta.tombstoneCount <= meta.entryCount, 'more tombstones than entries');
  }

  #storage(
    range: readonly [number, number] | undefined,
  ): Pick<TableMeta, 'codecId' | 'protection' | 'salt'> {
    if (range === undefined) {
      return { codecId: CODEC_NONE, protection: UNPROTECTED, salt: undefined };
    }
    const [off, end] = range;
    const saltBytes = end - off - STORAGE_BYTES;
    const wrongLength = 'storage of a table has a wrong length';
    this.#require(saltBytes === 0 || saltBytes === SALT_BYTES, wrongLength);
    const protection = readProtection(this.#buf, off + 1, this.#file, this.#position);
    this.#require(saltBytes > 0 || protection.suiteId === SUITE_NONE, wrongLength);
    const salt = saltBytes > 0 ? this.#buf.slice(off + STORAGE_BYTES, end) : undefined;
    return { codecId: this.#buf[off]!, protection, salt };
  }

  #keyCheck(end: number): KeyCheck {
    const epoch = this.#body.next();
    const from = this.#body.off;
    this.#require(!this.#body.failed && end - from === KEY_CHECK_BYTES, 'key check is malformed');
    this.#require(epoch >= 1 && epoch <= EPOCH_MAX, 'key check is of no epoch');
    return { epoch, check: this.#buf.slice(from, end) };
  }

  #half(range: readonly [number, number], off: number): number {
    this.#require(range[1] - range[0] === 8, 'table checksum has a wrong length');
    return readU32(this.#buf, range[0] + off);
  }

  #removedTable(): RemovedTable {
    const familyId = this.#familyId();
    const level = this.#level();
    const fileNumber = this.#fileNumber();
    this.#finish(this.#body.end);
    return { familyId, level, fileNumber };
  }

  #family(end: number): CreatedFamily {
    const id = this.#familyId();
    const from = this.#body.off;
    this.#require(!this.#body.failed, 'family is cut short');
    this.#require(end - from <= FAMILY_NAME_BYTES_MAX, 'family name is too long');
    try {
      return { id, name: utf8Decoder.decode(this.#buf.slice(from, end)) };
    } catch {
      throw this.#bad('family name is not UTF-8');
    }
  }

  #droppedFamily(): number {
    const id = this.#familyId();
    this.#finish(this.#body.end);
    return id;
  }

  #logNumber(): FamilyLogNumber {
    const familyId = this.#familyId();
    const logNumber = this.#body.next();
    this.#finish(this.#body.end);
    return { familyId, logNumber };
  }

  #logIdentity(end: number): LogIdentity {
    const fileNumber = this.#fileNumber();
    const off = this.#body.skip(PROTECTION_BYTES + SALT_BYTES);
    this.#finish(end);
    const protection = readProtection(this.#buf, off, this.#file, this.#position);
    const saltOff = off + PROTECTION_BYTES;
    const salt = this.#buf.slice(saltOff, saltOff + SALT_BYTES);
    return { fileNumber, protection, salt };
  }

  #losses(): TableLosses {
    const losses = decodeLosses(this.#body);
    if (losses === undefined) throw this.#bad('losses of a table are malformed');
    return losses;
  }

  /** A field that is one number and stands only once. */
  #single(earlier: number | undefined): number {
    this.#require(earlier === undefined, 'field is repeated');
    const value = this.#body.next();
    this.#finish(this.#body.end);
    return value;
  }

  #walEnds(earlier: readonly WalEnd[] | undefined, end: number): WalEnd[] {
    this.#require(earlier === undefined, 'field is repeated');
    const ends: WalEnd[] = [];
    while (this.#body.off < end && !this.#body.failed) {
      ends.push({ logNumber: this.#body.next(), sizeBytes: this.#body.next() });
    }
    this.#finish(end);
    return ends;
  }

  #familyId(): number {
    const id = this.#body.next();
    this.#require(id <= FAMILY_ID_MAX, 'family id is too large');
    return id;
  }

  #level(): number {
    const level = this.#body.next();
    this.#require(level < LEVEL_COUNT, 'level does not exist');
    return level;
  }

  #fileNumber(): number {
    const fileNumber = this.#body.next();
    this.#require(fileNumber > 0, 'file number is zero');
    return fileNumber;
  }

  #finish(end: number): void {
    this.#require(!this.#body.failed && this.#body.off === end, 'field has a wrong length');
  }

  #require(condition: boolean, problem: string): void {
    if (!condition) throw this.#bad(problem);
  }

  #bad(problem: string): VarveError {
    return corruption(`version edit is malformed: ${problem}`, this.#file, this.#position);
  }
}
