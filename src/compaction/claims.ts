/**
 * What running compactions and lost tables keep others from. A plan is made on the version as it
 * stands, with the inputs of the running ones still in it; it must be right whichever of them ends
 * first.
 *
 * - A table is an input of one plan at a time. As a plan takes all tables that are in the way of
 *   its keys, none overtakes older versions that a running one has.
 * - Two plans never write into the same range of one level: their tables could overlap, even if
 *   their inputs do not. In L0 they may.
 *
 * A table that cannot be read is a claim that never ends: it is no input of a plan that reads it,
 * and plans step around it (`around.ts`).
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import {
  isOverLost,
  isParted,
  isStuck,
  obstaclesIn,
  outputLevelsOf,
  planAround,
} from './around.ts';
import {
  type CompactionPlan,
  type KeyRange,
  keyRange,
  type Levels,
  meets,
  type Obstacle,
  planTables,
} from './plan.ts';

interface RunningPlan {
  readonly plan: CompactionPlan;
  readonly range: KeyRange;
  readonly outputLevels: readonly number[];
}

/** Answers for one set of running plans. */
export class Claims {
  readonly #running: readonly RunningPlan[];
  readonly #numbers: ReadonlySet<number>;
  readonly #lost: ReadonlySet<number>;
  /** The lost tables. */
  readonly obstacles: readonly Obstacle[];
  readonly #l0: readonly TableMeta[];

  /**
   * @param levels the tree as it stands
   * @param lost numbers of tables that cannot be read
   */
  constructor(
    running: readonly CompactionPlan[],
    levels: Levels = [],
    lost: ReadonlySet<number> = new Set(),
  ) {
    this.#lost = lost;
    this.obstacles = obstaclesIn(levels, lost);
    this.#l0 = levels[0] ?? [];
    this.#running = running.map((plan) => ({
      plan,
      range: keyRange(planTables(plan)),
      outputLevels: outputLevelsOf(plan),
    }));
    this.#numbers = new Set(running.flatMap(planTables).map((table) => table.fileNumber));
  }

  /** True when a running plan has the table among its inputs. */
  isInput({ fileNumber }: TableMeta): boolean {
    return this.#numbers.has(fileNumber);
  }

  /** True when a running plan has the table among its inputs, or it cannot be read. */
  has(table: TableMeta): boolean {
    return this.isInput(table) || this.isLost(table);
  }

  /** True when any table cannot be read. */
  get hasLost(): boolean {
    return this.obstacles.length > 0;
  }

  /** True when the table cannot be read. */
  isLost({ fileNumber }: TableMeta): boolean {
    return this.#lost.has(fileNumber);
  }

  /** True when the table cannot leave its level for a lost one below it. */
  isStuck(level: number, table: TableMeta): boolean {
    return isStuck(this.obstacles, level, table);
  }

  /** True when the plan cannot be carried out as a whole for lost tables. */
  isParted(plan: CompactionPlan): boolean {
    return isParted(plan, this.obstacles);
  }

  /** True when some lost table lies below a level and meets a range. */
  isOverLost(level: number, range: KeyRange): boolean {
    return isOverLost(this.obstacles, level, range);
  }

  /** True when that holds for any of the tables. */
  hasAny(tables: readonly TableMeta[]): boolean {
    return tables.some((table) => this.has(table));
  }

  /** True when a running plan leaves something in a level. */
  hasOutputIn(level: number): boolean {
    return this.#running.some(({ plan }) => plan.outputLevel === level);
  }

  /**
   * The plan as it can be carried out: around lost tables, and beside all plans that run.
   * @returns undefined when it cannot, or when nothing is gained by it
   */
  admit(plan: CompactionPlan): CompactionPlan | undefined {
    if (!this.#allows(plan)) return undefined;
    const around = planAround(plan, this.obstacles, this.#l0);
    if (around === undefined || around === plan) return around;
    return this.#allows(around) ? around : undefined;
  }

  #allows(plan: CompactionPlan): boolean {
    const isDrop = plan.kind === 'drop';
    const isTaken = (table: TableMeta) => (isDrop ? this.isInput(table) : this.has(table));
    if (plan.inputs.some(({ tables }) => tables.some(isTaken))) return false;
    if (isDrop) return true;
    const range = keyRange(planTables(plan));
    const levels = outputLevelsOf(plan).filter((level) => level > 0);
    return this.#running.every(
      (other) =>
        !other.outputLevels.some((level) => levels.includes(level)) || !meets(other.range, range),
    );
  }
}
