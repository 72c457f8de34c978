/**
 * The leveled policy: what is picked, that it is right to merge just that, and that it ends.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parseCompactionOptions } from '../../src/compaction/options.ts';
import {
  type CompactionPlan,
  compactionDebtBytes,
  type LeveledOptions,
  type Levels,
  levelLimits,
  overlapping,
  planTables,
  totalBytes,
} from '../../src/compaction/pick.ts';
import { checkPlan, fileNumbers, OPTIONS, pick, settle } from './picking.ts';
import { ENTRY_BYTES, leveledOptions, rangeOf, Tree, trees } from './tree-model.ts';

/** Without rules that look at single tables. */
const POLICY = parseCompactionOptions({ policy: 'leveled', tombstonePercent: 0 });
const entriesMax = fc.integer({ min: 1, max: 6 });

function isWithinLimits(levels: Levels, options: LeveledOptions): boolean {
  const { limitBytes } = levelLimits(levels, options);
  return (
    levels[0]!.length < options.l0TriggerCount &&
    levels.every((_, level) => weightOf(levels, level) <= limitBytes[level]!)
  );
}

/** Bytes of a level, and in deeper ones those that its tombstones take away below. */
function weightOf(levels: Levels, level: number): number {
  const bytes = totalBytes(levels[level]!);
  if (level === 0) return bytes;
  const below = levels.slice(level + 1).flat();
  const tombstones = levels[level]!.reduce((sum, table) => sum + table.tombstoneCount, 0);
  const puts = below.reduce((sum, table) => sum + table.entryCount - table.tombstoneCount, 0);
  return puts === 0 ? bytes : bytes + (tombstones * totalBytes(below)) / puts;
}

/** What a plan must be beyond what all plans are: of one level, and right in how it writes. */
function checkLeveled(plan: CompactionPlan, tree: Tree, options: LeveledOptions): void {
  checkPlan(plan, tree);
  const [upper, lower, ...more] = plan.inputs;
  assert.deepEqual(more, []);
  assert.ok(plan.outputLevel > upper!.level || plan.outputLevel === 0);
  if (plan.outputLevel === 0) return;
  for (let level = upper!.level + 1; level < plan.outputLevel; level++) {
    assert.equal(tree.levels[level]!.length, 0, 'nothing is passed by');
  }
  const [from, to] = rangeOf({ ...plan, inputs: [upper!] });
  if (plan.kind === 'merge') {
    const below = overlapping(tree.levels[plan.outputLevel]!, from, to);
    assert.deepEqual(lower?.tables ?? [], below);
    return;
  }
  assert.equal(lower, undefined);
  for (const table of upper!.tables) {
    const { smallestKey, largestKey } = table;
    const deeper = tree.levels[plan.outputLevel + 1] ?? [];
    const bytes = totalBytes(overlapping(deeper, smallestKey, largestKey));
    assert.ok(bytes <= 10 * options.targetTableBytes);
  }
}

suite('the leveled policy in any tree', () => {
  test('gives a plan exactly when a level is over its limit, and has no debt otherwise', () => {
    fc.assert(
      fc.property(trees, leveledOptions, (build, options) => {
        const tree = build();
        const plan = pick(tree, { options, policy: POLICY });
        assert.equal(plan === undefined, isWithinLimits(tree.levels, options));
        assert.ok(plan !== undefined || compactionDebtBytes(tree.levels, options, POLICY) === 0);
        if (plan !== undefined) checkLeveled(plan, tree, options);
      }),
      { numRuns: 500 },
    );
  });

  test('again and again brings data down until every level is within its limit', () => {
    fc.assert(
      fc.property(trees, leveledOptions, entriesMax, (build, options, most) => {
        const tree = build();
        let height = tree.height();
        let runs = tree.runCount();
        settle(
          tree,
          most,
          () => ({ options, policy: POLICY }),
          (plan) => {
            // A plan that changes nothing would leave both: this is why it ends.
            if (plan.outputLevel > 0) assert.ok(tree.height() < height);
            else assert.ok(tree.height() === height && tree.runCount() < runs);
            height = tree.height();
            runs = tree.runCount();
          },
        );
        assert.ok(isWithinLimits(tree.levels, options));
      }),
      { numRuns: 300 },
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
          const plan = pick(tree, { options });
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
        const tree = build();
        const before = structuredClone(tree.levels);
        assert.deepEqual(pick(tree, { options }), pick(tree, { options }));
        assert.deepEqual(tree.levels, before);
      }),
    );
  });
});

