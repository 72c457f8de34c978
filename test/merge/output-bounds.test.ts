import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KIND_PUT } from '../../src/key/kind.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import { OutputBounds } from '../../src/merge/output-bounds.ts';
import { bytesOf, type Entry } from '../iterator/array-cursor.ts';
import { tablesOf } from './merge-fixture.ts';

const COUNT = 400;
const ENTRIES_PER_TABLE = 10;
const TABLE_BYTES = 1000;
const TARGET_BYTES = 5 * TABLE_BYTES;

function keyOf(i: number): Uint8Array {
  return bytesOf(`key ${1000 + i}`);
}

function entry(i: number): Entry {
  return { key: keyOf(i), seqno: 0, kind: KIND_PUT, value: bytesOf('') };
}

/** Before which of the keys tables end, if each of them has so many bytes when that is asked. */
function endsAt(numbers: readonly number[], sizeBytes: number): number[] {
  const all = Array.from({ length: COUNT }, (_, i) => entry(i));
  const below = tablesOf(all, ENTRIES_PER_TABLE);
  assert.equal(below[0]!.sizeBytes, TABLE_BYTES);
  const bounds = new OutputBounds(new KeyRangeSweep([below]), TARGET_BYTES);
  let size = 0;
  return numbers.filter((number) => {
    const key = keyOf(number);
    const ends = bounds.endsBefore(key, 0, key.length, size);
    size = sizeBytes;
    return ends;
  });
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

suite('a table that a merge writes', () => {
  test('ends at its target size', () => {
    assert.deepEqual(endsAt([0, 1, 2], TARGET_BYTES), [1, 2]);
    assert.deepEqual(endsAt(range(0, 50), TARGET_BYTES - 1), []);
  });

  test('ends before a gap in which tables of the level below lie', () => {
    const numbers = [...range(0, 40), ...range(360, 400)];
    assert.deepEqual(endsAt(numbers, TARGET_BYTES / 2), [360]);
    assert.deepEqual(endsAt(numbers, TARGET_BYTES / 64), [360]);
  });

  test('does not end before a small gap, or as a crumb', () => {
    assert.deepEqual(endsAt([...range(0, 40), 75], TARGET_BYTES / 2), []);
    assert.deepEqual(endsAt([0, 100, 200], TARGET_BYTES / 64 - 1), []);
  });

  test('ends when it overlaps ten target sizes of the level below', () => {
    assert.deepEqual(endsAt([0, 300, 399], 1), []);
    const wide = range(0, COUNT).filter((i) => i % 20 === 0);
    assert.deepEqual(endsAt(wide, 1), []);
    const bounds = new OutputBounds(
      new KeyRangeSweep([tablesOf(range(0, COUNT).map(entry), ENTRIES_PER_TABLE)]),
      2 * TABLE_BYTES,
    );
    const ends = wide.filter((i) =>
      bounds.endsBefore(keyOf(i), 0, keyOf(i).length, i === 0 ? 0 : 1),
    );
    assert.deepEqual(ends, [220]);
  });
});
