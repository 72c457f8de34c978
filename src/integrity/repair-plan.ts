/**
 * What is to be done to a database that has lost parts of itself: the state that its new manifest
 * is to have, and the files that are no part of it. Reads, and writes nothing.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { compareKeys } from '../bytes/compare.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { assert, isVarveError, type VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { manifestName, parseFileName, tableName, walName } from '../manifest/file-names.ts';
import { applyToState, emptyState, type ManifestState } from '../manifest/manifest-state.ts';
import { type AddedTable, emptyEdit, type KeyCheck } from '../manifest/version-edit.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableCache } from '../tables/table-cache.ts';
import { compareByEntries } from './repair-ages.ts';
import { type PlannedFamily, planFamilies } from './repair-families.ts';
import { placeTables } from './repair-levels.ts';
import type { FoundLogs } from './repair-logs.ts';
import type { KeySpan, RepairDoubt, RepairLoss } from './repair-report.ts';
import type { FoundTable, Survey } from './repair-survey.ts';
import { checkTable, type TableDamage } from './repair-tables.ts';
import { type Verdict, Verdicts } from './repair-verdicts.ts';

/** What the caller knows that files may have lost. */
export interface RepairHints {
  /** Names of families by id. */
  readonly familyNames: ReadonlyMap<number, string>;
  /** The family of tables that do not say theirs: older versions wrote them so. */
  readonly olderTablesFamilyId: number | undefined;
}

/** A file that gets the ending `.lost`. */
export interface Leaving {
  readonly name: string;
  readonly reason: string;
}

/** See the module head. */
export interface RepairPlan {
  /** Of the new manifest. */
  readonly state: ManifestState;
  readonly families: readonly PlannedFamily[];
  /** In the order in which they go; see `repair-apply.ts`. */
  readonly leaving: readonly Leaving[];
  /** By family id: older operations in logs may have been replaced by what is in tables. */
  readonly staleThrough: ReadonlyMap<number, number>;
  readonly losses: readonly RepairLoss[];
  readonly doubts: readonly RepairDoubt[];
}

/** A live table on its way into the plan. */
interface Live {
  readonly familyId: number;
  readonly level: number;
  readonly meta: TableMeta;
  readonly asOfSeqno: number;
}

const REASONS: Readonly<Record<Exclude<Verdict, 'live'>, string>> = {
  replaced: 'other tables hold what it held',
  unfinished: 'it is of a merge that had not ended, whose inputs are there',
  homeless: 'it does not say its column family: an older version wrote it',
};

/** Makes the plan; see the module head. */
export class RepairPlanner {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #pipeline: Pipeline;
  readonly #survey: Survey;
  readonly #logs: FoundLogs;
  readonly #hints: RepairHints;
  readonly #verdicts: Verdicts;
  readonly #live: Live[];
  readonly #leaving: Leaving[];
  readonly #losses: RepairLoss[];
  readonly #doubts: RepairDoubt[];

  constructor(
    fs: Fs,
    directory: string,
    pipeline: Pipeline,
    survey: Survey,
    logs: FoundLogs,
    hints: RepairHints,
  ) {
    this.#fs = fs;
    this.#directory = directory;
    this.#pipeline = pipeline;
    this.#survey = survey;
    this.#logs = logs;
    this.#hints = hints;
    this.#verdicts = new Verdicts(survey);
    this.#live = [];
    this.#leaving = [];
    this.#losses = [];
    this.#doubts = [];
  }

