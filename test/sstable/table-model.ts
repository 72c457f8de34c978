/**
 * A sorted list of entries as the oracle of table tests, random ones to fill it, and a table made
 * of them, with whatever stages.
 * @module
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FileProtection } from '../../src/block/file-protection.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { CodecSettings } from '../../src/compress/options.ts';
import { SUITE_AES_256_GCM, SUITE_CHACHA20_POLY1305 } from '../../src/crypto/port.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Table } from '../../src/sstable/table.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { TableWriter, type TableWriterOptions } from '../../src/sstable/table-writer.ts';
import { codecSettings, PLAIN_STORAGE, pipelineOf } from '../block/pipelines.ts';

export interface Entry {
  readonly key: Uint8Array;
  readonly seqno: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

export const TABLE_PATH = 'dir/000007.sst';
export const OPTIONS: TableWriterOptions = {
  blockSizeBytes: 4096,
  restartInterval: 8,
  filterBitsPerKey: 10,
  ...PLAIN_STORAGE,
};

/** Writes and reads tables of all settings; epochs 1 to 3 have keys. */
export const PIPELINE: Pipeline = await pipelineOf({ suite: 'aes-256-gcm', epoch: 3 });

export function compareEntries(a: Entry, b: Entry): number {
  return compareKeys(a.key, b.key) || b.seqno - a.seqno;
}

/** Sorts and drops entries that share key and seqno. */
export function sortEntries(entries: readonly Entry[]): Entry[] {
  const sorted = [...entries].sort(compareEntries);
  return sorted.filter((entry, i) => i === 0 || compareEntries(sorted[i - 1]!, entry) !== 0);
}

/** Writes the entries to `TABLE_PATH` of a file system. */
export function writeTable(
  fs: Fs,
  entries: readonly Entry[],
  options: TableWriterOptions = OPTIONS,
  pipeline: Pipeline = PIPELINE,
): TableMeta {
  fs.createDirectory('dir');
  const file = fs.open(TABLE_PATH, 'create');
  const writer = new TableWriter(file, 7, pipeline, options);
  for (const { key, seqno, kind, value } of entries) {
    // Inside a larger buffer, so that a wrong offset shows.
    const buf = new Uint8Array(key.length + value.length + 5).fill(0x7a);
    buf.set(key, 3);
    buf.set(value, 4 + key.length);
    writer.add(buf, 3, key.length, seqno, kind, buf, 4 + key.length, value.length);
  }
  assert.equal(writer.entryCount, entries.length);
  const meta = writer.finish(1234);
  assert.equal(file.size(), meta.sizeBytes);
  file.close();
  return meta;
}

export function openTable(
  fs: Fs,
  meta: TableMeta,
  cache: BlockCache = new BlockCache(1 << 20),
  pipeline: Pipeline = PIPELINE,
): Table {
  return Table.open(fs.open(TABLE_PATH, 'read'), meta, cache, pipeline);
}

export function tableOf(
  entries: readonly Entry[],
  options: TableWriterOptions = OPTIONS,
  cache?: BlockCache,
): Table {
  const fs = new MemoryFs();
  return openTable(fs, writeTable(fs, entries, options), cache);
}

/** The entry a cursor stands on, copied; undefined when it is invalid. */
export function current(cursor: Cursor): Entry | undefined {
  if (!cursor.valid) return undefined;
  const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = cursor;
  return {
    key: new Uint8Array(keyBuf.slice(keyOff, keyOff + keyLen)),
    seqno,
    kind,
    value: new Uint8Array(valBuf.slice(valOff, valOff + valLen)),
  };
}

/** Short keys of few bytes: prefixes of each other, lowest and highest bytes, the empty key. */
const crampedKey: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(0, 1, 0x61, 0x62, 0xfe, 0xff), { maxLength: 6 })
  .map((bytes) => Uint8Array.from(bytes));

const decimalKey: fc.Arbitrary<Uint8Array> = fc
  .nat(99_999)
  .map((n) => new TextEncoder().encode(`key:${String(n).padStart(12, '0')}`));

const longKey: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(300), crampedKey)
  .map(([length, tail]) => Uint8Array.from([...new Uint8Array(length).fill(0x70), ...tail]));

export const anyKey: fc.Arbitrary<Uint8Array> = fc.oneof(crampedKey, decimalKey, longKey);

const seqnos: fc.Arbitrary<number> = fc.oneof(
  fc.nat(40),
  fc.nat(100_000),
  fc.maxSafeNat(),
  fc.constant(SEQNO_MAX),
);

