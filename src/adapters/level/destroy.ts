/**
 * Removing a database.
 * @module
 */
import { joinPath } from '../../fs/port.ts';
import type { Fs } from '../../index.ts';
import {
  CURRENT_NAME,
  LOCK_NAME,
  parseFileName,
  parseLostName,
} from '../../manifest/file-names.ts';

/**
 * Removes the files of a database and leaves others alone. The directory stays, and in it the lock
 * file, which another process may be waiting to take. No database there is no error.
 * @throws VarveError `LOCKED` when it is open, `IO`
 */
export async function destroyDatabase(location: string, fs: Fs): Promise<void> {
  if (!fs.exists(location) || ownFiles(fs, location).length === 0) return;
  const lock = await fs.lock(joinPath(location, LOCK_NAME));
  try {
    // CURRENT goes first: what a crash leaves after that does not open as a database.
    const names = ownFiles(fs, location).sort((a, b) => rank(a) - rank(b));
    for (const name of names) fs.remove(joinPath(location, name));
    fs.syncDirectory(location);
  } finally {
    await lock.release();
  }
}

function ownFiles(fs: Fs, location: string): string[] {
  return fs.list(location).filter((name) => {
    const kind = (parseFileName(name) ?? parseLostName(name))?.kind;
    return kind !== undefined && kind !== 'lock';
  });
}

function rank(name: string): number {
  return name === CURRENT_NAME ? 0 : 1;
}
