/**
 * What fuzzing knows of each structure on disk: a decoder, and what must hold whatever bytes it is
 * given. It may say that they are no such thing, or throw a VarveError; anything else is a bug.
 * Where there is an encoder, what was decoded is written and decoded again.
 * @module
 */
import assert from 'node:assert/strict';
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_MANIFEST_EDIT,
  BLOCK_PROPERTIES,
  BLOCK_WAL_RECORD,
} from '../src/block/block-format.ts';
import { DataBlockCheck } from '../src/block/data-block-check.ts';
import { BlockPosition, DataBlock } from '../src/block/data-block-reader.ts';
import { DataBlockScan } from '../src/block/data-block-scan.ts';
import { decodeFileHeader, encodeFileHeader } from '../src/block/file-header.ts';
import { PROTECTION_BYTES, readProtection, writeProtection } from '../src/block/file-protection.ts';
import { RecordFrame } from '../src/block/record-frame.ts';
import { StripeReader } from '../src/block/stripe-reader.ts';
import { ByteWriter } from '../src/bytes/byte-writer.ts';
import { createLz4 } from '../src/compress/lz4.ts';
import {
  DICTIONARY_BYTES_MAX,
  DICTIONARY_BYTES_MIN,
  NO_DICTIONARY,
  ZstdDictionary,
} from '../src/compress/zstd-dictionary.ts';
import { frameContentBytes, isPlainFrame } from '../src/compress/zstd-frame.ts';
import { OperationReader } from '../src/db/write-batch.ts';
import { createEccCodec } from '../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../src/ecc/options.ts';
import { StripeLayout } from '../src/ecc/stripe-layout.ts';
import { BloomFilter } from '../src/filter/bloom-filter.ts';
import type { ReadableFile } from '../src/fs/port.ts';
import { contentFields } from '../src/inspect/content-fields.ts';
import { FieldReader } from '../src/inspect/fields.ts';
import { CURRENT_SLOT_BYTES, CURRENT_SLOTS, decodeSlots } from '../src/manifest/current.ts';
import { decodeVersionEdit, encodeVersionEdit } from '../src/manifest/version-edit-codec.ts';
import { decodeFooter, encodeFooter } from '../src/sstable/table-footer.ts';
import { TableIndex } from '../src/sstable/table-index.ts';
import { decodeProperties, encodeProperties } from '../src/sstable/table-properties.ts';
import {
  decodeClosing,
  encodeClosing,
  WAL_RECORD_PREFIX_BYTES,
  WalRecordPrefix,
} from '../src/wal/wal-record.ts';

/** One structure. */
export interface Structure {
  readonly name: string;
  /** Contents of these blocks are samples of it; 0 if none are. */
  readonly blockType: number;
  /** Throws, but for a VarveError, only for a bug. Borrows the bytes, which may be changed. */
  readonly check: (bytes: Uint8Array) => void;
  /** Samples of it, fresh, beside contents of blocks. */
  readonly seeds: () => Uint8Array[];
}

const PATH = 'file';
const KEYS = ['', 'key-00', 'key-12', 'zzz'].map((key) => new TextEncoder().encode(key));
const NO_PARITY = { parityBytes: () => 0 };
const ECC: readonly BlockCodeOptions[] = [
  { scheme: 'secded' },
  { scheme: 'xor', data: 3 },
  { scheme: 'reed-solomon', data: 4, parity: 2 },
];
const LZ4_BYTES_MAX = 1 << 16;
const STRIPE = { data: 3, parity: 2 };
/** "abc", by the reference encoder. */
const ZSTD_FRAME: Uint8Array = Uint8Array.of(
  0x28,
  0xb5,
  0x2f,
  0xfd,
  0x20,
  3,
  0x19,
  0,
  0,
  97,
  98,
  99,
);
const SALT: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

/** All of them. */
export const STRUCTURES: readonly Structure[] = [
  structure('file-header', 0, checkFileHeader),
  structure('protection', 0, checkProtection),
  structure('current', 0, checkCurrent),
  structure('record-frame', 0, checkFrame),
  structure('parity-section', 0, checkParity),
  structure('stripes', 0, checkStripes, () => [
    new Uint8Array(new StripeLayout(STRIPE, 5000).fileBytes),
  ]),
  structure('lz4', 0, checkLz4, lz4Seeds),
  structure('zstd-frame', 0, checkZstdFrame, () => [ZSTD_FRAME]),
  structure('version-edit', BLOCK_MANIFEST_EDIT, checkEdit),
  structure('wal-record', BLOCK_WAL_RECORD, checkRecord),
  structure('data-block', BLOCK_DATA, checkDataBlock),
  structure('index', BLOCK_INDEX, checkIndex),
  structure('filter', BLOCK_FILTER, checkFilter),
  structure('properties', BLOCK_PROPERTIES, checkProperties),
  structure('footer', BLOCK_FOOTER, checkFooter),
  structure('dictionary', BLOCK_DICTIONARY, checkDictionary, () => [new Uint8Array(40).fill(97)]),
];

