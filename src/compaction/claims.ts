/**
 * What running compactions keep others from. A plan is made on the version as it stands, with the
 * inputs of the running ones still in it; it must be right whichever of them ends first.
 *
 * - A table is an input of one plan at a time. As a plan takes all tables that are in the way of
 *   its keys, none overtakes older versions that a running one has.
 * - Two plans never write into the same range of one level: their tables could overlap, even if
 *   their inputs do not. In L0 they may.
 *
 * A table that cannot be read is no input of a plan that reads it, as if a compaction had it that
 * never ends.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import { type CompactionPlan, type KeyRange, keyRange, meets, planTables } from './plan.ts';

interface RunningPlan {
  readonly plan: CompactionPlan;
  readonly range: KeyRange;
}

/** Answers for one set of running plans. */
export class Claims {
  readonly #running: readonly RunningPlan[];
  readonly #numbers: ReadonlySet<number>;
  readonly #unreadable: ReadonlySet<number>;

  /** @param unreadable numbers of tables */
  constructor(running: readonly CompactionPlan[], unreadable: ReadonlySet<number> = new Set()) {
    this.#unreadable = unreadable;
    this.#running = running.map((plan) => ({ plan, range: keyRange(planTables(plan)) }));
    this.#numbers = new Set(running.flatMap(planTables).map((table) => table.fileNumber));
  }

  /** True when a running plan has the table among its inputs. */
  isInput({ fileNumber }: TableMeta): boolean {
    return this.#numbers.has(fileNumber);
  }

  /** True when a running plan has the table among its inputs, or it cannot be read. */
  has(table: TableMeta): boolean {
    return this.isInput(table) || this.#unreadable.has(table.fileNumber);
  }

  /** True when that holds for any of the tables. */
  hasAny(tables: readonly TableMeta[]): boolean {
    return tables.some((table) => this.has(table));
  }

  /** True when a running plan leaves something in a level. */
  hasOutputIn(level: number): boolean {
    return this.#running.some(({ plan }) => plan.outputLevel === level);
  }

  /** True when the plan can run beside all that run, and all that it reads can be read. */
  allows(plan: CompactionPlan): boolean {
    const isDrop = plan.kind === 'drop';
    const isTaken = (table: TableMeta) => (isDrop ? this.isInput(table) : this.has(table));
    if (plan.inputs.some(({ tables }) => tables.some(isTaken))) return false;
    if (isDrop || plan.outputLevel === 0) return true;
    const range = keyRange(planTables(plan));
    return this.#running.every(
      (other) => other.plan.outputLevel !== plan.outputLevel || !meets(other.range, range),
    );
  }
}