suite('limits of levels', () => {
  test('follow the last level by the ratio, down to the size that L0 brings', () => {
    const tree = new Tree();
    for (let key = 0; key < 32; key++) tree.add(5, [key]);
    const { baseLevel, lastLevel, limitBytes } = levelLimits(tree.levels, OPTIONS);
    assert.deepEqual([baseLevel, lastLevel], [2, 5]);
    assert.deepEqual(limitBytes, [400, 0, 400, 800, 1600, Infinity, Infinity]);
  });

  test('let L0 go to a level that takes less than it brings, but not far less', () => {
    const options = { ...OPTIONS, levelRatio: 10 };
    for (const [entries, baseLevel] of [
      [41, 2],
      [12, 2],
      [13, 1],
    ] as const) {
      const tree = new Tree();
      const level = entries === 41 ? 3 : 2;
      for (let key = 0; key < entries; key++) tree.add(level, [key]);
      const found = levelLimits(tree.levels, options);
      assert.equal(found.baseLevel, baseLevel, `${entries} entries`);
      assert.equal(found.limitBytes[level - 1], entries * 10 >= 126 ? entries * 10 : 0);
    }
  });

  test('make a small tree of L0 and L1', () => {
    const tree = new Tree();
    assert.equal(levelLimits(tree.levels, OPTIONS).baseLevel, 1);
    for (let key = 0; key < 4; key++) tree.add(1, [key]);
    assert.equal(levelLimits(tree.levels, OPTIONS).baseLevel, 1);
    assert.equal(levelLimits(tree.levels, OPTIONS).lastLevel, 1);
  });

  test('open a level below the last one when that is too large; its tables only move', () => {
    const tree = new Tree();
    for (let key = 0; key < 17; key++) tree.add(2, [key]);
    const plans = settle(tree, 3, () => ({}));
    const moves = plans.map(({ kind, outputLevel }) => [kind, outputLevel]);
    assert.deepEqual(moves, [['move', 3]]);
  });

  test('let a tree that has shrunk take L0 further down', () => {
    const tree = new Tree();
    tree.add(6, [1, 2, 3]);
    tree.add(0, [1]);
    tree.add(0, [2]);
    assert.equal(pick(tree)!.outputLevel, 6);
  });

  test('empty a level above the base, which L0 does not pass by', () => {
    const tree = new Tree();
    for (let key = 0; key < 8; key++) tree.add(3, [key]);
    const stray = tree.add(1, [50]);
    tree.add(0, [1, 50]);
    tree.add(0, [2, 51]);
    assert.deepEqual(fileNumbers(pick(tree)), [[stray.fileNumber]]);
    tree.apply(pick(tree)!, 3);
    assert.deepEqual(tree.levels[1], []);
    assert.equal(pick(tree)!.inputs[0]!.level, 0);
    tree.check();
  });
});

