/**
 * Opening and closing the database around a command's work.
 * @module
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { SUITE_NONE } from '../crypto/port.ts';
import { isVarveError, VarveError } from '../errors.ts';
import { NodeFs } from '../fs/node.ts';
import type { Fs, ReadableFile } from '../fs/port.ts';
import type { Db, DbEvent, DbOptions, ProfileName } from '../index.ts';
import { readCurrent } from '../manifest/current.ts';
import { open } from '../node.ts';
import { CommandError, EXIT_OTHER, shortened, systemCode } from './failure.ts';
import { type KeyOptions, keyHint, type ReadKeys, readKeys, wipeKeys } from './keys.ts';
import { type StorageOptions, storageOptions } from './storage.ts';

/** Names that an interrupted creation leaves; whoever made them meant a database. */
const DATABASE_FILE = /^(CURRENT|LOCK(\..*)?|MANIFEST-\d+|\d+\.(sst|wal))$/;

/** What a database in an export file is opened by. */
const IN_FILE = 'db';

/** The family that every database has. */
export const DEFAULT_FAMILY = 'default';

/** The signals at which a command that writes closes the database before it ends. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a command that reads is opened with. */
export interface ReaderOptions extends KeyOptions {
  /** The writer's, for the limits and thresholds that are told. */
  readonly profile?: ProfileName;
  readonly onEvent?: (event: DbEvent) => void;
}

/** What a command that writes may do beyond writing, and how it writes. */
export interface WriterOptions extends KeyOptions, StorageOptions {
  /** Make the database if it does not exist. */
  readonly create: boolean;
  readonly family?: string | undefined;
  /** Make `family` if it does not exist; absent for commands that never do. */
  readonly createFamily?: boolean;
}

/**
 * Does work on a database that is open read-only: beside a writer, without the lock, as it stands;
 * or on one in a file that `varve export --whole` wrote, where it lies.
 * @throws CommandError when there is no database at `path` or a key file is wrong; whatever opening
 * and `work` throw
 */
export async function withReader<T>(
  path: string,
  options: ReaderOptions,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  return withPlace(path, (place) => readAt(place, options, work));
}

/** Does work where a database is: in a directory, or in an export file. */
export async function withPlace<T>(path: string, work: (place: Place) => Promise<T>): Promise<T> {
  const file = isFile(path) ? new NodeFs().open(path, 'read') : undefined;
  try {
    if (file === undefined) requireDatabase(path);
    return await work(await placeOf(path, file));
  } finally {
    file?.close();
  }
}

/** Where a database is. */
export interface Place {
  readonly fs: Fs;
  readonly directory: string;
}

async function placeOf(path: string, file: ReadableFile | undefined): Promise<Place> {
  if (file === undefined) return { fs: new NodeFs(), directory: path };
  const { exportFileFs } = await import('../backup/export-file.ts');
  return { fs: exportFileFs(file, IN_FILE), directory: IN_FILE };
}

async function readAt<T>(
  { fs, directory }: Place,
  options: ReaderOptions,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const { onEvent, profile } = options;
  const settings: DbOptions = {
    fs,
    readOnly: true,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(profile === undefined ? {} : { profile }),
  };
  const db = await openWith(directory, settings, options);
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/**
 * Does work on a database that is open for writing, and closes it also when the process is told to
 * stop: `stop` is aborted then, `work` returns early or throws, and the call ends with an error of
 * code `INTERRUPTED`.
 */
export async function withWriter<T>(
  path: string,
  options: WriterOptions,
  work: (db: Db, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const { create, family, createFamily } = options;
  // A database that is made has no family but the default one.
  if (!create || isOther(family, createFamily)) requireDatabase(path);
  else requireRoom(path);
  return interruptible((stop) => runOpen(path, options, stop, work));
}

/**
 * Does work that ends in an orderly way also when the process is told to stop: `stop` is aborted
 * then, `work` returns early or throws, and the call ends with an error of code `INTERRUPTED`.
 */
export async function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  let received: (typeof SIGNALS)[number] | undefined;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    received ??= signal;
    stop.abort();
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    const result = await work(stop.signal);
    if (received === undefined) return result;
  } catch (error) {
    if (received === undefined) throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  const exitCode = 128 + constants.signals[received];
  throw new CommandError('INTERRUPTED', `interrupted by ${received}`, exitCode);
}

/** Resolves when `work` does, or throws once `stop` is aborted; `work` then goes on unobserved. */
export async function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason), { once: true });
  });
  // Whichever comes second has nobody to listen to it.
  stopped.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, stopped]);
}

