/**
 * Bringing a database from disk into memory.
 *
 * Reading comes first: manifest, then logs into memtables. Only then is anything written: a
 * manifest and a log of this process, tables for what the old logs held, and one edit that makes
 * the old logs obsolete. A power cut at any point leaves a state from which the same can be done
 * again.
 * @module
 */
import { CODEC_ZSTD } from '../compress/port.ts';
import { corruption, VarveError } from '../errors.ts';
import { type FsLock, joinPath } from '../fs/port.ts';
import { type DirectoryContents, inspectDirectory, ownContents } from '../manifest/directory.ts';
import { walName } from '../manifest/file-names.ts';
import { Manifest } from '../manifest/manifest.ts';
import { type AddedTable, emptyEdit, type LogIdentity } from '../manifest/version-edit.ts';
import { isStrict, replayOptionsOf } from '../wal/replay-options.ts';
import {
  type RecordVisitor,
  type ReplayOptions,
  type ReplayResult,
  replayWithTurns,
} from '../wal/wal-replay.ts';
import { beginWriting, mayRest, startLog } from './begin.ts';
import { DEFAULT_FAMILY_ID, DEFAULT_FAMILY_NAME } from './column-family.ts';
import { DbCore, type Location } from './core.ts';
import { checkFamilyName, createFamilies } from './families.ts';
import type { DbSettings } from './options.ts';
import { Orphans } from './orphans.ts';
import { persistedSeqno } from './persisted.ts';
import { RecoveryTables } from './recovery-tables.ts';
import { OperationReplay } from './replay.ts';
import { WalSet } from './wal-set.ts';

/** Progress is told this often. */
const PROGRESS_BYTES = 0x80_0000;

/** A database as its manifest describes it; nothing has been written yet. */
export interface Found {
  readonly contents: DirectoryContents;
  /** Undefined where there is no database yet. */
  readonly manifest: Manifest | undefined;
  /**
   * By family id: operations in logs up to this seqno do not count, because a repair found that
   * what tables have may be newer.
   */
  readonly staleThrough?: ReadonlyMap<number, number>;
}

/** Reads the manifest, if there is a database; the pipeline learns what it has to know of it. */
export function findDatabase(location: Location, settings: DbSettings): Found {
  const { fs, directory, pipeline } = location;
  for (const name of settings.families.keys()) checkFamilyName(name);
  const contents = inspectDirectory(fs, directory, pipeline);
  checkExistence(contents, directory, settings);
  if (contents.isFresh) return { contents, manifest: undefined };
  const manifest = Manifest.recover(fs, directory, pipeline);
  return { contents: ownContents(contents, manifest.nextFileNumber), manifest };
}

/** True if tables of the database cannot be read without zstd. */
export function usesZstd({ manifest }: Found): boolean {
  for (const { levels } of manifest?.version.families.values() ?? []) {
    if (levels.flat().some(({ codecId }) => codecId >= CODEC_ZSTD)) return true;
  }
  return false;
}

/** Opens for reading and writing; the caller holds the lock and gives it to the core. */
export async function recoverForWriting(
  location: Location,
  settings: DbSettings,
  found: Found,
  lock: FsLock,
): Promise<DbCore> {
  const { fs, directory, pipeline } = location;
  const { contents } = found;
  const families = [{ id: DEFAULT_FAMILY_ID, name: DEFAULT_FAMILY_NAME }];
  const manifest = found.manifest ?? Manifest.create(fs, directory, pipeline, families);
  const core = new DbCore(location, settings, lock, manifest);
  const tables = new RecoveryTables(core);
  try {
    for (const number of contents.manifestNumbers) manifest.expectNotAhead(number);
    addFamilies(core);
    core.startWriting(manifest);
    if (!contents.isFresh) manifest.passOver(contents.numbers);
    const { logs, neededLogs } = await replay(core, manifest, found, tables);
    const orphans = new Orphans(core, manifest, contents, logs);
    if (contents.isFresh || (tables.isEmpty && mayRest(core, neededLogs))) {
      if (!contents.isFresh) manifest.startLater();
      core.wal = newWalSet(core, manifest.walEnds);
      core.beforeFirstWrite = () => beginWriting(core);
    } else {
      manifest.start();
      core.wal = newWalSet(core);
      const log = startLog(core);
      await tables.writeRest();
      installRecovered(core, log, tables.handOver());
    }
    orphans.clear();
    createFamilies(
      core,
      [...settings.families].filter(([name]) => core.familyNamed(name) === undefined),
    );
  } catch (error) {
    tables.discard();
    core.wal?.closeFiles();
    core.tables.closeAll();
    manifest.close();
    throw error;
  }
  return core;
}

/**
 * Opens for reading without a lock; writes nothing.
 * @param keepTables called before the logs are read, which may take long
 * @param live the core that goes over to this one: they share tables
 */
export async function recoverForReading(
  location: Location,
  settings: DbSettings,
  found: Found,
  keepTables: (core: DbCore) => void,
  live?: DbCore,
): Promise<DbCore> {
  const { manifest } = found;
  if (manifest === undefined) throw missingDatabase(location.directory);
  const known = live?.tables.numbers();
  const core = new DbCore(location, settings, undefined, manifest, live);
  try {
    addFamilies(core);
    for (const name of settings.families.keys()) {
      // A writer may have dropped one that was there.
      if (core.familyNamed(name) === undefined && live === undefined) {
        throw new VarveError('INVALID', `there is no column family '${name}'`);
      }
    }
    keepTables(core);
    await replay(core, manifest, found);
  } catch (error) {
    giveUpReader(core, known);
    throw error;
  }
  return core;
}

