/**
 * Table files, read as docs/FORMAT.md says. Reads everything and checks every promise of the page:
 * footer, dictionary, index, filter, properties, restart points, checksums of entries and file.
 * @module
 */
import assert from 'node:assert/strict';
import { ascii, Bytes, compare, xxh32, xxh64 } from './raw-bytes.ts';
import type { RawFile } from './raw-file.ts';
import type { RawTableFacts } from './raw-manifest.ts';
import { dictionaryId } from './raw-stages.ts';

const FOOTER_CONTENT_BYTES = 60;
const TYPE_DATA = 1;
const TYPE_INDEX = 2;
const TYPE_FILTER = 3;
const TYPE_PROPERTIES = 4;
const TYPE_FOOTER = 5;
const TYPE_DICTIONARY = 6;
const MIXED = 255;

export interface RawEntry {
  readonly key: Uint8Array;
  readonly seqno: number;
  /** 0 delete, 1 put. */
  readonly kind: number;
  readonly value: Uint8Array;
}

interface RawHandle {
  readonly position: number;
  readonly length: number;
}

interface RawIndexEntry extends RawHandle {
  readonly separator: Uint8Array;
  readonly continuedSeqno: number;
}

/** The entries of one data block. */
interface RawDataBlock {
  readonly entries: readonly RawEntry[];
  readonly hasChecksums: boolean;
}

/** Where the parts of a table stand. */
interface RawFooter {
  readonly dictionary: RawHandle;
  readonly filter: RawHandle;
  readonly index: RawHandle;
  readonly properties: RawHandle;
  readonly blockCount: number;
}

/** All entries of a table in order; throws for anything that is not as the page says. */
export function readTable(file: RawFile, facts: RawTableFacts): RawEntry[] {
  assert.deepEqual(file.header.protection, facts.protection);
  if (facts.salt !== undefined) assert.equal(compare(file.header.salt, facts.salt), 0, 'salt');
  assert.equal(file.bytes.length, facts.sizeBytes);
  const footer = readFooter(file);
  const { dictionary, filter, index, properties, blockCount } = footer;
  const part = ({ position, length }: RawHandle, type: number): Bytes =>
    file.expectBlock(position, length, type);

  if (dictionary.length > 0) file.dictionary = part(dictionary, TYPE_DICTIONARY).bytes;
  const handles = readIndex(file, part(index, TYPE_INDEX));
  assert.equal(handles.length, blockCount);
  assert.equal(endOf(file, handles.at(-1)!), dictionary.position);
  const blocks = handles.map((block) => readDataBlock(part(block, TYPE_DATA)));
  checkIndex(handles, blocks);
  const entries = blocks.flatMap((block) => block.entries);
  const filterKind = filter.length === 0 ? 0 : 1;
  if (filterKind > 0) checkFilter(part(filter, TYPE_FILTER), entries);
  const named = readProperties(part(properties, TYPE_PROPERTIES));
  checkFacts(facts, named, entries, { blockCount, filterKind });
  checkOrigin(file, facts, named);
  checkStorage(facts, named, file.dictionary);
  const flags = new Set(blocks.map(({ hasChecksums }) => Number(hasChecksums)));
  assert.deepEqual([...flags], [new Bytes(named.get('entryChecksums')!).varint()]);
  file.checkStripes();
  assert.equal(xxh64(file.bytes), facts.checksum, 'checksum of the file');
  return entries;
}

function readFooter(file: RawFile): RawFooter {
  const length = FOOTER_CONTENT_BYTES + 24 + (file.header.protection.suite === 0 ? 0 : 16);
  const position = file.bodyBytes - file.wholeBytes(length);
  const content = file.expectBlock(position, length, TYPE_FOOTER);
  assert.equal(ascii(content.take(8)), 'VRVTABLE');
  const footer = {
    dictionary: handle(content),
    filter: handle(content),
    index: handle(content),
    properties: handle(content),
    blockCount: content.u32(),
  };
  assert.equal(content.left, 0);
  assert.equal(footer.filter.position, endOf(file, footer.dictionary));
  assert.equal(footer.index.position, endOf(file, footer.filter));
  assert.equal(footer.properties.position, endOf(file, footer.index));
  assert.equal(position, endOf(file, footer.properties));
  return footer;
}

/** Where the part behind begins. */
function endOf(file: RawFile, { position, length }: RawHandle): number {
  return position + (length === 0 ? 0 : file.wholeBytes(length));
}

function handle(footer: Bytes): RawHandle {
  return { position: footer.u64(), length: footer.u32() };
}

