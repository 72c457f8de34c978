/**
 * Manual compaction.
 * @module
 */
import { Claims } from '../compaction/claims.ts';
import {
  type Levels,
  type ManualScope,
  pickManualRewrite,
  pickManualSlice,
  pickManualStep,
  pickManualWhole,
} from '../compaction/pick.ts';
import { LEVEL_COUNT } from '../manifest/family-version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { outdatedBy } from './background/compaction-picker.ts';
import { familyDropped, type Wish } from './background/compaction-queue.ts';
import type { Scheduler } from './background/scheduler.ts';
import type { CompactOptions } from './call-options.ts';
import type { DbCore } from './core.ts';
import { lookAtFamily, lossWithin } from './damage.ts';
import type { Family } from './family.ts';
import { familyOf } from './find-family.ts';
import type { Bytes } from './input.ts';
import type { FamilySettings } from './options.ts';
import { keyBytes } from './range.ts';

/** What to compact; both ends inclusive, open if undefined. */
interface ManualRange {
  readonly from: Bytes | undefined;
  readonly to: Bytes | undefined;
  /** Whether what is one sorted run already is rewritten all the same. */
  readonly bottommost: boolean;
}

/** See `Db.compact`. @param flush as `Db.flush` */
export async function compactDatabase(
  core: DbCore,
  scheduler: Scheduler,
  { columnFamily, from, to, bottommost }: CompactOptions,
  flush: (options: Pick<CompactOptions, 'columnFamily'>) => Promise<void>,
): Promise<void> {
  const isAll = columnFamily === undefined;
  const families = isAll ? [...core.families.values()] : [familyOf(core, columnFamily)];
  const { lastSeqno } = core;
  await flush(isAll ? {} : { columnFamily });
  const range = { from, to, bottommost: bottommost === true };
  for (const family of families) {
    try {
      await compactRange(core, scheduler, family, range, lastSeqno);
    } catch (error) {
      // One of all that is dropped meanwhile is no failure of the others.
      const isDropped = core.families.get(family.handle.id) !== family;
      if (!isAll || !isDropped) throw error;
    }
  }
}

/**
 * Merges a key range of a family into one sorted run. What is one already is rewritten as far as it
 * is under another key, suite or code than new tables are, or holds what a snapshot held.
 * Lost tables are stepped around.
 * @param seqno what was written after this one is left to whoever wrote it
 * @throws VarveError of a lost table of the range, when all around it is done
 */
async function compactRange(
  core: DbCore,
  scheduler: Scheduler,
  family: Family,
  { from: fromKey, to: toKey, bottommost }: ManualRange,
  seqno: number,
): Promise<void> {
  const { settings, handle } = family;
  if (core.families.get(handle.id) !== family) throw familyDropped(family);
  lookAtFamily(core, family);
  // Its tables go when they are old, and in the order of their age.
  if (settings.compaction.policy === 'fifo') return;
  const from = fromKey === undefined ? undefined : keyBytes(fromKey);
  const to = toKey === undefined ? undefined : keyBytes(toKey);
  const scope = { from, to, seqno };
  const levels = () => core.version.families.get(handle.id)!.levels;
  const claims = () => new Claims([], levels(), core.requests.health.lost);
  const nextNumber = core.manifest!.nextFileNumber;
  const isOlder = ({ fileNumber }: TableMeta) => fileNumber < nextNumber;
  const isOutdated = bottommost ? isOlder : outdatedBy(core, family);
  const pickSlice = () => pickManualSlice(levels(), scope, settings, isOutdated, claims());
  const steps =
    from === undefined && to === undefined
      ? [() => pickManualWhole(levels(), scope, isOutdated, claims())]
      : stepsOf(levels, claims, scope, settings, (table) => {
          return isOlder(table) && (table.largestSeqno > 0 || isOutdated(table));
        });
  await scheduler.compact({ family, steps, pickSlice });
  await core.removals.settle();
  const loss = lossWithin(core, family, from, to);
  if (loss !== undefined) throw loss;
}

/** Level by level, and last what is to be rewritten of what is one run by then. */
function stepsOf(
  levels: () => Levels,
  claims: () => Claims,
  scope: ManualScope,
  settings: FamilySettings,
  isWorthIt: (table: TableMeta) => boolean,
): Wish['steps'] {
  const down = Array.from({ length: LEVEL_COUNT - 1 }, (_, level) => {
    return () => pickManualStep(levels(), level, scope, settings, claims());
  });
  return [...down, () => pickManualRewrite(levels(), scope, isWorthIt, claims())];
}
