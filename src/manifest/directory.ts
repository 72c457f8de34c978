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
  /** The highest number in any name, 0 without any. */
  readonly largestNumber: number;
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
  let largestNumber = 0;
  for (const name of fs.exists(directory) ? fs.list(directory) : []) {
    const parsed = parseFileName(name);
    const { number } = parsed ?? parseLostName(name) ?? { number: 0 };
    largestNumber = Math.max(largestNumber, number);
    if (parsed === undefined) continue;
    if (parsed.kind === 'table') tableNumbers.push(parsed.number);
    if (parsed.kind === 'wal') logNumbers.push(parsed.number);
    if (parsed.kind === 'manifest') manifestNumbers.push(parsed.number);
  }
  for (const numbers of [tableNumbers, logNumbers, manifestNumbers]) numbers.sort((a, b) => a - b);
  const isFresh = readCurrent(fs, directory) === undefined;
  if (isFresh) {
    const isUsed =
      tableNumbers.length > 0 ||
      logNumbers.length > 0 ||
      manifestNumbers.some((number) => isUsedManifest(fs, directory, number, pipeline));
    if (isUsed) throw missingCurrent(fs, directory);
  }
  return { isFresh, tableNumbers, logNumbers, manifestNumbers, largestNumber };
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
