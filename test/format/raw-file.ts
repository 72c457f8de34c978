/**
 * Files and their blocks, read as docs/FORMAT.md says: file headers, protection, frames, checksums,
 * parity sections, encryption, compression. Damage that a file's code can undo is undone.
 * @module
 */
import assert from 'node:assert/strict';
import { ascii, Bytes, littleEndian, xxh64 } from './raw-bytes.ts';
import { correct, type RawCode, SEC_DED, section, sectionBytes } from './raw-codes.ts';
import { decompress, decrypt, dictionaryId, fileKey, type RawIdentity } from './raw-stages.ts';
import { bodyBytes, checkStripes, type RawStripe, restoreStripes } from './raw-stripes.ts';

const COPY_BYTES = 64;
const COPIES_MAX = 7;
const BLOCK_HEADER_BYTES = 16;
const BLOCK_OVERHEAD_BYTES = 24;

/** What it takes to read encrypted files. */
export interface RawSecrets {
  readonly databaseId: Uint8Array;
  /** Keys by epoch. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
}

/** How a file is protected. */
export interface RawProtection {
  readonly suite: number;
  readonly epoch: number;
  readonly code: RawCode;
  /** Only in tables. */
  readonly stripe: RawStripe | undefined;
}

/** The header of a file. */
export interface RawHeader {
  readonly fileClass: string;
  readonly fileNumber: number;
  readonly salt: Uint8Array;
  /** Of a log; 0 otherwise. */
  readonly baseSeqno: number;
  /** Of a table or manifest that no older writer left. */
  readonly databaseId: Uint8Array | undefined;
  readonly protection: RawProtection;
  /** The copy from which it was read. */
  readonly copy: Uint8Array;
}

/** A block whose stages are undone. */
export interface RawBlock {
  readonly type: number;
  readonly codec: number;
  readonly content: Uint8Array;
  /** Where the next block, or the frame before it, begins. */
  readonly end: number;
}

export function readProtection(reader: Bytes): RawProtection {
  const suite = reader.u8();
  assert.equal(reader.u8(), 0);
  const epoch = reader.u16();
  const [scheme, first, second] = [reader.u8(), reader.u8(), reader.u8()];
  const code = { scheme: scheme % 4, k: first % 32, m: second % 8 };
  const stripe = { k: Math.floor(second / 8), m: Math.floor(first / 32) };
  assert.equal(reader.u8(), 0);
  assert.equal(suite === 0, epoch === 0, 'an epoch goes with a suite');
  assert.ok(suite <= 2 && scheme <= 7);
  assert.deepEqual([stripe.k > 0, stripe.m > 0], [scheme > 3, scheme > 3]);
  return { suite, epoch, code, stripe: scheme > 3 ? stripe : undefined };
}

/** Bytes of a file whose damage is undone apart from that of all others. */
export interface RawSpan {
  readonly kind: 'frame' | 'block';
  readonly position: number;
  /** Without the parity section. */
  readonly length: number;
}

/** One file; what is damaged in it is put right in a copy of its bytes. */
export class RawFile {
  readonly header: RawHeader;
  /** As the writer left them, as far as they have been read. */
  readonly bytes: Uint8Array;
  /** Headers, frames, blocks and sections that were put right. */
  corrected: number;
  /** Codecs of the blocks that have been read. */
  readonly codecs: Set<number>;
  /** What has been read, behind the header. */
  readonly spans: RawSpan[];
  /** Of the table, once it has been read. */
  dictionary: Uint8Array | undefined;
  readonly secrets: RawSecrets;
  private readonly seed: bigint;
  private key: Uint8Array | undefined;

  /**
   * Opens a file by its header; undefined when that was never written.
   * @param sizeBytes of the file, if a sound place says it: missing bytes may then be restored
   */
  static open(
    file: Uint8Array,
    fileClass: string,
    fileNumber: number,
    secrets: RawSecrets,
    sizeBytes?: number,
  ): RawFile | undefined {
    const header = findHeader(file, fileClass, fileNumber);
    if (header === undefined) return undefined;
    const bytes = new Uint8Array(Math.max(sizeBytes ?? 0, file.length));
    bytes.set(file);
    return new RawFile(header, bytes, secrets);
  }

