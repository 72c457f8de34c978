/**
 * Opening a database.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import { VarveError } from '../errors.ts';
import { joinPath } from '../fs/port.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import type { Location } from './core.ts';
import { Db } from './database.ts';
import { type DbOptions, type DbSettings, type Environment, resolveOptions } from './options.ts';
import { recoverForReading, recoverForWriting } from './recover.ts';

/** A reader meets a writer that is replacing files; it looks again this often. */
const READ_ONLY_ATTEMPTS_MAX = 5;

/**
 * Opens a database, and makes it if the directory holds none.
 * @param path the directory, in the terms of the environment's `fs`
 * @param environment the file system, clock, randomness and event loop to run on; those in
 * `options` are not looked at
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when another process or thread has it open, `CORRUPTION` when files
 * are damaged, `INVALID` when it must or must not exist, `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function openDatabase(
  path: string,
  options: DbOptions,
  environment: Environment,
): Promise<Db> {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError('the path of a database must be a string that is not empty');
  }
  const settings = resolveOptions(options);
  await loadChecksum();
  const location: Location = { ...environment, directory: path };
  return settings.readOnly ? openReadOnly(location, settings) : openLocked(location, settings);
}

async function openLocked(location: Location, settings: DbSettings): Promise<Db> {
  const { fs, directory } = location;
  if (settings.createIfMissing) fs.createDirectory(directory);
  else if (!fs.exists(directory)) throw missing(directory);
  const lock = await fs.lock(joinPath(directory, LOCK_NAME));
  let db: Db;
  try {
    db = new Db(recoverForWriting(location, settings, lock));
  } catch (error) {
    await lock.release();
    throw error;
  }
  await Db.settle(db);
  return db;
}

async function openReadOnly(location: Location, settings: DbSettings): Promise<Db> {
  if (!location.fs.exists(location.directory)) throw missing(location.directory);
  for (let attempt = 1; ; attempt++) {
    try {
      return new Db(recoverForReading(location, settings));
    } catch (error) {
      if (!(error instanceof VarveError) || attempt === READ_ONLY_ATTEMPTS_MAX) throw error;
      await location.hostLoop.turn();
    }
  }
}

function missing(directory: string): VarveError {
  return new VarveError('INVALID', `there is no database at ${directory}`, { file: directory });
}
