/**
 * What the tests of all policies share: how they ask for a plan, and what every plan must be.
 */
import assert from 'node:assert/strict';
import { parseCompactionOptions } from '../../src/compaction/options.ts';
import {
  type CompactionPlan,
  type LeveledOptions,
  overlapping,
  type PickInput,
  pickCompaction,
  planTables,
} from '../../src/compaction/pick.ts';
import { keyRange, meets, rangeOf as rangeOfTable } from '../../src/compaction/plan.ts';
import { ENTRY_BYTES, rangeOf, type Tree } from './tree-model.ts';

/** Small enough for trees that one can see through. */
export const OPTIONS: LeveledOptions = {
  l0TriggerCount: 2,
  baseLevelBytes: 4 * ENTRY_BYTES,
  levelRatio: 2,
  targetTableBytes: 2 * ENTRY_BYTES,
};

/** Asks for a plan; nothing is requested, running, or held by a snapshot unless it is given. */
export function pick(tree: Tree, given: Partial<PickInput> = {}): CompactionPlan | undefined {
  return pickCompaction({
    levels: tree.levels,
    options: OPTIONS,
    policy: parseCompactionOptions('leveled'),
    running: [],
    nowMs: tree.nowMs,
    isOutdated: () => false,
    heal: new Set(),
    seekVictims: new Set(),
    scanVictims: new Set(),
    oldestSnapshotSeqno: undefined,
    ...given,
  });
}

/** Checks that a plan is of tables of the tree and that its output fits where it goes. */
export function checkPlan(
  plan: CompactionPlan,
  { levels }: Tree,
  lost: ReadonlySet<number> = new Set(),
): void {
  const tables = new Set(planTables(plan));
  assert.ok(tables.size > 0);
  let above = -1;
  for (const input of plan.inputs) {
    assert.ok(input.level > above && input.tables.length > 0);
    above = input.level;
    for (const table of input.tables) assert.ok(levels[input.level]!.includes(table));
  }
  if (plan.kind === 'drop') return;
  assert.ok(plan.outputLevel >= above);
  if (plan.outputLevel === 0) {
    const range = keyRange(planTables(plan));
    const sound = levels[0]!.filter((table) => {
      return !lost.has(table.fileNumber) && (lost.size === 0 || meets(rangeOfTable(table), range));
    });
    const places = planTables(plan).map((table) => sound.indexOf(table));
    const isSideBySide = places.every((place, i) => i === 0 || place === places[i - 1]! + 1);
    assert.ok(isSideBySide, 'tables that are merged in L0 stand side by side');
  } else if (plan.kind === 'merge') {
    const [from, to] = rangeOf(plan);
    const met = overlapping(levels[plan.outputLevel]!, from, to);
    assert.ok(
      met.every((table) => tables.has(table) || lost.has(table.fileNumber)),
      'the output overlaps nothing that stays',
    );
  } else {
    assert.ok(plan.outputLevel > above);
  }
}

/** File numbers of a plan's inputs, by level. */
export function fileNumbers(plan: CompactionPlan | undefined): number[][] {
  return (plan?.inputs ?? []).map(({ tables }) => tables.map(({ fileNumber }) => fileNumber));
}

/**
 * Carries out plan after plan until there is none.
 * @param given what to ask with, anew each time
 * @param after what must hold after each plan
 * @returns the plans
 */
export function settle(
  tree: Tree,
  entriesMax: number,
  given: () => Partial<PickInput>,
  after: (plan: CompactionPlan) => void = () => {},
): CompactionPlan[] {
  const plans: CompactionPlan[] = [];
  for (;;) {
    const plan = pick(tree, given());
    if (plan === undefined) return plans;
    checkPlan(plan, tree);
    tree.apply(plan, entriesMax);
    tree.check();
    after(plan);
    plans.push(plan);
    assert.ok(plans.length < 1000, `no end: ${plan.reason} of ${fileNumbers(plan)}`);
  }
}
