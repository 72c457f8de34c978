/**
 * `open` for runtimes with Node's file system API: Node, Deno and Bun.
 * @module
 */
import { nodeCompression } from './compress/node.ts';
import type { CryptoPrimitives } from './crypto/port.ts';
import type { Db } from './db/database.ts';
import { openDatabase } from './db/open.ts';
import type { DbOptions, Environment } from './db/options.ts';
import { repairDatabase } from './db/repair.ts';
import type { RepairOptions } from './db/repair-options.ts';
import { type SalvageOptions, type SalvageReport, salvageDatabase } from './db/salvage.ts';
import { systemClock, systemHostLoop, systemRandom } from './env/system.ts';
import { VarveError } from './errors.ts';
import { nodeThreads } from './executor/node.ts';
import { NodeFs } from './fs/node.ts';
import type { Fs } from './fs/port.ts';
import type { RepairReport } from './integrity/repair-report.ts';

/** Options of {@link open}. */
export interface OpenOptions extends DbOptions {
  /**
   * The program of worker threads: an absolute URL of `varve/workers/node.js`, or of a bundle of
   * it. If absent the file of this package, and where a bundle has left that behind, a copy that
   * comes with it.
   */
  readonly workerUrl?: string | { readonly href: string };
}

/**
 * Opens a database, and makes it if the directory holds none.
 * @param path the directory, in the terms of `options.fs`: by default one of the local file system
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when another process or thread has it open, `CORRUPTION` when files
 * are damaged, `KEY` when a key is missing or wrong, `INVALID` when it must or must not exist,
 * `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Db> {
  const { workerUrl, ...dbOptions } = options ?? {};
  const programUrl = checkedUrl(workerUrl);
  const isAlone = hasOwnPorts(options);
  if (isAlone && programUrl !== undefined) {
    throw new VarveError('UNSUPPORTED', 'workerUrl is of no use with an fs, clock or random');
  }
  const ports = portsOf(options);
  // Before anything is awaited: the working directory may be another then.
  const directory = resolved(path, ports.fs);
  const environment = {
    ...ports,
    crypto: await cryptoFor(options),
    threads: isAlone ? undefined : await nodeThreads(programUrl),
  };
  return openDatabase(directory, options === null ? options : dbOptions, environment);
}

/**
 * Finds out what is wrong with a database that is not open, and puts together again what is left of
 * it. By default nothing is changed: the report says what `dryRun: false` would do. Nothing is ever
 * deleted: files that are no part of the database get the ending `.lost`. When it is cut off it can
 * be done again.
 * @param path the directory, in the terms of `options.fs`: by default one of the local file system
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when it is open, `KEY` when keys are missing or wrong, `INVALID` when
 * there is no database, `CORRUPTION` when an encrypted one has lost its id and none was given,
 * `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairReport> {
  const ports = portsOf(options);
  const directory = resolved(path, ports.fs);
  return repairDatabase(directory, options, { ...ports, crypto: await cryptoFor(options) });
}

/**
 * Looks for tables with damage that nothing puts right, and writes them anew without what is lost.
 * By default nothing is changed: the report says what would be lost. Until it is done reads of what
 * is lost fail; afterwards older values may show there, and deleted keys be there again. The old
 * files stay, with the ending `.lost`.
 * @param path the directory, in the terms of `options.fs`: by default one of the local file system
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError as `open`; `INVALID` for a table that the database does not have
 */
export async function salvage(path: string, options: SalvageOptions = {}): Promise<SalvageReport> {
  const ports = portsOf(options);
  const directory = resolved(path, ports.fs);
  return salvageDatabase(directory, options, { ...ports, crypto: await cryptoFor(options) });
}

function portsOf(
  options: Pick<DbOptions, 'fs' | 'clock' | 'random' | 'hostLoop'> | undefined,
): Omit<Environment, 'crypto' | 'threads'> {
  return {
    fs: options?.fs ?? new NodeFs(),
    clock: options?.clock ?? systemClock,
    random: options?.random ?? systemRandom,
    hostLoop: options?.hostLoop ?? systemHostLoop,
    compression: nodeCompression(),
  };
}

function resolved(path: string, fs: Fs): string {
  return typeof path === 'string' && path !== '' ? fs.resolve(path) : path;
}

function checkedUrl(url: OpenOptions['workerUrl']): string | undefined {
  if (url === undefined) return undefined;
  const href = typeof url === 'string' ? url : url?.href;
  if (typeof href !== 'string' || !URL.canParse(href)) {
    throw new TypeError('workerUrl must be an absolute URL');
  }
  return href;
}

/** Loaded where it is needed: most databases are in the clear. */
async function cryptoFor(options: DbOptions | undefined): Promise<CryptoPrimitives | undefined> {
  const { encryption } = options ?? {};
  if (encryption === undefined || encryption === false) return undefined;
  return (await import('./crypto/node.ts')).nodeCrypto();
}

/** True if threads would work with other ports than the caller wants. */
function hasOwnPorts(options: DbOptions | undefined): boolean {
  const { fs, clock, random } = options ?? {};
  // Every thread can have one of these; a class that extends it may be anything.
  const isOwnFs = fs !== undefined && fs.constructor !== NodeFs;
  return isOwnFs || (clock ?? random) !== undefined;
}
