/**
 * What tables ask for whatever the sizes: it is done, once, and in the order of urgency.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Claims } from '../../src/compaction/claims.ts';
import { type MergingPolicy, parseCompactionOptions } from '../../src/compaction/options.ts';
import {
  type CompactionPlan,
  overlapping,
  type PickInput,
  planTables,
} from '../../src/compaction/pick.ts';
import { pickUpkeep, type Requests } from '../../src/compaction/upkeep.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { fileNumbers, OPTIONS, pick, settle } from './picking.ts';
import { leveledOptions, Tree, trees } from './tree-model.ts';

const MINUTE_MS = 60_000;
const policyNames = fc.constantFrom('leveled', 'size-tiered');
const entriesMax = fc.integer({ min: 1, max: 6 });

function policyOf(policy: string, given: Partial<MergingPolicy> = {}): MergingPolicy {
  const upkeep = { tombstoneCountMin: 1, ...given };
  return { ...parseCompactionOptions(policy as 'leveled'), ...upkeep } as MergingPolicy;
}

/** The plan that single tables ask for, whatever the sizes. */
function ask(
  tree: Tree,
  policy: MergingPolicy,
  given: Partial<Requests> = {},
  running: readonly CompactionPlan[] = [],
): CompactionPlan | undefined {
  const requests = {
    nowMs: tree.nowMs,
    isOutdated: () => false,
    heal: new Set<number>(),
    seekVictims: new Set<number>(),
    scanVictims: new Set<number>(),
    oldestSnapshotSeqno: undefined,
    ...given,
  };
  return pickUpkeep(tree.levels, OPTIONS, policy, requests, new Claims(running));
}

/** Settled by size alone. */
function calm(tree: Tree, options: PickInput['options'], policy: string, most: number): void {
  settle(tree, most, () => ({ options, policy: policyOf(policy, { tombstonePercent: 0 }) }));
}

suite('tables of any tree', () => {
  test('are healed and stored anew, each once', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, entriesMax, (build, options, name, most) => {
        const tree = build();
        calm(tree, options, name, most);
        const policy = policyOf(name, { tombstonePercent: 0 });
        const old = new Set(tree.levels.flat().map((table) => table.fileNumber));
        const heal = new Set([...old].filter((number) => number % 2 === 0));
        const plans = settle(tree, most, () => ({
          options,
          policy,
          heal,
          isOutdated: ({ fileNumber }) => old.has(fileNumber),
        }));
        assert.ok(tree.levels.flat().every(({ fileNumber }) => !old.has(fileNumber)));
        const reasons = plans.map(({ reason }) => reason).filter((one) => one !== 'level-size');
        const healed = reasons.filter((reason) => reason === 'heal').length;
        // What is rewritten loses tombstones, so a level may outgrow its limit and take some along.
        const hasMerged = plans.length > reasons.length;
        assert.ok(hasMerged ? healed <= heal.size : healed === heal.size);
        assert.ok(reasons.slice(0, healed).every((reason) => reason === 'heal'));
      }),
      { numRuns: 200 },
    );
  });

  test('lose their tombstones, all of them if none may stay', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, entriesMax, (build, options, name, most) => {
        const tree = build();
        const policy = policyOf(name, { tombstonePercent: 1 });
        settle(tree, most, () => ({ options, policy }));
        assert.equal(tree.tombstoneCount(), 0);
      }),
      { numRuns: 300 },
    );
  });

  test('lose tombstones that scans keep passing, however few they are', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, entriesMax, (build, options, name, most) => {
        const tree = build();
        const policy = policyOf(name, { tombstonePercent: 100, tombstoneCountMin: 1000 });
        const scanVictims = () => {
          const passed = tree.levels.flat().filter(({ tombstoneCount }) => tombstoneCount > 0);
          return new Set(passed.map(({ fileNumber }) => fileNumber));
        };
        settle(tree, most, () => ({ options, policy, scanVictims: scanVictims() }));
        assert.equal(tree.tombstoneCount(), 0);
      }),
      { numRuns: 200 },
    );
  });

  test('keep the tombstones that a snapshot needs, without being written again', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, fc.nat(80), (build, options, name, seqno) => {
        const tree = build();
        calm(tree, options, name, 3);
        const policy = policyOf(name, { tombstonePercent: 1 });
        settle(
          tree,
          3,
          () => ({ options, policy, oldestSnapshotSeqno: seqno }),
          ({ reason }) => assert.ok(reason !== 'tombstones' || seqno > 0),
        );
        const left = tree.levels.flat().filter((table) => table.tombstoneCount > 0);
        assert.ok(left.every((table) => table.largestSeqno > seqno));
      }),
      { numRuns: 200 },
    );
  });

  test('are written anew when they are old, and then are young', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, entriesMax, (build, options, name, most) => {
        const tree = build();
        calm(tree, options, name, most);
        const policy = policyOf(name, { tombstonePercent: 0, periodicMs: MINUTE_MS });
        tree.nowMs = MINUTE_MS - 1;
        assert.equal(pick(tree, { options, policy }), undefined);
        tree.nowMs = MINUTE_MS;
        settle(tree, most, () => ({ options, policy }));
        assert.ok(tree.levels.flat().every((table) => table.createdAtMs === MINUTE_MS));
      }),
      { numRuns: 200 },
    );
  });

  test('sink while reads seek through them, and rest at the bottom', () => {
    fc.assert(
      fc.property(trees, leveledOptions, policyNames, entriesMax, (build, options, name, most) => {
        const tree = build();
        calm(tree, options, name, most);
        const policy = policyOf(name, { tombstonePercent: 0 });
        // Reads complain about every table, new ones included.
        const all = () => new Set(tree.levels.flat().map((table) => table.fileNumber));
        settle(tree, most, () => ({ options, policy, seekVictims: all() }));
        const isLowest = tree.levels.every((tables, level) =>
          tables.every(({ smallestKey, largestKey }) =>
            tree.levels
              .slice(level + 1)
              .every((below) => overlapping(below, smallestKey, largestKey).length === 0),
          ),
        );
        assert.ok(isLowest);
      }),
      { numRuns: 200 },
    );
  });
});

