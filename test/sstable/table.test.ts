import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { KEY_BYTES_MAX, KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { Lookup } from '../../src/key/lookup.ts';
import type { Table } from '../../src/sstable/table.ts';
import {
  decodeProperties,
  encodeProperties,
  type TableProperties,
} from '../../src/sstable/table-properties.ts';
import { TableWriter } from '../../src/sstable/table-writer.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  CODECS,
  current,
  type Entry,
  OPTIONS,
  openTable,
  PIPELINE,
  TABLE_PATH,
  tableOf,
  writeTable,
} from './table-model.ts';

function numbered(count: number, valueBytes: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: new TextEncoder().encode(String(i).padStart(8, '0')),
    seqno: i,
    kind: KIND_PUT,
    value: new Uint8Array(valueBytes).fill(i),
  }));
}

function get(table: Table, key: Uint8Array, out: Lookup): boolean {
  return table.get(key, 0, key.length, hash32(key, 0, key.length), SEQNO_MAX, out);
}

test('keys of 64 KiB and values of megabytes take part in every move', () => {
  const entries = ['a', 'b', 'c'].map((letter, i) => ({
    key: new Uint8Array(KEY_BYTES_MAX - i).fill(letter.charCodeAt(0)),
    seqno: i,
    kind: KIND_PUT,
    value: new Uint8Array(3_000_000).fill(i + 1),
  }));
  entries.push({ ...entries[2]!, key: new TextEncoder().encode('d'), value: new Uint8Array(1) });
  const table = tableOf(entries, OPTIONS, new BlockCache(10_000_000));
  const cursor = table.cursor();
  const seen: (Entry | undefined)[] = [];
  for (let more = cursor.first(); more; more = cursor.next()) seen.push(current(cursor));
  assert.deepEqual(seen, entries);
  const back: (Entry | undefined)[] = [];
  for (let more = cursor.last(); more; more = cursor.prev()) back.push(current(cursor));
  assert.deepEqual(back.reverse(), entries);
  const out = new Lookup();
  for (const { key, value } of entries) {
    assert.ok(get(table, key, out));
    assert.equal(out.valLen, value.length);
  }
  assert.equal(table.verify().blockCount, 4);
});

test('meta and properties state what was written', () => {
  const entries: Entry[] = [
    { key: Uint8Array.of(1), seqno: 9, kind: KIND_PUT, value: new Uint8Array(10) },
    { key: Uint8Array.of(1), seqno: 4, kind: KIND_DELETE, value: new Uint8Array(0) },
    { key: Uint8Array.of(7, 7), seqno: 6, kind: KIND_PUT, value: new Uint8Array(5) },
  ];
  const table = tableOf(entries, { ...OPTIONS, filterBitsPerKey: 9.5 });
  const { meta } = table;
  assert.equal(meta.fileNumber, 7);
  assert.equal(meta.entryCount, 3);
  assert.equal(meta.tombstoneCount, 1);
  assert.equal(meta.rawBytes, 19);
  assert.deepEqual(table.properties(), {
    entryCount: 3,
    tombstoneCount: 1,
    rawKeyBytes: 4,
    rawValueBytes: 15,
    smallestKey: Uint8Array.of(1),
    largestKey: Uint8Array.of(7, 7),
    smallestSeqno: 4,
    largestSeqno: 9,
    blockCount: 1,
    filterKind: 1,
    filterMillibitsPerKey: 9500,
    codecId: 0,
    dictionaryId: 0,
    suiteId: 0,
    keyEpoch: 0,
    eccScheme: 0,
    eccDataShards: 0,
    eccParityShards: 0,
    createdAtMs: 1234,
    writerVersion: 1,
    entryChecksums: 0,
    asOfSeqno: 9,
    origin: undefined,
  } satisfies TableProperties);
});

