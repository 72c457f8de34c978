/**
 * Compactions that single tables ask for, whatever the sizes. In order of urgency, and all of them
 * after what sizes call for:
 *
 * 1. `heal` a read met damage that the code of the file could still correct;
 * 2. `outdated` the table is stored otherwise than new ones are, under an old key for instance;
 * 3. `tombstones` most of its entries delete something, or scans keep passing those that do; and no
 *    snapshot needs them;
 * 4. `seeks` reads keep looking into it and find nothing;
 * 5. `periodic` it was written long ago.
 *
 * A table is rewritten in its place for the first two. For the others it *sinks*: it is merged into
 * the first deeper level that overlaps it; where there is none it is at the bottom, and rewritten
 * there, which rids it of its tombstones.
 *
 * Why none of this goes on for ever: a rewritten table has another number, which nobody asked to
 * heal; it is stored as new ones are; it was written now; at the bottom it is left without
 * tombstones, for a table that a snapshot holds them in is not picked; and one that is sought
 * through at the bottom is left alone. A table that sinks can only do so as often as there are
 * levels.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import type { Claims } from './claims.ts';
import { closureOf, freeToLeave } from './l0.ts';
import type { LeveledOptions } from './level-limits.ts';
import { levelBelowL0 } from './leveled.ts';
import type { LeveledPolicy, MergingPolicy } from './options.ts';
import {
  type CompactionPlan,
  type CompactionReason,
  keyRange,
  type Levels,
  overlapsInLevel,
  totalBytes,
} from './plan.ts';

/** What tables ask for. */
export interface Requests {
  /** Wall time, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether a table is stored otherwise than it would be today; must be false for new tables. */
  readonly isOutdated: (table: TableMeta) => boolean;
  /** Numbers of tables that should be written anew for damage that was corrected in reading. */
  readonly heal: ReadonlySet<number>;
  /** Numbers of tables in which reads keep looking for nothing. */
  readonly seekVictims: ReadonlySet<number>;
  /** Numbers of tables in which scans keep passing tombstones. */
  readonly scanVictims: ReadonlySet<number>;
  /** Undefined without snapshots. */
  readonly oldestSnapshotSeqno: number | undefined;
}

/** What the picking of one plan works with. */
interface Tree {
  readonly levels: Levels;
  readonly options: LeveledOptions;
  readonly policy: MergingPolicy;
  readonly claims: Claims;
}

/** One kind of request. */
interface Rule {
  readonly reason: CompactionReason;
  readonly isOn: boolean;
  readonly applies: (table: TableMeta) => boolean;
  readonly isInPlace: boolean;
}

/** The most urgent request that running compactions allow. */
export function pickUpkeep(
  levels: Levels,
  options: LeveledOptions,
  policy: MergingPolicy,
  requests: Requests,
  claims: Claims,
): CompactionPlan | undefined {
  for (const rule of rulesOf(policy, requests)) {
    if (!rule.isOn) continue;
    for (let level = 0; level < levels.length; level++) {
      for (const table of levels[level]!) {
        if (!rule.applies(table) || claims.has(table)) continue;
        const plan = rule.isInPlace
          ? rewrite(level, table, rule.reason)
          : sink({ levels, options, policy, claims }, level, table, rule.reason);
        const admitted = plan === undefined ? undefined : claims.admit(plan);
        if (admitted !== undefined) return admitted;
      }
    }
  }
  return undefined;
}

/** In the order of their urgency. */
function rulesOf(policy: MergingPolicy, requests: Requests): Rule[] {
  const { nowMs, isOutdated, heal, seekVictims, scanVictims, oldestSnapshotSeqno } = requests;
  const { periodicMs } = policy;
  return [
    {
      reason: 'heal',
      isOn: heal.size > 0,
      applies: (table) => heal.has(table.fileNumber),
      isInPlace: true,
    },
    { reason: 'outdated', isOn: true, applies: isOutdated, isInPlace: true },
    {
      reason: 'tombstones',
      isOn: policy.tombstonePercent > 0,
      applies: (table) =>
        (isDense(table, policy) || scanVictims.has(table.fileNumber)) &&
        isFree(table, oldestSnapshotSeqno),
      isInPlace: false,
    },
    {
      reason: 'seeks',
      isOn: seekVictims.size > 0,
      applies: (table) => seekVictims.has(table.fileNumber),
      isInPlace: false,
    },
    {
      reason: 'periodic',
      isOn: periodicMs > 0,
      applies: (table) => nowMs - table.createdAtMs >= periodicMs,
      isInPlace: false,
    },
  ];
}