/**
 * Closes the tables of a reader that is not used.
 * @param known numbers of those that were there before, which stay; undefined if all are its own
 */
export function giveUpReader(core: DbCore, known: ReadonlySet<number> | undefined): void {
  if (known === undefined) {
    core.tables.closeAll();
    return;
  }
  for (const number of core.tables.numbers()) {
    if (!known.has(number)) core.tables.forget(core.tables.slotOf(number));
  }
}

function checkExistence(
  contents: DirectoryContents,
  directory: string,
  settings: DbSettings,
): void {
  const mayCreate = settings.createIfMissing && !settings.readOnly;
  if (contents.isFresh && !mayCreate) throw missingDatabase(directory);
  if (!contents.isFresh && settings.errorIfExists) {
    const text = `there is a database at ${directory} already`;
    throw new VarveError('INVALID', text, { file: directory });
  }
}

/** The error for a directory without a database. */
export function missingDatabase(directory: string): VarveError {
  return new VarveError('INVALID', `there is no database at ${directory}`, { file: directory });
}

function addFamilies(core: DbCore): void {
  for (const { id, name } of core.version.families.values()) {
    core.addFamily(id, name, core.settings.families.get(name) ?? core.settings.familyDefaults);
  }
}

/** What replaying gave, and the numbers of the logs in the directory that some family needs. */
interface Replayed {
  readonly logs: ReplayResult;
  readonly neededLogs: readonly number[];
}

/**
 * Reads the logs that some family still needs into memtables.
 * @param tables what memory has no room for; a reader makes none, and takes the memory
 */
async function replay(
  core: DbCore,
  manifest: Manifest,
  { contents, staleThrough }: Found,
  tables?: RecoveryTables,
): Promise<Replayed> {
  const { location, settings } = core;
  const options = replayOptionsOf(location, manifest, contents.logNumbers, settings.walRecovery);
  const { logNumbers } = options;
  const operations = new OperationReplay(core, staleThrough);
  const result = await core.events.onceAsync(() => applyLogs(core, options, operations, tables));
  // With a WAL, an edit that names a seqno follows a sync of the logs up to there.
  const isLogged = result.recordsRead > 0 || manifest.walEnds.size > 0;
  const isShort = isLogged && result.lastSeqno < manifest.lastSeqno;
  if (isShort && isStrict(settings.walRecovery)) {
    const what = `logs end at seqno ${result.lastSeqno}, but reached ${manifest.lastSeqno}`;
    throw corruption(what, joinPath(location.directory, walName(Math.max(...logNumbers))), 0);
  }
  core.lastSeqno = Math.max(manifest.lastSeqno, result.lastSeqno);
  core.persistedSeqno = persistedSeqno(core);
  core.recovery = result;
  const { dropped } = result;
  if (dropped.length > 0) core.events.tell({ type: 'recovery-dropped', dropped });
  return { logs: { ...result, lastSeqno: core.lastSeqno }, neededLogs: logNumbers };
}

/** Replays with turns of the host, and within the budget. */
async function applyLogs(
  core: DbCore,
  options: ReplayOptions,
  operations: OperationReplay,
  tables: RecoveryTables | undefined,
): Promise<ReplayResult> {
  const visit: RecordVisitor = (logNumber, firstSeqno, count, buf, off, len) => {
    operations.apply(logNumber, firstSeqno, count, buf, off, len);
  };
  let toldBytes = 0;
  const result = await replayWithTurns(options, visit, async (progress) => {
    await tables?.makeRoom();
    if (progress.bytesRead - toldBytes >= PROGRESS_BYTES) {
      toldBytes = progress.bytesRead;
      core.events.tell({ type: 'recovery-progress', ...progress });
    }
    await core.location.hostLoop.turn();
  });
  await tables?.makeRoom();
  return result;
}

/**
 * The logs of this process; undefined without a WAL.
 * @param kept logs of earlier processes with what memory holds
 */
function newWalSet(
  core: DbCore,
  kept: ReadonlyMap<number, number> = new Map(),
): WalSet | undefined {
  if (!core.settings.wal) return undefined;
  const { fs, directory, pipeline } = core.location;
  const ends = [...kept].map(([logNumber, sizeBytes]) => ({ logNumber, sizeBytes }));
  ends.sort((a, b) => a.logNumber - b.logNumber);
  return new WalSet(fs, directory, pipeline, core.removals, core.lastSeqno, ends);
}

/** Makes what the old logs held part of the database, and lets go of them, in one edit. */
function installRecovered(core: DbCore, log: LogIdentity, addedTables: AddedTable[]): void {
  const logNumber = log.fileNumber;
  const logNumbers = [...core.families.keys()].map((familyId) => ({ familyId, logNumber }));
  const names = { logNumbers, logIdentities: [log] };
  core.install({ ...emptyEdit(), ...names, addedTables, lastSeqno: core.lastSeqno });
  core.persistedSeqno = core.lastSeqno;
}
