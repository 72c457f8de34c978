/**
 * What the stages make of a table: what it says of itself, what it takes, and that it is read by
 * what it says, whatever the settings of the day.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BLOCK_DATA, BLOCK_DICTIONARY } from '../../src/block/block-format.ts';
import { fileHeaderBytes } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { readU32 } from '../../src/bytes/fixed.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { CodecSettings } from '../../src/compress/options.ts';
import {
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_ZSTD,
  CODEC_ZSTD_DICTIONARY,
} from '../../src/compress/port.ts';
import { ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import type { TableWriterOptions } from '../../src/sstable/table-writer.ts';
import { codecSettings, pipelineOf, plainPipeline } from '../block/pipelines.ts';
import {
  CODECS,
  current,
  type Entry,
  OPTIONS,
  openTable,
  PIPELINE,
  PROTECTIONS,
  TABLE_PATH,
  tableOf,
  writeTable,
} from './table-model.ts';

/** Records that are alike, as those of an application are. */
const RECORDS: Entry[] = Array.from({ length: 1500 }, (_, i) => ({
  key: new TextEncoder().encode(`user:${String(i).padStart(6, '0')}`),
  seqno: i,
  kind: KIND_PUT,
  value: new TextEncoder().encode(
    JSON.stringify({ id: i, name: `name ${i * 7919}`, visits: (i * 31) % 97, isActive: i % 3 > 0 }),
  ),
}));

/** Values that no codec can do anything about. */
const NOISE: Entry[] = RECORDS.slice(0, 200).map((entry, i) => {
  const value = new Uint8Array(100);
  for (let at = 0; at < 25; at++) {
    const word = hash32(Uint8Array.of(i, at, at * i), 0, 3);
    value.set([word, word >>> 8, word >>> 16, word >>> 24], at * 4);
  }
  return { ...entry, value };
});

function options(compression: CodecSettings, more: Partial<TableWriterOptions> = {}) {
  return { ...OPTIONS, compression, ...more };
}

function expectAll(table: Table, entries: readonly Entry[]): void {
  const cursor = table.cursor({ fillCache: false, readAheadBytes: 10_000 });
  let i = 0;
  for (let more = cursor.first(); more; more = cursor.next()) {
    assert.deepEqual(current(cursor), entries[i++]);
  }
  assert.equal(i, entries.length);
  cursor.close();
  const out = new Lookup();
  for (const { key, value } of entries) {
    assert.ok(table.get(key, 0, key.length, hash32(key, 0, key.length), SEQNO_MAX, out));
    const got = out.valBuf.slice(out.valOff, out.valOff + out.valLen);
    assert.deepEqual(new Uint8Array(got), value);
  }
}