  private constructor(header: RawHeader, bytes: Uint8Array, secrets: RawSecrets) {
    this.header = header;
    this.bytes = bytes;
    this.corrected = 0;
    this.codecs = new Set();
    this.spans = [];
    this.dictionary = undefined;
    this.secrets = secrets;
    this.seed = new Bytes(header.salt).wide();
    this.key = undefined;
    this.write(0, headerBytes(header));
  }

  /** The name of the file in its directory. */
  get name(): string {
    const { fileClass, fileNumber } = this.header;
    const digits = String(fileNumber).padStart(6, '0');
    if (fileClass === 'M') return `MANIFEST-${digits}`;
    return `${digits}.${fileClass === 'W' ? 'wal' : 'sst'}`;
  }

  /** Where the first block, or its frame, stands. */
  get start(): number {
    return headerBytes(this.header).length;
  }

  /** Bytes of the block of this length with its parity section. */
  wholeBytes(length: number): number {
    return length + sectionBytes(this.header.protection.code, length);
  }

  /** A block of a length that a sound place gives; throws when it cannot be read. */
  expectBlock(position: number, length: number, type: number): Bytes {
    const block = this.blockOf(position, length, type);
    assert.ok(block !== undefined, `block at ${position} is not sound`);
    return new Bytes(block.content);
  }

  /** The record at a position of a log; undefined when it is not sound. */
  recordAt(position: number, type: number): RawBlock | undefined {
    const { code } = this.header.protection;
    if (code.scheme === 0) return this.openBlock(position, this.lengthAt(position));
    const frame = this.frameAt(position);
    if (frame === undefined) return undefined;
    const record = this.blockOf(frame.end, frame.length, type);
    if (record === undefined) return undefined;
    this.write(position, this.frame(position, frame.length));
    this.spans.push({ kind: 'frame', position, length: frame.end - position });
    return record;
  }

  private blockOf(position: number, length: number, type: number): RawBlock | undefined {
    const isSound = (block: Uint8Array): boolean =>
      block[0] === type && this.isSound(block, position) && soundLength(block) === length;
    const { code } = this.header.protection;
    const end = position + length;
    if (end > this.bytes.length) return undefined;
    let block: Uint8Array | undefined = this.bytes.slice(position, end);
    const stored = new Uint8Array(sectionBytes(code, length));
    stored.set(this.bytes.subarray(end, end + stored.length));
    if (!isSound(block)) block = correct(code, block, stored, isSound);
    if (block === undefined) {
      return this.rebuild() ? this.blockOf(position, length, type) : undefined;
    }
    this.write(position, Buffer.concat([block, section(code, block)]));
    return this.openBlock(position, length);
  }

  /** Where the parts of a table end. */
  get bodyBytes(): number {
    const { stripe } = this.header.protection;
    return stripe === undefined ? this.bytes.length : bodyBytes(stripe, this.bytes.length);
  }

  /** The stripe section of a table that was read whole, and the copy of the header behind it. */
  checkStripes(): void {
    const { protection, salt, copy } = this.header;
    if (protection.stripe === undefined) return;
    this.rebuild();
    checkStripes(this.bytes, protection.stripe, salt);
    this.write(this.bytes.length - COPY_BYTES, copy);
  }

  /** Restores what stripes can; false if that changes nothing. */
  private rebuild(): boolean {
    const { stripe } = this.header.protection;
    if (stripe === undefined) return false;
    const before = this.bytes.slice();
    restoreStripes(this.bytes, stripe, this.header.salt);
    const isChanged = Buffer.compare(before, this.bytes) !== 0;
    if (isChanged) this.corrected++;
    return isChanged;
  }

  /** What the header of the block at a position says of its length. */
  private lengthAt(position: number): number {
    return soundLength(this.bytes.subarray(position)) ?? 0;
  }