suite('a table', () => {
  const policy = policyOf('leveled');

  test('waits with what it asks for until the sizes are right', () => {
    const tree = new Tree();
    const victim = tree.add(2, [50]);
    for (let key = 0; key < 9; key++) tree.add(1, [key]);
    const heal = new Set([victim.fileNumber]);
    const reasons = settle(tree, 3, () => ({ policy, heal })).map(({ reason }) => reason);
    assert.equal(reasons.indexOf('heal'), reasons.length - 1);
    assert.ok(reasons.length > 1);
  });

  test('is healed in its place, in L0 too', () => {
    const tree = new Tree();
    const lower = tree.add(1, [1, 2]);
    const upper = tree.add(0, [1, 2]);
    for (const [table, level] of [
      [upper, 0],
      [lower, 1],
    ] as const) {
      const plan = ask(tree, policy, { heal: new Set([table.fileNumber]) })!;
      assert.deepEqual(fileNumbers(plan), [[table.fileNumber]]);
      assert.deepEqual([plan.kind, plan.outputLevel], ['merge', level]);
    }
  });

  test('of many tombstones is merged into what they may hide, past empty levels', () => {
    const tree = new Tree();
    const hidden = tree.add(4, [1, 2, 3]);
    tree.add(4, [7, 8]);
    const dense = tree.add(1, [2, 4, 6], 2);
    const plan = ask(tree, policy)!;
    assert.deepEqual(fileNumbers(plan), [[dense.fileNumber], [hidden.fileNumber]]);
    assert.deepEqual([plan.reason, plan.outputLevel], ['tombstones', 4]);
  });

  test('in L0 takes along what is older and overlaps it', () => {
    const tree = new Tree();
    const oldest = tree.add(0, [3, 4]);
    const dense = tree.add(0, [1, 3], 2);
    const plan = ask(tree, policy)!;
    assert.deepEqual(fileNumbers(plan), [[dense.fileNumber, oldest.fileNumber]]);
    tree.apply(plan, 3);
    tree.check();
    assert.equal(tree.tombstoneCount(), 0);
    assert.equal(ask(tree, policy), undefined);
  });

  test('of few tombstones is left alone', () => {
    const tree = new Tree();
    tree.add(1, [1, 2, 3, 4, 5], 2);
    assert.equal(ask(tree, policy), undefined);
    tree.add(2, [11, 12, 13], 2);
    const few = policyOf('leveled', { tombstoneCountMin: 3 });
    assert.equal(ask(tree, few), undefined);
    assert.equal(ask(tree, policy)!.reason, 'tombstones');
    const off = policyOf('leveled', { tombstonePercent: 0 });
    assert.equal(ask(tree, off), undefined);
  });

  test('asks for the most urgent of its wishes', () => {
    const tree = new Tree();
    tree.add(2, [1, 2]);
    const { fileNumber } = tree.add(1, [1, 2], 2);
    tree.nowMs = MINUTE_MS;
    const dense = policyOf('leveled', { periodicMs: MINUTE_MS });
    const calmed = policyOf('leveled', { periodicMs: MINUTE_MS, tombstonePercent: 0 });
    const isOutdated = (table: TableMeta) => table.fileNumber === fileNumber;
    const numbers = new Set([fileNumber]);
    const plans = [
      ask(tree, dense, { heal: numbers, isOutdated, seekVictims: numbers }),
      ask(tree, dense, { isOutdated, seekVictims: numbers }),
      ask(tree, dense, { seekVictims: numbers }),
      ask(tree, calmed, { seekVictims: numbers }),
      ask(tree, calmed),
    ];
    const reasons = plans.map((plan) => plan!.reason);
    assert.deepEqual(reasons, ['heal', 'outdated', 'tombstones', 'seeks', 'periodic']);
  });

  test('that another compaction has taken waits', () => {
    const tree = new Tree();
    const table = tree.add(1, [1, 2], 2);
    const running = [ask(tree, policy)!];
    assert.deepEqual(planTables(running[0]!), [table]);
    assert.equal(ask(tree, policy, {}, running), undefined);
  });
});
