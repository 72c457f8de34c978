/**
 * Compacting a family, or a key range of it, by hand.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import {
  type CompactionPlan,
  type LeveledOptions,
  type ManualScope,
  overlapping,
  pickManualRewrite,
  pickManualStep,
  pickManualWhole,
} from '../../src/compaction/pick.ts';
import { LEVEL_COUNT } from '../../src/manifest/family-version.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { checkPlan, OPTIONS } from './picking.ts';
import { bounds, ENTRY_BYTES, keyOf, leveledOptions, Tree, trees } from './tree-model.ts';

const ALL: ManualScope = { from: undefined, to: undefined, seqno: Number.MAX_SAFE_INTEGER };
const none = () => false;
const hasSeqnos = ({ largestSeqno }: TableMeta) => largestSeqno > 0;

function between(from: Uint8Array | undefined, to: Uint8Array | undefined): ManualScope {
  return { ...ALL, from, to };
}

/** The levels that hold tables of the range. */
function levelsWith(tree: Tree, { from, to }: ManualScope): number[] {
  return tree.levels.flatMap((tables, level) =>
    overlapping(tables, from, to).length > 0 ? [level] : [],
  );
}

/** Does all steps, each of which must be a sound one; returns them. */
function descend(
  tree: Tree,
  scope: ManualScope,
  options: LeveledOptions,
  check: (plan: CompactionPlan, level: number) => void = () => {},
): CompactionPlan[] {
  const plans: CompactionPlan[] = [];
  for (let level = 0; level < LEVEL_COUNT - 1; level++) {
    const plan = pickManualStep(tree.levels, level, scope, options);
    if (plan === undefined) continue;
    assert.equal(plan.reason, 'manual');
    checkPlan(plan, tree);
    check(plan, level);
    tree.apply(plan, 3);
    tree.check();
    plans.push(plan);
  }
  return plans;
}