const values: fc.Arbitrary<Uint8Array> = fc
  .oneof({ weight: 20, arbitrary: fc.nat(150) }, { weight: 1, arbitrary: fc.nat(20_000) })
  .chain((length) => fc.nat(255).map((byte) => new Uint8Array(length).fill(byte)));

const anyEntry: fc.Arbitrary<Entry> = fc
  .record({ key: anyKey, seqno: seqnos, put: fc.nat(7), value: values })
  .map(({ key, seqno, put, value }) =>
    put > 0
      ? { key, seqno, kind: KIND_PUT, value }
      : { key, seqno, kind: KIND_DELETE, value: new Uint8Array(0) },
  );

/** Many versions of one key, to straddle blocks. */
const versions: fc.Arbitrary<Entry[]> = fc
  .tuple(anyKey, fc.integer({ min: 1, max: 60 }), fc.nat(1000), fc.nat(30))
  .map(([key, count, base, length]) =>
    Array.from({ length: count }, (_, i) => ({
      key,
      seqno: base + i * 3,
      kind: KIND_PUT,
      value: new Uint8Array(length).fill(i),
    })),
  );

export const anyEntries: fc.Arbitrary<Entry[]> = fc
  .tuple(fc.array(anyEntry, { minLength: 1, maxLength: 120 }), fc.array(versions, { maxLength: 4 }))
  .map(([single, many]) => sortEntries([...single, ...many.flat()]));

/** How blocks of a table may be compressed. */
export const CODECS: Readonly<Record<string, CodecSettings>> = {
  none: codecSettings('none'),
  lz4: codecSettings('lz4'),
  zstd: codecSettings('zstd'),
  'zstd, given dictionary': codecSettings({
    codec: 'zstd',
    level: 1,
    dictionary: new TextEncoder().encode('key:0000000 aaaaaaaa bbbbbbbb \x00\x01'.repeat(3)),
  }),
  'zstd, trained dictionary': codecSettings({
    codec: 'zstd',
    level: 1,
    dictionary: { trainedBytes: 1024 },
  }),
};

/** How a table may be protected. */
export const PROTECTIONS: Readonly<Record<string, FileProtection>> = {
  none: UNPROTECTED,
  aes: { suiteId: SUITE_AES_256_GCM, epoch: 1, ecc: undefined },
  chacha: { suiteId: SUITE_CHACHA20_POLY1305, epoch: 3, ecc: undefined },
  shards: { ...UNPROTECTED, ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } },
  xor: { ...UNPROTECTED, ecc: { scheme: 'xor', data: 3 } },
  bits: { ...UNPROTECTED, ecc: { scheme: 'secded' } },
  both: {
    suiteId: SUITE_AES_256_GCM,
    epoch: 3,
    ecc: { scheme: 'reed-solomon', data: 10, parity: 3 },
  },
  stripes: { ...UNPROTECTED, ecc: { scheme: 'none', stripe: { data: 6, parity: 2 } } },
  'shards and stripes': {
    suiteId: SUITE_CHACHA20_POLY1305,
    epoch: 2,
    ecc: { scheme: 'xor', data: 4, stripe: { data: 3, parity: 1 } },
  },
};

const anyForm = fc.record({
  blockSizeBytes: fc.constantFrom(1, 100, 200, 500, 1000, 4096),
  restartInterval: fc.constantFrom(1, 2, 3, 8, 16, 100),
  filterBitsPerKey: fc.constantFrom(0, 1, 10, 12.5),
});

const anyStorage = fc.record({
  compression: fc.constantFrom(...Object.values(CODECS)),
  protection: fc.constantFrom(...Object.values(PROTECTIONS)),
});

/** Every second table has no stage on. */
export const anyOptions: fc.Arbitrary<TableWriterOptions> = fc
  .tuple(anyForm, fc.oneof(fc.constant(PLAIN_STORAGE), anyStorage))
  .map(([form, storage]) => ({ ...form, ...storage }));

/** The key, a key right behind it and keys right before it. */
export function neighbours(key: Uint8Array): Uint8Array[] {
  const found = [key, Uint8Array.from([...key, 0]), Uint8Array.from([...key, 0xff])];
  if (key.length > 0) {
    found.push(key.slice(0, -1));
    for (const step of [-1, 1]) {
      const moved = key.slice();
      moved[key.length - 1] = moved[key.length - 1]! + step;
      found.push(moved);
    }
  }
  return found;
}
