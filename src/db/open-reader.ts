/**
 * Opening without the lock, beside a writer that may replace any file meanwhile.
 *
 * Whatever a writer leaves at any moment can be opened: a process that is killed leaves no more. So
 * only a change in the midst of the reading makes it fail without damage, and a failure counts if
 * it comes again while CURRENT, the manifest and the logs stay as they are. Tables are kept open:
 * the reader sees one state of the database for as long as it lives.
 * @module
 */
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { closeFile, joinPath, readAt, sizeOf } from '../fs/port.ts';
import { parseFileName } from '../manifest/file-names.ts';
import { Manifest } from '../manifest/manifest.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { DbCore, Location } from './core.ts';
import type { DbSettings } from './options.ts';
import { type Found, recoverForReading } from './recover.ts';

/** Together the pauses between so many last some seconds. */
const ATTEMPTS_MAX = 80;
const PAUSE_MS_MAX = 100;

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
  let failedIn: string | undefined;
  for (let attempt = 1; ; attempt++) {
    let core: DbCore | undefined;
    let failure: VarveError | undefined;
    try {
      const found = await find();
      core = await recoverForReading(location, settings, found, (opened) => {
        failure = keepTables(opened);
      });
    } catch (error) {
      if (!isVarveError(error)) throw error;
      failure = error;
    }
    if (core !== undefined && failure === undefined) return withMissingTold(core);
    const state = stateAfter(failure!, location);
    if (state !== undefined && state === failedIn) {
      // A table that cannot be opened concerns those who read its keys.
      if (core !== undefined) return withMissingTold(core);
      throw failure!;
    }
    core?.tables.closeAll();
    if (attempt === ATTEMPTS_MAX) throw tooBusy(location, failure!);
    failedIn = state;
    await pause(location, Math.min(2 ** (attempt - 1), PAUSE_MS_MAX));
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

/**
 * What a database looks like to somebody who reads it, as far as that decides about the failure:
 * CURRENT, and how far manifest and logs reach. Undefined while it changes.
 */
function stateAfter(failure: VarveError, { fs, directory }: Location): string | undefined {
  // A writer that is busy adds to its log all the time.
  const withLogs = failure.file?.endsWith('.wal') === true;
  const parts: string[] = [];
  try {
    if (!fs.exists(directory)) return 'no directory';
    for (const name of fs.list(directory).sort()) {
      const kind = parseFileName(name)?.kind;
      const isRead = kind === 'current' || kind === 'manifest' || (kind === 'wal' && withLogs);
      if (!isRead) continue;
      const file = fs.open(joinPath(directory, name), 'read');
      try {
        const size = sizeOf(file);
        const bytes = new Uint8Array(kind === 'current' ? size : 0);
        readAt(file, bytes, 0, bytes.length, 0);
        parts.push(`${name} ${size} ${bytes.join()}`);
      } finally {
        closeFile(file);
      }
    }
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return undefined;
  }
  return parts.join('\n');
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

function tooBusy({ directory }: Location, cause: VarveError): VarveError {
  const text = `files of ${directory} were replaced faster than they could be read`;
  return new VarveError('BUSY', text, { file: directory, cause });
}

async function pause({ hostLoop }: Location, milliseconds: number): Promise<void> {
  if (hostLoop.delay === undefined) await hostLoop.turn();
  else await hostLoop.delay(milliseconds);
}