test('a table says where it comes from, wholly or not at all', () => {
  const origin = {
    ...{ familyId: 70_000, familyName: 'ÄΩ notes', level: 3 },
    ...{ inputs: [7, 300, 2 ** 40], retired: [] },
  };
  const properties = tableOf(numbered(3, 3), { ...OPTIONS, origin }).properties();
  assert.deepEqual(properties.origin, origin);
  for (const name of ['familyId', 'familyName', 'level', 'inputs', 'retired']) {
    const out = new ByteWriter(64);
    encodeProperties(out, properties);
    const at = Buffer.from(out.buf.buffer, 0, out.length).indexOf(name);
    // Another name, which is not known.
    out.buf[at] = 0x58;
    assert.equal(decodeProperties(out.buf, 0, out.length), undefined, `without ${name}`);
  }
});

test('a table says as of which write it is, unless an older version wrote it', () => {
  const asOf = (seqno: number) => tableOf(numbered(3, 3), { ...OPTIONS, asOfSeqno: seqno });
  assert.equal(asOf(1000).properties().asOfSeqno, 1000);
  assert.equal(asOf(0).properties().asOfSeqno, asOf(0).properties().largestSeqno);
  const out = new ByteWriter(64);
  encodeProperties(out, { ...asOf(7).properties(), asOfSeqno: undefined });
  const older = decodeProperties(out.buf, 0, out.length);
  assert.deepEqual([older?.asOfSeqno, older?.entryCount], [undefined, 3]);
});

test('properties that are not known are skipped, missing or damaged ones refused', () => {
  const out = new ByteWriter(64);
  encodeProperties(out, tableOf(numbered(3, 3)).properties());
  const count = out.buf[0]!;
  out.lengthPrefixed(new TextEncoder().encode('later'), 0, 5);
  out.lengthPrefixed(Uint8Array.of(1, 2, 3), 0, 3);
  assert.equal(decodeProperties(out.buf, 0, out.length), undefined);
  out.buf[0] = count + 1;
  assert.equal(decodeProperties(out.buf, 0, out.length)?.entryCount, 3);
  // The name of the first property.
  out.buf[2] = 0x58;
  assert.equal(decodeProperties(out.buf, 0, out.length), undefined);
});

test('the cache counts hits and misses and never holds more than its budget', () => {
  const entries = numbered(2000, 50);
  const cache = new BlockCache(40_000);
  const table = tableOf(entries, OPTIONS, cache);
  const out = new Lookup();
  assert.ok(get(table, entries[0]!.key, out));
  assert.ok(get(table, entries[1]!.key, out));
  assert.deepEqual([cache.hits, cache.misses], [1, 1]);
  assert.ok(cache.usedBytes > 4000);
  for (const { key } of entries) {
    assert.ok(get(table, key, out));
    assert.ok(cache.usedBytes <= 40_000);
  }
  assert.ok(cache.evictions > 10);
  assert.ok(cache.blockCount > 5);
  const before = cache.misses;
  const cursor = table.cursor({ fillCache: false, readAheadBytes: 10_000 });
  let seen = 0;
  for (let more = cursor.first(); more; more = cursor.next()) seen++;
  assert.equal(seen, 2000);
  assert.equal(cache.misses, before);
  table.close();
  assert.deepEqual([cache.usedBytes, cache.blockCount], [0, 0]);
});

test('tables share one budget and one table closing leaves the blocks of the other', () => {
  const cache = new BlockCache(1 << 20);
  const entries = numbered(500, 50);
  const [one, two] = [tableOf(entries, OPTIONS, cache), tableOf(entries, OPTIONS, cache)];
  const out = new Lookup();
  get(one, entries[0]!.key, out);
  const bytes = cache.usedBytes;
  get(two, entries[0]!.key, out);
  assert.equal(cache.usedBytes, 2 * bytes);
  one.close();
  assert.equal(cache.usedBytes, bytes);
  assert.ok(get(two, entries[0]!.key, out));
  assert.equal(cache.hits, 1);
});

