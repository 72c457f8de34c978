/**
 * Write batches, which are built in the form in which the WAL stores them: writing a batch copies
 * it nowhere.
 *
 * One operation:
 *
 *     size    meaning
 *     1       kind (KIND_PUT, KIND_DELETE)
 *     varint  column family id
 *     varint  key length
 *     n       key
 *     varint  value length    only for KIND_PUT
 *     m       value           only for KIND_PUT
 *
 * The buffer keeps room before the operations for the block header and the WAL record prefix, and
 * behind them for the checksum.
 *
 * Entry checksums stand beside the buffer, one an operation, so that a change of the buffer shows.
 * Each is bound to the family as well, which is part of the operation but not of the entry.
 * @module
 */

import { BLOCK_CONTENT_BYTES_MAX, BLOCK_HEADER_BYTES } from '../block/block-format.ts';
import { ByteWriter, copyBytes } from '../bytes/byte-writer.ts';
import { utf8LengthMax, writeUtf8 } from '../bytes/utf8.ts';
import { VARINT_BYTES_MAX, VarintReader, varintLength, writeVarint } from '../bytes/varint.ts';
import { assert } from '../errors.ts';
import { entryChecksum, NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import {
  KEY_BYTES_MAX,
  KIND_DELETE,
  KIND_PUT,
  KIND_UNKNOWN_MIN,
  VALUE_BYTES_MAX,
} from '../key/kind.ts';
import { WAL_RECORD_PREFIX_BYTES } from '../wal/wal-record.ts';
import { BATCH_OPTIONS } from './call-checks.ts';
import { ColumnFamily, DEFAULT_FAMILY_ID } from './column-family.ts';
import { type ByteInput, type Bytes, keyInput, valueInput } from './input.ts';

/** Where the operations begin in a batch's buffer. */
export const OPERATIONS_OFF: number = BLOCK_HEADER_BYTES + WAL_RECORD_PREFIX_BYTES;
/** What one operation costs beyond its key and value, at most. */
const OPERATION_OVERHEAD_BYTES_MAX = 1 + 3 * VARINT_BYTES_MAX;
/** A cleared batch gives a larger buffer back. */
const RETAINED_BYTES_MAX = 1_048_576;
const FIRST_CAPACITY_BYTES = 512;
/** Strings up to this length are encoded where they go: no key of that length is too long. */
const DIRECT_LENGTH_MAX = 16_384;
const FAMILY_FACTOR = 0x9e3779b1;
/** Beyond all ids: stands for the first name of a batch until that is looked up. */
const NAMED_FAMILY_ID_MIN = 2 ** 40;

/** The key or value of the operation that is being added. */
class Operand {
  /** Where its bytes are: with the caller, or where a string was encoded to. */
  buf: Uint8Array;
  off: number;
  len: number;
  readonly #input: ByteInput;
  /** A string that is not encoded yet. */
  #text: string | undefined;

  constructor(input: ByteInput) {
    this.buf = input.buf;
    this.off = 0;
    this.len = 0;
    this.#input = input;
    this.#text = undefined;
  }

  /**
   * Checks a key or value and borrows it until the operation is added.
   * @returns the bytes that it takes at most
   */
  set(data: Bytes): number {
    if (typeof data === 'string' && data.length <= DIRECT_LENGTH_MAX) {
      this.#text = data;
      return utf8LengthMax(data);
    }
    this.#text = undefined;
    this.#input.set(data);
    this.buf = this.#input.buf;
    this.off = 0;
    this.len = this.#input.len;
    return this.len;
  }

  /** Writes length and bytes at `off` of `out`, which has room; returns the offset behind them. */
  write(out: Uint8Array, off: number): number {
    const text = this.#text;
    if (text !== undefined) return this.#encode(text, out, off);
    const at = writeVarint(out, off, this.len);
    copyBytes(this.buf, 0, this.len, out, at);
    return at + this.len;
  }

  #encode(text: string, out: Uint8Array, off: number): number {
    // The length stands first and is known last; it is likely that of ASCII.
    const likelyOff = off + varintLength(text.length);
    const len = writeUtf8(text, out, likelyOff);
    const at = off + varintLength(len);
    if (at !== likelyOff) out.copyWithin(at, likelyOff, likelyOff + len);
    writeVarint(out, off, len);
    this.buf = out;
    this.off = at;
    this.len = len;
    return at + len;
  }
}

/** Encodes operations; the database uses one directly for single writes. */
export class BatchEncoder {
  readonly writer: ByteWriter;
  /** Number of operations. */
  count: number;
  /** The families that operations were added for, each once; the default one without a handle. */
  readonly families: ColumnFamily[];
  /** Families that are known by name only, each once; none in an encoder that can be written. */
  readonly #names: string[];
  /**
   * Bound checksums of the first operations, `NO_ENTRY_CHECKSUM` for those without one; the
   * operations behind the last have none.
   */
  readonly checksums: number[];
  readonly #checksDefault: boolean;
  readonly #key: Operand;
  readonly #value: Operand;