  /** Undoes the stages of a block that must be sound. */
  private openBlock(position: number, length: number): RawBlock | undefined {
    const block = this.bytes.subarray(position, position + length);
    if (block.length < length || length === 0 || !this.isSound(block, position)) return undefined;
    const reader = new Bytes(block);
    const [type, codec, suite, checksumKind] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()];
    const epoch = reader.u16();
    const { protection } = this.header;
    assert.deepEqual([suite, epoch], [protection.suite, protection.epoch], 'stages of the file');
    const mask = reader.u8();
    assert.deepEqual([checksumKind, reader.u8()], [1, 0]);
    const payloadBytes = reader.u32();
    const contentBytes = reader.u32();
    let payload = unmask(reader.take(payloadBytes), mask);
    const dictionary = codec === 3 ? this.dictionary : undefined;
    if (suite !== 0) {
      const id = dictionary === undefined ? 0 : dictionaryId(dictionary);
      const place = { position, blockType: type, codec, contentBytes, dictionaryId: id };
      const identity = this.identity();
      this.key ??= fileKey(this.epochKey(), identity);
      payload = decrypt(this.key, identity, place, payload);
    }
    this.codecs.add(codec);
    this.spans.push({ kind: 'block', position, length });
    const content = decompress(codec, payload, contentBytes, dictionary);
    return { type, codec, content, end: position + this.wholeBytes(length) };
  }

  private isSound(block: Uint8Array, position: number): boolean {
    const length = soundLength(block);
    if (length === undefined || length > block.length) return false;
    const checksum = new Bytes(block, length - 8).wide();
    return checksum === (xxh64(block.subarray(0, length - 8), this.seed) ^ BigInt(position));
  }

  private identity(): RawIdentity {
    const { protection, fileClass, fileNumber, salt, copy } = this.header;
    const { suite, epoch } = protection;
    const { databaseId } = this.secrets;
    return { suite, epoch, fileClass, fileNumber, databaseId, salt, binding: copy.subarray(0, 56) };
  }

  private epochKey(): Uint8Array {
    const key = this.secrets.keys.get(this.header.protection.epoch);
    assert.ok(key !== undefined, 'there is a key of the epoch');
    return key;
  }

  /** The length that the frame at a position gives, and where its block begins. */
  private frameAt(position: number): { length: number; end: number } | undefined {
    const { code } = this.header.protection;
    const copies = frameCopies(code);
    const size = copies * 8 + sectionBytes(SEC_DED, code.scheme === 1 ? 8 : 0);
    const end = position + size;
    if (end + BLOCK_OVERHEAD_BYTES > this.bytes.length) return undefined;
    const reader = new Bytes(this.bytes, position);
    const isSound = (copy: Uint8Array, index: number): boolean =>
      new Bytes(copy, 4).u32() ===
      this.frameWord(new Bytes(copy).u32(), position + 8 * index, index);
    for (let index = 0; index < copies; index++) {
      const copy = reader.take(8);
      if (isSound(copy, index)) return { length: new Bytes(copy).u32(), end };
    }
    if (code.scheme === 1) {
      const copy = this.bytes.slice(position, position + 8);
      const found = correct(SEC_DED, copy, reader.take(1), (each) => isSound(each, 0));
      if (found !== undefined) return { length: new Bytes(found).u32(), end };
    }
    const length = this.lengthAt(end);
    const isThere = this.isSound(this.bytes.subarray(end, end + length), end);
    return isThere && length > 0 ? { length, end } : undefined;
  }

  /** The frame of a record that begins at a position. */
  private frame(position: number, length: number): Uint8Array {
    const { code } = this.header.protection;
    const copies = Array.from({ length: frameCopies(code) }, (_, index) =>
      Buffer.concat([
        littleEndian(length, 4),
        littleEndian(this.frameWord(length, position + 8 * index, index), 4),
      ]),
    );
    const check = code.scheme === 1 ? section(SEC_DED, copies[0]!) : new Uint8Array(0);
    return Buffer.concat([...copies, check]);
  }

  private frameWord(length: number, place: number, index: number): number {
    const salt = new Bytes(this.header.salt);
    let h = Math.imul(length ^ salt.u32(), 0x85ebca77);
    h ^= h >>> 13;
    h = Math.imul(h ^ (place % 2 ** 32), 0xc2b2ae3d);
    h ^= h >>> 16;
    h = Math.imul(h ^ Math.floor(place / 2 ** 32) ^ salt.u32(), 0x27d4eb2f);
    h ^= h >>> 15;
    return (h + index) >>> 0;
  }

  /** Puts bytes right; those behind the end of the file are not missed. */
  private write(position: number, wanted: Uint8Array): void {
    const own = this.bytes.subarray(position, position + wanted.length);
    const fitting = wanted.subarray(0, own.length);
    if (Buffer.compare(own, fitting) === 0) return;
    own.set(fitting);
    this.corrected++;
  }
}

