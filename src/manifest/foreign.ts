/**
 * Whether what lies in a directory is somebody else's: found out by looking only, before a byte is
 * changed, because names alone do not tell. LevelDB and RocksDB have files `CURRENT`, `LOCK`,
 * `MANIFEST-000001` and `000005.sst` too.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import { closeFile, type Fs, joinPath, readAt } from '../fs/port.ts';
import { readCurrent } from './current.ts';
import { CURRENT_NAME, parseFileName, parseLostName, UNFINISHED_NAME } from './file-names.ts';

/** Every file of a database begins with this, and so does each copy of what it begins with. */
const MAGIC = new TextEncoder().encode('VARVE');
const COPY_BYTES = 64;
const COPIES = 7;
/** How LevelDB and RocksDB name their manifest in `CURRENT`. */
const TEXT_OF_OTHERS = new TextEncoder().encode('MANIFEST-');
const NAMES_SHOWN_MAX = 3;

/** What systems and tools put into any directory. */
const HARMLESS = /^(\..*|lost\+found|desktop\.ini|Thumbs\.db)$/;
const LOCK_OF_OURS = /^LOCK(\..*)?$/;

/**
 * Refuses a directory, which need not exist, that is another program's.
 * @param mayMix whether a database may stand beside files of others
 * @returns true if there are files that a database may have left
 * @throws VarveError `INVALID` naming what it looks like, or for a copy that is not finished; any
 * error of the `Fs`
 */
export function refuseForeign(fs: Fs, directory: string, mayMix: boolean): boolean {
  const names = fs.exists(directory) ? fs.list(directory) : [];
  const own = names.filter((name) => isDataName(name));
  const hasCurrent = names.includes(CURRENT_NAME);
  const current = hasCurrent ? headOf(fs, joinPath(directory, CURRENT_NAME)) : new Uint8Array(0);
  const isMarked = names.includes(UNFINISHED_NAME);
  if (isMarked && readCurrent(fs, directory) === undefined) throw unfinished(directory);
  if (hasMagic(current)) return true;
  if (startsWith(current, TEXT_OF_OTHERS)) throw refusal(directory, kindOf(names), names);
  // It is a database that has lost its CURRENT: to be told as damage.
  const isOurs = own.some((name) => isOwnFile(fs, joinPath(directory, name)));
  if (isOurs) return true;
  if (isKnown(names)) throw refusal(directory, kindOf(names), names);
  if (isForeign(current)) throw refusal(directory, 'a CURRENT of another program', [CURRENT_NAME]);
  const foreign = names.filter((name) => isForeignEntry(fs, directory, name));
  if (foreign.length > 0 && !mayMix) throw refusal(directory, 'files of something else', foreign);
  return own.some((name) => !foreign.includes(name));
}

/** True for a file that begins as those of a database of ours do, even if that is damaged. */
export function isOwnFile(fs: Fs, path: string): boolean {
  return hasMagic(headOf(fs, path));
}

/** True for a file that certainly is none of a database of ours, whatever its name. */
export function isForeignFile(fs: Fs, path: string): boolean {
  return isForeign(headOf(fs, path));
}

/** True for names of files that hold data. */
function isDataName(name: string): boolean {
  const kind = (parseFileName(name) ?? parseLostName(name))?.kind;
  return kind !== undefined && kind !== 'lock';
}

function isForeignEntry(fs: Fs, directory: string, name: string): boolean {
  if (isDataName(name)) return isForeignFile(fs, joinPath(directory, name));
  return !isHarmlessName(name);
}

/** True for names that do not count when a directory has to be empty. */
export function isHarmlessName(name: string): boolean {
  return HARMLESS.test(name) || LOCK_OF_OURS.test(name);
}

/** True for names that only LevelDB and RocksDB use, or only they together. */
function isKnown(names: readonly string[]): boolean {
  if (names.some((name) => /^(\d+\.ldb|OPTIONS-\d+)$/.test(name))) return true;
  const hasManifest = names.some((name) => /^MANIFEST-\d+$/.test(name));
  return hasManifest && names.some((name) => /^(LOG|LOG\.old|IDENTITY|\d+\.log)$/.test(name));
}

function kindOf(names: readonly string[]): string {
  const isRocks = names.some((name) => /^(IDENTITY|OPTIONS-\d+|\d+\.blob)$/.test(name));
  return isRocks ? 'what looks like a RocksDB database' : 'what looks like a LevelDB database';
}

function unfinished(directory: string): VarveError {
  const what = 'a checkpoint or restore that is under way or was cut off';
  const text = `${directory} holds ${what}, and no database: do it again, or remove the directory`;
  return new VarveError('INVALID', text, { file: joinPath(directory, UNFINISHED_NAME) });
}

function refusal(directory: string, what: string, names: readonly string[]): VarveError {
  const shown = [...names].sort().slice(0, NAMES_SHOWN_MAX).join(', ');
  const more = names.length > NAMES_SHOWN_MAX ? `, and ${names.length - NAMES_SHOWN_MAX} more` : '';
  const text = `${directory} holds ${what} (${shown}${more}), not a Varve database`;
  return new VarveError('INVALID', text, { file: joinPath(directory, names[0]!) });
}

/** The first bytes of a file, fresh; none of one that a writer has removed meanwhile. */
function headOf(fs: Fs, path: string): Uint8Array {
  const head = new Uint8Array(COPIES * COPY_BYTES);
  try {
    const file = fs.open(path, 'read');
    try {
      return head.subarray(0, readAt(file, head, 0, head.length, 0));
    } finally {
      closeFile(file);
    }
  } catch (error) {
    if (isVarveError(error, 'IO') && !fs.exists(path)) return head.subarray(0, 0);
    throw error;
  }
}

/** True if one of the copies with which files of ours begin is there. */
function hasMagic(head: Uint8Array): boolean {
  for (let at = 0; at < head.length; at += COPY_BYTES) {
    if (startsWith(head.subarray(at), MAGIC)) return true;
  }
  return false;
}

/** True for bytes that no process of ours can have left, however early it was cut off. */
function isForeign(head: Uint8Array): boolean {
  if (hasMagic(head)) return false;
  const begun = head.subarray(0, MAGIC.length);
  const end = begun.findIndex((byte, i) => byte !== MAGIC[i]);
  return end >= 0 && begun.subarray(end).some((byte) => byte !== 0);
}

function startsWith(bytes: Uint8Array, begin: Uint8Array): boolean {
  return bytes.length >= begin.length && begin.every((byte, i) => bytes[i] === byte);
}
