/**
 * `open` for pages, web workers and runtimes that have no directories: the caller brings the file
 * system. The same functions as of node.ts.
 * @module
 */
import { portableCompression } from './compress/portable.ts';
import { nobleCrypto } from './crypto/noble.ts';
import type { Db } from './db/database.ts';
import { openDatabase } from './db/open.ts';
import type { DbOptions, Environment } from './db/options.ts';
import { repairDatabase } from './db/repair.ts';
import type { RepairOptions } from './db/repair-options.ts';
import { type SalvageOptions, type SalvageReport, salvageDatabase } from './db/salvage.ts';
import { systemClock, systemHostLoop, systemRandom } from './env/system.ts';
import { VarveError } from './errors.ts';
import type { WorkerThreads } from './executor/port.ts';
import type { Fs } from './fs/port.ts';
import type { RepairReport } from './integrity/repair-report.ts';

/** Options of {@link open}. */
export interface OpenOptions extends DbOptions {
  /** Where the files are: what `mountOpfs` gives in a dedicated worker, or a `MemoryFs`. */
  readonly fs: Fs;
  /** Threads that have the same files and do the background work; see `webThreads`. */
  readonly threads?: WorkerThreads;
}

/**
 * Opens a database, and makes it if the directory holds none.
 * @param path the directory, in the terms of `options.fs`
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `UNSUPPORTED` without `options.fs`, `LOCKED` when somebody else has it open,
 * `CORRUPTION` when files are damaged, `KEY` when a key is missing or wrong, `INVALID` when it must
 * or must not exist, `IO`, `NOSPACE`
 */
export async function open(path: string, options: OpenOptions): Promise<Db> {
  const environment = environmentOf(options);
  const { threads, ...dbOptions } = options;
  return openDatabase(path, dbOptions, { ...environment, threads });
}

/**
 * Finds out what is wrong with a database that is not open, and puts together again what is left of
 * it. By default nothing is changed: the report says what `dryRun: false` would do. Nothing is ever
 * deleted: files that are no part of the database get the ending `.lost`. When it is cut off it can
 * be done again.
 * @param path the directory, in the terms of `options.fs`
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `UNSUPPORTED` without `options.fs`, `LOCKED` when it is open, `KEY` when keys
 * are missing or wrong, `INVALID` when there is no database, `CORRUPTION` when an encrypted one has
 * lost its id and none was given, `IO`, `NOSPACE`
 */
export async function repair(
  path: string,
  options: RepairOptions & { readonly fs: Fs },
): Promise<RepairReport> {
  return repairDatabase(path, options, environmentOf(options));
}

/**
 * Looks for tables with damage that nothing puts right, and writes them anew without what is lost.
 * By default nothing is changed: the report says what would be lost. Until it is done reads of what
 * is lost fail; afterwards older values may show there, and deleted keys be there again. The old
 * files stay, with the ending `.lost`.
 * @param path the directory, in the terms of `options.fs`
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError as `open`; `INVALID` for a table that the database does not have
 */
export async function salvage(
  path: string,
  options: SalvageOptions & { readonly fs: Fs },
): Promise<SalvageReport> {
  return salvageDatabase(path, options, environmentOf(options));
}

function environmentOf(
  options: Pick<DbOptions, 'fs' | 'clock' | 'random' | 'hostLoop'> | undefined,
): Environment {
  const { fs, clock, random, hostLoop } = options ?? {};
  if (fs === undefined) {
    const text =
      'this build of varve is for runtimes without directories: pass an fs, which mountOpfs gives' +
      ' in a dedicated worker, or a MemoryFs; a page has varve/browser';
    throw new VarveError('UNSUPPORTED', text);
  }
  return {
    fs,
    clock: clock ?? systemClock,
    random: random ?? systemRandom,
    hostLoop: hostLoop ?? systemHostLoop,
    compression: portableCompression,
    crypto: nobleCrypto,
  };
}
