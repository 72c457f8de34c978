/**
 * Files that jobs leave when nobody wants their result any more, or their thread is gone.
 * @module
 */
import { type Fs, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { tableName } from '../manifest/file-names.ts';
import type { Job } from './job.ts';

/** Removes all files that a job may have written; nobody may be at work on it any more. */
export function removeLeftovers(fs: Fs, directory: string, { fileNumbers }: Job): void {
  const { first, count } = fileNumbers;
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  removeTables(fs, directory, numbers);
}

/** Removes the files of tables that are not, or no longer, part of the database. */
export function removeTables(fs: Fs, directory: string, fileNumbers: Iterable<number>): void {
  for (const fileNumber of fileNumbers) {
    removeIfPossible(fs, joinPath(directory, tableName(fileNumber)));
  }
}
