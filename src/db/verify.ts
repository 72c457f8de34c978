/**
 * Checking all tables of an open database.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { isVarveError } from '../errors.ts';
import { type Damage, verifyTable } from '../integrity/verify-table.ts';
import type { VerifyProgress, VerifyReport } from './call-options.ts';
import type { DbCore } from './core.ts';

/** Reads every table from disk, with turns of the host between them. */
export async function verifyDatabase(
  core: DbCore,
  onProgress: VerifyProgress | undefined,
): Promise<VerifyReport> {
  const { events, location, pipeline, version } = core;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('what verify reports to must be a function');
  }
  const tables = [...version.families.values()].flatMap((family) => family.levels.flat());
  const bytesTotal = tables.reduce((sum, table) => sum + table.sizeBytes, 0);
  let seen = version;
  let live = seen.tableNumbers();
  let bytesRead = 0;
  let tableCount = 0;
  const corrected: Correction[] = [];
  const uncorrectable: Damage[] = [];
  for (const table of tables) {
    // A compaction may have removed the file while this waited for its turn.
    if (core.version !== seen) {
      seen = core.version;
      live = seen.tableNumbers();
    }
    if (!live.has(table.fileNumber)) continue;
    const slot = core.tables.slot(table);
    const openFile = () => core.tables.openFile(slot);
    try {
      const corrections = events.collect(() => {
        const damage = verifyTable(core.tables.pathOf(slot), openFile, table, pipeline);
        if (damage !== undefined) uncorrectable.push(damage);
      });
      corrected.push(...corrections);
    } catch (error) {
      // The writer has removed it: it is no part of the database any more.
      if (!isVarveError(error, 'STALE')) throw error;
      continue;
    }
    bytesRead += table.sizeBytes;
    tableCount++;
    onProgress?.(bytesRead, bytesTotal);
    await location.hostLoop.turn();
    core.assertOpen();
  }
  return { tableCount, bytesRead, corrected, uncorrectable };
}