test('bytes lent by a lookup stay as they are after eviction and after close', () => {
  const entries = numbered(1000, 50);
  const table = tableOf(entries, OPTIONS, new BlockCache(10_000));
  const lent = new Lookup();
  lent.isKept = true;
  assert.ok(get(table, entries[5]!.key, lent));
  const other = new Lookup();
  assert.ok(get(table, entries[700]!.key, other));
  // One has the block from the cache or brings it there, the other finds it there.
  const cursors = [table.cursor(), table.cursor({ fillCache: false })];
  const sought = [entries[500]!, entries[700]!];
  for (const [i, cursor] of cursors.entries()) cursor.seek(sought[i]!.key, 0, 8, SEQNO_MAX);
  for (const { key } of entries) get(table, key, other);
  for (const [i, cursor] of cursors.entries()) {
    const { valBuf, valOff, valLen } = cursor;
    assert.deepEqual(valBuf.slice(valOff, valOff + valLen), sought[i]!.value);
    cursor.close();
  }
  table.close();
  const value = lent.valBuf.slice(lent.valOff, lent.valOff + lent.valLen);
  assert.deepEqual(value, entries[5]!.value);
});

test('a value that a cursor was to keep stands while it moves on', () => {
  const entries = numbered(1000, 50);
  const table = tableOf(entries, OPTIONS, new BlockCache(10_000));
  const cursor = table.cursor();
  assert.ok(cursor.seek(entries[500]!.key, 0, 8, SEQNO_MAX));
  assert.ok(cursor.keepValue());
  const { valBuf, valOff, valLen } = cursor;
  let count = 0;
  while (cursor.prev()) count++;
  assert.equal(count, 500);
  assert.deepEqual(valBuf.slice(valOff, valOff + valLen), entries[500]!.value);
  const passing = table.cursor({ fillCache: false });
  assert.ok(passing.seek(entries[900]!.key, 0, 8, SEQNO_MAX));
  assert.equal(passing.keepValue(), false);
  for (const one of [cursor, passing]) one.close();
  table.close();
});

for (const [name, compression] of Object.entries(CODECS)) {
  test(`lookups that keep nothing read into buffers of evicted blocks (${name})`, () => {
    // Half of the blocks are not worth compressing.
    const entries = numbered(1000, 50);
    const random = new SeededRandom(1);
    for (const { value } of entries.slice(500)) {
      for (let i = 0; i < value.length; i++) value[i] = random.below(256);
    }
    const table = tableOf(entries, { ...OPTIONS, compression }, new BlockCache(10_000));
    const out = new Lookup();
    const buffers = new Set<Uint8Array>();
    for (const { key, value } of entries) {
      assert.ok(get(table, key, out));
      assert.deepEqual(out.valBuf.slice(out.valOff, out.valOff + out.valLen), value);
      buffers.add(out.valBuf);
    }
    assert.ok(buffers.size < 30, `${buffers.size} buffers`);
    table.close();
  });
}

test('a table without a cache budget and without a filter still answers', () => {
  const entries = numbered(300, 50);
  const cache = new BlockCache(0);
  const table = tableOf(entries, { ...OPTIONS, filterBitsPerKey: 0 }, cache);
  const out = new Lookup();
  for (const { key } of entries) assert.ok(get(table, key, out));
  assert.equal(get(table, Uint8Array.of(1), out), false);
  assert.ok(table.mayContain(1));
  assert.equal(cache.usedBytes, 0);
});

test('approximate offsets ascend with the keys and end behind the data', () => {
  const entries = numbered(1000, 50);
  const table = tableOf(entries);
  let last = 0;
  for (const { key } of entries) {
    const at = table.approximateOffset(key, 0, key.length);
    assert.ok(at >= last);
    last = at;
  }
  assert.equal(table.approximateOffset(entries[0]!.key, 0, 8), 128);
  const behind = table.approximateOffset(Uint8Array.of(0xff), 0, 1);
  assert.ok(behind > last && behind < table.meta.sizeBytes);
});

