/**
 * Several compactions at once: whatever order they end in, the tree stays right.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Claims } from '../../src/compaction/claims.ts';
import { type CompactionPolicy, parseCompactionOptions } from '../../src/compaction/options.ts';
import {
  type CompactionPlan,
  l0Weight,
  obstaclesIn,
  pickManualSlice,
  pickManualStep,
  pickManualWhole,
  planTables,
  workable,
} from '../../src/compaction/pick.ts';
import { LEVEL_COUNT } from '../../src/manifest/family-version.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { checkPlan, pick } from './picking.ts';
import { bounds, leveledOptions, Tree, trees } from './tree-model.ts';

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

  test('step around lost tables, and come to an end all the same', () => {
    let parted = 0;
    const waves = fc.array(fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }), {
      maxLength: 12,
    });
    const inputs = fc.tuple(trees, leveledOptions, policies, waves, fc.nat(4));
    fc.assert(
      fc.property(inputs, ([build, options, policy, flushes, kind]) => {
        const tree = build();
        const all = tree.levels.flat().map(({ fileNumber }) => fileNumber);
        const lost = new Set(all.filter((number) => number % 5 === kind));
        const settleAround = () => {
          for (let round = 0; ; round++) {
            assert.ok(round < 200, 'no end');
            const plan = pick(tree, { options, policy, lost });
            if (plan === undefined) break;
            checkPlan(plan, tree, lost);
            const isLost = ({ fileNumber }: TableMeta) => lost.has(fileNumber);
            if (plan.kind !== 'drop') assert.ok(!planTables(plan).some(isLost));
            if (plan.around !== undefined) parted++;
            tree.begin(plan, { entriesMax: 3 })();
            tree.check();
          }
        };
        settleAround();
        for (const [i, keys] of flushes.entries()) {
          tree.add(0, keys);
          if (i % 3 === 2) settleAround();
        }
        settleAround();
        if (policy.policy === 'fifo') return;
        const [l0] = workable(tree.levels, obstaclesIn(tree.levels, lost));
        assert.ok(l0Weight(l0!, options) < options.l0TriggerCount, 'what can leave L0 has left it');
      }),
      { numRuns: 150 },
    );
    assert.ok(parted > 100, `${parted} plans in parts`);
  });

  test('carry out what somebody asks for, as far as lost tables allow it', () => {
    let parted = 0;
    const scopes = fc.tuple(bounds, bounds);
    fc.assert(
      fc.property(trees, leveledOptions, scopes, fc.nat(4), (build, options, [from, to], kind) => {
        const tree = build();
        const all = tree.levels.flat().map(({ fileNumber }) => fileNumber);
        const lost = new Set(all.filter((number) => number % 5 === kind));
        const scope = { from, to, seqno: tree.lastSeqno };
        const claims = () => new Claims([], tree.levels, lost);
        const never = () => false;
        const carryOut = (plan: CompactionPlan | undefined): boolean => {
          if (plan === undefined) return false;
          if (plan.around !== undefined) parted++;
          checkPlan(plan, tree, lost);
          tree.begin(plan, { entriesMax: 3 })();
          tree.check();
          return true;
        };
        for (let level = 0; level < LEVEL_COUNT - 1; level++) {
          carryOut(pickManualStep(tree.levels, level, scope, options, claims()));
        }
        for (let round = 0; ; round++) {
          assert.ok(round < 200, 'no end');
          const slice = pickManualSlice(tree.levels, scope, options, never, claims());
          if (!carryOut(slice)) break;
        }
        const whole = { from: undefined, to: undefined, seqno: tree.lastSeqno };
        carryOut(pickManualWhole(tree.levels, whole, never, claims()));
        const left = workable(tree.levels, obstaclesIn(tree.levels, lost));
        assert.ok(left.filter((tables) => tables.length > 0).length <= 1, 'one run');
      }),
      { numRuns: 200 },
    );
    assert.ok(parted > 100, `${parted} plans in parts`);
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
