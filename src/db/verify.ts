/**
 * Checking all tables of an open database.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { type Damage, verifyTable } from '../integrity/verify-table.ts';
import type { VerifyProgress, VerifyReport } from './call-options.ts';
import type { DbCore } from './core.ts';

/** Reads every table from disk, with turns of the host between them. */
export async function verifyDatabase(
  core: DbCore,
  onProgress: VerifyProgress | undefined,
): Promise<VerifyReport> {
  const { events, fs, location, pipeline, version } = core;
  const tables = [...version.families.values()].flatMap((family) => family.levels.flat());
  const bytesTotal = tables.reduce((sum, table) => sum + table.sizeBytes, 0);
  let bytesRead = 0;
  let tableCount = 0;
  const corrected: Correction[] = [];
  const uncorrectable: Damage[] = [];
  for (const table of tables) {
    // A compaction may have removed the file while this waited for its turn.
    if (!isLive(core, table.fileNumber)) continue;
    const corrections = events.collect(() => {
      const damage = verifyTable(fs, location.directory, table, pipeline);
      if (damage !== undefined) uncorrectable.push(damage);
    });
    corrected.push(...corrections);
    bytesRead += table.sizeBytes;
    tableCount++;
    onProgress?.(bytesRead, bytesTotal);
    await location.hostLoop.turn();
    core.assertOpen();
  }
  return { tableCount, bytesRead, corrected, uncorrectable };
}

/** A compaction may have removed it. */
function isLive(core: DbCore, fileNumber: number): boolean {
  for (const family of core.version.families.values()) {
    for (const level of family.levels) {
      if (level.some((table) => table.fileNumber === fileNumber)) return true;
    }
  }
  return false;
}
