/**
 * Manual compaction.
 * @module
 */
import { isSameProtection } from '../block/file-protection.ts';
import { pickManual, pickManualL0 } from '../compaction/pick.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
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
  const from = fromKey === undefined ? undefined : keyBytes(fromKey);
  const to = toKey === undefined ? undefined : keyBytes(toKey);
  const levels = () => core.version.families.get(family.handle.id)?.levels ?? [[]];
  if (from !== undefined || to !== undefined) {
    await scheduler.compact(family, () => pickManualL0(levels(), from, to, family.settings));
  }
  const { encryption, ecc } = family.settings;
  const wanted = core.pipeline.protection(encryption, ecc);
  const isOutdated = ({ protection }: TableMeta) => !isSameProtection(protection, wanted);
  await scheduler.compact(family, () => pickManual(levels(), from, to, isOutdated));
}