  /**
   * @param turn awaited between tables
   * @throws VarveError `UNSUPPORTED` when tables have no possible order, or of the `Fs`
   */
  async plan(turn: () => Promise<void>): Promise<RepairPlan> {
    const { tables } = this.#survey;
    const bad = new Map(this.#survey.unreadable);
    for (const table of tables.values()) {
      const error = this.#judge(table);
      if (error !== undefined) bad.set(table.fileNumber, error);
      await turn();
    }
    const families = this.#families();
    this.#noteBad(bad, families);
    this.#noteMissing(families);
    const added = this.#place(families);
    this.#putLogsAside();
    this.#noteGap();
    return {
      state: this.#state(families, added),
      families,
      // What tables say of those before them is needed until those have gone.
      leaving: this.#leaving.toSorted((a, b) => numberIn(a) - numberIn(b)),
      staleThrough: this.#staleThrough(families),
      losses: this.#losses,
      doubts: this.#doubts,
    };
  }

  /** Decides about a table; returns why it cannot be used, if that is so. */
  #judge(table: FoundTable): VarveError | undefined {
    const { known } = this.#survey;
    const { fileNumber, properties } = table;
    const { olderTablesFamilyId } = this.#hints;
    const verdict = this.#verdicts.of(table, olderTablesFamilyId !== undefined);
    if (verdict !== 'live') {
      this.#leaving.push({ name: tableName(fileNumber), reason: REASONS[verdict] });
      if (verdict === 'homeless') this.#noteHomeless(table);
      return undefined;
    }
    const named = known.tables.get(fileNumber);
    const familyId = named?.familyId ?? properties.origin?.familyId ?? olderTablesFamilyId!;
    const level = named?.level ?? properties.origin?.level ?? 0;
    const asOfSeqno = properties.asOfSeqno ?? properties.largestSeqno;
    try {
      const [fs, directory] = [this.#fs, this.#directory];
      const { meta, damage } = checkTable(fs, directory, table, named?.meta, this.#pipeline);
      this.#live.push({ familyId, level, meta, asOfSeqno });
      for (const one of damage) this.#noteDamage(fileNumber, familyId, one);
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      return error;
    }
    if (named === undefined && properties.origin === undefined) this.#noteOlder(table);
    return undefined;
  }

  #families(): readonly PlannedFamily[] {
    const { known } = this.#survey;
    if (known.isWhole) {
      return [...known.families.values()].map((family) => ({ ...family, isNameKnown: true }));
    }
    const ids = this.#live.map(({ familyId }) => familyId);
    const families = planFamilies(this.#survey, this.#logs, ids, this.#hints.familyNames);
    const { staleThrough, logBehindGap } = this.#logs;
    const stale = this.#staleThrough(families);
    return families.map((family) => {
      // Nothing before the gap counts for it, so that an opening that is cut off knows it too.
      const isBehind = logBehindGap > 0 && stale.get(family.id) === staleThrough;
      return isBehind ? { ...family, logNumber: Math.max(family.logNumber, logBehindGap) } : family;
    });
  }

  /** Tables that are there and cannot be opened. */
  #noteBad(bad: ReadonlyMap<number, VarveError>, families: readonly PlannedFamily[]): void {
    const { known, tables } = this.#survey;
    for (const [fileNumber, { message }] of bad) {
      const name = tableName(fileNumber);
      const isOrphan = known.isWhole && !known.tables.has(fileNumber);
      if (this.#verdicts.isReplaced(fileNumber) || isOrphan) {
        this.#leaving.push({ name, reason: isOrphan ? 'no edit names it' : REASONS.replaced });
        continue;
      }
      if (known.tables.has(fileNumber)) {
        this.#keepPlace(fileNumber, message, families);
        continue;
      }
      this.#leaving.push({ name, reason: `it cannot be read: ${message}` });
      const properties = tables.get(fileNumber)?.properties;
      const family = nameOf(families, properties?.origin?.familyId);
      this.#lose(name, message, family, properties);
    }
  }

  /** A table that is lost stays where it is: reads of it fail, and nothing older shows. */
  #keepPlace(fileNumber: number, reason: string, families: readonly PlannedFamily[]): void {
    const { familyId, level, meta } = this.#survey.known.tables.get(fileNumber)!;
    this.#live.push({ familyId, level, meta, asOfSeqno: meta.largestSeqno });
    const file = joinPath(this.#directory, tableName(fileNumber));
    const columnFamily = nameOf(families, familyId);
    this.#losses.push({ columnFamily, file, reason, keys: spanOf(meta) });
  }

  /** Tables that a manifest names and that are gone, though nothing has replaced them. */
  #noteMissing(families: readonly PlannedFamily[]): void {
    const { known, files } = this.#survey;
    const present = new Set(files.tables);
    for (const [fileNumber, { familyId, meta }] of known.tables) {
      if (present.has(fileNumber) || this.#verdicts.isReplaced(fileNumber)) continue;
      const family = nameOf(families, familyId);
      const name = tableName(fileNumber);
      if (this.#hasHeir(fileNumber, familyId, meta)) {
        const reason = `${name} is gone: an edit that is lost may have replaced it, or it is lost`;
        this.#doubts.push({ columnFamily: family, keys: spanOf(meta), reason });
      } else if (known.isWhole) {
        this.#keepPlace(fileNumber, 'the file is missing', families);
      } else {
        // Perhaps an edit that is lost removed it.
        this.#lose(name, 'the file is missing', family, meta);
      }
    }
  }

  /** True if a later merge, of which no edit tells, may have had the table among its inputs. */
  #hasHeir(fileNumber: number, id: number, { smallestKey, largestKey }: TableMeta): boolean {
    const { known, tables } = this.#survey;
    if (known.isWhole) return false;
    return this.#live.some(({ familyId, meta }) => {
      const { inputs = [] } = tables.get(meta.fileNumber)?.properties.origin ?? {};
      if (familyId !== id || meta.fileNumber < fileNumber || inputs.length === 0) return false;
      const isMet =
        compareKeys(meta.smallestKey, largestKey) <= 0 &&
        compareKeys(meta.largestKey, smallestKey) >= 0;
      return isMet && !inputs.every((number) => known.tables.has(number));
    });
  }

  #lose(
    name: string,
    reason: string,
    columnFamily: string | undefined,
    meta: KeySpan | undefined,
  ): void {
    const keys = spanOf(meta);
    this.#losses.push({ columnFamily, file: joinPath(this.#directory, name), reason, keys });
    const what = `${name} is lost: older values may show, and deleted keys be there again`;
    this.#doubts.push({ columnFamily, keys, reason: what });
  }

  #noteDamage(fileNumber: number, familyId: number, { reason, keys }: TableDamage): void {
    const columnFamily = this.#survey.known.families.get(familyId)?.name;
    const own = this.#survey.tables.get(fileNumber)?.properties.origin?.familyName;
    const file = joinPath(this.#directory, tableName(fileNumber));
    this.#losses.push({ columnFamily: columnFamily ?? own, file, reason, keys });
  }

  #noteHomeless({ fileNumber, properties }: FoundTable): void {
    const file = joinPath(this.#directory, tableName(fileNumber));
    const reason = 'nothing says to which column family it belongs';
    this.#losses.push({ columnFamily: undefined, file, reason, keys: spanOf(properties) });
  }

  #noteOlder({ fileNumber, properties }: FoundTable): void {
    const reason =
      `${tableName(fileNumber)} is of an older version and does not say what it was made of: ` +
      'what it replaced may be there again';
    this.#doubts.push({ columnFamily: undefined, keys: spanOf(properties), reason });
  }

  /** The level of each table: where no edit is missing that of the manifest. */
  #place(families: readonly PlannedFamily[]): AddedTable[] {
    if (this.#survey.known.isWhole) return this.#live;
    const [fs, pipeline] = [this.#fs, this.#pipeline];
    const openMax = Math.max(1, this.#live.length);
    const tables = new TableCache(fs, this.#directory, new BlockCache(0), pipeline, openMax);
    try {
      return families.flatMap((family) => this.#placeFamily(family, tables));
    } finally {
      tables.closeAll();
    }
  }

  #placeFamily({ id, name }: PlannedFamily, tables: TableCache): AddedTable[] {
    const own = this.#live.filter(({ familyId }) => familyId === id);
    const compareAge = compareByEntries(tables, (a, b) => {
      const [x, y] = [tableName(a.fileNumber), tableName(b.fileNumber)];
      const reason = `damage hides which of ${x} and ${y} is the newer one`;
      this.#doubts.push({ columnFamily: name, keys: spanOf(a), reason });
    });
    const levels = placeTables(own, compareAge);
    return own.map((table, i) => ({ ...table, level: levels[i]! }));
  }

  /** Logs that are not replayed; those of which something is are left to the opening. */
  #putLogsAside(): void {
    const { known, files } = this.#survey;
    if (known.isWhole) return;
    const replayed = new Set(this.#logs.identities.map(({ fileNumber }) => fileNumber));
    for (const number of files.logs) {
      if (replayed.has(number)) continue;
      const name = walName(number);
      const damage = this.#logs.damage.find(({ file }) => file === joinPath(this.#directory, name));
      const reason = damage?.reason ?? 'what it holds is in tables';
      this.#leaving.push({ name, reason });
      if (damage !== undefined) this.#lose(name, damage.reason, undefined, undefined);
    }
  }

  #noteGap(): void {
    const { known } = this.#survey;
    const { baseSeqno, staleThrough, firstLogNumber } = this.#logs;
    if (known.isWhole) return;
    const inTables = Math.max(0, ...this.#live.map(({ asOfSeqno }) => asOfSeqno));
    const reached = Math.max(inTables, known.lastSeqno);
    const missing =
      firstLogNumber > 0 && baseSeqno > reached
        ? `writes ${reached + 1} to ${baseSeqno} are in no table and no log`
        : undefined;
    if (missing !== undefined) {
      this.#lose(walName(firstLogNumber), missing, undefined, undefined);
    }
    if (staleThrough === 0) return;
    const reason = `writes behind ${staleThrough} are missing in the logs`;
    this.#doubts.push({ columnFamily: undefined, keys: undefined, reason });
  }

  /** Before a gap the logs have no more than tables may have replaced. */
  #staleThrough(families: readonly PlannedFamily[]): Map<number, number> {
    const stale = new Map<number, number>();
    if (this.#survey.known.isWhole) return stale;
    for (const { id } of families) {
      const own = this.#live.filter(({ familyId }) => familyId === id);
      const asOf = Math.max(0, ...own.map(({ asOfSeqno }) => asOfSeqno));
      stale.set(id, Math.min(asOf, this.#logs.staleThrough));
    }
    return stale;
  }

  #state(families: readonly PlannedFamily[], addedTables: AddedTable[]): ManifestState {
    const { known, files } = this.#survey;
    const logIdentities = known.isWhole ? [...known.logIdentities.values()] : this.#logs.identities;
    const ends = known.isWhole ? [...known.walEnds] : [];
    const edit = {
      ...emptyEdit(),
      addedTables,
      createdFamilies: families.map(({ id, name }) => ({ id, name })),
      logNumbers: families
        .filter(({ logNumber }) => logNumber > 0)
        .map(({ id: familyId, logNumber }) => ({ familyId, logNumber })),
      logIdentities,
      walEnds: ends.map(([logNumber, sizeBytes]) => ({ logNumber, sizeBytes })),
      nextFileNumber: Math.max(known.nextFileNumber, files.nextFileNumber),
      nextFamilyId: Math.max(known.nextFamilyId, ...families.map(({ id }) => id + 1)),
      lastSeqno: Math.max(
        known.lastSeqno,
        ...this.#live.map(({ asOfSeqno, meta }) => Math.max(asOfSeqno, meta.largestSeqno)),
      ),
      ...(Number.isFinite(known.sealedFrom) ? { sealedFrom: known.sealedFrom } : {}),
      keyChecks: this.#keyChecks(),
    };
    const path = joinPath(this.#directory, manifestName(edit.nextFileNumber));
    return applyToState(emptyState(), edit, path, 0);
  }

  /** Of all epochs: a key that opened a table is the right one. */
  #keyChecks(): KeyCheck[] {
    const { keys, databaseId } = this.#pipeline;
    const checks = new Map(this.#survey.known.keyChecks);
    for (const { meta } of this.#live) {
      const { suiteId, epoch } = meta.protection;
      if (suiteId === SUITE_NONE || checks.has(epoch)) continue;
      assert(keys !== undefined, 'an encrypted table was opened with a key');
      checks.set(epoch, keys.keyCheck(epoch, databaseId, this.#directory));
    }
    return [...checks].map(([epoch, check]) => ({ epoch, check }));
  }
}

function numberIn({ name }: Leaving): number {
  return parseFileName(name)!.number;
}

function nameOf(families: readonly PlannedFamily[], id: number | undefined): string | undefined {
  return families.find((family) => family.id === id)?.name;
}

function spanOf(keys: KeySpan | undefined): KeySpan | undefined {
  if (keys === undefined) return undefined;
  return { smallestKey: keys.smallestKey, largestKey: keys.largestKey };
}
