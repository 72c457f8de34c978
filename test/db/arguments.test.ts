import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../src/key/kind.ts';
import { open } from '../../src/node.ts';
import { openMemory, text } from './helpers.ts';

/** What is neither a string nor a Uint8Array. */
const NO_BYTES: unknown[] = [undefined, null, 1, true, {}, [1], new ArrayBuffer(1), Symbol('s')];

async function withDb(work: (db: Db) => unknown): Promise<void> {
  const db = await openMemory();
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

test('keys and values that are no bytes are type errors, and nothing is written', () =>
  withDb((db) => {
    for (const wrong of NO_BYTES as string[]) {
      assert.throws(() => db.put(wrong, 'v'), TypeError);
      assert.throws(() => db.put('k', wrong), TypeError);
      assert.throws(() => db.delete(wrong), TypeError);
      assert.throws(() => db.get(wrong), TypeError);
      assert.throws(() => db.has(wrong), TypeError);
      assert.throws(() => db.getMany([wrong]), TypeError);
      assert.throws(() => new WriteBatch().put(wrong, 'v'), TypeError);
      assert.throws(() => new WriteBatch().put('k', wrong), TypeError);
      assert.throws(() => new WriteBatch().delete(wrong), TypeError);
    }
    assert.equal(db.seqno, 0);
    assert.equal([...db.keys()].length, 0);
  }));

test('bounds that are no bytes are type errors', () =>
  withDb((db) => {
    for (const wrong of [null, 1, {}, [1]] as unknown as string[]) {
      for (const bound of ['gt', 'gte', 'lt', 'lte', 'prefix']) {
        assert.throws(() => db.entries({ [bound]: wrong }), TypeError, bound);
        assert.throws(() => db.cursor({ [bound]: wrong }), TypeError, bound);
        assert.throws(() => db.approximateSize({ [bound]: wrong }), TypeError, bound);
      }
      using cursor = db.cursor();
      assert.throws(() => cursor.seek(wrong), TypeError);
      assert.throws(() => cursor.seekForPrev(wrong), TypeError);
    }
  }));

test('a key of the largest size works and one byte more is a range error', () =>
  withDb((db) => {
    const largest = new Uint8Array(KEY_BYTES_MAX).fill(7);
    const larger = new Uint8Array(KEY_BYTES_MAX + 1).fill(7);
    assert.equal(KEY_BYTES_MAX, 65_536);
    db.put(largest, 'large');
    db.put('x'.repeat(KEY_BYTES_MAX), 'text');
    assert.equal(text(db.get(largest)), 'large');
    assert.equal(text(db.get('x'.repeat(KEY_BYTES_MAX))), 'text');
    for (const key of [larger, 'x'.repeat(KEY_BYTES_MAX + 1), 'ä'.repeat(KEY_BYTES_MAX / 2 + 1)]) {
      assert.throws(() => db.put(key, 'v'), RangeError);
      assert.throws(() => db.delete(key), RangeError);
      assert.throws(() => db.get(key), RangeError);
      assert.throws(() => new WriteBatch().put(key, 'v'), RangeError);
      assert.throws(() => db.entries({ gte: key }), RangeError);
    }
    assert.equal([...db.keys()].length, 2);
  }));

test('the largest keys survive a flush and a compaction', () =>
  withDb(async (db) => {
    const keys = [1, 2, 3].map((fill) => new Uint8Array(KEY_BYTES_MAX).fill(fill));
    for (const key of keys) db.put(key, 'v');
    await db.flush();
    for (const key of keys) db.put(key, 'w');
    await db.compact();
    assert.deepEqual(
      [...db.keys()].map((key) => key[0]),
      [1, 2, 3],
    );
    for (const key of keys) assert.equal(text(db.get(key)), 'w');
  }));

test('a value above 256 MiB is a range error', () =>
  withDb((db) => {
    // Virtual memory only: nobody touches the pages before the check.
    const larger = new Uint8Array(VALUE_BYTES_MAX + 1);
    assert.equal(VALUE_BYTES_MAX, 268_435_456);
    assert.throws(() => db.put('k', larger), RangeError);
    assert.throws(() => new WriteBatch().put('k', larger), RangeError);
    assert.equal(db.has('k'), false);
  }));

test('values of several megabytes survive log, flush and compaction', () =>
  withDb(async (db) => {
    const value = new Uint8Array(9_000_000);
    for (let i = 0; i < value.length; i += 1000) value[i] = i / 1000;
    db.put('a', 'small');
    db.put('b', value);
    db.put('c', 'small');
    assert.deepEqual(db.get('b'), value);
    await db.flush();
    assert.deepEqual(db.get('b'), value);
    db.put('a', 'other');
    await db.compact();
    assert.deepEqual(db.get('b'), value);
    assert.equal(text(db.get('c')), 'small');
  }));

test('an empty key and an empty value are a key and a value', () =>
  withDb(async (db) => {
    db.put('', '');
    for (const stage of ['memtable', 'table', 'compacted']) {
      assert.deepEqual(db.get(''), new Uint8Array(0), stage);
      assert.equal(db.has(''), true, stage);
      assert.equal([...db.entries({ gte: '', lte: '' })].length, 1, stage);
      assert.equal([...db.entries({ gt: '' })].length, 0, stage);
      await (stage === 'memtable' ? db.flush() : db.compact());
    }
    db.delete('');
    assert.equal(db.has(''), false);
  }));

test('strings stand for their UTF-8 bytes', () =>
  withDb((db) => {
    db.put('grün', '€');
    assert.equal(text(db.get(new TextEncoder().encode('grün'))), '€');
    assert.equal(db.get('grün')!.length, 3);
  }));

test('what a call was given is not kept and what it returned is not shared', () =>
  withDb((db) => {
    const key = Uint8Array.of(1, 2);
    const value = Uint8Array.of(3, 4);
    db.put(key, value);
    key[0] = 9;
    value[0] = 9;
    const first = db.get(Uint8Array.of(1, 2))!;
    assert.deepEqual(first, Uint8Array.of(3, 4));
    first.fill(0);
    assert.deepEqual(db.get(Uint8Array.of(1, 2)), Uint8Array.of(3, 4));
    const [entry] = [...db.entries()];
    entry![1].fill(0);
    assert.deepEqual(db.get(Uint8Array.of(1, 2)), Uint8Array.of(3, 4));
  }));

test('a view into a larger buffer is taken as what it shows', () =>
  withDb((db) => {
    const buffer = Uint8Array.of(0, 1, 2, 3, 4, 5);
    db.put(buffer.subarray(1, 3), buffer.subarray(3, 6));
    assert.deepEqual(db.get(Uint8Array.of(1, 2)), Uint8Array.of(3, 4, 5));
  }));

test('limits of iterators are checked', () =>
  withDb((db) => {
    db.put('a', '1');
    db.put('b', '2');
    for (const limit of [-1, 0.5, Number.NaN]) {
      assert.throws(() => db.entries({ limit }), RangeError, `${limit}`);
    }
    assert.throws(() => db.keys({ limit: '1' as unknown as number }), TypeError);
    assert.equal([...db.keys({ limit: 0 })].length, 0);
    assert.equal([...db.keys({ limit: 1 })].length, 1);
    assert.equal([...db.keys({ limit: Number.POSITIVE_INFINITY })].length, 2);
    assert.equal(db.stats().cursorCount, 0);
  }));

test('write takes batches only and getMany arrays only', () =>
  withDb((db) => {
    for (const wrong of [undefined, null, {}, [], 'batch'] as unknown as WriteBatch[]) {
      assert.throws(() => db.write(wrong), TypeError);
    }
    for (const wrong of [undefined, null, 'ab', { 0: 'a', length: 1 }] as unknown as string[][]) {
      assert.throws(() => db.getMany(wrong), TypeError);
    }
    assert.throws(() => db.getMany(['a'], { borrow: true }), TypeError);
  }));

test('wrong options refuse to open, by name or by type', async () => {
  const wrongTypes: unknown[] = [
    null,
    'options',
    { writeBuffer: 1 },
    { writeBufferBytes: '1' },
    { wal: 1 },
    { readOnly: 'yes' },
    { columnFamilies: 'a' },
    { columnFamilies: { a: { wal: true } } },
    { filterBitsPerKey: [] },
    { filterBitsPerKey: ['10'] },
  ];
  for (const options of wrongTypes) {
    const opened = async () => open('db', options as DbOptions);
    await assert.rejects(opened, TypeError, JSON.stringify(options));
  }
  const outOfRange: DbOptions[] = [
    { writeBufferBytes: 1000 },
    { blockSizeBytes: 511 },
    { blockSizeBytes: 2 ** 21 },
    { blockSizeBytes: 1000.5 },
    { restartInterval: 0 },
    { filterBitsPerKey: 33 },
    { filterBitsPerKey: [10, -1] },
    { targetTableBytes: 1 },
    { l0TriggerCount: 0 },
    { levelRatio: 1 },
    { baseLevelBytes: 0 },
    { memoryBudgetBytes: 100 },
    { blockCacheBytes: -1 },
    { openTablesMax: 1 },
    { walRecovery: 'maybe' as 'skip' },
    { columnFamilies: { a: { restartInterval: 257 } } },
    { columnFamilies: [''] },
    { columnFamilies: ['x'.repeat(256)] },
  ];
  for (const options of outOfRange) {
    await assert.rejects(openMemory(options), RangeError, JSON.stringify(options));
  }
});

test('a path must be a string that is not empty', async () => {
  for (const path of ['', undefined, null, 5] as string[])
    await assert.rejects(open(path), TypeError);
});
