/**
 * The FIFO policy: the oldest go, nothing comes back, and merging keeps the order.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type FifoPolicy, parseCompactionOptions } from '../../src/compaction/options.ts';
import { compactionDebtBytes, planTables, totalBytes } from '../../src/compaction/pick.ts';
import { fileNumbers, OPTIONS, pick, settle } from './picking.ts';
import { ENTRY_BYTES, Tree, trees } from './tree-model.ts';

const LARGE = { ...OPTIONS, targetTableBytes: 100 * ENTRY_BYTES };

/** Limits that suit small trees, which options of users may not have. */
function policyOf(given: Partial<FifoPolicy>): FifoPolicy {
  return { ...(parseCompactionOptions('fifo') as FifoPolicy), ...given };
}

suite('the FIFO policy in any tree', () => {
  test('drops by size until the rest fits, oldest first, and never all', () => {
    fc.assert(
      fc.property(trees, fc.nat(60), (build, entries) => {
        const tree = build();
        const policy = policyOf({ maxBytes: entries * ENTRY_BYTES });
        const plans = settle(tree, 3, () => ({ policy }));
        assert.ok(plans.every(({ kind, reason }) => kind === 'drop' && reason === 'fifo-size'));
        assert.ok(plans.length <= 1);
        const left = tree.levels.flat();
        assert.ok(left.length <= 1 || totalBytes(left) <= policy.maxBytes);
        assert.equal(compactionDebtBytes(tree.levels, OPTIONS, policy), 0);
      }),
      { numRuns: 300 },
    );
  });

  test('drops by age and merges young tables while flushes go on', () => {
    const flush = fc.tuple(
      fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 400 }),
    );
    const counts = fc.integer({ min: 2, max: 5 });
    fc.assert(
      fc.property(fc.array(flush, { maxLength: 40 }), counts, (list, mergeTableCount) => {
        const tree = new Tree();
        const policy = policyOf({ maxAgeMs: 5000, mergeTableCount });
        for (const [keys, pauseMs] of list) {
          tree.nowMs += pauseMs;
          tree.add(0, keys);
          settle(tree, 3, () => ({ policy, options: LARGE }));
          // What is merged may stay the longer, by the share of the age in which it can be.
          for (const table of tree.levels[0]!) assert.ok(tree.nowMs - table.createdAtMs < 5500);
        }
      }),
      { numRuns: 100 },
    );
  });
});

suite('a FIFO family', () => {
  test('drops tables of the oldest seqnos first, also where they overlap', () => {
    const tree = new Tree();
    const oldest = tree.add(0, [1, 2, 3]);
    tree.add(0, [1, 2]);
    tree.add(0, [2, 3]);
    const plan = pick(tree, { policy: policyOf({ maxBytes: 4 * ENTRY_BYTES }) })!;
    assert.deepEqual([plan.kind, fileNumbers(plan)], ['drop', [[oldest.fileNumber]]]);
  });

  test('that was leveled drops its deepest tables first', () => {
    const tree = new Tree();
    const deepest = tree.add(3, [1]);
    const middle = tree.add(2, [1]);
    tree.add(0, [1]);
    const plan = pick(tree, { policy: policyOf({ maxBytes: ENTRY_BYTES }) })!;
    assert.deepEqual(fileNumbers(plan), [[middle.fileNumber], [deepest.fileNumber]]);
  });

  test('keeps an expired table while an older one stays', () => {
    const tree = new Tree();
    const policy = policyOf({ maxAgeMs: 1000, mergeTableCount: 2 });
    tree.add(0, [1]);
    tree.add(0, [1]);
    tree.nowMs = 50;
    tree.apply(pick(tree, { policy, options: LARGE })!, 3);
    tree.nowMs = 40;
    tree.add(0, [1, 2, 3, 4, 5, 6, 7]);
    tree.nowMs = 1045;
    assert.equal(pick(tree, { policy, options: LARGE }), undefined);
    tree.nowMs = 1050;
    const plan = pick(tree, { policy, options: LARGE })!;
    assert.deepEqual([plan.reason, planTables(plan).length], ['fifo-age', 2]);
  });

  test('merges no table that is old, large, or far larger than what joins it', () => {
    const policy = policyOf({ maxAgeMs: 1000, mergeTableCount: 2 });
    const tree = new Tree();
    tree.add(0, [1]);
    tree.nowMs = 100;
    tree.add(0, [1, 2, 3, 4]);
    tree.add(0, [1]);
    assert.equal(pick(tree, { policy, options: LARGE }), undefined);
    tree.add(0, [2]);
    const plan = pick(tree, { policy, options: LARGE })!;
    assert.equal(totalBytes(planTables(plan)), 2 * ENTRY_BYTES);
    assert.equal(pick(tree, { policy, options: { ...LARGE, targetTableBytes: 1 } }), undefined);
    assert.equal(pick(tree, { policy: policyOf({}), options: LARGE }), undefined);
  });

  test('does not drop a table that is being merged, nor what came after it', () => {
    const tree = new Tree();
    tree.add(0, [1]);
    tree.add(0, [2]);
    const merge = pick(tree, { policy: policyOf({ mergeTableCount: 2 }), options: LARGE })!;
    tree.add(0, [3]);
    const policy = policyOf({ maxBytes: 0 });
    assert.equal(pick(tree, { policy, running: [merge] }), undefined);
    assert.equal(pick(tree, { policy })!.kind, 'drop');
  });

  test('drops a table that cannot be read, and merges it with no other', () => {
    const tree = new Tree();
    for (let i = 1; i <= 3; i++) tree.add(0, [i]);
    const oldest = tree.levels[0]!.at(-1)!;
    const lost = new Set([oldest.fileNumber]);
    const dropped = pick(tree, { policy: policyOf({ maxBytes: 0 }), lost })!;
    assert.equal(dropped.kind, 'drop');
    assert.ok(planTables(dropped).includes(oldest));
    const merged = pick(tree, {
      policy: policyOf({ mergeTableCount: 2 }),
      options: LARGE,
      lost,
    })!;
    assert.equal(merged.kind, 'merge');
    assert.ok(!planTables(merged).includes(oldest));
  });
});
