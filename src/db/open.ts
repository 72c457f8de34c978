/**
 * Opening a database.
 * @module
 */

import { loadChecksum } from '../block/checksum.ts';
import { Pipeline } from '../block/pipeline.ts';
import { needsZstd } from '../compress/options.ts';
import { KeyRing } from '../crypto/key-ring.ts';
import type { CryptoPrimitives } from '../crypto/port.ts';
import { CheckedClock, CheckedRandom } from '../env/checked.ts';
import { VarveError } from '../errors.ts';
import type { Executor } from '../executor/executor.ts';
import { InlineExecutor } from '../executor/inline.ts';
import { WorkerExecutor } from '../executor/worker-executor.ts';
import { HeldFs } from '../fs/held.ts';
import { joinPath } from '../fs/port.ts';
import { newRateShare, RateLimiter } from '../job/rate-limiter.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { HealRequests } from './background/heal-requests.ts';
import { TableRequests } from './background/table-requests.ts';
import type { DbCore, Location } from './core.ts';
import { Db } from './database.ts';
import { EventSink } from './events.ts';
import { find, lookFirst } from './find.ts';
import { recoverBesideWriter } from './open-reader.ts';
import type { DbOptions, DbSettings, Environment } from './options.ts';
import { recoverForWriting } from './recover.ts';
import { resolveOptions } from './resolve-options.ts';

/**
 * Opens a database, and makes it if the directory holds none.
 * @param path the directory, in the terms of the environment's `fs`
 * @param environment the file system, clock, randomness and event loop to run on; those in
 * `options` are not looked at
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when another process or thread has it open, `CORRUPTION` when files
 * are damaged, `KEY` when a key is missing or wrong, `INVALID` when it must or must not exist,
 * `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function openDatabase(
  path: string,
  options: DbOptions,
  environment: Environment,
): Promise<Db> {
  const resolved = resolveOptions(checkedPath(path, options));
  // Before anything is awaited: the working directory may be another then.
  const healFrom = resolved.healFrom.map((one) => environment.fs.resolve(one));
  const settings = { ...resolved, healFrom };
  // Those of a profile are a wish; what `options` has is asked for.
  if ((options.workers ?? 0) > 0 && environment.threads === undefined) {
    const text =
      'workers need a file system that other threads have too: leave out fs, clock, random';
    throw new VarveError('UNSUPPORTED', text);
  }
  const location = await makeLocation(path, options, settings, environment);
  try {
    return await (settings.readOnly
      ? openReadOnly(location, settings)
      : openLocked(location, settings));
  } catch (error) {
    location.pipeline.close();
    throw error;
  }
}

/** The options, when the path can be one. @throws TypeError */
function checkedPath(path: string, options: DbOptions): DbOptions {
  if (typeof path === 'string' && path !== '') return options;
  throw new TypeError('the path of a database must be a string that is not empty');
}

/**
 * What a database that is about to be opened, or worked on, is made of; nothing is touched yet. The
 * caller closes the pipeline.
 * @throws VarveError `KEY`, or of what loads
 */
export async function makeLocation(
  path: string,
  { encryption, onEvent }: DbOptions,
  settings: DbSettings,
  environment: Environment,
): Promise<Location> {
  // Before anything is awaited: the working directory may be another then.
  const directory = environment.fs.resolve(path);
  await loadChecksum();
  const keys =
    encryption === undefined || encryption === false
      ? undefined
      : await KeyRing.open(cryptoOf(environment), encryption);
  try {
    const checked = {
      ...environment,
      clock: new CheckedClock(environment.clock),
      random: new CheckedRandom(environment.random),
    };
    return await locate(directory, settings, checked, keys, onEvent);
  } catch (error) {
    keys?.destroy();
    throw error;
  }
}

function cryptoOf({ crypto }: Environment): CryptoPrimitives {
  if (crypto === undefined) throw new TypeError('encryption needs the crypto of an environment');
  return crypto;
}

async function locate(
  directory: string,
  settings: DbSettings,
  environment: Environment,
  keys: KeyRing | undefined,
  onEvent: DbOptions['onEvent'],
): Promise<Location> {
  const events = new EventSink(onEvent);
  const requests = new TableRequests();
  const heals = new HealRequests(settings.scrub.heal && !settings.readOnly);
  const pipeline = new Pipeline({
    random: environment.random,
    compression: environment.compression,
    keys,
    logEcc: settings.familyDefaults.ecc,
    logCompression: settings.walCompression,
    onCorrection: (correction) => {
      heals.note(correction);
      events.corrected(correction);
    },
    onCloseFailed: (error) => events.tell({ type: 'close-failed', error }),
  });
  const policies = [settings.familyDefaults, ...settings.families.values()];
  if (policies.some(({ compression }) => needsZstd(compression))) await pipeline.loadZstd();
  return { ...environment, directory, pipeline, events, requests, heals };
}

async function openLocked(location: Location, settings: DbSettings): Promise<Db> {
  const { fs, directory } = location;
  lookFirst(location, settings);
  if (settings.createIfMissing) fs.createDirectory(directory);
  const lockPath = joinPath(directory, LOCK_NAME);
  const lock = await fs.lock(lockPath);
  let db: Db;
  try {
    const held = { ...location, fs: new HeldFs(fs, lockPath, lock.token) };
    const found = await find(held, settings);
    await location.hostLoop.turn();
    const core = await recoverForWriting(held, settings, found, lock);
    db = new Db(core, executorOf(core));
  } catch (error) {
    await lock.release();
    throw error;
  }
  await Db.settle(db);
  return db;
}

/** Who does the background work. */
export function executorOf(core: DbCore): Executor {
  const { location, settings, lock } = core;
  const { clock, hostLoop, threads } = location;
  const workerCount = settings.workers ?? threads?.defaultCount ?? 0;
  // A reader has no background work.
  const isInline = threads === undefined || lock === undefined || workerCount === 0;
  const limit = settings.rateLimitBytesPerSecond;
  const rate = limit === 0 ? undefined : newRateShare(limit, !isInline);
  const limiter = rate === undefined ? undefined : new RateLimiter(rate, clock);
  const context = core.jobContext(limiter);
  const inline = new InlineExecutor(context, hostLoop);
  if (isInline) return inline;
  const onUnavailable = (error: VarveError): void => {
    core.events.tell({ type: 'workers-unavailable', error });
  };
  const { token: lockToken } = lock;
  const shared = { threads, workerCount, inline, context, lockToken, rate };
  return new WorkerExecutor({ ...shared, onUnavailable });
}

async function openReadOnly(location: Location, settings: DbSettings): Promise<Db> {
  const core = await recoverBesideWriter(location, settings);
  return new Db(core, executorOf(core));
}