function unmask(payload: Uint8Array, mask: number): Uint8Array {
  if (mask === 0) return payload;
  return payload.map((byte, at) => {
    let x = (Math.imul((at >>> 2) + 1, 0x9e3779b1) + Math.imul(mask, 0x85ebca77)) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return byte ^ ((x >>> (8 * (at & 3))) & 0xff);
  });
}

/** The length of a block, as its header says; undefined when that cannot be a header. */
function soundLength(block: Uint8Array): number | undefined {
  if (block.length < BLOCK_OVERHEAD_BYTES) return undefined;
  if (block[3] !== 1 || block[7] !== 0) return undefined;
  return BLOCK_OVERHEAD_BYTES + new Bytes(block, BLOCK_HEADER_BYTES - 8).u32();
}

function frameCopies({ scheme, m }: RawCode): number {
  return scheme === 1 ? 1 : m + 1;
}

function headerCopies({ scheme, m }: RawCode): number {
  return scheme === 3 ? Math.max(2, m + 1) : 2;
}

/** All bytes of a header. */
function headerBytes({ copy, protection }: RawHeader): Uint8Array {
  const copies = Buffer.concat(Array<Uint8Array>(headerCopies(protection.code)).fill(copy));
  if (protection.code.scheme !== 1) return copies;
  return Buffer.concat([copies, section(SEC_DED, copies)]);
}

/** The header of a file that has one; throws when it is another's. */
function findHeader(
  file: Uint8Array,
  fileClass: string,
  fileNumber: number,
): RawHeader | undefined {
  const isOwn = (header: RawHeader): boolean =>
    header.fileClass === fileClass && header.fileNumber === fileNumber;
  const found: RawHeader[] = [];
  for (let i = 0; i < COPIES_MAX; i++) {
    const header = readCopy(file.subarray(i * COPY_BYTES, (i + 1) * COPY_BYTES));
    if (header !== undefined && i < headerCopies(header.protection.code)) found.push(header);
  }
  const corrected = found.length > 0 ? undefined : correctedHeader(file);
  if (corrected !== undefined) found.push(corrected);
  const last = readCopy(file.subarray(Math.max(0, file.length - COPY_BYTES)));
  if (found.length === 0 && last?.protection.stripe !== undefined) found.push(last);
  if (found.length === 0) return undefined;
  const own = found.find(isOwn);
  assert.ok(own !== undefined, 'the header belongs to another file');
  return own;
}

function correctedHeader(file: Uint8Array): RawHeader | undefined {
  const end = 2 * COPY_BYTES;
  const sectionEnd = end + sectionBytes(SEC_DED, end);
  if (file.length < sectionEnd) return undefined;
  const halves = (copies: Uint8Array): (RawHeader | undefined)[] =>
    [0, COPY_BYTES].map((at) => readCopy(copies.subarray(at, at + COPY_BYTES)));
  const isSound = (copies: Uint8Array): boolean =>
    halves(copies).some((header) => header?.protection.code.scheme === 1);
  const bytes = correct(SEC_DED, file.slice(0, end), file.subarray(end, sectionEnd), isSound);
  if (bytes === undefined) return undefined;
  return halves(bytes).find((header) => header !== undefined);
}

function readCopy(copy: Uint8Array): RawHeader | undefined {
  if (copy.length < COPY_BYTES || ascii(copy.subarray(0, 5)) !== 'VARVE') return undefined;
  if (new Bytes(copy, 56).wide() !== xxh64(copy.subarray(0, 56))) return undefined;
  const reader = new Bytes(copy, 5);
  const fileClass = ascii(reader.take(1));
  assert.equal(reader.u16(), 1, 'format version');
  const fileNumber = reader.u64();
  const salt = reader.take(16).slice();
  const named = reader.take(16).slice();
  const isOlder = named.subarray(8).every((byte) => byte === 0);
  const isNamed = fileClass !== 'W' && !isOlder;
  return {
    fileClass,
    fileNumber,
    salt,
    baseSeqno: fileClass === 'W' ? new Bytes(named, 8).u64() : 0,
    databaseId: isNamed ? named : undefined,
    protection: readProtection(reader),
    copy: copy.slice(),
  };
}