/** True when a table holds many tombstones, and mostly tombstones. */
function isDense({ tombstoneCount, entryCount }: TableMeta, policy: MergingPolicy): boolean {
  return (
    tombstoneCount >= policy.tombstoneCountMin &&
    tombstoneCount * 100 >= policy.tombstonePercent * entryCount
  );
}

/** True when every snapshot sees all of a table, so that none needs what its tombstones hide. */
function isFree({ largestSeqno }: TableMeta, oldestSnapshotSeqno: number | undefined): boolean {
  return oldestSnapshotSeqno === undefined || largestSeqno <= oldestSnapshotSeqno;
}

function rewrite(level: number, table: TableMeta, reason: CompactionReason): CompactionPlan {
  return { kind: 'merge', inputs: [{ level, tables: [table] }], outputLevel: level, reason };
}

/** Undefined when the way down is taken, or when nothing is gained by it. */
function sink(
  { levels, options, policy, claims }: Tree,
  level: number,
  table: TableMeta,
  reason: CompactionReason,
): CompactionPlan | undefined {
  const tables = level === 0 ? leaving(levels[0]!, table, claims) : [table];
  if (tables.length === 0) return undefined;
  const range = keyRange(tables);
  const isFlush = level === 0 && reason === 'tombstones' && policy.policy === 'leveled';
  const last = isFlush ? levelBelowL0(levels, options) : levels.length - 1;
  for (let below = level + 1; below <= last; below++) {
    const met = overlapsInLevel(levels[below]!, range);
    const overlaps = met.filter((one) => !claims.isLost(one));
    if (overlaps.length === 0) continue;
    if (isFlush && isDear(tables, overlaps, policy)) return undefined;
    const inputs = [
      { level, tables },
      { level: below, tables: overlaps },
    ];
    return { kind: 'merge', inputs, outputLevel: below, reason };
  }
  if (reason === 'seeks') return undefined;
  // Tombstones would stay for the sake of what is lost, and ask for it again.
  if (reason === 'tombstones' && claims.isOverLost(level, range)) return undefined;
  // What a flush wrote meets much: cut into tables, those with the tombstones sink further.
  const isAbove = levels.slice(last + 1).some((one) => overlapsInLevel(one, range).length > 0);
  const outputLevel = level > 0 ? level : isAbove ? last : bottomOf(levels, policy);
  return { kind: 'merge', inputs: [{ level, tables }], outputLevel, reason };
}

/**
 * True when tombstones of L0 would rewrite far more than they take away. The size of L0 brings them
 * down before long, with others.
 */
function isDear(
  tables: readonly TableMeta[],
  overlaps: readonly TableMeta[],
  policy: LeveledPolicy,
): boolean {
  const bytes = totalBytes(overlaps);
  let gain = totalBytes(tables);
  const entries = overlaps.reduce((sum, { entryCount }) => sum + entryCount, 0);
  for (const { tombstoneCount } of tables) gain += tombstoneCount * (bytes / entries);
  return bytes > policy.l0OverlapRatioMax * gain;
}

/** What must leave L0 along with a table; empty when it cannot leave now. */
function leaving(l0: readonly TableMeta[], table: TableMeta, claims: Claims): TableMeta[] {
  const free = freeToLeave(l0, claims);
  return free.includes(table) ? closureOf(table, free) : [];
}

/** The last level in use; without one, where the policy would go first. */
function bottomOf(levels: Levels, { policy }: MergingPolicy): number {
  const last = levels.findLastIndex((tables) => tables.length > 0);
  if (last > 0) return last;
  return policy === 'leveled' ? 1 : levels.length - 1;
}
