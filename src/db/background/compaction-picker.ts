/**
 * Which compaction of a database is called for next, over its families.
 * @module
 */
import { isSameProtection } from '../../block/file-protection.ts';
import { type CompactionPlan, pickCompaction } from '../../compaction/pick.ts';
import type { Version } from '../../manifest/version.ts';
import type { TableMeta } from '../../sstable/table-meta.ts';
import type { DbCore } from '../core.ts';
import { lookAtDue } from '../damage.ts';
import type { Family } from '../family.ts';

/** Where nothing was called for, age may change that after a while. */
const IDLE_MS = 1000;

/** A plan and whose it is. */
export interface PlanOf {
  readonly family: Family;
  readonly plan: CompactionPlan;
}

/** A plan that can begin. */
export interface PickedPlan extends PlanOf {
  /** Tasks that it may have at the same time; at least 1. */
  readonly taskMax: number;
}

export class CompactionPicker {
  readonly #core: DbCore;
  /** For what nothing could begin, and until when: version, oldest snapshot and free tasks. */
  #idleVersion: Version | undefined;
  #idleSnapshot: number | undefined;
  #idleFree: number;
  #idleEndMs: number;
  /** The family that had a plan last. */
  #lastFamilyId: number;

  constructor(core: DbCore) {
    this.#core = core;
    this.#idleVersion = undefined;
    this.#idleSnapshot = undefined;
    this.#idleFree = 0;
    this.#idleEndMs = 0;
    this.#lastFamilyId = -1;
  }

  /** Other compactions run than at the last {@link pick}, or a table asks for one. */
  noteChange(): void {
    this.#idleVersion = undefined;
  }

  /**
   * The most urgent plan of the next family that has one which can begin.
   * @param running compactions under way
   * @param excluded families that are not looked at
   * @param free tasks that can begin now; at least 1
   * @param tasksMax tasks that can run at the same time
   */
  pick(
    running: readonly PlanOf[],
    excluded: ReadonlySet<Family>,
    free: number,
    tasksMax: number,
  ): PickedPlan | undefined {
    const core = this.#core;
    const { clock } = core.location;
    const oldestSnapshotSeqno = core.snapshots.oldest?.seqno;
    const now = clock.monotonic();
    if (lookAtDue(core)) this.noteChange();
    const isSame = core.version === this.#idleVersion && oldestSnapshotSeqno === this.#idleSnapshot;
    if (isSame && free <= this.#idleFree && now < this.#idleEndMs) return undefined;
    for (const [id, family] of this.#inTurn()) {
      if (excluded.has(family)) continue;
      const { settings } = family;
      const plan = pickCompaction({
        levels: core.version.families.get(id)!.levels,
        options: settings,
        policy: settings.compaction,
        running: running.filter((one) => one.family === family).map(({ plan }) => plan),
        nowMs: clock.now(),
        isOutdated: sealedOtherwise(core, family),
        heal: core.requests.health.healable,
        seekVictims: core.requests.seekVictims,
        scanVictims: core.requests.scanVictims,
        oldestSnapshotSeqno,
        lost: core.requests.health.lost,
      });
      if (plan === undefined) continue;
      const taskMax = leavesL0Room(family, plan) && tasksMax > 1 ? free - 1 : free;
      if (taskMax === 0) continue;
      this.#lastFamilyId = id;
      return { family, plan, taskMax };
    }
    this.#idleVersion = core.version;
    this.#idleSnapshot = oldestSnapshotSeqno;
    this.#idleFree = free;
    this.#idleEndMs = now + IDLE_MS;
    return undefined;
  }

  /** All families, the one that had a plan last at the end. */
  #inTurn(): [number, Family][] {
    const all = [...this.#core.families];
    const next = all.findIndex(([id]) => id === this.#lastFamilyId) + 1;
    return [...all.slice(next), ...all.slice(0, next)];
  }
}

/** Merges of large runs may take long: they leave L0 a thread. */
function leavesL0Room({ settings }: Family, { inputs }: CompactionPlan): boolean {
  return settings.compaction.policy === 'size-tiered' && inputs[0]!.level > 0;
}

/** Tells tables that are under another key or suite than new ones of the family would be. */
function sealedOtherwise(core: DbCore, { settings }: Family): (table: TableMeta) => boolean {
  const { suiteId, epoch } = core.pipeline.protection(settings.encryption, undefined);
  return ({ protection }) => protection.suiteId !== suiteId || protection.epoch !== epoch;
}

/** Tells tables that are under another key, suite or code than new ones of the family would be. */
export function outdatedBy(core: DbCore, { settings }: Family): (table: TableMeta) => boolean {
  const wanted = core.pipeline.protection(settings.encryption, settings.ecc);
  return ({ protection }) => !isSameProtection(protection, wanted);
}
