/**
 * Manual compaction.
 * @module
 */
import { pickManual, pickManualL0 } from '../compaction/pick.ts';
import { outdatedBy } from './compaction-picker.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import type { Bytes } from './input.ts';
import { keyBytes } from './range.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * Merges a key range of a family into one sorted run; both ends inclusive, open if undefined. What
 * is one already is rewritten as far as it is under another key, suite or code than new tables are.
 */
export async function compactRange(
  core: DbCore,
  scheduler: Scheduler,
  family: Family,
  fromKey: Bytes | undefined,
  toKey: Bytes | undefined,
): Promise<void> {
  // Its tables go when they are old, and in the order of their age.
  if (family.settings.compaction.policy === 'fifo') return;
  const from = fromKey === undefined ? undefined : keyBytes(fromKey);
  const to = toKey === undefined ? undefined : keyBytes(toKey);
  const levels = () => core.version.families.get(family.handle.id)?.levels ?? [[]];
  if (from !== undefined || to !== undefined) {
    await scheduler.compact(family, () => pickManualL0(levels(), from, to, family.settings));
  }
  const isOutdated = outdatedBy(core, family);
  await scheduler.compact(family, () => pickManual(levels(), from, to, isOutdated));
}
