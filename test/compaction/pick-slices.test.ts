/**
 * Compacting a key range by hand in slices.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type CompactionPlan,
  overlapping,
  pickManualSlice,
  pickManualWhole,
} from '../../src/compaction/pick.ts';
import { checkPlan, fileNumbers, OPTIONS } from './picking.ts';
import { bounds, keyOf, leveledOptions, Tree, trees } from './tree-model.ts';

/** A way down is at most so many tables by so many levels. */
const SLICES_MAX = 1000;
/** Nothing is too new. */
const seqno = Number.MAX_SAFE_INTEGER;
const ALL = { from: undefined, to: undefined, seqno };

/** Carries slices out until there is none; returns them. */
function slice(
  tree: Tree,
  next: () => CompactionPlan | undefined,
  after: (plan: CompactionPlan) => void = () => {},
): CompactionPlan[] {
  const plans: CompactionPlan[] = [];
  for (let plan = next(); plan !== undefined; plan = next()) {
    const height = tree.height();
    checkPlan(plan, tree);
    tree.apply(plan, 3);
    tree.check();
    assert.ok(tree.height() < height, 'every slice brings something down');
    after(plan);
    plans.push(plan);
    assert.ok(plans.length < SLICES_MAX);
  }
  return plans;
}

suite('slices of a manual compaction', () => {
  test('bring any range of any tree down to one sorted run', () => {
    fc.assert(
      fc.property(trees, leveledOptions, bounds, bounds, (build, options, from, to) => {
        const tree = build();
        slice(tree, () => pickManualSlice(tree.levels, { from, to, seqno }, options));
        const levels = tree.levels.flatMap((tables, level) =>
          overlapping(tables, from, to).length > 0 ? [level] : [],
        );
        assert.ok(levels.length <= 1 && levels[0] !== 0, `levels ${levels}`);
        if (from !== undefined || to !== undefined) return;
        // What is left for the whole is to rewrite that; of a range it may drag others along.
        const rest = pickManualWhole(tree.levels, { from, to, seqno }, () => false);
        assert.ok(rest === undefined || rest.inputs.every(({ level }) => level === levels[0]));
      }),
      { numRuns: 500 },
    );
  });

  test('take of L0 what has to leave it together, and then one table at a time', () => {
    fc.assert(
      fc.property(trees, leveledOptions, bounds, bounds, (build, options, from, to) => {
        const tree = build();
        let hasLeftL0 = false;
        slice(
          tree,
          () => pickManualSlice(tree.levels, { from, to, seqno }, options),
          ({ inputs, reason }) => {
            const [upper, ...lower] = inputs;
            assert.equal(reason, 'manual');
            assert.ok(lower.length <= 1);
            if (upper!.level > 0) return assert.equal(upper!.tables.length, 1);
            assert.ok(!hasLeftL0, 'once');
            hasLeftL0 = true;
          },
        );
      }),
      { numRuns: 500 },
    );
  });

  test('leave tables that the range does not meet, unless they are in the way', () => {
    const tree = new Tree();
    const beside = tree.add(3, [1, 2]);
    tree.add(3, [10, 11]);
    const above = tree.add(1, [1, 2]);
    tree.add(1, [10, 12]);
    const plans = slice(tree, () =>
      pickManualSlice(tree.levels, { from: keyOf(9), to: keyOf(20), seqno }, OPTIONS),
    );
    assert.equal(plans.length, 1);
    assert.ok(tree.levels[3]!.includes(beside));
    assert.ok(tree.levels[1]!.includes(above));
  });

  test('do not carry a table past older versions above the next level of the range', () => {
    const tree = new Tree();
    tree.add(4, [10]);
    // Out of the range, but in the way of the table above it, which reaches into the range.
    const between = tree.add(2, [20]);
    const wide = tree.add(1, [10, 20]);
    const plan = pickManualSlice(tree.levels, { from: keyOf(10), to: keyOf(11), seqno }, OPTIONS)!;
    assert.deepEqual(fileNumbers(plan), [[wide.fileNumber], [between.fileNumber]]);
    assert.equal(plan.outputLevel, 2);
    slice(tree, () =>
      pickManualSlice(tree.levels, { from: keyOf(10), to: keyOf(11), seqno }, OPTIONS),
    );
  });

  test('of nothing, or of one run, are none', () => {
    const tree = new Tree();
    assert.equal(pickManualSlice(tree.levels, ALL, OPTIONS), undefined);
    tree.add(2, [1, 2]);
    tree.add(2, [5]);
    assert.equal(pickManualSlice(tree.levels, ALL, OPTIONS), undefined);
  });
});
