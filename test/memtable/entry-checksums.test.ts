/**
 * Checksums in the records of a memtable.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hash32 } from '../../src/bytes/hash32.ts';
import { NO_ENTRY_CHECKSUM } from '../../src/key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { VALUE_INLINE_BYTES_MAX } from '../../src/memtable/record.ts';

interface Added {
  readonly key: Uint8Array;
  readonly kind: number;
  readonly value: Uint8Array;
  readonly checksum: number;
}

const anyEntry: fc.Arbitrary<Added> = fc.record({
  key: fc.uint8Array({ maxLength: 12, max: 3 }),
  kind: fc.constantFrom(KIND_PUT, KIND_PUT, KIND_DELETE),
  value: fc.uint8Array({ maxLength: 40 }),
  checksum: fc.integer({ min: 0, max: 0xffff_ffff }),
});

function fill(table: Memtable, entries: readonly Added[], isChecked: boolean): void {
  entries.forEach(({ key, kind, value, checksum }, i) => {
    const hash = hash32(key, 0, key.length);
    const parts = [key, 0, key.length, hash, i + 1, kind, value, 0, value.length] as const;
    if (isChecked) table.putChecked(...parts, checksum);
    else table.put(...parts);
  });
}

test('every version of every key comes with the checksum it was put with', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 120 }), (entries) => {
      const table = new Memtable({ entryChecksums: true });
      fill(table, entries, true);
      const cursor = table.cursor();
      let count = 0;
      for (let more = cursor.first(); more; more = cursor.next(), count++) {
        const { key, kind, value, checksum } = entries[cursor.seqno - 1]!;
        const { keyBuf, keyOff, keyLen, valBuf, valOff, valLen } = cursor;
        assert.deepEqual(new Uint8Array(keyBuf.slice(keyOff, keyOff + keyLen)), key);
        assert.deepEqual(new Uint8Array(valBuf.slice(valOff, valOff + valLen)), value);
        assert.equal(cursor.kind, kind);
        assert.equal(cursor.entryChecksum(), checksum);
      }
      assert.equal(count, entries.length);
      table.release();
    }),
  );
});

test('a value too long for its record keeps its checksum too', () => {
  const table = new Memtable({ entryChecksums: true });
  const key = new Uint8Array(5);
  const entries = [
    VALUE_INLINE_BYTES_MAX + 1,
    3,
    VALUE_INLINE_BYTES_MAX,
    VALUE_INLINE_BYTES_MAX + 9,
  ];
  const added = entries.map((length, i) => {
    return {
      key,
      kind: KIND_PUT,
      value: new Uint8Array(length).fill(i),
      checksum: 0xfff0_0000 + i,
    };
  });
  fill(table, added, true);
  const cursor = table.cursor();
  for (let more = cursor.first(); more; more = cursor.next()) {
    const { value, checksum } = added[cursor.seqno - 1]!;
    assert.equal(cursor.entryChecksum(), checksum);
    assert.equal(cursor.valBuf[cursor.valOff + value.length - 1], value.at(-1));
  }
});

test('a memtable without checksums has none, and takes no byte for them', () => {
  // 24 bytes before the value: with it a multiple of 8, so that one word more shows.
  const entries = Array.from({ length: 1000 }, (_, i) => {
    const key = Uint8Array.of(i >> 8, i, 0, 0);
    return { key, kind: KIND_PUT, value: new Uint8Array(16), checksum: i };
  });
  const without = new Memtable();
  const empty = without.sizeBytes;
  fill(without, entries, false);
  const withChecksums = new Memtable({ entryChecksums: true });
  assert.equal(withChecksums.sizeBytes, empty);
  fill(withChecksums, entries, true);
  assert.equal(withChecksums.sizeBytes - without.sizeBytes, 8 * entries.length);
  const cursor = without.cursor();
  for (let more = cursor.first(); more; more = cursor.next()) {
    assert.equal(cursor.entryChecksum(), NO_ENTRY_CHECKSUM);
  }
});