suite('L0', () => {
  test('goes down from its trigger on, by all that is linked to its oldest table', () => {
    const tree = new Tree();
    const oldest = tree.add(0, [10, 20]);
    const unrelated = tree.add(0, [50, 51]);
    const link = tree.add(0, [20, 30]);
    const newest = tree.add(0, [30, 40]);
    const below = tree.add(1, [35]);
    const plan = pick(tree)!;
    const upper = [newest, link, oldest].map(({ fileNumber }) => fileNumber);
    assert.deepEqual(fileNumbers(plan), [upper, [below.fileNumber]]);
    assert.ok(!planTables(plan).includes(unrelated));
  });

  test('is a debt that grows with it, from its trigger on, without a leap', () => {
    const tree = new Tree();
    const options = { ...OPTIONS, l0TriggerCount: 4, baseLevelBytes: 100 * ENTRY_BYTES };
    for (let key = 0; key < 10; key++) tree.add(1, [key]);
    const debts: number[] = [];
    for (let flush = 1; flush <= 12; flush++) {
      tree.add(0, [1, 2]);
      debts.push(compactionDebtBytes(tree.levels, options, POLICY));
    }
    assert.deepEqual(debts.slice(0, 3), [0, 0, 0]);
    // A quarter of L0 and of what is below: 800 and 1000 bytes.
    assert.equal(debts[3], 450);
    for (let i = 4; i < debts.length; i++) {
      const growth = debts[i]! - debts[i - 1]!;
      assert.ok(growth > 0 && growth <= 450, `${debts}`);
    }
  });

  test('goes down when its bytes are more than the base level takes, however few tables', () => {
    const tree = new Tree();
    tree.add(0, [1, 2, 3, 4]);
    assert.equal(pick(tree), undefined);
    tree.add(0, [5, 6, 7, 8, 9]);
    const options = { ...OPTIONS, l0TriggerCount: 20 };
    assert.equal(pick(tree, { options })!.reason, 'l0-size');
  });

  test('is merged within itself while what is below would be rewritten for little', () => {
    const tree = new Tree();
    const options = { ...OPTIONS, l0TriggerCount: 3, baseLevelBytes: 100 * ENTRY_BYTES };
    const policy = parseCompactionOptions({ policy: 'leveled', l0OverlapRatioMax: 5 });
    for (let key = 0; key < 40; key += 2) tree.add(1, [key, key + 1]);
    const older = [tree.add(0, [0, 39]), tree.add(0, [0, 39])];
    const newest = tree.add(0, [0, 39]);
    const plan = pick(tree, { options, policy })!;
    assert.equal(plan.outputLevel, 0);
    const all = [newest, ...older.toReversed()].map(({ fileNumber }) => fileNumber);
    assert.deepEqual(fileNumbers(plan), [all]);
    tree.apply(plan, 3);
    tree.check();
    assert.equal(tree.levels[0]!.length, 1);
    tree.add(
      0,
      Array.from({ length: 8 }, (_, key) => key * 5),
    );
    tree.add(0, [1, 2]);
    assert.equal(pick(tree, { options, policy })!.outputLevel, 1, 'now it brings enough');
  });

  test('does not merge the same large table again with every small one', () => {
    const tree = new Tree();
    const options = { ...OPTIONS, l0TriggerCount: 4, baseLevelBytes: 1000 * ENTRY_BYTES };
    const policy = parseCompactionOptions({ policy: 'leveled', l0OverlapRatioMax: 1 });
    const keys = Array.from({ length: 60 }, (_, key) => key);
    for (const key of keys) tree.add(1, [key]);
    let written = 0;
    for (let flush = 0; flush < 60; flush++) {
      tree.add(0, [flush % 2, 59]);
      for (
        let plan = pick(tree, { options, policy });
        plan;
        plan = pick(tree, { options, policy })
      ) {
        if (plan.outputLevel > 0) return;
        written += totalBytes(planTables(plan));
        tree.apply(plan, 3);
      }
      assert.ok(tree.levels[0]!.length < 4);
      assert.ok(written <= (flush + 1) * 2 * ENTRY_BYTES * 6, `${written} after ${flush}`);
    }
  });

  test('comes before a level that is to be emptied, if it is fuller', () => {
    const tree = new Tree();
    for (let key = 0; key < 40; key++) tree.add(4, [key]);
    tree.add(2, [1, 2]);
    tree.add(1, [1, 2]);
    for (let flush = 0; flush < 4; flush++) tree.add(0, [1, 5]);
    const options = { ...OPTIONS, levelRatio: 10 };
    const plan = pick(tree, { options })!;
    assert.deepEqual(
      plan.inputs.map(({ level }) => level),
      [0, 1],
    );
    assert.deepEqual(levelLimits(tree.levels, options).limitBytes.slice(1, 3), [0, 0]);
  });

  test('moves a table that meets nothing, but joins crumbs first', () => {
    for (const [targetTableBytes, kind, count] of [
      [2 * ENTRY_BYTES, 'move', 1],
      [100 * ENTRY_BYTES, 'merge', 2],
    ] as const) {
      const tree = new Tree();
      tree.add(0, [10]);
      tree.add(0, [20]);
      tree.add(1, [30]);
      const plan = pick(tree, { options: { ...OPTIONS, targetTableBytes } })!;
      assert.equal(plan.kind, kind);
      assert.equal(planTables(plan).length, count);
    }
  });
});

