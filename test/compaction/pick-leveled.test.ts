/**
 * Automatic picking: what is picked, that it is right to merge just that, and that it ends.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type CompactionPlan,
  compactionDebtBytes,
  type LeveledOptions,
  type Levels,
  levelLimitBytes,
  overlapping,
  pickLeveled,
  planBytes,
  totalBytes,
} from '../../src/compaction/pick.ts';
import { ENTRY_BYTES, leveledOptions, rangeOf, Tree, trees } from './tree-model.ts';

const OPTIONS: LeveledOptions = {
  l0TriggerCount: 2,
  baseLevelBytes: 4 * ENTRY_BYTES,
  levelRatio: 2,
  targetTableBytes: 2 * ENTRY_BYTES,
};

function fileNumbers(plan: CompactionPlan | undefined): number[][] {
  return (plan?.inputs ?? []).map(({ tables }) => tables.map(({ fileNumber }) => fileNumber));
}

function isWithinLimits(levels: Levels, options: LeveledOptions): boolean {
  const isL0Small = levels[0]!.length < options.l0TriggerCount;
  const deeper = levels.slice(1, -1);
  return (
    isL0Small && deeper.every((tables, i) => totalBytes(tables) <= levelLimitBytes(i + 1, options))
  );
}

/** What every plan of one level into the next must be. */
function checkPlan(plan: CompactionPlan, levels: Levels, options: LeveledOptions): void {
  const [upper, lower, ...more] = plan.inputs;
  assert.ok(upper !== undefined && upper.tables.length > 0);
  assert.deepEqual(more, []);
  assert.equal(plan.outputLevel, upper.level + 1);
  assert.equal(plan.reason, upper.level === 0 ? 'l0-count' : 'level-size');
  for (const { level, tables } of plan.inputs) {
    for (const table of tables) assert.ok(levels[level]!.includes(table));
  }
  const [from, to] = rangeOf({ ...plan, inputs: [upper] });
  const below = overlapping(levels[plan.outputLevel]!, from, to);
  assert.deepEqual(lower?.tables ?? [], below);
  assert.equal(lower === undefined || lower.level === plan.outputLevel, true);
  if (plan.isTrivialMove) {
    assert.equal(planBytes(plan), upper.tables[0]!.sizeBytes);
    assert.equal(below.length, 0);
    const deeper = overlapping(levels[plan.outputLevel + 1] ?? [], from, to);
    assert.ok(totalBytes(deeper) <= 10 * options.targetTableBytes);
  }
}

