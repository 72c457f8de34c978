/**
 * Files that an earlier process left and nothing refers to.
 *
 * Most are what a process that died had under way, or had no time to remove. But a manifest that
 * has lost its end (a bad copy, a file system that lost a block) forgets tables that hold all there
 * is. So an orphan goes only where it can be shown that its content is elsewhere:
 *
 * - everything that the manifest names is there, and the logs are whole;
 * - and no entry of a table is of a later write than was recovered: then what it was made of, or
 *   the log, still holds its entries. A table without a sound footer was never part of the
 *   database, for a table is on stable storage before an edit names it.
 *
 * Any other one is kept, under a name that the engine does not use. Where a table is missing and a
 * newer one that nothing refers to has keys of its range, the manifest has lost the edit between
 * them, and the database is not opened.
 *
 * All is judged before anything is written, and done when what was recovered is durable.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import { corruption, isVarveError, type VarveError } from '../errors.ts';
import { closeFile, type FileHandle, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import type { DirectoryContents } from '../manifest/directory.ts';
import {
  lostName,
  manifestName,
  parseFileName,
  tableName,
  walName,
} from '../manifest/file-names.ts';
import { keepAsLost } from '../manifest/lost-files.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { isTableOf, readOwnProperties } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { TableProperties } from '../sstable/table-properties.ts';
import type { ReplayResult } from '../wal/wal-replay.ts';
import type { DbCore } from './core.ts';

/** A table that nothing refers to. */
interface OrphanTable {
  readonly fileNumber: number;
  /** Undefined for a table that is not complete, or that cannot be read. */
  readonly properties: TableProperties | undefined;
  /** Why it cannot be read. */
  readonly error: VarveError | undefined;
}

/** See the module head. */
export class Orphans {
  readonly #core: DbCore;
  readonly #manifestPath: string;
  /** Names of what may go. */
  readonly #redundant: string[];
  /** Name and reason of what is kept. */
  readonly #kept: (readonly [string, string])[];

  /**
   * Looks at what is there, and changes nothing.
   * @param manifest as it was found
   * @param logs what replaying them gave
   * @throws VarveError `CORRUPTION` when the manifest has lost its end and the recovery mode looks
   * for damage; or of the `Fs`
   */
  constructor(core: DbCore, manifest: Manifest, contents: DirectoryContents, logs: ReplayResult) {
    this.#core = core;
    this.#manifestPath = joinPath(core.location.directory, manifestName(manifest.manifestNumber));
    this.#redundant = [];
    this.#kept = [];
    this.#judgeLogs(contents, logs);
    this.#judgeTables(contents, logs);
  }