function readIndex(file: RawFile, content: Bytes): RawIndexEntry[] {
  const blocks: RawIndexEntry[] = [];
  const count = content.varint();
  const prefix = content.prefixed();
  let position = file.start;
  for (let i = 0; i < count; i++) {
    const length = content.varint();
    const continuedSeqno = content.varint();
    const rest = content.prefixed();
    const separator = i === 0 ? rest : Buffer.concat([prefix, rest]);
    const block = { position, length, separator, continuedSeqno };
    blocks.push(block);
    position = endOf(file, block);
  }
  assert.equal(content.left, 0);
  return blocks;
}

/** Every entry belongs to the last block that begins at or before it. */
function checkIndex(blocks: readonly RawIndexEntry[], contents: readonly RawDataBlock[]): void {
  assert.equal(blocks[0]!.separator.length, 0);
  for (const [ordinal, { entries }] of contents.entries()) {
    for (const entry of entries) {
      const found = blocks.findLastIndex(({ separator, continuedSeqno }, i) => {
        const order = compare(separator, entry.key);
        if (i === 0 || order !== 0) return i === 0 || order < 0;
        return continuedSeqno === 0 || entry.seqno < continuedSeqno;
      });
      assert.equal(found, ordinal, 'block of an entry');
    }
  }
}

function readDataBlock(content: Bytes): RawDataBlock {
  const { bytes } = content;
  const tail = new Bytes(bytes, bytes.length - 32);
  const [count, valueBytes, keyBytes] = [tail.u32(), tail.u32(), tail.u32()];
  const [interval, width, blockKind] = [tail.u16(), tail.u8(), tail.u8()];
  const [baseSeqno, headPrefix, flags] = [tail.u64(), tail.u32(), tail.u32()];
  assert.equal(flags & ~1, 0, 'flags');
  const restartCount = Math.ceil(count / interval);
  const values = new Bytes(content.take(valueBytes));
  const keys = new Bytes(content.take(keyBytes));
  const kinds = content.take(blockKind === MIXED ? count : 0);
  const seqnos = new Bytes(content.take(count * width));
  const checksums = new Bytes(content.take(flags === 1 ? count * 4 : 0));
  const restarts = new Bytes(content.take(restartCount * 12));
  assert.equal(content.left, 32, 'the areas fill the block');

  const entries: RawEntry[] = [];
  let key: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < count; i++) {
    const isRestart = i % interval === 0;
    const reference = isRestart ? (entries[0]?.key ?? new Uint8Array(0)) : key;
    const places = [keys.at, values.at];
    const shared = keys.varint();
    const unshared = keys.varint();
    const valueLength = keys.varint();
    assert.ok(shared <= reference.length);
    key = Buffer.concat([reference.subarray(0, shared), keys.take(unshared)]);
    if (isRestart) checkRestart(restarts, places, key, headPrefix, entries[0]?.key ?? key);
    const seqno = baseSeqno + fromLittleEndian(seqnos.take(width));
    const kind = blockKind === MIXED ? kinds[i]! : blockKind;
    const value = values.take(valueLength);
    if (flags === 1) assert.equal(checksums.u32(), entryChecksum(key, kind, value));
    entries.push({ key, seqno, kind, value });
  }
  assert.deepEqual([keys.left, values.left], [0, 0]);
  return { entries, hasChecksums: flags === 1 };
}

function entryChecksum(key: Uint8Array, kind: number, value: Uint8Array): number {
  const product = Math.imul(xxh32(key), 0x9e3779b1) + Math.imul(kind, 0x85ebca77);
  return (product + xxh32(value)) >>> 0;
}

function checkRestart(
  restarts: Bytes,
  places: readonly number[],
  key: Uint8Array,
  headPrefix: number,
  firstKey: Uint8Array,
): void {
  assert.deepEqual([restarts.u32(), restarts.u32()], places);
  const word = Buffer.alloc(4);
  word.set(key.subarray(headPrefix, headPrefix + 4));
  assert.equal(restarts.u32(), word.readUInt32BE(0), 'head word');
  assert.equal(compare(key.subarray(0, headPrefix), firstKey.subarray(0, headPrefix)), 0);
}

function fromLittleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

