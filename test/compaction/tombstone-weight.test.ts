/**
 * What tombstones are taken to free.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { garbageOf } from '../../src/compaction/pick.ts';
import { ENTRY_BYTES, Tree } from './tree-model.ts';

/** So many keys from a first one on. */
function keys(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

suite('the garbage of a tree', () => {
  test('is nothing where nothing is deleted', () => {
    const tree = new Tree();
    assert.deepEqual(garbageOf(tree.levels), { liveBytes: 0, deadBytes: 0 });
    tree.add(6, keys(0, 20));
    tree.add(0, keys(5, 10));
    assert.deepEqual(garbageOf(tree.levels), { liveBytes: 30 * ENTRY_BYTES, deadBytes: 0 });
  });

  test('counts a mean entry from below for each tombstone', () => {
    const tree = new Tree();
    tree.add(6, keys(0, 20));
    tree.add(0, keys(5, 10), 4);
    assert.deepEqual(garbageOf(tree.levels), {
      liveBytes: 26 * ENTRY_BYTES,
      deadBytes: 4 * ENTRY_BYTES,
    });
  });

  test('adds up what each level deletes below it', () => {
    const tree = new Tree();
    tree.add(6, keys(0, 20));
    tree.add(5, keys(0, 8), 5);
    tree.add(0, keys(10, 3), 1);
    const { liveBytes, deadBytes } = garbageOf(tree.levels);
    // Below L0 are 23 puts in tables of 28 entries.
    const expected = 5 * ENTRY_BYTES + (28 * ENTRY_BYTES) / 23;
    assert.ok(Math.abs(deadBytes - expected) < 1e-9, `${deadBytes} bytes`);
    assert.ok(Math.abs(liveBytes - (31 * ENTRY_BYTES - expected)) < 1e-9, `${liveBytes} bytes`);
  });

  test('is at most what its levels take, and no tree is less than empty', () => {
    const tree = new Tree();
    tree.add(6, keys(0, 1));
    tree.add(5, keys(2, 20), 19);
    tree.add(0, keys(10, 3), 3);
    const { liveBytes, deadBytes } = garbageOf(tree.levels);
    assert.equal(deadBytes, 22 * ENTRY_BYTES);
    assert.equal(liveBytes, 0);
  });

  test('counts no tombstone that has nothing below it', () => {
    const tree = new Tree();
    tree.add(0, keys(0, 6), 6);
    assert.deepEqual(garbageOf(tree.levels), { liveBytes: 6 * ENTRY_BYTES, deadBytes: 0 });
  });
});