  /** @param checksDefault whether operations without a handle get a checksum */
  constructor(checksDefault = false) {
    this.writer = new ByteWriter(FIRST_CAPACITY_BYTES);
    this.writer.reset(OPERATIONS_OFF);
    this.count = 0;
    this.families = [];
    this.#names = [];
    this.checksums = [];
    this.#checksDefault = checksDefault;
    this.#key = new Operand(keyInput());
    this.#value = new Operand(valueInput());
  }

  clear(): void {
    this.writer.restart(RETAINED_BYTES_MAX, FIRST_CAPACITY_BYTES);
    this.writer.reset(OPERATIONS_OFF);
    this.count = 0;
    this.families.length = 0;
    this.#names.length = 0;
    this.checksums.length = 0;
  }

  /** Bytes of operations. */
  get operationBytes(): number {
    return this.writer.length - OPERATIONS_OFF;
  }

  put(family: ColumnFamily | string | undefined, key: Bytes, value: Bytes): void {
    const room = this.#key.set(key) + this.#value.set(value);
    this.#add(KIND_PUT, family, room);
  }

  delete(family: ColumnFamily | string | undefined, key: Bytes): void {
    this.#add(KIND_DELETE, family, this.#key.set(key));
  }

  /**
   * The same operations, each for a family that is known: this encoder, or a copy if some were
   * added by name.
   * @param familyNamed finds a family, or throws
   */
  resolved(familyNamed: (name: string) => ColumnFamily): BatchEncoder {
    if (this.#names.length === 0) return this;
    const named = this.#names.map(familyNamed);
    const copy = new BatchEncoder(this.#checksDefault);
    const { buf, length } = this.writer;
    const reader = new OperationReader();
    reader.reset(buf, OPERATIONS_OFF, length);
    for (let i = 0; i < this.count; i++) {
      assert(reader.next(), 'a batch holds what was added to it');
      const { kind, familyId, keyOff, keyLen, valOff, valLen } = reader;
      const family =
        named[familyId - NAMED_FAMILY_ID_MIN] ?? this.families.find(({ id }) => id === familyId);
      const key = buf.subarray(keyOff, keyOff + keyLen);
      if (kind === KIND_PUT) copy.put(family, key, buf.subarray(valOff, valOff + valLen));
      else copy.delete(family, key);
      // That of an operation with a handle is older than the bytes here.
      const checksum = this.checksums[i] ?? NO_ENTRY_CHECKSUM;
      if (checksum === NO_ENTRY_CHECKSUM) continue;
      copy.setChecksum(i, bindToFamily(checksum, familyId), familyId);
    }
    return copy;
  }

  /** Stores the checksum of operation `index`, which has none, of a family. */
  setChecksum(index: number, checksum: number, familyId: number): void {
    const { checksums } = this;
    while (checksums.length < index) checksums.push(NO_ENTRY_CHECKSUM);
    checksums[index] = bindToFamily(checksum, familyId);
  }

  /** @param room bytes that key and value take at most */
  #add(kind: number, family: ColumnFamily | string | undefined, room: number): void {
    const { writer } = this;
    const more = OPERATION_OVERHEAD_BYTES_MAX + room;
    if (writer.length + more > BLOCK_CONTENT_BYTES_MAX) {
      throw new RangeError(`a write batch holds at most ${BLOCK_CONTENT_BYTES_MAX} bytes`);
    }
    if (typeof family === 'string') this.#addNamed(kind, family, more);
    else this.#addFor(kind, family, more);
  }

  /** With an id that stands for the name in this batch. */
  #addNamed(kind: number, name: string, more: number): void {
    const names = this.#names;
    const known = names.indexOf(name);
    const index = known < 0 ? names.length : known;
    this.#encode(kind, NAMED_FAMILY_ID_MIN + index, false, more);
    if (known < 0) names.push(name);
  }

  #addFor(kind: number, family: ColumnFamily | undefined, more: number): void {
    const isNewFamily = family !== undefined && !this.families.includes(family);
    if (isNewFamily && !(family instanceof ColumnFamily)) {
      throw new TypeError('columnFamily must be a ColumnFamily of the database, or its name');
    }
    const isChecked = family?.entryChecksums ?? this.#checksDefault;
    this.#encode(kind, family?.id ?? DEFAULT_FAMILY_ID, isChecked, more);
    if (isNewFamily) this.families.push(family);
  }

  /** Nothing that may throw leaves a trace. */
  #encode(kind: number, familyId: number, isChecked: boolean, more: number): void {
    const { writer } = this;
    writer.reserve(more);
    const { buf, length } = writer;
    buf[length] = kind;
    let at = writeVarint(buf, length + 1, familyId);
    at = this.#key.write(buf, at);
    if (kind === KIND_PUT) at = this.#value.write(buf, at);
    if (isChecked) this.#addChecksum(kind, familyId);
    writer.length = at;
    this.count++;
  }

  /** From the caller's bytes, not from their copy; a string has none before it is encoded. */
  #addChecksum(kind: number, familyId: number): void {
    const { buf, off, len } = this.#key;
    const value = this.#value;
    const valueLen = kind === KIND_PUT ? value.len : 0;
    const checksum = entryChecksum(kind, buf, off, len, value.buf, value.off, valueLen);
    this.setChecksum(this.count, checksum, familyId);
  }
}

