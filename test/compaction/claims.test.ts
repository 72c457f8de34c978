/**
 * Several compactions at once: whatever order they end in, the tree stays right.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type CompactionPolicy, parseCompactionOptions } from '../../src/compaction/options.ts';
import { type CompactionPlan, planTables } from '../../src/compaction/pick.ts';
import { checkPlan, pick } from './picking.ts';
import { leveledOptions, Tree, trees } from './tree-model.ts';

const UPKEEP = { tombstonePercent: 30, tombstoneCountMin: 1 };
const policies: fc.Arbitrary<CompactionPolicy> = fc.constantFrom(
  parseCompactionOptions({ policy: 'leveled', ...UPKEEP }),
  parseCompactionOptions({ policy: 'leveled', ...UPKEEP, l0OverlapRatioMax: 1 }),
  parseCompactionOptions({ policy: 'size-tiered', ...UPKEEP }),
  parseCompactionOptions({ policy: 'size-tiered', ...UPKEEP, deepRunCountMax: 1 }),
  { ...parseCompactionOptions({ policy: 'fifo', mergeTableCount: 2 }), maxBytes: 3000 },
);

/** A flush, the pick of a plan, or the end of one of those that run. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      flush: fc.tuple(fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }), fc.nat(4)),
    }),
    fc.record({
      flush: fc.tuple(
        fc.nat(54).map((base) => [base, base + 2, base + 5]),
        fc.nat(3),
      ),
    }),
    fc.record({ pick: fc.nat(3) }),
    fc.record({ end: fc.nat(9) }),
  ),
  { maxLength: 60 },
);

interface Running {
  readonly plan: CompactionPlan;
  readonly end: () => void;
}

/** Wishes for single tables, so that plans of all kinds meet. */
function wishes(tree: Tree, kind: number) {
  const some = tree.levels.flat().filter(({ fileNumber }) => fileNumber % 3 === kind);
  const numbers = new Set(some.map(({ fileNumber }) => fileNumber));
  return kind === 0
    ? {}
    : kind === 1
      ? { heal: numbers }
      : { seekVictims: numbers, scanVictims: numbers };
}

suite('compactions that run at once', () => {
  test('take no table twice and leave a right tree, in whatever order they end', () => {
    let most = 0;
    fc.assert(
      fc.property(trees, leveledOptions, policies, steps, (build, options, policy, list) => {
        const tree = build();
        const running: Running[] = [];
        const finish = (at: number) => {
          running.splice(at, 1)[0]!.end();
          tree.check();
        };
        for (const step of list) {
          if ('flush' in step) tree.add(0, ...step.flush);
          else if ('end' in step) {
            if (running.length > 0) finish(step.end % running.length);
          } else {
            const plans = running.map(({ plan }) => plan);
            const given = { options, policy, running: plans, ...wishes(tree, step.pick) };
            const plan = pick(tree, given);
            if (plan === undefined) continue;
            checkPlan(plan, tree);
            const taken = new Set(plans.flatMap(planTables));
            assert.ok(planTables(plan).every((table) => !taken.has(table)));
            running.push({ plan, end: tree.begin(plan, { entriesMax: 3 }) });
            most = Math.max(most, running.length);
            if (plan.kind !== 'merge') finish(running.length - 1);
          }
        }
        while (running.length > 0) finish(running.length - 1);
      }),
      { numRuns: 1500 },
    );
    assert.ok(most >= 3, `at most ${most} ran at once`);
  });

  test('leave nothing undone: what was in the way is picked when it is gone', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policies, (build, options, policy) => {
        const tree = build();
        for (let round = 0; ; round++) {
          assert.ok(round < 200, 'no end');
          const running: Running[] = [];
          for (;;) {
            const plan = pick(tree, { options, policy, running: running.map((one) => one.plan) });
            if (plan === undefined) break;
            const end = tree.begin(plan, { entriesMax: 3 });
            if (plan.kind === 'merge') running.push({ plan, end });
            else end();
          }
          if (running.length === 0) break;
          for (const { end } of running.reverse()) end();
          tree.check();
        }
        assert.equal(pick(tree, { options, policy }), undefined);
      }),
      { numRuns: 200 },
    );
  });

  test('read no table that cannot be read, and come to an end all the same', () => {
    let passed = 0;
    fc.assert(
      fc.property(trees, leveledOptions, policies, fc.nat(4), (build, options, policy, kind) => {
        const tree = build();
        for (let round = 0; ; round++) {
          assert.ok(round < 200, 'no end');
          const all = tree.levels.flat().map(({ fileNumber }) => fileNumber);
          const unreadable = new Set(all.filter((number) => number <= 12 && number % 5 === kind));
          const plan = pick(tree, { options, policy, unreadable });
          if (plan === undefined) break;
          checkPlan(plan, tree);
          const isRead = (number: number) =>
            planTables(plan).some(({ fileNumber }) => fileNumber === number);
          if (plan.kind !== 'drop') assert.ok([...unreadable].every((number) => !isRead(number)));
          if (unreadable.size > 0) passed++;
          tree.begin(plan, { entriesMax: 3 })();
          tree.check();
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(passed > 100, `${passed} plans beside such tables`);
  });

  test('do not write into one range of a level, though their inputs are apart', () => {
    const tree = new Tree();
    const options = {
      l0TriggerCount: 2,
      baseLevelBytes: 10_000,
      levelRatio: 10,
      targetTableBytes: 10_000,
    };
    tree.add(0, [0]);
    tree.add(0, [30]);
    const first = pick(tree, { options })!;
    assert.deepEqual([first.outputLevel, planTables(first).length], [1, 2]);
    tree.add(0, [10]);
    tree.add(0, [20]);
    assert.equal(pick(tree, { options, running: [first] }), undefined);
    for (const key of [12, 14, 16, 18]) tree.add(0, [key]);
    const second = pick(tree, { options, running: [first] })!;
    assert.equal(second.outputLevel, 0);
    // Not another one: the way down must be free at last.
    for (const key of [11, 13, 15, 17, 19, 21]) tree.add(0, [key]);
    assert.equal(pick(tree, { options, running: [first, second] }), undefined);
    tree.apply(first, 3);
    assert.equal(pick(tree, { options })!.outputLevel, 1);
  });

  test('go on side by side where their keys are apart', () => {
    const tree = new Tree();
    const options = {
      l0TriggerCount: 2,
      baseLevelBytes: 400,
      levelRatio: 2,
      targetTableBytes: 200,
    };
    for (let key = 0; key < 60; key++) tree.add(3, [key]);
    for (const key of [0, 10, 20, 30, 40, 50])
      tree.add(2, [key, key + 1, key + 2, key + 3, key + 4, key + 5]);
    const policy = parseCompactionOptions('leveled');
    const first = pick(tree, { options, policy })!;
    const second = pick(tree, { options, policy, running: [first] })!;
    assert.equal(first.outputLevel, second.outputLevel);
    assert.ok(!planTables(first).some((table) => planTables(second).includes(table)));
  });
});