async function runOpen<T>(
  path: string,
  options: WriterOptions,
  stop: AbortSignal,
  work: (db: Db, stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const { create, family, createFamily } = options;
  const families = createFamily && family !== undefined ? { columnFamilies: [family] } : {};
  const settings = { createIfMissing: create, ...families, ...storageOptions(options) };
  const db = await openWith(path, settings, options);
  try {
    requireFamily(db, family, createFamily !== undefined);
    return await work(db, stop);
  } finally {
    await db.close();
  }
}

/** True if a family is named that has to be there. */
function isOther(family: string | undefined, createFamily: boolean | undefined): boolean {
  return family !== undefined && family !== DEFAULT_FAMILY && createFamily !== true;
}

function requireFamily(db: Db, family: string | undefined, canCreate: boolean): void {
  const names = db.listColumnFamilies();
  if (family === undefined || names.includes(family)) return;
  const known = `there are ${names.map((name) => `'${name}'`).join(', ')}`;
  const hint = canCreate ? '; --create-family makes it' : '';
  const text = `there is no column family '${shortened(family)}'; ${shortened(known)}${hint}`;
  throw new CommandError('INVALID', text, EXIT_OTHER);
}

/** Opens with the keys that were named. */
function openWith(path: string, settings: DbOptions, options: KeyOptions): Promise<Db> {
  const { fs = new NodeFs() } = settings;
  return withKeys(
    path,
    options,
    (encryption) => open(path, encryption === undefined ? settings : { ...settings, encryption }),
    fs,
  );
}

/** Does work with the keys that were named; a `KEY` error says what to do about it. */
export async function withKeys<T>(
  path: string,
  options: KeyOptions,
  work: (encryption: ReadKeys | undefined) => Promise<T>,
  fs: Fs = new NodeFs(),
): Promise<T> {
  const encryption = readKeys(options);
  try {
    return await work(encryption);
  } catch (error) {
    throw isVarveError(error, 'KEY') ? withHint(error, fs, path, encryption) : error;
  } finally {
    wipeKeys(encryption);
  }
}

function withHint(
  error: VarveError,
  fs: Fs,
  path: string,
  encryption: ReadKeys | undefined,
): VarveError {
  const { file, offset } = error;
  const isClear = readCurrent(fs, path)?.slot.suiteId === SUITE_NONE;
  const text = `${error.message}; ${keyHint(encryption, isClear)}`;
  return new VarveError('KEY', text, { file, offset, cause: error });
}

/** Tells a wrong path from a database before the engine has to. */
export function requireDatabase(path: string): void {
  const names = namesIn(path);
  if (names === undefined) throw noDatabase(path, 'there is no such directory');
  if (!names.some((name) => DATABASE_FILE.test(name))) {
    throw noDatabase(path, names.length === 0 ? 'it is empty' : 'it holds other files');
  }
}

/** Makes sure that a new database does not mix with files of something else. */
function requireRoom(path: string): void {
  const names = namesIn(path) ?? [];
  if (names.length > 0 && !names.some((name) => DATABASE_FILE.test(name))) {
    const reason = 'it holds other files, and a new database wants a directory of its own';
    throw noDatabase(path, reason);
  }
}

/** Whether a path leads to a file rather than to the directory of a database. */
export function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

/** Names in a directory, or undefined where there is nothing. */
function namesIn(path: string): string[] | undefined {
  try {
    if (!statSync(path).isDirectory()) throw noDatabase(path, 'it is a file, not a directory');
    return readdirSync(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function noDatabase(path: string, reason: string): CommandError {
  return new CommandError('INVALID', `no database at ${path}: ${reason}`, EXIT_OTHER);
}