/** Binds a checksum to a family; done again, it gives the checksum back. */
export function bindToFamily(checksum: number, familyId: number): number {
  return (checksum ^ Math.imul(familyId, FAMILY_FACTOR)) >>> 0;
}

/** What a batch can be given. */
export interface WriteBatchOptions {
  /**
   * Give operations of the default family a checksum when they are added, for a database whose
   * default family has `entryChecksums`; false if absent: they then get it when the batch is
   * written. A handle tells this by itself.
   */
  readonly entryChecksums?: boolean;
}

/**
 * Operations that are applied together or not at all, in the order in which they were added. Keys
 * and values are copied in when added. A batch may be written several times, and refilled after
 * `clear`.
 */
export class WriteBatch {
  readonly #encoder: BatchEncoder;

  /** @throws TypeError for an unknown option, or one of a wrong type */
  constructor(options: WriteBatchOptions = {}) {
    BATCH_OPTIONS.check(options);
    this.#encoder = new BatchEncoder(options.entryChecksums === true);
  }

  /** Number of operations. */
  get count(): number {
    return this.#encoder.count;
  }

  /** Encoded size in bytes. */
  get sizeBytes(): number {
    return this.#encoder.operationBytes;
  }

  /**
   * Adds a put. Borrows key and value for the call.
   * @param key at most 64 KiB
   * @param value at most 256 MiB
   * @param columnFamily the family, or its name; the default one if absent. Names are looked up
   * when the batch is written, which then copies it
   * @throws TypeError for other types, RangeError above the limits
   */
  put(key: Bytes, value: Bytes, columnFamily?: ColumnFamily | string): this {
    this.#encoder.put(columnFamily, key, value);
    return this;
  }

  /** Adds a delete; deleting an absent key is no error. Parameters as for {@link put}. */
  delete(key: Bytes, columnFamily?: ColumnFamily | string): this {
    this.#encoder.delete(columnFamily, key);
    return this;
  }

  /** Removes all operations. */
  clear(): this {
    this.#encoder.clear();
    return this;
  }

  /** The encoder of a batch, for the write path. */
  static encoderOf(batch: WriteBatch): BatchEncoder {
    return batch.#encoder;
  }
}

/** Walks encoded operations; its fields describe the current one and lend ranges of the buffer. */
export class OperationReader {
  buf: Uint8Array;
  kind: number;
  familyId: number;
  keyOff: number;
  keyLen: number;
  valOff: number;
  valLen: number;
  readonly #reader: VarintReader;

  constructor() {
    this.buf = new Uint8Array(0);
    this.kind = KIND_DELETE;
    this.familyId = 0;
    this.keyOff = 0;
    this.keyLen = 0;
    this.valOff = 0;
    this.valLen = 0;
    this.#reader = new VarintReader(this.buf, 0, 0);
  }

  /** Starts at `off`; borrows `buf` while it is being walked. */
  reset(buf: Uint8Array, off: number, end: number): void {
    this.buf = buf;
    this.#reader.reset(buf, off, end);
  }

  /** The checksum of the current operation's entry, from its bytes. */
  entryChecksum(): number {
    const { buf, kind, keyOff, keyLen, valOff, valLen } = this;
    return entryChecksum(kind, buf, keyOff, keyLen, buf, valOff, valLen);
  }

  /** True when every byte was consumed by sound operations. */
  get atEnd(): boolean {
    return !this.#reader.failed && this.#reader.off === this.#reader.end;
  }

  /** Moves to the next operation; false when the bytes do not hold a sound one. */
  next(): boolean {
    const reader = this.#reader;
    this.kind = reader.byte();
    this.familyId = reader.next();
    this.keyLen = reader.next();
    this.keyOff = reader.skip(this.keyLen);
    this.valLen = 0;
    this.valOff = reader.off;
    if (this.kind === KIND_PUT) {
      this.valLen = reader.next();
      this.valOff = reader.skip(this.valLen);
    }
    return (
      !reader.failed &&
      this.kind < KIND_UNKNOWN_MIN &&
      this.keyLen <= KEY_BYTES_MAX &&
      this.valLen <= VALUE_BYTES_MAX
    );
  }
}
