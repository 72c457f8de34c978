/**
 * Which compaction of a database is called for next, over its families.
 * @module
 */
import { isSameProtection } from '../block/file-protection.ts';
import { type CompactionPlan, pickCompaction } from '../compaction/pick.ts';
import type { Version } from '../manifest/version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';

/** Where nothing was called for, age may change that after a while. */
const IDLE_MS = 1000;
const NONE: ReadonlySet<number> = new Set();

/** A plan and whose it is. */
export interface PickedPlan {
  readonly family: Family;
  readonly plan: CompactionPlan;
}

export class CompactionPicker {
  readonly #core: DbCore;
  /** The version and the oldest snapshot for which nothing was called for, and until when. */
  #idleVersion: Version | undefined;
  #idleSnapshot: number | undefined;
  #idleEndMs: number;

  constructor(core: DbCore) {
    this.#core = core;
    this.#idleVersion = undefined;
    this.#idleSnapshot = undefined;
    this.#idleEndMs = 0;
  }

  /** Other compactions run than at the last {@link pick}, or a table asks for one. */
  noteChange(): void {
    this.#idleVersion = undefined;
  }

  /**
   * The most urgent plan of the first family that has one.
   * @param running compactions under way
   * @param excluded families that are not looked at
   */
  pick(running: readonly PickedPlan[], excluded: ReadonlySet<Family>): PickedPlan | undefined {
    const core = this.#core;
    const { clock } = core.location;
    const oldestSnapshotSeqno = core.snapshots.oldest;
    const now = clock.monotonic();
    const isSame = core.version === this.#idleVersion && oldestSnapshotSeqno === this.#idleSnapshot;
    if (isSame && now < this.#idleEndMs) return undefined;
    for (const [id, family] of core.families) {
      if (excluded.has(family)) continue;
      const { settings } = family;
      const plan = pickCompaction({
        levels: core.version.families.get(id)!.levels,
        options: settings,
        policy: settings.compaction,
        running: running.filter((one) => one.family === family).map(({ plan }) => plan),
        nowMs: clock.now(),
        isOutdated: sealedOtherwise(core, family),
        heal: NONE,
        seekVictims: core.seekVictims,
        oldestSnapshotSeqno,
      });
      if (plan !== undefined) return { family, plan };
    }
    this.#idleVersion = core.version;
    this.#idleSnapshot = oldestSnapshotSeqno;
    this.#idleEndMs = now + IDLE_MS;
    return undefined;
  }
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
