/**
 * The size-tiered policy: few runs, in the right order, and nothing deleted that stays.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parseCompactionOptions, type SizeTieredPolicy } from '../../src/compaction/options.ts';
import { compactionDebtBytes, planTables, totalBytes } from '../../src/compaction/pick.ts';
import { checkPlan, OPTIONS, pick, settle } from './picking.ts';
import { ENTRY_BYTES, leveledOptions, Tree, trees } from './tree-model.ts';

const POLICY = policyOf({ tombstonePercent: 0 });
const entriesMax = fc.integer({ min: 1, max: 6 });
const policies = fc
  .record({
    spaceAmplificationPercent: fc.integer({ min: 10, max: 300 }),
    deepRunCountMax: fc.integer({ min: 1, max: 5 }),
  })
  .map((given) => policyOf({ ...given, tombstonePercent: 0 }));

function policyOf(given: Partial<SizeTieredPolicy>): SizeTieredPolicy {
  return parseCompactionOptions({ ...given, policy: 'size-tiered' }) as SizeTieredPolicy;
}

function deepLevels(tree: Tree): number[] {
  return tree.levels.flatMap((tables, level) => (level > 0 && tables.length > 0 ? [level] : []));
}

/** Bytes above the last run, L0 aside, as a percentage of it. */
function waste(tree: Tree): number {
  const deep = deepLevels(tree).map((level) => totalBytes(tree.levels[level]!));
  const above = deep.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0);
  return deep.length === 0 ? 0 : (100 * above) / deep.at(-1)!;
}

suite('the size-tiered policy in any tree', () => {
  test('ends with few runs and little above the last, and then there is no debt', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policies, entriesMax, (build, options, policy, most) => {
        const tree = build();
        let runs = tree.runCount();
        let height = tree.height();
        settle(
          tree,
          most,
          () => ({ options, policy }),
          () => {
            // Fewer runs, or as many and further down: this is why it ends.
            const isFewer = tree.runCount() < runs;
            assert.ok(isFewer || (tree.runCount() === runs && tree.height() < height));
            runs = tree.runCount();
            height = tree.height();
          },
        );
        assert.ok(tree.levels[0]!.length < options.l0TriggerCount);
        assert.ok(deepLevels(tree).length <= policy.deepRunCountMax);
        assert.ok(waste(tree) <= policy.spaceAmplificationPercent);
        assert.equal(compactionDebtBytes(tree.levels, options, policy), 0);
      }),
      { numRuns: 300 },
    );
  });

  test('lets no run outgrow a table in L0', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policies, (build, options, policy) => {
        const tree = build();
        const plan = pick(tree, { options, policy });
        if (plan === undefined) return;
        checkPlan(plan, tree);
        if (plan.outputLevel === 0) {
          assert.ok(totalBytes(planTables(plan)) <= options.targetTableBytes);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('works while flushes go on, and reclaims what was deleted', () => {
    const flush = fc.tuple(fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }), fc.nat(8));
    fc.assert(
      fc.property(fc.array(flush, { maxLength: 40 }), leveledOptions, (list, options) => {
        const tree = new Tree();
        const policy = policyOf({ tombstoneCountMin: 1, tombstonePercent: 1 });
        for (const [keys, tombstones] of list) {
          tree.add(0, keys, tombstones);
          settle(tree, 3, () => ({ options, policy }));
          assert.equal(tree.tombstoneCount(), 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});

suite('a size-tiered family', () => {
  test('goes to the last level when it is first merged', () => {
    const tree = new Tree();
    tree.add(0, [1, 2]);
    assert.equal(pick(tree, { policy: POLICY }), undefined);
    tree.add(0, [2, 3]);
    const plan = pick(tree, { policy: POLICY })!;
    assert.deepEqual([plan.reason, plan.kind, plan.outputLevel], ['l0-count', 'merge', 6]);
  });

  test('merges its small runs and leaves the large one alone', () => {
    const tree = new Tree();
    for (let key = 0; key < 60; key++) tree.add(6, [key]);
    for (const keys of [
      [1, 2],
      [2, 3],
    ])
      tree.add(0, keys);
    const plan = pick(tree, { policy: POLICY })!;
    assert.equal(totalBytes(planTables(plan)), 4 * ENTRY_BYTES);
    assert.equal(plan.outputLevel, 5);
  });

  test('merges what is deep when too much lies above the last run', () => {
    const tree = new Tree();
    for (let key = 0; key < 10; key++) tree.add(6, [key]);
    for (let key = 0; key < 5; key++) tree.add(5, [key]);
    tree.add(0, [1]);
    assert.equal(pick(tree, { policy: POLICY }), undefined);
    tree.add(4, [20]);
    const plan = pick(tree, { policy: POLICY })!;
    assert.deepEqual([plan.reason, plan.outputLevel], ['space-amplification', 6]);
    assert.deepEqual(
      plan.inputs.map(({ level }) => level),
      [4, 5, 6],
    );
  });

  test('only moves runs that have no key in common', () => {
    const tree = new Tree();
    tree.add(0, [1, 2]);
    tree.add(0, [3, 4]);
    const plan = pick(tree, { policy: POLICY })!;
    assert.deepEqual([plan.kind, plan.outputLevel], ['move', 6]);
    const crumbs = { ...OPTIONS, targetTableBytes: 100 * ENTRY_BYTES };
    assert.equal(pick(tree, { policy: POLICY, options: crumbs })!.kind, 'merge');
  });

  test('moves runs down to leave L1 free', () => {
    const tree = new Tree();
    for (let key = 0; key < 40; key++) tree.add(6, [key]);
    tree.add(1, [1, 2]);
    const plan = pick(tree, { policy: POLICY })!;
    assert.deepEqual([plan.kind, plan.outputLevel], ['move', 5]);
  });

  test('brings L0 down while its deeper runs are being merged', () => {
    const tree = new Tree();
    for (let key = 0; key < 10; key++) tree.add(6, [key]);
    for (let key = 0; key < 9; key++) tree.add(5, [key]);
    const merge = pick(tree, { policy: POLICY })!;
    assert.equal(merge.reason, 'space-amplification');
    tree.add(0, [1, 2]);
    tree.add(0, [2, 3]);
    const plan = pick(tree, { policy: POLICY, running: [merge] })!;
    assert.deepEqual([plan.reason, plan.outputLevel], ['l0-count', 4]);
  });
});
