/**
 * Removing a database.
 * @module
 */

import type { Fs } from '../../core.ts';
import { HeldFs } from '../../fs/held.ts';
import { joinPath } from '../../fs/port.ts';
import {
  CURRENT_NAME,
  LOCK_NAME,
  parseFileName,
  parseLostName,
  UNFINISHED_NAME,
} from '../../manifest/file-names.ts';
import { isForeignFile, isOwnFile, refuseForeign } from '../../manifest/foreign.ts';

/**
 * Removes the files of a database and leaves others alone. The directory stays, and in it the lock
 * file, which another process may be waiting to take. No database there is no error.
 * @throws VarveError `LOCKED` when it is open, `INVALID` when it is another program's, `DETACHED`
 * when the directory becomes another meanwhile, `IO`
 */
export async function destroyDatabase(location: string, fs: Fs): Promise<void> {
  const directory = fs.resolve(location);
  if (!refuseForeign(fs, directory, true)) return;
  const lockPath = joinPath(directory, LOCK_NAME);
  const lock = await fs.lock(lockPath);
  try {
    removeOwn(new HeldFs(fs, lockPath, lock.token), directory);
  } finally {
    await lock.release();
  }
}

function removeOwn(fs: Fs, directory: string): void {
  const names = fs.list(directory).filter((name) => {
    const kind = (parseFileName(name) ?? parseLostName(name))?.kind;
    return kind !== undefined && kind !== 'lock';
  });
  // A file beside our CURRENT is ours, however damaged; others are if they look like it.
  const hasCurrent =
    names.includes(CURRENT_NAME) && isOwnFile(fs, joinPath(directory, CURRENT_NAME));
  const isOwn = (name: string) => hasCurrent || !isForeignFile(fs, joinPath(directory, name));
  // CURRENT goes first: what a crash leaves after that does not open as a database.
  const own = names.filter(isOwn).sort((a, b) => rank(a) - rank(b));
  for (const name of own) fs.remove(joinPath(directory, name));
  const mark = joinPath(directory, UNFINISHED_NAME);
  if (hasCurrent && fs.exists(mark)) fs.remove(mark);
  fs.syncDirectory(directory);
}

function rank(name: string): number {
  return name === CURRENT_NAME ? 0 : 1;
}
