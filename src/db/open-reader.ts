/**
 * Opening without the lock, beside a writer that may replace any file meanwhile: see
 * beside-writer.ts. Tables are kept open: the reader sees one state of the database until it asks
 * for another.
 * @module
 */
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { closeFile, joinPath, sizeOf } from '../fs/port.ts';
import { readCurrent } from '../manifest/current.ts';
import { manifestName } from '../manifest/file-names.ts';
import { Manifest } from '../manifest/manifest.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import { besideWriter, type Look } from './beside-writer.ts';
import type { DbCore, Location } from './core.ts';
import { find, lookFirst } from './find.ts';
import type { DbSettings } from './options.ts';
import { giveUpReader, recoverForReading } from './recover.ts';

/**
 * Recovers a database for reading, and keeps its tables open.
 * @throws VarveError what is wrong with the database, `BUSY` when it changed during every attempt
 */
export async function recoverBesideWriter(
  location: Location,
  settings: DbSettings,
): Promise<DbCore> {
  const core = await besideWriter(location, () => look(location, settings));
  return withMissingTold(core);
}

/** What a reader that is open wants of a newer state; each throws if it is none for it. */
export interface Wanted {
  /** Before anything of it is opened. */
  readonly checkManifest: (found: Manifest) => void;
  readonly checkState: (core: DbCore) => void;
}

/**
 * Recovers the newest state for a reader that is open, which goes over to it.
 * @param live stays as it is; the tables of both are one
 * @throws VarveError as {@link recoverBesideWriter}, and as the checks
 */
export function recoverAnew(live: DbCore, wanted: Wanted): Promise<DbCore> {
  const { location, settings } = live;
  return besideWriter(location, () => look(location, settings, live, wanted));
}

async function look(
  location: Location,
  settings: DbSettings,
  live?: DbCore,
  wanted?: Wanted,
): Promise<Look<DbCore>> {
  live?.assertOpen();
  const manifestStamp = stampOf(location);
  lookFirst(location, settings);
  const found = await find(location, settings);
  if (found.manifest !== undefined) wanted?.checkManifest(found.manifest);
  const known = live?.tables.numbers();
  // A table that cannot be opened concerns those who read its keys.
  let failure: VarveError | undefined;
  const keep = (core: DbCore) => {
    failure = keepTables(core);
  };
  const value = await recoverForReading(location, settings, found, keep, live);
  const discard = () => giveUpReader(value, known);
  try {
    wanted?.checkState(value);
  } catch (error) {
    discard();
    throw error;
  }
  const logEnd = value.recovery?.end;
  value.found = manifestStamp === undefined ? undefined : { manifest: manifestStamp, logEnd };
  return { value, failure, discard };
}

/** CURRENT, and the size of the manifest that it names; undefined while they change. */
export function stampOf({ fs, directory }: Location): string | undefined {
  try {
    const current = readCurrent(fs, directory);
    if (current === undefined) return undefined;
    const path = joinPath(directory, manifestName(current.slot.manifestNumber));
    const file = fs.open(path, 'read');
    try {
      return `${sizeOf(file)} ${current.file.join()}`;
    } finally {
      closeFile(file);
    }
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return undefined;
  }
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
    const what = `the writer has removed ${path}, which was not kept open`;
    const text = `${what}: refresh the reader, or open it again`;
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
