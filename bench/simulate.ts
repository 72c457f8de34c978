/**
 * Compaction policies on a simulated tree: what they write, keep and leave to read over a terabyte
 * of input.
 *
 *     npm run bench -- simulate [--policy NAME] [--workload NAME] [--gib N] [--flush-mib N]
 *                               [--live-gib N] [--write-mib N] [--json]
 *
 * The program writes `--write-mib` in a second and pauses for nothing but a full L0; flushes are
 * `--flush-mib` large; `--live-gib` is what stays. Two workers read and write 300 MiB/s each. There
 * is no disk: tables are counts of keys by part of the key space, and time is simulated. See
 * docs/COMPACTION.md for the figures and what they mean.
 * @module
 */
import { parseArgs } from 'node:util';
import { parseCompactionOptions } from '../src/compaction/options.ts';
import type { LeveledOptions } from '../src/compaction/pick.ts';
import { textTable } from './driver/text-table.ts';
import { type Outcome, type Pace, Simulation } from './simulate/run.ts';
import { workloads } from './simulate/workloads.ts';

const MIB = 1_048_576;
const GIB = 1024 * MIB;
const POLICIES = ['leveled', 'size-tiered', 'fifo'] as const;

/** The defaults, four times as large: for flushes of 64 MiB. */
const OPTIONS: LeveledOptions = {
  l0TriggerCount: 4,
  baseLevelBytes: 256 * MIB,
  levelRatio: 10,
  targetTableBytes: 64 * MIB,
};

const HEAD = [
  ...['policy', 'workload', 'write', 'read', 'max', 'space', 'max', 'at rest'],
  ...['L0 max', 'debt max', 'stalled', 'merges', 'largest', 'tables'],
];

function main(): void {
  const { values } = parseArgs({
    options: {
      policy: { type: 'string' },
      workload: { type: 'string' },
      gib: { type: 'string', default: '1024' },
      'flush-mib': { type: 'string', default: '64' },
      'live-gib': { type: 'string', default: '64' },
      'write-mib': { type: 'string', default: '16' },
      json: { type: 'boolean', default: false },
    },
  });
  const flushBytes = Number(values['flush-mib']) * MIB;
  const liveBytes = Number(values['live-gib']) * GIB;
  const scale = { flushBytes, liveBytes, flushCount: (Number(values.gib) * GIB) / flushBytes };
  const pace: Pace = {
    writeBytesPerSecond: Number(values['write-mib']) * MIB,
    workers: 2,
    mergeBytesPerSecond: 300 * MIB,
  };
  const rows: string[][] = [];
  for (const name of POLICIES) {
    if (name !== (values.policy ?? name)) continue;
    const policy = parseCompactionOptions(
      name === 'fifo' ? { policy: name, maxBytes: liveBytes } : name,
    );
    for (const workload of workloads(scale)) {
      if (workload.name !== (values.workload ?? workload.name)) continue;
      const outcome = new Simulation(workload, OPTIONS, policy, pace).run(workload, scale);
      const row = { policy: name, workload: workload.name };
      if (values.json) console.log(JSON.stringify({ ...row, ...outcome }));
      rows.push([row.policy, row.workload, ...cells(outcome, name === 'fifo')]);
    }
  }
  if (!values.json) console.log(textTable(HEAD, rows, 2));
}

/** @param isLossy what is lost is not garbage, so bytes of tables say nothing of live ones */
function cells(outcome: Outcome, isLossy: boolean): string[] {
  const space = [
    outcome.spaceAmplificationMean,
    outcome.spaceAmplificationMax,
    outcome.spaceAmplificationAtRest,
  ];
  return [
    outcome.writeAmplification.toFixed(1),
    outcome.readAmplificationMean.toFixed(1),
    String(outcome.readAmplificationMax),
    ...space.map((ratio) => (isLossy ? '-' : ratio.toFixed(2))),
    String(outcome.l0CountMax),
    gib(outcome.debtBytesMax),
    `${(outcome.stalledShare * 100).toFixed(1)} %`,
    String(outcome.mergeCount),
    gib(outcome.mergeBytesMax),
    String(outcome.tableCount),
  ];
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

main();
