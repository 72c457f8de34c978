/**
 * The jobs of one flush or compaction: waited for together, installed together, given up together.
 * @module
 */
import type { Pipeline } from '../../block/pipeline.ts';
import { stripeGrowth } from '../../ecc/stripe-layout.ts';
import type { ErrorCode, VarveError } from '../../errors.ts';
import type { Executor } from '../../executor/executor.ts';
import type { JobTask } from '../../executor/job-task.ts';
import { removeLeftovers } from '../../job/leftovers.ts';
import type { MergeJob, MergeResult } from '../../merge/merge-job.ts';
import type { TableOrigin } from '../../sstable/table-origin.ts';
import type { TableWriterOptions } from '../../sstable/table-writer.ts';
import type { DbCore, Lent } from '../core.ts';
import type { Family } from '../family.ts';

/** A merge with one output takes the whole table format: every L0 table costs each read. */
export const L0_TABLE_BYTES_MAX = 0x8000_0000;
/** In tables a key stands in its entry and at most once more, in the index. */
const COPIES = 2;
/**
 * What an entry takes at most beside its key and value: lengths, kind, seqno, checksum, its part of
 * the filter, and a block of its own with its tag and its place in the index.
 */
const ENTRY_OVERHEAD_BYTES = 112;

/**
 * How large some entries may grow on their way into tables: file numbers are set aside for so many
 * bytes, because a merge that runs out of them puts all the rest into its last table.
 */
export function storedBytesMax(
  rawBytes: number,
  entryCount: number,
  { blockSizeBytes, protection }: TableWriterOptions,
  pipeline: Pipeline,
): number {
  // Short blocks have the more parity for their size.
  const blockLen = Math.floor(blockSizeBytes / 2);
  const parity = 1 + pipeline.parityBytes(protection.ecc, blockLen) / blockLen;
  const growth = parity * stripeGrowth(protection.ecc?.stripe);
  return (rawBytes * COPIES + entryCount * ENTRY_OVERHEAD_BYTES) * growth;
}

/** What new tables say of themselves; fixed when their job begins. */
export function originOf(
  core: DbCore,
  { handle }: Family,
  level: number,
  inputs: readonly number[],
): TableOrigin {
  const retired = core.retiredTableNumbers();
  return { familyId: handle.id, familyName: handle.name, level, inputs, retired };
}

/** See the module head. */
export class MergeGroup {
  readonly #core: DbCore;
  readonly #executor: Executor;
  #tasks: JobTask<MergeJob>[];

  constructor(core: DbCore, executor: Executor) {
    this.#core = core;
    this.#executor = executor;
    this.#tasks = [];
  }

  /** Tasks that were started and neither finished nor given up. */
  get count(): number {
    return this.#tasks.length;
  }

  /** Tasks of those that somebody still works on. */
  get openCount(): number {
    let count = 0;
    for (const task of this.#tasks) if (!task.isSettled) count++;
    return count;
  }

  /** What those that somebody still works on hold in memory, about. */
  get openBytes(): number {
    let sum = 0;
    for (const task of this.#tasks) if (!task.isSettled) sum += task.job.memoryBytes;
    return sum;
  }

  /** True when nobody works on any of them. */
  get isSettled(): boolean {
    return this.openCount === 0;
  }

  /** Set when a thread that worked on one is gone; its cause tells threads apart. */
  get loss(): VarveError | undefined {
    return this.#tasks.find((task) => task.isLost)?.error;
  }

  /** The error of a task that failed with this code, if one did. */
  errorOf(code: ErrorCode): VarveError | undefined {
    return this.#tasks.find(({ error }) => error?.code === code)?.error;
  }

  /** The errors of all tasks that failed; fresh. */
  get errors(): VarveError[] {
    return this.#tasks.flatMap(({ error }) => (error === undefined ? [] : [error]));
  }

  /** Key and value bytes read so far, where the jobs run in the caller's time. */
  get bytesRead(): number {
    let sum = 0;
    for (const task of this.#tasks) sum += task.bytesRead;
    return sum;
  }

  /** @param lent what the job reads: kept until nobody does */
  start(job: MergeJob, lent: Lent): void {
    const task = this.#executor.start(job);
    this.#core.lend(lent, task);
    this.#tasks.push(task);
  }

  /**
   * Gives out the results, in the order of the starts, once all are settled. From then on the
   * tables are the caller's; file numbers that were not needed have been returned.
   * @throws VarveError the first error of a task; then the group is to be aborted
   */
  finish(): MergeResult[] {
    for (const { error } of this.#tasks) if (error !== undefined) throw error;
    for (const { job, result } of this.#tasks.toReversed()) {
      this.#core.returnFileNumbers(job.fileNumbers, result!.outputs.length);
    }
    const results = this.#tasks.map(({ result }) => result!);
    this.#tasks = [];
    return results;
  }

  /** Gives all up and removes what they have written. */
  abort(): void {
    const { fs, location } = this.#core;
    for (const task of this.#tasks) {
      if (task.result === undefined) this.#executor.cancel(task);
      else removeLeftovers(fs, location.directory, task.job);
    }
    this.#tasks = [];
  }
}