test('a cursor that met damage is invalid and may be positioned again', () => {
  const fs = new MemoryFs();
  const entries = numbered(200, 50);
  const meta = writeTable(fs, entries);
  const table = openTable(fs, meta);
  const broken = table.approximateOffset(entries[100]!.key, 0, 8);
  const handle = fs.open(TABLE_PATH, 'update');
  handle.write(new Uint8Array(8), 0, 8, broken + 100);
  for (const options of [{}, { fillCache: false, readAheadBytes: 1 << 20 }]) {
    const cursor = table.cursor(options);
    let seen = 0;
    assert.throws(
      () => {
        for (let more = cursor.first(); more; more = cursor.next()) seen++;
      },
      (error) => isVarveError(error, 'CORRUPTION') && error.offset === broken,
    );
    assert.ok(seen > 0 && seen <= 100);
    assert.equal(cursor.valid, false);
    assert.ok(cursor.first());
    assert.deepEqual(current(cursor), entries[0]);
    assert.ok(cursor.last());
    assert.deepEqual(current(cursor), entries[199]);
    cursor.close();
    cursor.close();
    assert.equal(cursor.valid, false);
  }
});

test('entries out of order stop the writer', () => {
  const wrong: [string, number][][] = [
    [
      ['b', 1],
      ['a', 1],
    ],
    [
      ['b', 1],
      ['b', 1],
    ],
    [
      ['b', 1],
      ['b', 2],
    ],
    [
      ['ba', 1],
      ['b', 1],
    ],
  ];
  for (const rows of wrong) {
    const entries = rows.map(([key, seqno]) => ({
      key: new TextEncoder().encode(key),
      seqno,
      kind: KIND_PUT,
      value: new Uint8Array(0),
    }));
    assert.throws(() => writeTable(new MemoryFs(), entries), /invariant/);
  }
});

test('the writer tells its size as it goes and writes in large pieces', () => {
  const fs = new MemoryFs();
  const file = fs.open('t', 'create');
  const sizes: number[] = [];
  const write = file.write.bind(file);
  file.write = (buf, off, length, position) => {
    sizes.push(length);
    write(buf, off, length, position);
  };
  const writer = new TableWriter(file, 1, PIPELINE, OPTIONS);
  const value = new Uint8Array(100);
  let last = writer.sizeBytes;
  for (let i = 0; i < 20_000; i++) {
    const key = new TextEncoder().encode(String(i).padStart(16, '0'));
    writer.add(key, 0, 16, i, KIND_PUT, value, 0, 100);
    assert.ok(writer.sizeBytes > last);
    last = writer.sizeBytes;
  }
  const meta = writer.finish(0);
  assert.ok(Math.abs(meta.sizeBytes / last - 1) < 0.02);
  assert.equal(
    meta.sizeBytes,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  for (const size of sizes.slice(0, -1)) assert.ok(size >= 256 * 1024);
});

test('the writer counts all bytes as they are on disk: parity, tags, filter and index', () => {
  const codes: (EccOptions | undefined)[] = [
    undefined,
    { scheme: 'reed-solomon', data: 1, parity: 6 },
    { scheme: 'reed-solomon', data: 24, parity: 6 },
    { scheme: 'xor', data: 2 },
    { scheme: 'secded' },
  ];
  for (const ecc of codes) {
    for (const isEncrypted of [false, true]) {
      for (const [keyLen, valueLen] of [
        [16, 0],
        [16, 100],
        [4000, 10],
        [16, 20_000],
      ] as const) {
        const protection = PIPELINE.protection(isEncrypted, ecc);
        const options = { ...OPTIONS, protection, blockSizeBytes: 512, filterBitsPerKey: 32 };
        const file = new MemoryFs().open('t', 'create');
        const writer = new TableWriter(file, 1, PIPELINE, options);
        const key = new Uint8Array(keyLen);
        const value = new Uint8Array(valueLen);
        for (let i = 0; writer.sizeBytes < 200_000; i++) {
          new DataView(key.buffer).setUint32(keyLen - 4, i);
          writer.add(key, 0, keyLen, i, KIND_PUT, value, 0, valueLen);
        }
        const told = writer.sizeBytes;
        const { sizeBytes } = writer.finish(0);
        // Properties, which hold two keys, and the footer come on top.
        const most = told * 1.2 + (2 * keyLen + 1000) * 7;
        const label = `${JSON.stringify(protection)} ${keyLen}/${valueLen}: ${told} ${sizeBytes}`;
        assert.ok(sizeBytes > told * 0.8 && sizeBytes < most, label);
      }
    }
  }
});