suite('a deeper level', () => {
  /** L1 and L2 with room below: their limits are 400 and 800 bytes. */
  function deepTree(): Tree {
    const tree = new Tree();
    for (let key = 0; key < 16; key++) tree.add(3, [key]);
    return tree;
  }

  test('may hold exactly its limit', () => {
    const tree = deepTree();
    for (let key = 20; key < 28; key++) tree.add(2, [key]);
    assert.equal(pick(tree), undefined);
    tree.add(2, [28]);
    assert.equal(pick(tree)!.inputs[0]!.level, 2);
    // One table of nine is too much, and with it a ninth of what is below.
    const debt = compactionDebtBytes(tree.levels, OPTIONS, POLICY);
    assert.equal(Math.round(debt), Math.round((1 + 16 / 9) * ENTRY_BYTES));
  });

  test('comes first if it is over its limit by the largest factor', () => {
    const tree = deepTree();
    for (let key = 20; key < 32; key++) tree.add(2, [key]);
    for (let key = 40; key < 45; key++) tree.add(1, [key]);
    assert.equal(pick(tree)!.inputs[0]!.level, 2);
    for (let key = 45; key < 50; key++) tree.add(1, [key]);
    assert.equal(pick(tree)!.inputs[0]!.level, 1);
    for (let key = 0; key < 6; key++) tree.add(0, [key]);
    assert.equal(pick(tree)!.inputs[0]!.level, 0);
  });

  test('sends the table that drags least along for its size', () => {
    const tree = new Tree();
    for (let key = 0; key < 60; key++) tree.add(3, [key]);
    tree.add(2, [0, 14]);
    const cheapest = tree.add(2, [20, 21, 22, 23, 24]);
    tree.add(2, [15, 19]);
    const options = { ...OPTIONS, levelRatio: 10 };
    assert.deepEqual(fileNumbers(pick(tree, { options }))[0], [cheapest.fileNumber]);
  });

  test('passes no table over for ever', () => {
    const tree = new Tree();
    for (let key = 0; key < 40; key++) tree.add(3, [key]);
    // It drags twenty tables along; each of the others brings four keys over four tables.
    const expensive = tree.add(2, [0, 19]);
    for (let turn = 0; ; turn++) {
      assert.ok(turn < 200, 'the expensive table waits in vain');
      const base = 20 + (turn % 5) * 4;
      const isThere = tree.levels[2]!.some((table) => table.smallestKey[0] === base / 2);
      if (!isThere) tree.add(2, [base, base + 1, base + 2, base + 3]);
      const plan = pick(tree, { options: { ...OPTIONS, levelRatio: 10 } });
      if (plan === undefined) continue;
      if (planTables(plan).includes(expensive)) break;
      tree.apply(plan, 1);
    }
  });

  test('takes neighbours along that drag nothing more', () => {
    const tree = new Tree();
    const below = tree.add(3, [0, 10]);
    const inner = [tree.add(2, [2, 3, 4, 5]), tree.add(2, [6]), tree.add(2, [7])];
    tree.add(2, [9, 11]);
    const numbers = inner.map(({ fileNumber }) => fileNumber);
    assert.deepEqual(fileNumbers(pick(tree)), [numbers, [below.fileNumber]]);
  });

  test('merges a table that only touches another by one key', () => {
    const tree = deepTree();
    const touched = tree.add(3, [30, 31]);
    const lone = tree.add(2, [31, 32, 33, 34, 35, 36, 37, 38, 39]);
    const plan = pick(tree)!;
    assert.deepEqual(fileNumbers(plan), [[lone.fileNumber], [touched.fileNumber]]);
  });

  test('does not move a table above too much data of the level after next', () => {
    for (const [count, kind] of [
      [20, 'move'],
      [21, 'merge'],
    ] as const) {
      const tree = new Tree();
      for (let key = 0; key < count; key++) tree.add(3, [key]);
      tree.add(1, [0, 30]);
      const options = { ...OPTIONS, baseLevelBytes: ENTRY_BYTES, levelRatio: 10 };
      const plan = pick(tree, { options })!;
      assert.equal(plan.kind, kind);
      assert.equal(plan.outputLevel, 2);
    }
  });
});
