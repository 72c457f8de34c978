/**
 * As how many tables L0 counts.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseCompactionOptions } from '../../src/compaction/options.ts';
import { compactionDebtBytes, type LeveledOptions, l0Weight } from '../../src/compaction/pick.ts';
import { pick } from './picking.ts';
import { ENTRY_BYTES, Tree } from './tree-model.ts';

/** L0 is tiny below 64 entries. */
const OPTIONS: LeveledOptions = {
  l0TriggerCount: 4,
  baseLevelBytes: 1e9,
  levelRatio: 10,
  targetTableBytes: 64 * 64 * ENTRY_BYTES,
};

/** L0 with some tables of `entries` entries each. */
function treeOf(tableCount: number, entries: number): Tree {
  const tree = new Tree();
  const keys = Array.from({ length: entries }, (_, i) => i);
  for (let i = 0; i < tableCount; i++) tree.add(0, keys);
  return tree;
}

function weight(tableCount: number, entries: number): number {
  return l0Weight(treeOf(tableCount, entries).levels[0]!, OPTIONS);
}

suite('tables of L0', () => {
  test('count one each where they are not tiny together', () => {
    assert.equal(weight(4, 16), 4);
    assert.equal(weight(1, 64), 1);
    assert.equal(weight(8, 8), 8);
  });

  test('count less where they are, by their bytes, down to a quarter', () => {
    assert.equal(weight(4, 8), 2);
    assert.equal(weight(4, 4), 1);
    assert.equal(weight(8, 1), 2);
    assert.equal(weight(0, 1), 0);
  });

  test('count more with each table and with each byte', () => {
    for (let entries = 1; entries < 40; entries++) {
      for (let count = 1; count < 20; count++) {
        assert.ok(weight(count + 1, entries) > weight(count, entries));
        assert.ok(weight(count, entries + 1) >= weight(count, entries));
      }
    }
  });

  for (const name of ['leveled', 'size-tiered'] as const) {
    test(`are merged when they count as many as the trigger: ${name}`, () => {
      const policy = parseCompactionOptions(name);
      for (const entries of [1, 2, 4, 8, 16, 32]) {
        for (let count = 1; count <= 16; count++) {
          const tree = treeOf(count, entries);
          const isDue = l0Weight(tree.levels[0]!, OPTIONS) >= OPTIONS.l0TriggerCount;
          const plan = pick(tree, { options: OPTIONS, policy });
          assert.equal(plan !== undefined, isDue, `${count} of ${entries}`);
          assert.equal(compactionDebtBytes(tree.levels, OPTIONS, policy) > 0, isDue);
        }
        assert.notEqual(pick(treeOf(16, entries), { options: OPTIONS, policy }), undefined);
      }
    });
  }
});