function structure(
  name: string,
  blockType: number,
  check: (bytes: Uint8Array) => void,
  seeds: () => Uint8Array[] = () => [],
): Structure {
  return { name, blockType, check: withFields(blockType, check), seeds };
}

/** The inspector names the fields of the same bytes. */
function withFields(blockType: number, check: Structure['check']): Structure['check'] {
  if (blockType === 0) return check;
  return (bytes) => {
    const fields = new FieldReader('content', bytes, 0, bytes.length, 0);
    let total = 0;
    for (const field of contentFields(fields, blockType, bytes, 0, bytes.length)) {
      total += field.bytes.length;
    }
    assert.equal(total, bytes.length, 'fields cover the content');
    check(bytes);
  };
}

function checkFileHeader(bytes: Uint8Array): void {
  const header = decodeFileHeader(bytes, bytes.length, PATH);
  if (header === undefined) return;
  const again = encodeFileHeader(header);
  assert.deepEqual(decodeFileHeader(again, again.length, PATH), header);
}

function checkProtection(bytes: Uint8Array): void {
  if (bytes.length < PROTECTION_BYTES) return;
  const again = new Uint8Array(PROTECTION_BYTES);
  writeProtection(again, 0, readProtection(bytes, 0, PATH, 0));
  assert.deepEqual(again, bytes.slice(0, PROTECTION_BYTES));
}

/** A file that is too short has been filled up. */
function checkCurrent(bytes: Uint8Array): void {
  const file = new Uint8Array(CURRENT_SLOTS * CURRENT_SLOT_BYTES);
  file.set(bytes.subarray(0, file.length));
  decodeSlots(file, PATH);
}

function checkFrame(bytes: Uint8Array): void {
  for (const ecc of ECC) {
    const frame = new RecordFrame(ecc, SALT);
    if (bytes.length >= frame.sizeBytes) frame.read(bytes, 0, 0);
  }
}

function checkParity(bytes: Uint8Array): void {
  const blockLen = bytes.length >> 1;
  for (const ecc of ECC) {
    const codec = createEccCodec(ecc);
    const whole = new Uint8Array(blockLen + codec.parityBytes(blockLen));
    whole.set(bytes.subarray(0, whole.length));
    const before = whole.slice();
    if (codec.repair(whole, 0, blockLen, () => false) !== undefined) {
      throw new Error('a block that is not sound was repaired');
    }
    assert.deepEqual(whole, before, 'a repair in vain changes nothing');
    codec.append(whole, 0, blockLen);
    assert.ok(blockLen === 0 || codec.isIntact(whole, 0, blockLen));
  }
}

function checkStripes(bytes: Uint8Array): void {
  const layout = StripeLayout.ofFile(STRIPE, bytes.length);
  if (layout === undefined) return;
  const file: ReadableFile = {
    path: PATH,
    size: () => bytes.length,
    close: () => undefined,
    read: (buf, off, length, position) => {
      const piece = bytes.subarray(position, position + length);
      buf.set(piece, off);
      return piece.length;
    },
  };
  const stripes = new StripeReader(file, layout, SALT);
  stripes.hasSoundUnit();
  for (let stripe = 0; stripe < layout.stripeCount; stripe++) stripes.check(stripe);
}

function checkLz4(bytes: Uint8Array): void {
  if (bytes.length < 2) return;
  const contentLen = (bytes[0]! | (bytes[1]! << 8)) % LZ4_BYTES_MAX;
  const room = new Uint8Array(contentLen + 2).fill(0xaa);
  const isRight = createLz4().decompress(bytes, 2, bytes.length - 2, room, 1, contentLen);
  assert.deepEqual([room[0], room.at(-1)], [0xaa, 0xaa], 'nothing else is written');
  if (!isRight)
    assert.ok(
      room.every((byte) => byte === 0xaa),
      'what fails writes nothing',
    );
}