suite('a manual compaction of any range of any tree', () => {
  test('keeps newer versions above older ones and leaves the range in one sorted run', () => {
    fc.assert(
      fc.property(trees, leveledOptions, bounds, bounds, (build, options, from, to) => {
        const tree = build();
        const scope = between(from, to);
        descend(tree, scope, options);
        const levels = levelsWith(tree, scope);
        assert.ok(levels.length <= 1 && levels[0] !== 0, `levels ${levels}`);
        assert.deepEqual(descend(tree, scope, options), [], 'once is enough');
      }),
      { numRuns: 500 },
    );
  });

  test('takes what meets the range, and below only what that overlaps', () => {
    fc.assert(
      fc.property(trees, leveledOptions, bounds, bounds, (build, options, from, to) => {
        const tree = build();
        descend(tree, between(from, to), options, ({ inputs, outputLevel }, level) => {
          const [upper, ...lower] = inputs;
          assert.equal(upper!.level, level);
          assert.ok(lower.length <= 1 && (lower[0]?.level ?? outputLevel) === outputLevel);
          const met = overlapping(upper!.tables, from, to);
          if (level > 0) assert.deepEqual(upper!.tables, met);
          const range = keysOf(upper!.tables);
          if (lower.length > 0) {
            assert.deepEqual(lower[0]!.tables, overlapping(tree.levels[outputLevel]!, ...range));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('leaves what is newer in L0, and never sinks past what is older', () => {
    fc.assert(
      fc.property(
        fc.tuple(trees, leveledOptions, bounds, bounds, fc.nat(60)),
        ([build, options, from, to, newer]) => {
          const tree = build();
          const scope = { from, to, seqno: tree.lastSeqno - newer };
          const whole = from === undefined && to === undefined;
          const isNew = (table: TableMeta) => table.smallestSeqno > scope.seqno;
          const isInPlay = (table: TableMeta) => !isNew(table);
          descend(tree, scope, options);
          const left = overlapping(tree.levels[0]!, from, to);
          assert.ok(left.every(isNew));
          if (!whole) return;
          const plan = pickManualWhole(build().levels, scope, none);
          const taken = plan?.inputs.find(({ level }) => level === 0)?.tables ?? [];
          assert.ok(build().levels[0]!.filter(isInPlay).length <= taken.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of all of it takes everything to the deepest level in use at once', () => {
    fc.assert(
      fc.property(trees, (build) => {
        const tree = build();
        const plan = pickManualWhole(tree.levels, ALL, none);
        const before = levelsWith(tree, ALL);
        if (plan === undefined) return assert.deepEqual(before, []);
        checkPlan(plan, tree);
        assert.deepEqual(
          plan.inputs,
          before.map((level) => ({ level, tables: tree.levels[level] })),
        );
        assert.equal(plan.outputLevel, Math.max(1, before.at(-1)!));
        tree.apply(plan, 3);
        tree.check();
        assert.equal(pickManualWhole(tree.levels, ALL, none), undefined);
      }),
      { numRuns: 500 },
    );
  });
});

suite('a manual compaction', () => {
  test('of a key reads a few tables of each level, not all below the widest', () => {
    const tree = new Tree();
    const KEYS = 54;
    // One table in L1, three in L2, nine in L3: shifted, so that each hangs over others.
    const widths = [0, 54, 18, 6, 2];
    for (let level = 4; level > 0; level--) {
      const width = widths[level]!;
      for (let at = -level; at < KEYS; at += width) {
        const keys = Array.from({ length: width }, (_, i) => at + i).filter((key) => key >= 0);
        if (keys.length > 0) tree.add(level, keys);
      }
    }
    const total = tree.levels.flat().length;
    const plans = descend(tree, between(keyOf(30), keyOf(30)), {
      ...OPTIONS,
      targetTableBytes: 2 * ENTRY_BYTES,
    });
    assert.equal(plans.length, 3);
    const read = plans.flatMap(({ inputs }) => inputs.slice(1).flatMap(({ tables }) => tables));
    assert.ok(total > 40 && read.length <= 4 + 5 + 5, `${read.length} tables of ${total}`);
  });

  test('of a key does not bring down what is above its neighbours', () => {
    const tree = new Tree();
    tree.add(3, [0, 50]);
    const beside = tree.add(2, [40, 45]);
    tree.add(2, [8, 12]);
    const newer = tree.add(0, [44, 50]);
    tree.add(0, [8]);
    descend(tree, between(keyOf(8), keyOf(8)), OPTIONS);
    assert.ok(tree.levels[2]!.includes(beside));
    assert.ok(tree.levels[0]!.includes(newer));
  });

  test('takes along older tables of L0 that would stay above', () => {
    const tree = new Tree();
    tree.add(1, [5]);
    const older = tree.add(0, [20, 30]);
    const wanted = tree.add(0, [10, 20]);
    const newer = tree.add(0, [20, 31]);
    const plan = pickManualStep(tree.levels, 0, between(keyOf(10), keyOf(10)), OPTIONS)!;
    assert.deepEqual(plan.inputs[0]!.tables, [wanted, older]);
    tree.apply(plan, 3);
    tree.check();
    assert.deepEqual(tree.levels[0], [newer]);
  });

  test('of everything brings everything to the deepest level in use', () => {
    const tree = new Tree();
    tree.add(4, [1, 2, 3]);
    tree.add(2, [30, 31]);
    tree.add(0, [50]);
    const plan = pickManualWhole(tree.levels, ALL, none)!;
    assert.equal(plan.outputLevel, 4);
    tree.apply(plan, 2);
    assert.deepEqual(levelsWith(tree, ALL), [4]);
  });

  test('of L0 alone goes to L1', () => {
    const tree = new Tree();
    tree.add(0, [1]);
    assert.equal(pickManualWhole(tree.levels, ALL, none)!.outputLevel, 1);
  });

  test('of an empty tree or an empty range does nothing', () => {
    const tree = new Tree();
    const nothing = (scope: ManualScope) => {
      assert.equal(pickManualStep(tree.levels, 0, scope, OPTIONS), undefined);
      assert.equal(pickManualRewrite(tree.levels, scope, hasSeqnos), undefined);
    };
    assert.equal(pickManualWhole(tree.levels, ALL, none), undefined);
    nothing(ALL);
    tree.add(0, [10, 20]);
    nothing(between(keyOf(21), undefined));
    nothing(between(undefined, keyOf(9)));
  });

  test('of one sorted run is worth it once, for the excess that snapshots held', () => {
    const tree = new Tree();
    tree.add(3, [1, 2]);
    tree.add(3, [10, 11], 1);
    for (const keepsTombstones of [true, false]) {
      const plan = pickManualWhole(tree.levels, ALL, none)!;
      assert.equal(plan.outputLevel, 3);
      tree.apply(plan, 3, keepsTombstones);
    }
    assert.equal(pickManualWhole(tree.levels, ALL, none), undefined);
  });

  test('rewrites of the run of a range what is worth it, with all between', () => {
    const tree = new Tree();
    const tables = [1, 2, 3, 4, 5].map((key) => tree.add(2, [key * 10]));
    const among = (...wanted: number[]) => {
      return (table: TableMeta) => wanted.some((i) => tables[i - 1] === table);
    };
    const rewritten = (isWorthIt: (table: TableMeta) => boolean) => {
      const scope = between(keyOf(20), keyOf(40));
      const plan = pickManualRewrite(tree.levels, scope, isWorthIt);
      assert.equal(plan?.outputLevel, plan && 2);
      return plan?.inputs.flatMap((input) =>
        input.tables.map((table) => tables.indexOf(table) + 1),
      );
    };
    assert.deepEqual(rewritten(among(2, 4)), [2, 3, 4]);
    assert.deepEqual(rewritten(among(1, 3, 5)), [3]);
    assert.equal(rewritten(among(1, 5)), undefined);
  });
});

/** Smallest and largest key of tables. */
function keysOf(tables: readonly TableMeta[]): [from: Uint8Array, to: Uint8Array] {
  const smallest = tables.map((table) => table.smallestKey).sort(compareKeys)[0]!;
  const largest = tables.map((table) => table.largestKey).sort(compareKeys);
  return [smallest, largest.at(-1)!];
}