/** Codec of each data block, and whether there is a dictionary, as the block headers say. */
function headersOf(fs: MemoryFs, table: Table): { codecs: number[]; hasDictionary: boolean } {
  const file = fs.open(TABLE_PATH, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  const codecs: number[] = [];
  let hasDictionary = false;
  let at = fileHeaderBytes(table.meta.protection);
  for (; at < bytes.length; at += 24 + readU32(bytes, at + 8)) {
    if (bytes[at] === BLOCK_DATA) codecs.push(bytes[at + 1]!);
    if (bytes[at] === BLOCK_DICTIONARY) hasDictionary = true;
  }
  return { codecs, hasDictionary };
}

suite('a table of each codec and protection', () => {
  for (const [codec, compression] of Object.entries(CODECS)) {
    for (const [name, protection] of Object.entries(PROTECTIONS)) {
      test(`is read back whole and says what it is: ${codec}, ${name}`, () => {
        const entries = RECORDS.slice(0, 300);
        const table = tableOf(entries, options(compression, { protection }));
        expectAll(table, entries);
        const { meta } = table;
        const properties = table.properties();
        const { ecc } = protection;
        assert.deepEqual(meta.protection, protection);
        assert.equal(properties.codecId, meta.codecId);
        assert.equal(properties.suiteId, protection.suiteId);
        assert.equal(properties.keyEpoch, protection.epoch);
        assert.equal(properties.eccScheme, codeOf(ecc?.scheme));
        assert.equal(
          properties.eccDataShards,
          ecc === undefined ? 0 : 'data' in ecc ? ecc.data : 0,
        );
        const parity = ecc?.scheme === 'reed-solomon' ? ecc.parity : ecc?.scheme === 'xor' ? 1 : 0;
        assert.equal(properties.eccParityShards, parity);
        assert.equal(properties.stripeDataChunks, ecc?.stripe?.data);
        assert.equal(properties.stripeParityUnits, ecc?.stripe?.parity);
        const hasDictionary = codec.includes('dictionary');
        assert.equal(properties.dictionaryId > 0, hasDictionary);
        assert.equal(meta.codecId === CODEC_ZSTD_DICTIONARY, hasDictionary);
        assert.equal(table.verify().entryCount, entries.length);
        table.close();
      });
    }
  }
});

function codeOf(scheme: string | undefined): number {
  return ['none', 'secded', 'xor', 'reed-solomon'].indexOf(scheme ?? 'none');
}

test('compression makes a table smaller, a dictionary for small blocks smaller still', () => {
  const size = (name: string, blockSizeBytes: number): number =>
    tableOf(RECORDS, options(CODECS[name]!, { blockSizeBytes })).meta.sizeBytes;
  for (const blockSizeBytes of [4096, 512]) {
    const [none, lz4, zstd] = ['none', 'lz4', 'zstd'].map((name) => size(name, blockSizeBytes));
    assert.ok(lz4! < none! && zstd! < lz4!, `${none}, ${lz4}, ${zstd}`);
  }
  assert.ok(size('zstd, trained dictionary', 512) < 0.9 * size('zstd', 512));
});

test('blocks that do not shrink are stored as they are', () => {
  const fs = new MemoryFs();
  const mixed = [...NOISE, ...RECORDS.slice(200)];
  const table = openTable(fs, writeTable(fs, mixed, options(CODECS['lz4']!)));
  const { codecs } = headersOf(fs, table);
  assert.equal(codecs[0], CODEC_NONE);
  assert.equal(codecs.at(-1), CODEC_LZ4);
  assert.equal(table.properties().codecId, CODEC_LZ4);
  expectAll(table, mixed);
  const plain = tableOf(NOISE).meta;
  assert.equal(
    tableOf(NOISE, options(CODECS['zstd']!)).meta.sizeBytes - plain.sizeBytes < 64,
    true,
  );
});

suite('a trained dictionary', () => {
  const trained = (trainedBytes: number) =>
    codecSettings({ codec: 'zstd', dictionary: { trainedBytes } });

  test('stands once in the table, and all data blocks use it', () => {
    const fs = new MemoryFs();
    const table = openTable(fs, writeTable(fs, RECORDS, options(trained(2048))));
    const { codecs, hasDictionary } = headersOf(fs, table);
    assert.ok(hasDictionary);
    assert.ok(codecs.length > 10);
    assert.ok(codecs.every((codec) => codec === CODEC_ZSTD_DICTIONARY));
  });

  test('is made of the first blocks, and later ones are not held back', () => {
    const fs = new MemoryFs();
    const many = Array.from({ length: 6000 }, (_, i) => ({
      ...RECORDS[i % RECORDS.length]!,
      key: new TextEncoder().encode(`user:${String(i).padStart(6, '0')}`),
    }));
    const table = openTable(fs, writeTable(fs, many, options(trained(1024))));
    expectAll(table, many);
    const { codecs } = headersOf(fs, table);
    assert.ok(codecs.every((codec) => codec === CODEC_ZSTD_DICTIONARY));
  });

  test('is left out where there are too few samples or they have nothing in common', () => {
    for (const entries of [RECORDS.slice(0, 1), NOISE.slice(0, 1)]) {
      const fs = new MemoryFs();
      const table = openTable(fs, writeTable(fs, entries, options(trained(1024))));
      assert.equal(headersOf(fs, table).hasDictionary, false);
      assert.equal(table.properties().dictionaryId, 0);
      assert.equal(table.meta.codecId, CODEC_ZSTD);
      expectAll(table, entries);
    }
  });

  test('is never larger than asked for, nor than an eighth of what it was made of', () => {
    for (const count of [20, 60, 400]) {
      const fs = new MemoryFs();
      const entries = RECORDS.slice(0, count);
      const plain = tableOf(entries).meta.sizeBytes;
      for (const trainedBytes of [1024, 16_384]) {
        const table = openTable(fs, writeTable(fs, entries, options(trained(trainedBytes))));
        const bytes = dictionaryBytes(fs, table);
        assert.ok(bytes <= trainedBytes && bytes <= plain / 8, `${bytes} bytes of ${plain}`);
        expectAll(table, entries);
        fs.remove(TABLE_PATH);
      }
    }
  });
});

/** Content length of the dictionary block; 0 without one. */
function dictionaryBytes(fs: MemoryFs, table: Table): number {
  const file = fs.open(TABLE_PATH, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  let at = fileHeaderBytes(table.meta.protection);
  while (at < bytes.length && bytes[at] !== BLOCK_DICTIONARY) at += 24 + readU32(bytes, at + 8);
  return at < bytes.length ? readU32(bytes, at + 12) : 0;
}

test('a given dictionary stands in the table, so that it is read without the option', () => {
  const fs = new MemoryFs();
  const bytes = new TextEncoder().encode('{"id":,"name":"name ","visits":,"isActive":true}');
  const given = codecSettings({ codec: 'zstd', dictionary: bytes });
  const meta = writeTable(fs, RECORDS, options(given));
  const table = openTable(fs, meta);
  assert.equal(table.properties().dictionaryId, new ZstdDictionary(bytes).id);
  expectAll(table, RECORDS);
  const prepared = PIPELINE.dictionary(new ZstdDictionary(bytes));
  assert.equal(PIPELINE.dictionary(new ZstdDictionary(bytes)), prepared, 'one for all tables');
});

test('tables with different dictionaries are read side by side', () => {
  const tables = [1024, 1500, 3000].map((trainedBytes, i) => {
    const compression = codecSettings({ codec: 'zstd', dictionary: { trainedBytes } });
    const entries = RECORDS.slice(i * 300, i * 300 + 600);
    return { table: tableOf(entries, options(compression)), entries };
  });
  const ids = new Set(tables.map(({ table }) => table.properties().dictionaryId));
  assert.equal(ids.size, 3);
  for (let round = 0; round < 2; round++) {
    for (const { table, entries } of tables) expectAll(table, entries);
  }
});

test('the same entries, settings and randomness give the same bytes', async () => {
  const bytesOf = async (): Promise<Uint8Array> => {
    const pipeline = await pipelineOf({ suite: 'chacha20-poly1305', epoch: 3 });
    const fs = new MemoryFs();
    const protection = PROTECTIONS['both']!;
    const compression = CODECS['zstd, trained dictionary']!;
    const meta = writeTable(fs, RECORDS, options(compression, { protection }), pipeline);
    const bytes = new Uint8Array(meta.sizeBytes);
    fs.open(TABLE_PATH, 'read').read(bytes, 0, bytes.length, 0);
    return bytes;
  };
  assert.deepEqual(await bytesOf(), await bytesOf());
});

test('zstd that is not ready is replaced by lz4, and a table that needs it is refused', () => {
  const pipeline = plainPipeline();
  const fs = new MemoryFs();
  const meta = writeTable(fs, RECORDS, options(CODECS['zstd']!), pipeline);
  assert.equal(meta.codecId, CODEC_LZ4);
  expectAll(openTable(fs, meta, new BlockCache(0), pipeline), RECORDS);
  const zstd = new MemoryFs();
  const other = writeTable(zstd, RECORDS, options(CODECS['zstd']!));
  assert.throws(() => openTable(zstd, other, new BlockCache(0), plainPipeline()).verify(), {
    code: 'UNSUPPORTED',
  });
});

suite('a table and its manifest', () => {
  test('must agree on the protection', () => {
    for (const [name, protection] of Object.entries(PROTECTIONS)) {
      const fs = new MemoryFs();
      const meta = writeTable(fs, RECORDS, options(CODECS['lz4']!, { protection }));
      for (const [other, said] of Object.entries(PROTECTIONS)) {
        if (other === name) continue;
        assert.throws(() => openTable(fs, { ...meta, protection: said }), { code: 'CORRUPTION' });
      }
      openTable(fs, meta).close();
    }
  });

  test('must agree on the codec, which verify checks', () => {
    const fs = new MemoryFs();
    const meta = writeTable(fs, RECORDS, options(CODECS['lz4']!));
    const table = openTable(fs, { ...meta, codecId: CODEC_NONE });
    expectAll(table, RECORDS);
    assert.throws(() => table.verify(), { code: 'CORRUPTION', message: /properties/ });
  });
});

suite('the key of a table', () => {
  test('is asked for when the table is opened, a missing one named by its epoch', async () => {
    const fs = new MemoryFs();
    const protection = PROTECTIONS['chacha']!;
    const meta = writeTable(fs, RECORDS, options(CODECS['none']!, { protection }));
    const none = await pipelineOf({});
    assert.throws(() => openTable(fs, meta, new BlockCache(0), none), {
      code: 'KEY',
      file: TABLE_PATH,
      message: /epoch 3/,
    });
    const older = await pipelineOf({ suite: 'chacha20-poly1305', epoch: 2 });
    assert.throws(() => openTable(fs, meta, new BlockCache(0), older), {
      code: 'KEY',
      message: /epoch 3/,
    });
  });

  test('of another database, number or salt opens no block', async () => {
    const fs = new MemoryFs();
    const protection = PROTECTIONS['aes']!;
    const meta = writeTable(fs, RECORDS, options(CODECS['none']!, { protection }));
    const other = await pipelineOf({ suite: 'aes-256-gcm' });
    other.databaseId = new Uint8Array(16).fill(9);
    assert.throws(() => openTable(fs, meta, new BlockCache(0), other), {
      code: 'CORRUPTION',
      message: /not authentic/,
    });
  });

  test('is that of the one file whose salt the meta has', () => {
    for (const protection of Object.values(PROTECTIONS)) {
      const [fs, other] = [new MemoryFs(), new MemoryFs()];
      const stored = options(CODECS['none']!, { protection });
      const meta = writeTable(fs, RECORDS, stored);
      const twin = writeTable(other, RECORDS, stored);
      const inFile = new Uint8Array(16);
      fs.open(TABLE_PATH, 'read').read(inFile, 0, 16, 16);
      assert.deepEqual(meta.salt, inFile);
      assert.equal(twin.sizeBytes, meta.sizeBytes);
      assert.throws(() => openTable(other, meta), {
        code: 'CORRUPTION',
        message: /table is another one than the manifest says/,
      });
      expectAll(openTable(other, twin), RECORDS);
    }
  });

  test('is not held against a salt that an older version did not note', () => {
    const fs = new MemoryFs();
    const plain = options(CODECS['none']!, { protection: UNPROTECTED });
    const meta = writeTable(fs, RECORDS, plain);
    expectAll(openTable(fs, { ...meta, salt: undefined }), RECORDS);
  });

  test('does not show what the blocks hold', () => {
    const fs = new MemoryFs();
    const found = (protection: typeof UNPROTECTED): boolean => {
      const meta = writeTable(fs, RECORDS, options(CODECS['none']!, { protection }));
      const bytes = new Uint8Array(meta.sizeBytes);
      fs.open(TABLE_PATH, 'read').read(bytes, 0, bytes.length, 0);
      fs.remove(TABLE_PATH);
      return Buffer.from(bytes).includes('user:0') || Buffer.from(bytes).includes('"visits"');
    };
    assert.equal(found(UNPROTECTED), true);
    assert.equal(found(PROTECTIONS['aes']!), false);
    assert.equal(found(PROTECTIONS['chacha']!), false);
    assert.equal(found(PROTECTIONS['both']!), false);
  });
});

test('a table that was open when its pipeline was closed stays readable', async () => {
  const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
  const fs = new MemoryFs();
  const protection = PROTECTIONS['aes']!;
  const meta = writeTable(fs, RECORDS, options(CODECS['lz4']!, { protection }), pipeline);
  const table = openTable(fs, meta, new BlockCache(0), pipeline);
  pipeline.close();
  expectAll(table, RECORDS);
  table.close();
  table.close();
  expectAll(openTable(fs, meta, new BlockCache(0), PIPELINE), RECORDS);
});
