/**
 * Opening without the lock, beside a writer that may replace any file meanwhile: see
 * beside-writer.ts. Tables are kept open: the reader sees one state of the database until it asks
 * for another.
 * @module
 */
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { Manifest } from '../manifest/manifest.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import { besideWriter } from './beside-writer.ts';
import type { DbCore, Location } from './core.ts';
import type { DbSettings } from './options.ts';
import { type Found, recoverForReading } from './recover.ts';

/**
 * Recovers a database for reading, and keeps its tables open.
 * @param find looks at the directory
 * @throws VarveError what is wrong with the database, `BUSY` when it changed during every attempt
 */
export async function recoverBesideWriter(
  location: Location,
  settings: DbSettings,
  find: () => Promise<Found>,
): Promise<DbCore> {
  const core = await besideWriter(location, async () => {
    const found = await find();
    // A table that cannot be opened concerns those who read its keys.
    let failure: VarveError | undefined;
    const opened = await recoverForReading(location, settings, found, (recovered) => {
      failure = keepTables(recovered);
    });
    return { value: opened, failure, discard: () => opened.tables.closeAll() };
  });
  return withMissingTold(core);
}

/** Returns the first failure, and keeps what can be kept. */
function keepTables(core: DbCore): VarveError | undefined {
  let failure: VarveError | undefined;
  for (const family of core.families.values()) {
    for (const slot of family.view.levels.flat()) {
      try {
        core.tables.keep(slot);
      } catch (error) {
        if (!isVarveError(error)) throw error;
        failure ??= error;
      }
    }
  }
  return failure;
}

/** Tells tables that the writer has removed from those that are lost. */
function withMissingTold(core: DbCore): DbCore {
  core.tables.onMissing = (slot) => {
    const path = core.tables.pathOf(slot);
    if (isNamed(core.location, slot)) return corruption('table is missing', path, 0);
    const text = `the writer has removed ${path}, which was not kept open: open the reader again`;
    return new VarveError('STALE', text, { file: path });
  };
  return core;
}

/** True if the manifest still names the table. */
function isNamed({ fs, directory, pipeline }: Location, slot: TableSlot): boolean {
  const { databaseId, sealedFrom, keyChecks } = pipeline;
  try {
    const { version } = Manifest.recover(fs, directory, pipeline);
    return version.tableNumbers().has(slot.meta.fileNumber);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return false;
  } finally {
    // What is open belongs to the state that it was opened in.
    Object.assign(pipeline, { databaseId, sealedFrom, keyChecks });
  }
}
