/**
 * A frozen memtable as another thread sees it.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_ENTRY_CHECKSUM } from '../../src/key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { ImageCursor } from '../../src/memtable/memtable-image.ts';
import { VALUE_INLINE_BYTES_MAX } from '../../src/memtable/record.ts';
import { type Entry, Model, putEntry } from './model.ts';

function bytes(buf: Uint8Array, off: number, len: number): Uint8Array {
  return Uint8Array.from(buf.subarray(off, off + len));
}

/** All entries of an image that went to another thread. */
function entriesOf(table: Memtable): Entry[] {
  const cursor = new ImageCursor(structuredClone(table.image()));
  const entries: Entry[] = [];
  for (let valid = cursor.first(); valid; valid = cursor.next()) {
    assert.equal(cursor.valid, true);
    assert.equal(cursor.entryChecksum(), NO_ENTRY_CHECKSUM);
    const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = cursor;
    const key = bytes(keyBuf, keyOff, keyLen);
    entries.push({ key, seqno, kind, value: bytes(valBuf, valOff, valLen) });
  }
  assert.equal(cursor.valid, false);
  cursor.close();
  return entries;
}

test('an image shows all entries in order, whatever of them was in order before', () => {
  const key = fc.uint8Array({ maxLength: 6, max: 3 });
  const step = fc.oneof(
    { weight: 30, arbitrary: fc.record({ key, length: fc.nat(40), isDelete: fc.boolean() }) },
    // A cursor puts what there is so far into the tree.
    { weight: 1, arbitrary: fc.constant('read' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const table = new Memtable();
      const model = new Model();
      let seqno = 1;
      for (const one of steps) {
        if (one === 'read') {
          table.cursor().first();
          continue;
        }
        const value = new Uint8Array(one.isDelete ? 0 : one.length).fill(seqno);
        const kind = one.isDelete ? KIND_DELETE : KIND_PUT;
        const entry = { key: one.key, seqno: seqno++, kind, value };
        putEntry(table, entry);
        model.put(entry);
      }
      const image = entriesOf(table);
      assert.deepEqual(image, model.entries);
      // Reading the memtable itself goes on beside it, and does not change what it shows.
      table.cursor().first();
      assert.deepEqual(entriesOf(table), image);
    }),
    { numRuns: 200 },
  );
});

test('an image has values that stand in buffers of their own', () => {
  const table = new Memtable();
  const large = new Uint8Array(VALUE_INLINE_BYTES_MAX + 1).map((_, i) => i);
  const key = Uint8Array.of(1);
  putEntry(table, { key, seqno: 1, kind: KIND_PUT, value: large });
  putEntry(table, { key: Uint8Array.of(0), seqno: 2, kind: KIND_PUT, value: large.subarray(1) });
  putEntry(table, { key, seqno: 3, kind: KIND_PUT, value: large.subarray(2) });
  const lengths = entriesOf(table).map(({ seqno, value }) => [seqno, value.length, value[9]]);
  const n = large.length;
  assert.deepEqual(lengths, [
    [2, n - 1, 10],
    [3, n - 2, 11],
    [1, n, 9],
  ]);
});

test('many keys are put in order by whoever reads the image', () => {
  const table = new Memtable();
  const count = 5000;
  for (let i = 0; i < count; i++) {
    const key = new TextEncoder().encode(`key ${(i * 7919) % count}`);
    putEntry(table, { key, seqno: i + 1, kind: KIND_PUT, value: key });
  }
  const { ordered, waiting } = table.image();
  assert.deepEqual([ordered.length, waiting.length], [0, count]);
  const keys = entriesOf(table).map(({ key }) => Buffer.from(key).toString());
  assert.deepEqual(keys, keys.toSorted());
  assert.equal(new Set(keys).size, count);
});