function lz4Seeds(): Uint8Array[] {
  return ['', 'a', 'abcabcabcabcabcabcabcabcabcabc', 'x'.repeat(700)].map((text) => {
    const content = new TextEncoder().encode(text);
    const stored = new Uint8Array(content.length + 64);
    const lz4 = createLz4();
    const length = lz4.compress(content, 0, content.length, stored, 2, stored.length - 2);
    stored.set([content.length, content.length >>> 8]);
    return stored.slice(0, 2 + Math.max(0, length));
  });
}

function checkZstdFrame(bytes: Uint8Array): void {
  frameContentBytes(bytes, 0, bytes.length);
  isPlainFrame(bytes, 0, bytes.length, bytes.length);
}

function checkEdit(bytes: Uint8Array): void {
  const edit = decodeVersionEdit(bytes, 0, bytes.length, PATH, 0);
  const out = new ByteWriter(64);
  encodeVersionEdit(edit, out);
  assert.deepEqual(decodeVersionEdit(out.buf, 0, out.length, PATH, 0), edit);
}

function checkRecord(bytes: Uint8Array): void {
  const closing = decodeClosing(bytes, 0, bytes.length, PATH, 0);
  if (closing !== undefined) {
    const out = new ByteWriter(64);
    encodeClosing(out, closing);
    assert.deepEqual(out.buf.slice(0, out.length), bytes.slice());
  }
  const prefix = new WalRecordPrefix();
  if (!prefix.read(bytes, 0, bytes.length)) return;
  assert.ok(prefix.lastSeqno >= prefix.firstSeqno && prefix.firstSeqno > prefix.durableSeqno);
  const operations = new OperationReader();
  operations.reset(bytes, WAL_RECORD_PREFIX_BYTES, bytes.length);
  for (let left = Math.min(prefix.count, bytes.length); left > 0 && operations.next(); left--) {
    const { keyOff, keyLen, valOff, valLen } = operations;
    assert.ok(keyOff + keyLen <= bytes.length && valOff + valLen <= bytes.length);
    operations.entryChecksum();
  }
}

function checkDataBlock(bytes: Uint8Array): void {
  const block = new DataBlock();
  block.open(bytes, 0, bytes.length, PATH, 0);
  const found = new BlockPosition();
  for (const key of KEYS) {
    attempt(() => block.search(key, 0, key.length, Number.MAX_SAFE_INTEGER, found));
  }
  attempt(() => new DataBlockScan().scan(block));
  new DataBlockCheck().isSound(bytes, 0, bytes.length, undefined);
}

function checkIndex(bytes: Uint8Array): void {
  // The footer says how many blocks there are and where they end; both are as forged as the rest.
  for (const [count, end] of [
    [1, 1000],
    [3, 2000],
    [bytes[0] ?? 0, 4096],
  ] as const) {
    const index = TableIndex.decode(bytes.slice(), 0, bytes.length, count, 128, end, NO_PARITY);
    if (index === undefined) continue;
    assert.equal(index.blockCount, count);
    for (const key of KEYS) {
      const ordinal = index.search(key, 0, key.length, 5);
      assert.ok(ordinal >= 0 && ordinal < count);
    }
  }
}

function checkFilter(bytes: Uint8Array): void {
  const filter = BloomFilter.decode(bytes.slice(), 0, bytes.length);
  for (const hash of [0, 1, 0x7fffffff, 0xffffffff]) filter?.mayContain(hash);
}

function checkProperties(bytes: Uint8Array): void {
  const properties = decodeProperties(bytes, 0, bytes.length);
  if (properties === undefined) return;
  const out = new ByteWriter(64);
  encodeProperties(out, properties);
  assert.deepEqual(decodeProperties(out.buf, 0, out.length), properties);
}

function checkFooter(bytes: Uint8Array): void {
  for (const footerOff of [1000, 3000]) {
    const footer = decodeFooter(bytes, 0, bytes.length, 128, footerOff, NO_PARITY);
    if (footer === undefined) continue;
    const out = new ByteWriter(64);
    encodeFooter(out, footer);
    assert.deepEqual(out.buf.slice(0, out.length), bytes.slice());
  }
}

function checkDictionary(bytes: Uint8Array): void {
  if (bytes.length < DICTIONARY_BYTES_MIN || bytes.length > DICTIONARY_BYTES_MAX) return;
  assert.notEqual(new ZstdDictionary(bytes).id, NO_DICTIONARY);
}

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expectTyped(error);
  }
}

/** @throws what is no VarveError, or hides something that is none */
export function expectTyped(error: unknown): void {
  if (!isTyped(error)) throw error;
}

function isTyped(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  const isVarve = error instanceof Error && error.name === 'VarveError' && typeof code === 'string';
  return isVarve && (!(cause instanceof Error) || isTyped(cause));
}