function checkFilter(content: Bytes, entries: readonly RawEntry[]): void {
  assert.equal(content.u8(), 1, 'filter kind');
  const probes = content.u8();
  content.take(2);
  const lineCount = content.u32();
  const keyCount = content.u32();
  content.take(4);
  assert.equal(content.left, lineCount * 64);
  const lines = content.take(content.left);
  const keys = entries.filter(
    (entry, i) => i === 0 || compare(entry.key, entries[i - 1]!.key) !== 0,
  );
  assert.equal(keyCount, keys.length);
  for (const { key } of keys) {
    const hash = xxh32(key);
    const line = Math.floor((hash * lineCount) / 2 ** 32);
    let g = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    g ^= g >>> 13;
    for (let i = 0; i < probes; i++) {
      const bit = g >>> 23;
      assert.ok(lines[line * 64 + (bit >> 3)]! & (1 << (bit & 7)), 'bit of a key');
      g = Math.imul(g, 0x9e3779b9);
    }
  }
}

function readProperties(content: Bytes): Map<string, Uint8Array> {
  const properties = new Map<string, Uint8Array>();
  for (let left = content.varint(); left > 0; left--) {
    properties.set(ascii(content.prefixed()), content.prefixed());
  }
  assert.equal(content.left, 0);
  return properties;
}

/** Manifest, properties and entries tell the same. */
function checkFacts(
  facts: RawTableFacts,
  properties: ReadonlyMap<string, Uint8Array>,
  entries: readonly RawEntry[],
  { blockCount, filterKind }: { blockCount: number; filterKind: number },
): void {
  const seqnos = entries.map((entry) => entry.seqno);
  const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);
  const rawKeyBytes = sum(entries.map(({ key }) => key.length));
  const rawValueBytes = sum(entries.map(({ value }) => value.length));
  const counted = {
    smallestSeqno: Math.min(...seqnos),
    largestSeqno: Math.max(...seqnos),
    entryCount: entries.length,
    tombstoneCount: entries.filter(({ kind }) => kind === 0).length,
  };
  const own = { ...counted, rawKeyBytes, rawValueBytes, blockCount, filterKind, writerVersion: 1 };
  for (const [name, value] of Object.entries(own)) {
    assert.equal(new Bytes(properties.get(name)!).varint(), value, name);
  }
  for (const name of Object.keys(counted) as (keyof typeof counted)[]) {
    assert.equal(facts[name], counted[name], name);
  }
  assert.equal(facts.rawBytes, rawKeyBytes + rawValueBytes);
  assert.equal(new Bytes(properties.get('createdAtMs')!).varint(), facts.createdAtMs);
  for (const [name, entry] of [
    ['smallestKey', entries[0]!],
    ['largestKey', entries.at(-1)!],
  ] as const) {
    assert.equal(compare(facts[name], entry.key), 0, name);
    assert.equal(compare(properties.get(name)!, entry.key), 0, name);
  }
}

/** What the table says of its place, unless an older writer left it out. */
function checkOrigin(
  { header, secrets }: RawFile,
  facts: RawTableFacts,
  properties: ReadonlyMap<string, Uint8Array>,
): void {
  const { databaseId } = header;
  const names = ['familyId', 'familyName', 'level', 'inputs', 'retired'];
  const isOlder = names.every((name) => !properties.has(name));
  assert.equal(databaseId === undefined, isOlder, 'database id and origin came together');
  if (isOlder) return;
  assert.equal(compare(databaseId!, secrets.databaseId), 0, 'database id');
  const integers = (name: string): number[] => {
    const reader = new Bytes(properties.get(name)!);
    const found: number[] = [];
    while (reader.left > 0) found.push(reader.varint());
    return found;
  };
  assert.deepEqual(integers('familyId'), [facts.familyId]);
  const [level] = integers('level');
  assert.ok(level! <= facts.level, 'a table moves to deeper levels only');
  const inputs = integers('inputs');
  if (inputs.length === 0) assert.equal(level, 0, 'flushes make tables of level 0');
  for (const number of [...inputs, ...integers('retired')]) {
    assert.ok(number > 0 && number !== facts.fileNumber);
  }
}

/** How the table says it was stored, against what the manifest says. */
function checkStorage(
  { codec, protection }: RawTableFacts,
  properties: ReadonlyMap<string, Uint8Array>,
  dictionary: Uint8Array | undefined,
): void {
  const stored = {
    codecId: codec,
    dictionaryId: dictionary === undefined ? 0 : dictionaryId(dictionary),
    suiteId: protection.suite,
    keyEpoch: protection.epoch,
    eccScheme: protection.code.scheme,
    eccDataShards: protection.code.k,
    eccParityShards: protection.code.m,
    ...(protection.stripe === undefined
      ? {}
      : { stripeDataChunks: protection.stripe.k, stripeParityUnits: protection.stripe.m }),
  };
  for (const [name, value] of Object.entries(stored)) {
    assert.equal(new Bytes(properties.get(name)!).varint(), value, name);
  }
}
