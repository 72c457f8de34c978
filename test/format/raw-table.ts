/**
 * Table files, read as docs/FORMAT.md says. Reads everything and checks every promise of the page:
 * footer, index, filter, properties, restart points.
 * @module
 */
import assert from 'node:assert/strict';
import {
  ascii,
  Bytes,
  compare,
  expectBlock,
  FILE_HEADER_BYTES,
  readFileHeader,
  xxh32,
  xxh64,
} from './raw-bytes.ts';
import type { RawTableFacts } from './raw-manifest.ts';

const FOOTER_BLOCK_BYTES = 72;
const TYPE_DATA = 1;
const TYPE_INDEX = 2;
const TYPE_FILTER = 3;
const TYPE_PROPERTIES = 4;
const TYPE_FOOTER = 5;
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

/** All entries of a table in order; throws for anything that is not as the page says. */
export function readTable(file: Uint8Array, facts: RawTableFacts): RawEntry[] {
  const header = readFileHeader(file);
  assert.equal(header?.fileClass, 'T');
  assert.equal(header?.fileNumber, facts.fileNumber);
  assert.equal(file.length, facts.sizeBytes);
  assert.equal(xxh64(file), facts.checksum);
  const { seed } = header!;
  const footerAt = file.length - FOOTER_BLOCK_BYTES;
  const footer = new Bytes(expectBlock(file, footerAt, FOOTER_BLOCK_BYTES, TYPE_FOOTER, seed));
  assert.equal(ascii(footer.take(8)), 'VRVTABLE');
  const [filter, index, properties] = [handle(footer), handle(footer), handle(footer)];
  const blockCount = footer.u32();
  assert.equal(footer.left, 0);
  assert.equal(index.position, filter.position + filter.length);
  assert.equal(properties.position, index.position + index.length);
  assert.equal(footerAt, properties.position + properties.length);
  const part = ({ position, length }: RawHandle, type: number): Bytes =>
    new Bytes(expectBlock(file, position, length, type, seed));

  const blocks = readIndex(part(index, TYPE_INDEX));
  assert.equal(blocks.length, blockCount);
  const last = blocks.at(-1)!;
  assert.equal(last.position + last.length, filter.position);
  const byBlock = blocks.map((block) => readDataBlock(part(block, TYPE_DATA)));
  checkIndex(blocks, byBlock);
  const entries = byBlock.flat();
  const filterKind = filter.length === 0 ? 0 : 1;
  if (filterKind > 0) checkFilter(part(filter, TYPE_FILTER), entries);
  checkFacts(facts, readProperties(part(properties, TYPE_PROPERTIES)), entries, {
    blockCount,
    filterKind,
  });
  return entries;
}

function handle(footer: Bytes): RawHandle {
  return { position: footer.u64(), length: footer.u32() };
}

function readIndex(content: Bytes): RawIndexEntry[] {
  const blocks: RawIndexEntry[] = [];
  const count = content.varint();
  const prefix = content.prefixed();
  let position = FILE_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = content.varint();
    const continuedSeqno = content.varint();
    const rest = content.prefixed();
    const separator = i === 0 ? rest : Buffer.concat([prefix, rest]);
    blocks.push({ position, length, separator, continuedSeqno });
    position += length;
  }
  assert.equal(content.left, 0);
  return blocks;
}

/** Every entry belongs to the last block that begins at or before it. */
function checkIndex(blocks: readonly RawIndexEntry[], byBlock: readonly RawEntry[][]): void {
  assert.equal(blocks[0]!.separator.length, 0);
  byBlock.forEach((entries, ordinal) => {
    for (const entry of entries) {
      const found = blocks.findLastIndex(({ separator, continuedSeqno }, i) => {
        const order = compare(separator, entry.key);
        if (i === 0 || order !== 0) return i === 0 || order < 0;
        return continuedSeqno === 0 || entry.seqno < continuedSeqno;
      });
      assert.equal(found, ordinal, 'block of an entry');
    }
  });
}

function readDataBlock(content: Bytes): RawEntry[] {
  const { bytes } = content;
  const tail = new Bytes(bytes, bytes.length - 32);
  const [count, valueBytes, keyBytes] = [tail.u32(), tail.u32(), tail.u32()];
  const [interval, width, blockKind] = [tail.u16(), tail.u8(), tail.u8()];
  const [baseSeqno, headPrefix] = [tail.u64(), tail.u32()];
  const restartCount = Math.ceil(count / interval);
  const values = new Bytes(content.take(valueBytes));
  const keys = new Bytes(content.take(keyBytes));
  const kinds = content.take(blockKind === MIXED ? count : 0);
  const seqnos = new Bytes(content.take(count * width));
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
    const seqno = baseSeqno + littleEndian(seqnos.take(width));
    const kind = blockKind === MIXED ? kinds[i]! : blockKind;
    entries.push({ key, seqno, kind, value: values.take(valueLength) });
  }
  assert.deepEqual([keys.left, values.left], [0, 0]);
  return entries;
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

function littleEndian(bytes: Uint8Array): number {
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
