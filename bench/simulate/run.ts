/**
 * One simulated run: a program writes at an even pace, flushes go to L0, and a few workers carry
 * out what the policy picks, each at the pace of a disk. Time is simulated.
 * @module
 */
import type { CompactionPolicy } from '../../src/compaction/options.ts';
import {
  type CompactionPlan,
  compactionDebtBytes,
  type LeveledOptions,
  pickCompaction,
  planBytes,
  totalBytes,
} from '../../src/compaction/pick.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedTree } from './tree.ts';
import type { Scale, Workload } from './workloads.ts';

/** How the machine is. */
export interface Pace {
  /** Bytes that the program writes in a second while nothing stops it. */
  readonly writeBytesPerSecond: number;
  readonly workers: number;
  /** Bytes that a worker reads and writes in a second, together. */
  readonly mergeBytesPerSecond: number;
}

/** What a run measured. Means are over flushes after the first tenth. */
export interface Outcome {
  /** Bytes written to tables by those that the program wrote. */
  readonly writeAmplification: number;
  /** Sorted runs that a read may have to look at. */
  readonly readAmplificationMean: number;
  readonly readAmplificationMax: number;
  /** Bytes of tables by those of live entries. */
  readonly spaceAmplificationMean: number;
  readonly spaceAmplificationMax: number;
  /** The same when the program has stopped and compaction has caught up. */
  readonly spaceAmplificationAtRest: number;
  readonly l0CountMax: number;
  readonly debtBytesMax: number;
  /** Share of the time in which the program had to wait. */
  readonly stalledShare: number;
  readonly mergeCount: number;
  /** Input of the largest merge. */
  readonly mergeBytesMax: number;
  readonly tableCount: number;
}

interface RunningMerge {
  readonly plan: CompactionPlan;
  readonly outputs: readonly TableMeta[];
  readonly endsAt: number;
}

/** L0 stops the program at so many triggers. */
const L0_STOP_FACTOR = 9;
const NONE: ReadonlySet<number> = new Set();

/** See the module head. */
export class Simulation {
  readonly #tree: SimulatedTree;
  readonly #options: LeveledOptions;
  readonly #policy: CompactionPolicy;
  readonly #pace: Pace;
  #running: RunningMerge[];
  #seconds: number;
  #stalledSeconds: number;
  #flushedBytes: number;
  #mergedBytes: number;
  #mergeCount: number;
  #mergeBytesMax: number;

  constructor(workload: Workload, options: LeveledOptions, policy: CompactionPolicy, pace: Pace) {
    this.#tree = new SimulatedTree(workload.space, options.targetTableBytes);
    this.#options = options;
    this.#policy = policy;
    this.#pace = pace;
    this.#running = [];
    this.#seconds = 0;
    this.#stalledSeconds = 0;
    this.#flushedBytes = 0;
    this.#mergedBytes = 0;
    this.#mergeCount = 0;
    this.#mergeBytesMax = 0;
  }

