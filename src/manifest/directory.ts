/**
 * What a database directory holds, by the names of its files, and whether that is a database.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { corruption } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { readCurrent } from './current.ts';
import { CURRENT_NAME, manifestName, parseFileName, parseLostName } from './file-names.ts';
import { openManifestBlocks } from './manifest-recovery.ts';

/** The number of a database's first manifest. */
export const FIRST_MANIFEST_NUMBER = 1;

/** The files of a directory; numbers ascend. */
export interface DirectoryContents {
  /** There is no database yet, or one whose creation was cut off before it counted. */
  readonly isFresh: boolean;
  readonly tableNumbers: readonly number[];
  readonly logNumbers: readonly number[];
  readonly manifestNumbers: readonly number[];
  /** Of these and of files that are kept; in any order. */
  readonly numbers: readonly number[];
}

/** A file whose number is so much higher than the next one to be given out is somebody else's. */
export const FOREIGN_GAP: number = 2 ** 32;

/**
 * What of a directory belongs to a database that gives out this file number next. Numbers are set
 * aside before an edit says so, but never by far.
 */
export function ownContents(
  { isFresh, tableNumbers, logNumbers, manifestNumbers, numbers }: DirectoryContents,
  nextFileNumber: number,
): DirectoryContents {
  const isOwn = (number: number) => number < nextFileNumber + FOREIGN_GAP;
  return {
    isFresh,
    tableNumbers: tableNumbers.filter(isOwn),
    logNumbers: logNumbers.filter(isOwn),
    manifestNumbers: manifestNumbers.filter(isOwn),
    numbers: numbers.filter(isOwn),
  };
}

/**
 * Lists a directory, which need not exist, and tells a database from the place for one. Without a
 * valid CURRENT there is no database, and there must be nothing that belonged to one.
 * @throws VarveError `CORRUPTION` when CURRENT is missing or damaged beside files of a database;
 * any error of the `Fs`
 */
export function inspectDirectory(fs: Fs, directory: string, pipeline: Pipeline): DirectoryContents {
  const tableNumbers: number[] = [];
  const logNumbers: number[] = [];
  const manifestNumbers: number[] = [];
  const numbers: number[] = [];
  for (const name of fs.exists(directory) ? fs.list(directory) : []) {
    const parsed = parseFileName(name);
    const { number } = parsed ?? parseLostName(name) ?? { number: 0 };
    if (number > 0) numbers.push(number);
    if (parsed === undefined) continue;
    if (parsed.kind === 'table') tableNumbers.push(parsed.number);
    if (parsed.kind === 'wal') logNumbers.push(parsed.number);
    if (parsed.kind === 'manifest') manifestNumbers.push(parsed.number);
  }
  for (const list of [tableNumbers, logNumbers, manifestNumbers]) list.sort((a, b) => a - b);
  const isFresh = readCurrent(fs, directory) === undefined;
  if (isFresh) {
    const isUsed =
      tableNumbers.length > 0 ||
      logNumbers.length > 0 ||
      manifestNumbers.some((number) => isUsedManifest(fs, directory, number, pipeline));
    if (isUsed) throw missingCurrent(fs, directory);
  }
  return { isFresh, tableNumbers, logNumbers, manifestNumbers, numbers };
}

/** Creation writes one record, and more only follow once CURRENT counts. */
function isUsedManifest(
  fs: Fs,
  directory: string,
  fileNumber: number,
  pipeline: Pipeline,
): boolean {
  if (fileNumber !== FIRST_MANIFEST_NUMBER) return true;
  const path = joinPath(directory, manifestName(fileNumber));
  const reader = openManifestBlocks(fs, path, fileNumber, pipeline);
  try {
    if (reader.headerState !== 'sound') return reader.headerState !== 'unwritten';
    if (reader.next() === 'record') return reader.next() !== 'end';
    return reader.seekSound(reader.position + 1) !== 'none';
  } finally {
    reader.close();
  }
}

function missingCurrent(fs: Fs, directory: string): Error {
  const path = joinPath(directory, CURRENT_NAME);
  const problem = fs.exists(path) ? 'both slots of CURRENT are damaged' : 'CURRENT is missing';
  return corruption(`${problem} beside the files of a database`, path, 0);
}
