/**
 * The policies over some gigabytes of simulated input: what docs/COMPACTION.md promises of them.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Outcome, Simulation } from '../../bench/simulate/run.ts';
import { workloads } from '../../bench/simulate/workloads.ts';
import { type CompactionOptions, parseCompactionOptions } from '../../src/compaction/options.ts';

const MIB = 1_048_576;
const SCALE = { flushBytes: 4 * MIB, flushCount: 600, liveBytes: 240 * MIB };
const OPTIONS = {
  l0TriggerCount: 4,
  baseLevelBytes: 16 * MIB,
  levelRatio: 10,
  targetTableBytes: 4 * MIB,
};
const PACE = { writeBytesPerSecond: 16 * MIB, workers: 2, mergeBytesPerSecond: 300 * MIB };

function simulate(compaction: CompactionOptions, name: string): Outcome {
  const workload = workloads(SCALE).find((one) => one.name === name)!;
  const policy = parseCompactionOptions(compaction);
  return new Simulation(workload, OPTIONS, policy, PACE).run(workload, SCALE);
}

suite('ten times the live data, simulated', () => {
  test('take little more than the live data when leveled, and stop no writer', () => {
    const outcome = simulate('leveled', 'uniform');
    assert.ok(outcome.spaceAmplificationMax < 1.25, `space ${outcome.spaceAmplificationMax}`);
    assert.ok(outcome.spaceAmplificationAtRest < 1.13);
    assert.ok(outcome.writeAmplification < 16, `write ${outcome.writeAmplification}`);
    assert.ok(outcome.readAmplificationMean < 8);
    assert.equal(outcome.stalledShare, 0);
  });

  test('leave nothing behind when what is appended is deleted later', () => {
    for (const policy of ['leveled', 'size-tiered'] as const) {
      const outcome = simulate(policy, 'churn');
      assert.ok(outcome.spaceAmplificationMax < 1.6, `space ${outcome.spaceAmplificationMax}`);
      assert.ok(outcome.spaceAmplificationAtRest < 1.3);
    }
  });

  test('are written less often when size-tiered', () => {
    const outcome = simulate('size-tiered', 'uniform');
    assert.ok(outcome.writeAmplification < 10, `write ${outcome.writeAmplification}`);
    assert.ok(outcome.spaceAmplificationMax < 2, `space ${outcome.spaceAmplificationMax}`);
    assert.ok(outcome.readAmplificationMax < 20);
  });

  test('are written once when they come in order', () => {
    for (const policy of ['leveled', 'size-tiered'] as const) {
      assert.equal(simulate(policy, 'sequential').writeAmplification, 1);
    }
  });

  test('come out the same each time', () => {
    assert.deepEqual(simulate('size-tiered', 'churn'), simulate('size-tiered', 'churn'));
  });
});
