/**
 * The tasks of one flush or compaction: waited for together, installed together, given up together.
 * @module
 */
import type { ErrorCode, VarveError } from '../errors.ts';
import { fileNumberOf, removeTables } from '../executor/directory-sink.ts';
import type { MergeJob, MergeResult } from '../executor/merge-job.ts';
import type { Executor, MergeTask } from '../executor/port.ts';
import type { DbCore, Lent } from './core.ts';

/** A merge with one output takes the whole table format: every L0 table costs each read. */
export const L0_TABLE_BYTES_MAX = 0x8000_0000;
/**
 * What entries may grow by on their way into tables: short ones, parity, an index. Were it more,
 * the last table would grow beyond its target size.
 */
export const EXPANSION = 3;

/** See the module head. */
export class TaskGroup {
  readonly #core: DbCore;
  readonly #executor: Executor;
  #tasks: MergeTask[];

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
      else removeTables(fs, location.directory, task.result.outputs.map(fileNumberOf));
    }
    this.#tasks = [];
  }
}
