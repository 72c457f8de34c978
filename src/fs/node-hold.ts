/**
 * Whether a lock that was taken is still held: whether its directory and its file are the ones that
 * they were. A process may have its directory removed and made anew, moved away, or put back from a
 * copy, while handles go on working and paths lead to somebody else's files.
 *
 * A hold is told by a text of the parts
 *
 *     token  directory's device:number  LOCK's device:number  LOCK's time of change  LOCK's size
 *
 * so that another thread, which has no handle, can check it as well. The holder keeps the directory
 * and `LOCK` open: so their numbers are not given to other files, and file systems that number
 * their files as they meet them (FUSE) do not forget them.
 * @module
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { VarveError } from '../errors.ts';
import { platformError, systemCode } from './node-error.ts';

/** A hold of the lock whose record is the file `path`. */
export interface NodeHold {
  /** See the module head. */
  readonly token: string;
  /** Gives the handles back; twice is allowed. */
  close(): void;
}

/**
 * Takes note of the lock whose record was just put at `path`.
 * @param recordToken of that record
 */
export function beginHold(path: string, recordToken: string): NodeHold {
  const descriptors = [fs.openSync(path, 'r')];
  try {
    openDirectory(dirname(path), descriptors);
    const token = [recordToken, ...describe(path)].join(' ');
    assertNodeLockHeld(path, token);
    return { token, close: () => closeAll(descriptors) };
  } catch (error) {
    closeAll(descriptors);
    throw error;
  }
}

/** See `Fs.assertHeld`. */
export function assertNodeLockHeld(path: string, token: string): void {
  const loss = lossOf(path, token.split(' '));
  if (loss === undefined) return;
  const directory = dirname(path);
  const text = `${directory} is no longer the directory that was opened: ${loss}`;
  throw new VarveError('DETACHED', text, { file: directory });
}

function lossOf(path: string, [recordToken, ...known]: string[]): string | undefined {
  try {
    const [directory, file, time, size] = describe(path);
    if (directory === undefined) return 'it was removed or moved away';
    if (directory !== known[0]) return 'another directory has taken its place';
    if (file === undefined) return 'its lock file was removed';
    if (file !== known[1]) return 'its lock was taken by somebody else';
    if (time === known[2] && size === known[3]) return undefined;
    // The same file with another time: somebody may have written into it.
    const isOurs = fs.readFileSync(path, 'utf8').includes(`"${recordToken}"`);
    return isOurs ? undefined : 'its lock file was overwritten';
  } catch (error) {
    throw platformError('look up', path, error);
  }
}

/** Device and number of a directory; empty where there is none. */
export function directoryNumber(path: string): string {
  const found = stat(path);
  return found === undefined ? '' : numberOf(found);
}

/** What stands behind the record's token; ends where something is missing. */
function describe(path: string): string[] {
  const directory = stat(dirname(path));
  if (directory === undefined || !directory.isDirectory()) return [];
  const file = stat(path);
  if (file === undefined) return [numberOf(directory)];
  return [numberOf(directory), numberOf(file), String(file.mtimeNs), String(file.size)];
}

function stat(path: string): fs.BigIntStats | undefined {
  try {
    return fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // A file has taken the place of a directory above.
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function numberOf({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`;
}

/** Not every platform opens directories; there nothing is lost but the guard of its number. */
function openDirectory(path: string, descriptors: number[]): void {
  try {
    descriptors.push(fs.openSync(path, 'r'));
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  }
}

function closeAll(descriptors: number[]): void {
  for (const fd of descriptors.splice(0)) fs.closeSync(fd);
}