  run(workload: Workload, scale: Scale): Outcome {
    const random = new SeededRandom(1);
    const interval = scale.flushBytes / this.#pace.writeBytesPerSecond;
    const runs = new Series();
    const space = new Series();
    let l0CountMax = 0;
    let debtBytesMax = 0;
    for (let number = 0; number < scale.flushCount; number++) {
      this.#advance(this.#seconds + interval);
      this.#waitForRoom();
      const contents = workload.flush(number, random);
      this.#flushedBytes += this.#tree.flush(contents, this.#seconds * 1000);
      this.#begin();
      const { levels } = this.#tree;
      l0CountMax = Math.max(l0CountMax, levels[0]!.length);
      const debt = compactionDebtBytes(levels, this.#options, this.#policy);
      debtBytesMax = Math.max(debtBytesMax, debt);
      if (number < scale.flushCount / 10) continue;
      const deeper = levels.slice(1).filter((tables) => tables.length > 0);
      runs.add(levels[0]!.length + deeper.length);
      space.add(this.#tableBytes() / this.#tree.liveBytes);
    }
    const busySeconds = this.#seconds;
    const written = this.#flushedBytes + this.#mergedBytes;
    this.#drain();
    return {
      writeAmplification: written / (scale.flushBytes * scale.flushCount),
      readAmplificationMean: runs.mean,
      readAmplificationMax: runs.max,
      spaceAmplificationMean: space.mean,
      spaceAmplificationMax: space.max,
      spaceAmplificationAtRest: this.#tableBytes() / this.#tree.liveBytes,
      l0CountMax,
      debtBytesMax,
      stalledShare: this.#stalledSeconds / busySeconds,
      mergeCount: this.#mergeCount,
      mergeBytesMax: this.#mergeBytesMax,
      tableCount: this.#tree.levels.flat().length,
    };
  }

  #tableBytes(): number {
    return this.#tree.levels.reduce((sum, tables) => sum + totalBytes(tables), 0);
  }

  /** Lets time pass. */
  #advance(until: number): void {
    while (this.#running.length > 0 && this.#nextEnd() <= until) this.#endNext();
    this.#seconds = until;
  }

  #waitForRoom(): void {
    const limit = L0_STOP_FACTOR * this.#options.l0TriggerCount;
    const isFifo = this.#policy.policy === 'fifo';
    while (!isFifo && this.#tree.levels[0]!.length >= limit && this.#running.length > 0) {
      const before = this.#seconds;
      this.#endNext();
      this.#stalledSeconds += this.#seconds - before;
    }
  }

  #drain(): void {
    this.#begin();
    while (this.#running.length > 0) this.#endNext();
  }

  #nextEnd(): number {
    return Math.min(...this.#running.map(({ endsAt }) => endsAt));
  }

  #endNext(): void {
    const at = this.#nextEnd();
    const ended = this.#running.find(({ endsAt }) => endsAt === at)!;
    this.#running = this.#running.filter((one) => one !== ended);
    this.#seconds = Math.max(this.#seconds, at);
    this.#tree.install(ended.plan, ended.outputs);
    this.#begin();
  }

  /** Gives idle workers something to do. */
  #begin(): void {
    while (this.#running.length < this.#pace.workers) {
      const plan = this.#pick();
      if (plan === undefined) return;
      if (plan.kind !== 'merge') {
        const outputs = plan.kind === 'move' ? plan.inputs.flatMap(({ tables }) => tables) : [];
        this.#tree.install(plan, outputs);
        continue;
      }
      const outputs = this.#tree.merge(plan, this.#seconds * 1000);
      const writtenBytes = totalBytes(outputs);
      const bytes = planBytes(plan) + writtenBytes;
      this.#mergedBytes += writtenBytes;
      this.#mergeCount++;
      this.#mergeBytesMax = Math.max(this.#mergeBytesMax, planBytes(plan));
      const endsAt = this.#seconds + bytes / this.#pace.mergeBytesPerSecond;
      this.#running.push({ plan, outputs, endsAt });
    }
  }

  #pick(): CompactionPlan | undefined {
    return pickCompaction({
      levels: this.#tree.levels,
      options: this.#options,
      policy: this.#policy,
      running: this.#running.map(({ plan }) => plan),
      nowMs: this.#seconds * 1000,
      isOutdated: () => false,
      heal: NONE,
      seekVictims: NONE,
      scanVictims: NONE,
      oldestSnapshotSeqno: undefined,
    });
  }
}

/** Mean and maximum of numbers. */
class Series {
  #sum: number;
  #count: number;
  max: number;

  constructor() {
    this.#sum = 0;
    this.#count = 0;
    this.max = 0;
  }

  get mean(): number {
    return this.#sum / Math.max(1, this.#count);
  }

  add(value: number): void {
    this.#sum += value;
    this.#count++;
    this.max = Math.max(this.max, value);
  }
}