suite('picking from any tree', () => {
  test('gives a plan exactly when a level is over its limit, and that is the debt', () => {
    fc.assert(
      fc.property(trees, leveledOptions, (build, options) => {
        const { levels } = build();
        const plan = pickLeveled(levels, options);
        assert.equal(plan === undefined, isWithinLimits(levels, options));
        assert.equal(plan === undefined, compactionDebtBytes(levels, options) === 0);
        if (plan !== undefined) checkPlan(plan, levels, options);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps newer versions above older ones', () => {
    fc.assert(
      fc.property(trees, leveledOptions, fc.integer({ min: 1, max: 6 }), (build, options, most) => {
        const tree = build();
        tree.check();
        const plan = pickLeveled(tree.levels, options);
        if (plan === undefined) return;
        tree.apply(plan, most);
        tree.check();
      }),
      { numRuns: 500 },
    );
  });

  test('again and again moves data down until every level is within its limit', () => {
    fc.assert(
      fc.property(trees, leveledOptions, fc.integer({ min: 1, max: 6 }), (build, options, most) => {
        const tree = build();
        for (;;) {
          const plan = pickLeveled(tree.levels, options);
          if (plan === undefined) break;
          const height = tree.height();
          checkPlan(plan, tree.levels, options);
          tree.apply(plan, most);
          // A plan that changes nothing would leave the height: this is why the loop ends.
          assert.ok(tree.height() < height);
        }
        tree.check();
        assert.ok(isWithinLimits(tree.levels, options));
      }),
      { numRuns: 200 },
    );
  });

  test('works while flushes go on', () => {
    const flushes = fc.array(fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(flushes, leveledOptions, (list, options) => {
        const tree = new Tree();
        for (const keys of list) {
          tree.add(0, keys);
          const plan = pickLeveled(tree.levels, options);
          if (plan !== undefined) tree.apply(plan, 3);
          tree.check();
        }
      }),
      { numRuns: 100 },
    );
  });

  test('changes neither the levels nor its mind', () => {
    fc.assert(
      fc.property(trees, leveledOptions, (build, options) => {
        const { levels } = build();
        const before = structuredClone(levels);
        assert.deepEqual(pickLeveled(levels, options), pickLeveled(levels, options));
        assert.deepEqual(levels, before);
      }),
    );
  });
});

suite('the most urgent level', () => {
  test('is the one that is over its limit by the largest factor', () => {
    const tree = new Tree();
    for (let key = 0; key < 18; key++) tree.add(2, [key]);
    for (let key = 0; key < 5; key++) tree.add(1, [key]);
    assert.equal(pickLeveled(tree.levels, OPTIONS)!.inputs[0]!.level, 2);
    for (let key = 5; key < 10; key++) tree.add(1, [key]);
    assert.equal(pickLeveled(tree.levels, OPTIONS)!.inputs[0]!.level, 1);
    for (let key = 0; key < 6; key++) tree.add(0, [key]);
    assert.equal(pickLeveled(tree.levels, OPTIONS)!.inputs[0]!.level, 0);
  });

  test('may hold exactly its limit; the last level has none', () => {
    const tree = new Tree();
    for (let key = 0; key < 4; key++) tree.add(1, [key]);
    for (let key = 0; key < 50; key++) tree.add(6, [key]);
    assert.equal(pickLeveled(tree.levels, OPTIONS), undefined);
    assert.equal(compactionDebtBytes(tree.levels, OPTIONS), 0);
    tree.add(1, [5]);
    assert.equal(pickLeveled(tree.levels, OPTIONS)!.inputs[0]!.level, 1);
    assert.equal(compactionDebtBytes(tree.levels, OPTIONS), ENTRY_BYTES);
  });

  test('grows by the ratio from level to level', () => {
    const limits = [1, 2, 3].map((level) => levelLimitBytes(level, OPTIONS));
    assert.deepEqual(limits, [400, 800, 1600]);
  });

  test('is L0 from its trigger on, and then all of L0 is debt', () => {
    const tree = new Tree();
    tree.add(0, [1, 2]);
    assert.equal(pickLeveled(tree.levels, OPTIONS), undefined);
    tree.add(0, [3]);
    assert.equal(pickLeveled(tree.levels, OPTIONS)!.reason, 'l0-count');
    assert.equal(compactionDebtBytes(tree.levels, OPTIONS), 3 * ENTRY_BYTES);
  });
});

suite('what goes together', () => {
  test('L0 tables that are linked through others go down with the oldest', () => {
    const tree = new Tree();
    const oldest = tree.add(0, [10, 20]);
    const unrelated = tree.add(0, [50, 51]);
    const link = tree.add(0, [20, 30]);
    const newest = tree.add(0, [30, 40]);
    const below = tree.add(1, [35]);
    const plan = pickLeveled(tree.levels, OPTIONS)!;
    const upper = [newest, link, oldest].map(({ fileNumber }) => fileNumber);
    assert.deepEqual(fileNumbers(plan), [upper, [below.fileNumber]]);
    assert.ok(!plan.inputs[0]!.tables.includes(unrelated));
  });

  test('an L0 table that meets nothing moves without a merge', () => {
    const tree = new Tree();
    const oldest = tree.add(0, [10]);
    tree.add(0, [20]);
    tree.add(1, [30]);
    const plan = pickLeveled(tree.levels, OPTIONS)!;
    assert.deepEqual(fileNumbers(plan), [[oldest.fileNumber]]);
    assert.ok(plan.isTrivialMove);
  });

  test('of an overfull level the table goes that drags least along for its size', () => {
    const tree = new Tree();
    for (const key of [0, 1, 10, 20, 21, 22]) tree.add(2, [key]);
    tree.add(1, [0, 2]);
    const cheapest = tree.add(1, [10, 11, 12]);
    tree.add(1, [20, 23]);
    const plan = pickLeveled(tree.levels, OPTIONS)!;
    assert.deepEqual(fileNumbers(plan)[0], [cheapest.fileNumber]);
    assert.equal(fileNumbers(plan)[1]!.length, 1);
  });

  test('a table that only touches another by one key is merged with it', () => {
    const tree = new Tree();
    const touched = tree.add(2, [3, 4]);
    for (const key of [10, 11, 12, 13]) tree.add(2, [key]);
    for (const keys of [
      [2, 3],
      [10, 11],
      [12, 13],
    ])
      tree.add(1, keys);
    const plan = pickLeveled(tree.levels, OPTIONS)!;
    assert.deepEqual(fileNumbers(plan)[1], [touched.fileNumber]);
  });

  test('a table does not move above too much data of the level after next', () => {
    const options = { ...OPTIONS, baseLevelBytes: ENTRY_BYTES, levelRatio: 100 };
    for (const [count, isTrivialMove] of [
      [20, true],
      [21, false],
    ] as const) {
      const tree = new Tree();
      for (let key = 0; key < count; key++) tree.add(3, [key]);
      tree.add(1, [0, 30]);
      assert.equal(pickLeveled(tree.levels, options)!.isTrivialMove, isTrivialMove);
    }
  });
});