  /** Removes what is redundant, and puts the rest where the engine does not look. */
  clear(): void {
    const core = this.#core;
    const { fs, events, location } = core;
    const { directory } = location;
    const keptFiles = this.#kept.map(([name, reason]) => {
      const file = joinPath(directory, lostName(name));
      keepAsLost(fs, directory, name);
      events.tell({ type: 'file-kept', file, reason });
      return { file, reason };
    });
    // Before a write gets a seqno that a kept table has: met again, it would pass for redundant.
    if (keptFiles.length > 0) fs.syncDirectory(directory);
    core.keptFiles = keptFiles;
    for (const name of this.#redundant) {
      // A log may stay what it was: after a clean close nothing is made of it at once.
      const parsed = parseFileName(name);
      const isNeeded = parsed?.kind === 'wal' && parsed.number >= core.version.firstLogNumber();
      if (!isNeeded) removeIfPossible(fs, joinPath(directory, name));
    }
  }

  /**
   * All of them were replayed, but for torn ends, and what a mode that passes over damage has left
   * out. A log that was left out as a whole, for nothing names it, may have been named once.
   */
  #judgeLogs({ logNumbers }: DirectoryContents, { dropped, leftOut }: ReplayResult): void {
    const { location } = this.#core;
    for (const number of logNumbers) {
      const name = walName(number);
      const path = joinPath(location.directory, name);
      const isKept = !this.#isStrict || leftOut.includes(path);
      const loss = isKept ? dropped.find(({ file }) => file === path) : undefined;
      if (loss === undefined) this.#redundant.push(name);
      else this.#kept.push([name, `not all of it was replayed: ${loss.reason}`]);
    }
  }

  #judgeTables({ tableNumbers }: DirectoryContents, { dropped }: ReplayResult): void {
    const { version, lastSeqno } = this.#core;
    const named = [...version.families.values()].flatMap(({ levels }) => levels.flat());
    const namedNumbers = new Set(named.map(({ fileNumber }) => fileNumber));
    const orphans = tableNumbers.filter((number) => !namedNumbers.has(number));
    if (orphans.length === 0) return;
    const tables = orphans.map((number) => this.#look(number));
    const present = new Set(tableNumbers);
    this.#expectNoLostEdit(
      named.filter(({ fileNumber }) => !present.has(fileNumber)),
      tables,
    );
    const isDamaged = named.some((meta) => !this.#isThere(meta, present));
    const areLogsWhole = this.#isStrict || dropped.length === 0;
    for (const { fileNumber, properties, error } of tables) {
      let reason: string | undefined;
      if (error !== undefined) reason = `it cannot be read: ${error.message}`;
      else if (isDamaged) reason = 'a table that the manifest names is missing or another';
      else if (!areLogsWhole) reason = 'not all of the logs was replayed';
      else if (properties !== undefined) reason = laterThan(lastSeqno, properties);
      const name = tableName(fileNumber);
      if (reason === undefined) this.#redundant.push(name);
      else this.#kept.push([name, `the manifest does not name it, and ${reason}`]);
    }
  }

  get #isStrict(): boolean {
    const { walRecovery } = this.#core.settings;
    return walRecovery === 'absolute' || walRecovery === 'tolerate-tail';
  }

  #look(fileNumber: number): OrphanTable {
    const { pipeline } = this.#core;
    try {
      const properties = this.#withFile(tableName(fileNumber), (file) =>
        readOwnProperties(file, fileNumber, pipeline),
      );
      return { fileNumber, properties, error: undefined };
    } catch (error) {
      if (!isVarveError(error)) throw error;
      return { fileNumber, properties: undefined, error };
    }
  }

  /** True if the table is there, as far as can be told without its blocks. */
  #isThere(meta: TableMeta, present: ReadonlySet<number>): boolean {
    const { fileNumber } = meta;
    if (!present.has(fileNumber)) return false;
    const { pipeline } = this.#core;
    try {
      return this.#withFile(tableName(fileNumber), (file) => isTableOf(file, meta, pipeline));
    } catch (error) {
      if (!isVarveError(error)) throw error;
      return false;
    }
  }

  #withFile<T>(name: string, read: (file: FileHandle) => T): T {
    const { fs, location } = this.#core;
    const file = fs.open(joinPath(location.directory, name), 'read');
    try {
      return read(file);
    } finally {
      closeFile(file);
    }
  }

  /** An edit that removes a table is durable before the file goes, and so is what replaces it. */
  #expectNoLostEdit(missing: readonly TableMeta[], orphans: readonly OrphanTable[]): void {
    // Where names are not durable, a power cut may have taken that of a table.
    if (!this.#isStrict || !this.#core.fs.capabilities.directorySync) return;
    for (const table of missing) {
      const heir = orphans.find((orphan) => isHeir(orphan, table));
      if (heir === undefined) continue;
      const what =
        `the manifest has lost its end: table ${table.fileNumber} is gone, and table ` +
        `${heir.fileNumber}, which it does not name, is newer and has keys of that range`;
      throw corruption(what, this.#manifestPath, 0);
    }
  }
}

/** Why a table may hold writes that were not recovered; undefined if it holds none. */
function laterThan(lastSeqno: number, { asOfSeqno }: TableProperties): string | undefined {
  if (asOfSeqno === undefined) return 'an older version wrote it';
  if (asOfSeqno <= lastSeqno) return undefined;
  return `it may hold seqno ${asOfSeqno}, and ${lastSeqno} was recovered`;
}

/** True if a merge of the missing table may have made the other one. */
function isHeir({ fileNumber, properties }: OrphanTable, missing: TableMeta): boolean {
  return (
    properties !== undefined &&
    fileNumber > missing.fileNumber &&
    compareKeys(properties.smallestKey, missing.largestKey) <= 0 &&
    compareKeys(properties.largestKey, missing.smallestKey) >= 0
  );
}
