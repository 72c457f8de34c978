/**
 * What running compactions keep others from. A plan is made on the version as it stands, with the
 * inputs of the running ones still in it; it must be right whichever of them ends first.
 *
 * - A table is an input of one plan at a time. As a plan takes all tables that are in the way of
 *   its keys, none overtakes older versions that a running one has.
 * - Two plans never write into the same range of one level: their tables could overlap, even if
 *   their inputs do not. In L0 they may.
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

  constructor(running: readonly CompactionPlan[]) {
    this.#running = running.map((plan) => ({ plan, range: keyRange(planTables(plan)) }));
    this.#numbers = new Set(running.flatMap(planTables).map((table) => table.fileNumber));
  }

  /** True when a running plan has the table among its inputs. */
  has(table: TableMeta): boolean {
    return this.#numbers.has(table.fileNumber);
  }

  /** True when a running plan has any of the tables among its inputs. */
  hasAny(tables: readonly TableMeta[]): boolean {
    return tables.some((table) => this.#numbers.has(table.fileNumber));
  }

  /** True when a running plan leaves something in a level. */
  hasOutputIn(level: number): boolean {
    return this.#running.some(({ plan }) => plan.outputLevel === level);
  }

  /** True when the plan can run beside all that run. */
  allows(plan: CompactionPlan): boolean {
    if (this.#running.length === 0) return true;
    if (plan.inputs.some(({ tables }) => this.hasAny(tables))) return false;
    if (plan.kind === 'drop' || plan.outputLevel === 0) return true;
    const range = keyRange(planTables(plan));
    return this.#running.every(
      (other) => other.plan.outputLevel !== plan.outputLevel || !meets(other.range, range),
    );
  }
}
