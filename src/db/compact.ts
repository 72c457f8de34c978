/**
 * Manual compaction.
 * @module
 */
import { pickManual, pickManualL0, pickManualSlice } from '../compaction/pick.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { outdatedBy } from './compaction-picker.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import type { Bytes } from './input.ts';
import { keyBytes } from './range.ts';
import type { Scheduler } from './scheduler.ts';

/** What to compact; both ends inclusive, open if undefined. */
export interface ManualRange {
  readonly from: Bytes | undefined;
  readonly to: Bytes | undefined;
  /** Whether what is one sorted run already is rewritten all the same. */
  readonly bottommost: boolean;
}

/**
 * Merges a key range of a family into one sorted run. What is one already is rewritten as far as it
 * is under another key, suite or code than new tables are.
 */
export async function compactRange(
  core: DbCore,
  scheduler: Scheduler,
  family: Family,
  { from: fromKey, to: toKey, bottommost }: ManualRange,
): Promise<void> {
  // Its tables go when they are old, and in the order of their age.
  if (family.settings.compaction.policy === 'fifo') return;
  const from = fromKey === undefined ? undefined : keyBytes(fromKey);
  const to = toKey === undefined ? undefined : keyBytes(toKey);
  const levels = () => core.version.families.get(family.handle.id)?.levels ?? [[]];
  const { settings } = family;
  if (from !== undefined || to !== undefined) {
    const pick = () => pickManualL0(levels(), from, to, settings);
    await scheduler.compact({ family, pick, pickSlice: pick });
  }
  const nextNumber = core.manifest!.nextFileNumber;
  const isOlder = ({ fileNumber }: TableMeta) => fileNumber < nextNumber;
  const isOutdated = bottommost ? isOlder : outdatedBy(core, family);
  const pickSlice = () => pickManualSlice(levels(), from, to, settings, isOutdated);
  const pick = () => pickManual(levels(), from, to, isOutdated);
  await scheduler.compact({ family, pick, pickSlice });
  await core.removals.settle();
}
