/**
 * Repair of a database that does not open, or has lost files.
 *
 * What the integrity layer has planned is done under the lock: a new manifest and CURRENT. Then the
 * database is opened, passing over what is damaged in the logs, and closed, which makes tables of
 * all that they hold.
 * @module
 */
import { CODEC_ZSTD } from '../compress/port.ts';
import { isVarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { type FsLock, joinPath } from '../fs/port.ts';
import { applyRepair } from '../integrity/repair-apply.ts';
import { type BatchLook, type FoundLogs, surveyLogs } from '../integrity/repair-logs.ts';
import { type RepairHints, type RepairPlan, RepairPlanner } from '../integrity/repair-plan.ts';
import type { RepairReport } from '../integrity/repair-report.ts';
import { findLostEnd, type Survey, surveyDatabase } from '../integrity/repair-survey.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { Manifest } from '../manifest/manifest.ts';
import { replayOptionsOf } from '../wal/replay-options.ts';
import { replayLogs } from '../wal/wal-replay.ts';
import { DEFAULT_FAMILY_ID, DEFAULT_FAMILY_NAME } from './column-family.ts';
import type { Location } from './core.ts';
import { Db } from './database.ts';
import { find, lookFirst } from './find.ts';
import { executorOf, makeLocation } from './open.ts';
import type { DbSettings, Environment } from './options.ts';
import { recoverForWriting } from './recover.ts';
import { hintsOf, type RepairOptions, settingsOf } from './repair-options.ts';
import { OperationReader } from './write-batch.ts';

/**
 * Finds out what is wrong with a database, and puts together again what is left of it. By default
 * nothing is changed: the report says what would be done. Nothing is ever deleted: files that are
 * no part of the database get the ending `.lost`. When it is cut off it can be done again.
 * @param path the directory, in the terms of the environment's `fs`
 * @returns what was found and done
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when it is open, `KEY` when keys are missing or wrong, `INVALID` when
 * there is no database, `CORRUPTION` when an encrypted one has lost its id and none was given,
 * `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function repairDatabase(
  path: string,
  options: RepairOptions,
  environment: Environment,
): Promise<RepairReport> {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError('the path of a database must be a string that is not empty');
  }
  const { settings, dbOptions } = settingsOf(options);
  const location = await makeLocation(path, dbOptions, settings, environment);
  try {
    lookFirst(location, settings);
    const { fs, directory } = location;
    const lockPath = joinPath(directory, LOCK_NAME);
    const lock = await fs.lock(lockPath);
    try {
      const held = { ...location, fs: new HeldFs(fs, lockPath, lock.token) };
      return await new Repair(held, settings, options, lock).run();
    } finally {
      await lock.release();
    }
  } finally {
    location.pipeline.close();
  }
}

/** One repair, under the lock. */
class Repair {
  readonly #location: Location;
  readonly #settings: DbSettings;
  readonly #options: RepairOptions;
  readonly #lock: FsLock;

  constructor(location: Location, settings: DbSettings, options: RepairOptions, lock: FsLock) {
    this.#location = location;
    this.#settings = settings;
    this.#options = options;
    this.#lock = lock;
  }

  async run(): Promise<RepairReport> {
    const { fs, directory, pipeline, hostLoop } = this.#location;
    const found = surveyDatabase(fs, directory, pipeline, this.#options.databaseId);
    const codecs = [...found.tables.values()].map(({ properties }) => properties.codecId);
    if (codecs.some((codecId) => codecId >= CODEC_ZSTD)) await pipeline.loadZstd();
    const logs = surveyLogs(fs, directory, pipeline, found.files.logs, familiesIn());
    const survey = { ...found, manifestProblem: findLostEnd(found, logs.lastSeqno) };
    const hints = this.#hints(survey);
    const planner = new RepairPlanner(fs, directory, pipeline, survey, logs, hints);
    const plan = await planner.plan(() => hostLoop.turn());
    const problems = problemsOf(survey, plan);
    const needsManifest = problems.length > 0;
    if (survey.known.isWhole) problems.push(...this.#logProblems(survey.files.logs));
    else problems.push(...logs.damage.map(({ reason, file }) => `${reason} (${file})`));
    const isRepaired = problems.length > 0 && this.#options.dryRun === false;
    if (isRepaired && needsManifest) applyRepair(fs, directory, pipeline, plan, survey.generation);
    if (isRepaired) await this.#reopen(plan);
    return this.#report(survey, logs, plan, problems, needsManifest, isRepaired);
  }

  #hints({ known, tables }: Survey): RepairHints {
    const told = new Map([[DEFAULT_FAMILY_NAME, DEFAULT_FAMILY_ID]]);
    for (const { id, name } of known.families.values()) told.set(name, id);
    for (const { properties } of tables.values()) {
      const { origin } = properties;
      if (origin !== undefined) told.set(origin.familyName, origin.familyId);
    }
    return hintsOf(this.#options, told);
  }

  /** What an opening finds wrong with the logs of a database whose manifest is whole. */
  #logProblems(logNumbers: readonly number[]): string[] {
    const { fs, directory, pipeline } = this.#location;
    try {
      const manifest = Manifest.recover(fs, directory, pipeline);
      const place = { fs, directory, pipeline };
      const options = replayOptionsOf(place, manifest, logNumbers, 'tolerate-tail');
      const { lastSeqno, recordsRead } = replayLogs(options, () => {});
      const isLogged = recordsRead > 0 || manifest.walEnds.size > 0;
      if (!isLogged || lastSeqno >= manifest.lastSeqno) return [];
      return [`logs end at seqno ${lastSeqno}, but reached ${manifest.lastSeqno}`];
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      return [error.message];
    }
  }

  /** Opens and closes it, so that tables hold all that logs do. */
  async #reopen({ staleThrough }: RepairPlan): Promise<void> {
    const location = this.#location;
    const found = { ...(await find(location, this.#settings)), staleThrough };
    const core = await recoverForWriting(location, this.#settings, found, this.#lock);
    const db = new Db(core, executorOf(core));
    await Db.settle(db);
    await db.close();
  }

  #report(
    survey: Survey,
    logs: FoundLogs,
    { state, families, leaving, losses, doubts }: RepairPlan,
    problems: readonly string[],
    needsManifest: boolean,
    isRepaired: boolean,
  ): RepairReport {
    const { directory } = this.#location;
    const columnFamilies = families.map(({ id, name, isNameKnown }) => {
      const tables = state.version.families.get(id)!.levels.flat();
      const tableBytes = tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return { name, isNameKnown, tableCount: tables.length, tableBytes };
    });
    const inLogs = survey.known.isWhole
      ? []
      : logs.damage.map(({ file, reason }) => {
          return { columnFamily: undefined, file, reason, keys: undefined };
        });
    return {
      problems,
      isRepaired,
      columnFamilies,
      putAside: needsManifest
        ? leaving.map(({ name, reason }) => ({ file: joinPath(directory, name), reason }))
        : [],
      losses: [...losses, ...inLogs],
      doubts,
      logRecordCount: logs.recordCount,
      lastSeqno: Math.max(state.lastSeqno, logs.lastSeqno),
    };
  }
}

/** What is wrong with all but the logs. */
function problemsOf(
  { currentProblem, manifestProblem, known }: Survey,
  { losses }: RepairPlan,
): string[] {
  const problems = [currentProblem, manifestProblem].filter((problem) => problem !== undefined);
  const isSaid = currentProblem !== undefined && currentProblem === manifestProblem;
  // Where the manifest is whole, what is lost has its place already.
  const files = known.isWhole ? [] : losses.map(({ file, reason }) => `${reason} (${file})`);
  return [...(isSaid ? problems.slice(1) : problems), ...files];
}

/** Takes note of the families of a batch's operations. */
function familiesIn(): BatchLook {
  const operations = new OperationReader();
  return ({ buf, off, len, count }, familyIds) => {
    const ids: number[] = [];
    operations.reset(buf, off, off + len);
    for (let i = 0; i < count; i++) {
      if (!operations.next()) return false;
      ids.push(operations.familyId);
    }
    if (!operations.atEnd) return false;
    for (const id of ids) familyIds.add(id);
    return true;
  };
}
