/**
 * Compacting a key range by hand.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type LeveledOptions,
  overlapping,
  pickManual,
  pickManualL0,
} from '../../src/compaction/pick.ts';
import { bounds, ENTRY_BYTES, keyOf, leveledOptions, rangeOf, Tree, trees } from './tree-model.ts';

const OPTIONS: LeveledOptions = {
  l0TriggerCount: 4,
  baseLevelBytes: 4 * ENTRY_BYTES,
  levelRatio: 2,
  targetTableBytes: 2 * ENTRY_BYTES,
};

/** The levels that hold tables of the range. */
function levelsWith(
  tree: Tree,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): number[] {
  return tree.levels.flatMap((tables, level) =>
    overlapping(tables, from, to).length > 0 ? [level] : [],
  );
}

suite('a manual compaction of any range of any tree', () => {
  test('keeps newer versions above older ones and leaves the range in one sorted run', () => {
    fc.assert(
      fc.property(trees, leveledOptions, bounds, bounds, (build, options, from, to) => {
        const tree = build();
        const first = pickManualL0(tree.levels, from, to, options);
        assert.equal(first === undefined, overlapping(tree.levels[0]!, from, to).length === 0);
        if (first !== undefined) {
          assert.equal(first.reason, 'manual');
          tree.apply(first, 3);
          tree.check();
          assert.deepEqual(tree.levels[0], []);
        }
        const second = pickManual(tree.levels, from, to);
        if (second !== undefined) {
          tree.apply(second, 3);
          tree.check();
        }
        const levels = levelsWith(tree, from, to);
        assert.ok(levels.length <= 1 && levels[0] !== 0, `levels ${levels}`);
        assert.equal(pickManual(tree.levels, from, to), undefined);
      }),
      { numRuns: 500 },
    );
  });

  test('takes every table that its output could overlap', () => {
    fc.assert(
      fc.property(trees, bounds, bounds, (build, from, to) => {
        const tree = build();
        const plan = pickManual(tree.levels, from, to);
        if (plan === undefined) return;
        const [smallest, largest] = rangeOf(plan);
        const expected = tree.levels.flatMap((tables, level) => {
          const found = overlapping(tables, smallest, largest);
          return found.length === 0 ? [] : [{ level, tables: found }];
        });
        assert.deepEqual(plan.inputs, expected);
        assert.equal(plan.outputLevel, Math.max(1, expected.at(-1)!.level));
        assert.equal(plan.kind, 'merge');
      }),
      { numRuns: 500 },
    );
  });

  test('is not planned without gain: every plan moves data down or meets seqnos', () => {
    fc.assert(
      fc.property(trees, bounds, bounds, (build, from, to) => {
        const tree = build();
        const plan = pickManual(tree.levels, from, to);
        const height = tree.height();
        if (plan === undefined) {
          const levels = levelsWith(tree, from, to);
          assert.ok(levels.length === 0);
          return;
        }
        const seqnos = plan.inputs.flatMap(({ tables }) => tables.map((t) => t.largestSeqno));
        tree.apply(plan, 3);
        assert.ok(tree.height() < height || seqnos.some((seqno) => seqno > 0));
      }),
      { numRuns: 500 },
    );
  });
});

suite('a manual compaction', () => {
  test('of everything brings everything to the deepest level in use', () => {
    const tree = new Tree();
    tree.add(4, [1, 2, 3]);
    tree.add(2, [30, 31]);
    tree.add(0, [50]);
    const plan = pickManual(tree.levels, undefined, undefined)!;
    assert.equal(plan.outputLevel, 4);
    tree.apply(plan, 2);
    assert.deepEqual(levelsWith(tree, undefined, undefined), [4]);
  });

  test('of L0 alone goes to L1', () => {
    const tree = new Tree();
    tree.add(0, [1]);
    assert.equal(pickManual(tree.levels, undefined, undefined)!.outputLevel, 1);
  });

  test('of an empty tree or an empty range does nothing', () => {
    const tree = new Tree();
    assert.equal(pickManual(tree.levels, undefined, undefined), undefined);
    assert.equal(pickManual([[]], undefined, undefined), undefined);
    assert.equal(pickManualL0([[]], keyOf(1), undefined, OPTIONS), undefined);
    tree.add(0, [10, 20]);
    assert.equal(pickManual(tree.levels, keyOf(21), undefined), undefined);
    assert.equal(pickManual(tree.levels, undefined, keyOf(9)), undefined);
    assert.equal(pickManualL0(tree.levels, keyOf(21), undefined, OPTIONS), undefined);
  });

  test('of one sorted run is worth it once, for the excess that snapshots held', () => {
    const tree = new Tree();
    tree.add(3, [1, 2]);
    tree.add(3, [10, 11], 1);
    for (const keepsTombstones of [true, false]) {
      const plan = pickManual(tree.levels, undefined, undefined)!;
      assert.equal(plan.outputLevel, 3);
      tree.apply(plan, 3, keepsTombstones);
    }
    assert.equal(pickManual(tree.levels, undefined, undefined), undefined);
  });

  test('leaves tables outside of the range alone', () => {
    const tree = new Tree();
    const outside = tree.add(2, [1, 2]);
    tree.add(2, [10, 11]);
    tree.add(1, [11, 12]);
    const plan = pickManual(tree.levels, keyOf(11), keyOf(11))!;
    assert.equal(plan.inputs.length, 2);
    assert.ok(!plan.inputs.some(({ tables }) => tables.includes(outside)));
  });
});
