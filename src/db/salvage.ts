/**
 * Salvage: tables of which blocks are lost for good are written anew without them.
 *
 * Until then such a table stays where it is, and reads of what it has lost fail (docs/decisions/
 * 0032). Afterwards they do not: older values may show in the ranges that are reported, and deleted
 * keys be there again. So it is done only when told to, and the old file stays, as `.lost`.
 * @module
 */

import { ByteWriter } from '../bytes/byte-writer.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { isVarveError, VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { closeFile, type FsLock, joinPath } from '../fs/port.ts';
import { type SalvageLoss, salvageTable } from '../integrity/salvage.ts';
import { LOCK_NAME, tableName } from '../manifest/file-names.ts';
import { keepBeside } from '../manifest/lost-files.ts';
import { emptyEdit } from '../manifest/version-edit.ts';
import { DirectorySink } from '../merge/directory-sink.ts';
import { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { OUTPUT_BUFFER_BYTES } from '../sstable/table-output.ts';
import { originOf } from './background/merge-group.ts';
import type { DbCore, Location } from './core.ts';
import { Db } from './database.ts';
import { find, lookFirst } from './find.ts';
import { executorOf, makeLocation } from './open.ts';
import { type DbSettings, type Environment, tableOptions } from './options.ts';
import { recoverForWriting } from './recover.ts';
import { type RepairOptions, settingsOf } from './repair-options.ts';

/** Read of a table at a time. */
const STEP_BYTES = 0x10_0000;

/** Options of a salvage: keys, and how new files are made, as for `open`. */
export interface SalvageOptions
  extends Omit<RepairOptions, 'familyNames' | 'olderTablesFamily' | 'databaseId'> {
  /** The number of the only table to look at; all if absent. */
  readonly table?: number;
}

/** A table of which something is lost. */
export interface SalvagedTable {
  /** Path of the file that is damaged. */
  readonly file: string;
  /** Name of its family. */
  readonly columnFamily: string;
  /** What is wrong with it. */
  readonly reason: string;
  /** Entries that it had. */
  readonly entryCount: number;
  /** Entries that are kept. */
  readonly keptCount: number;
  /** Where the others were. */
  readonly losses: readonly SalvageLoss[];
}

/** What a salvage found and did. */
export interface SalvageReport {
  /** False when there was nothing to do, or nothing was to be done yet. */
  readonly isSalvaged: boolean;
  /** Tables with damage that nothing puts right. */
  readonly tables: readonly SalvagedTable[];
}

/** A damaged table in its place. */
interface Place {
  readonly familyId: number;
  readonly level: number;
  readonly meta: TableMeta;
  readonly reason: string;
}

/**
 * Looks for tables with damage that nothing puts right, and writes them anew without what is lost.
 * By default nothing is changed: the report says what would be lost. The old files are kept with
 * the ending `.lost`.
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError as `open`; `INVALID` for a table that the database does not have
 */
export async function salvageDatabase(
  path: string,
  options: SalvageOptions,
  environment: Environment,
): Promise<SalvageReport> {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError('the path of a database must be a string that is not empty');
  }
  const { table, ...others } = options;
  if (table !== undefined && !Number.isSafeInteger(table)) {
    throw new TypeError('table must be the number of a table');
  }
  const { settings, dbOptions } = settingsOf(others);
  const strict = { ...settings, walRecovery: 'tolerate-tail' as const };
  const location = await makeLocation(path, dbOptions, strict, environment);
  try {
    lookFirst(location, strict);
    const { fs, directory } = location;
    const lockPath = joinPath(directory, LOCK_NAME);
    const lock = await fs.lock(lockPath);
    try {
      const held = { ...location, fs: new HeldFs(fs, lockPath, lock.token) };
      return await new Salvage(held, strict, others.dryRun !== false, lock).run(table);
    } finally {
      await lock.release();
    }
  } finally {
    location.pipeline.close();
  }
}

/** One salvage, under the lock. */
class Salvage {
  readonly #location: Location;
  readonly #settings: DbSettings;
  readonly #isDry: boolean;
  readonly #lock: FsLock;

  constructor(location: Location, settings: DbSettings, isDry: boolean, lock: FsLock) {
    this.#location = location;
    this.#settings = settings;
    this.#isDry = isDry;
    this.#lock = lock;
  }

  async run(table: number | undefined): Promise<SalvageReport> {
    const found = await find(this.#location, this.#settings);
    const places: Place[] = [];
    const names = new Map<number, string>();
    let isKnown = table === undefined;
    for (const { id, name, levels } of found.manifest?.version.families.values() ?? []) {
      names.set(id, name);
      for (const [level, metas] of levels.entries()) {
        for (const meta of metas) {
          if (table !== undefined && meta.fileNumber !== table) continue;
          isKnown = true;
          const reason = await this.#damageTo(meta);
          if (reason !== undefined) places.push({ familyId: id, level, meta, reason });
        }
      }
    }
    if (!isKnown) throw new VarveError('INVALID', `the database has no table ${table}`);
    const isSalvaged = !this.#isDry && places.length > 0;
    const salvaged = isSalvaged ? await this.#salvage(places, names) : undefined;
    const tables = salvaged ?? places.map((place) => this.#look(place, names));
    return { isSalvaged, tables };
  }

  /** Why the table is not what it should be, and nothing puts that right; undefined if it is. */
  async #damageTo(meta: TableMeta): Promise<string | undefined> {
    const { fs, directory, pipeline, hostLoop } = this.#location;
    const path = joinPath(directory, tableName(meta.fileNumber));
    if (!fs.exists(path)) return 'the file is missing';
    let reason: string | undefined;
    try {
      const table = Table.open(fs.open(path, 'read'), meta, new BlockCache(0), pipeline);
      try {
        const check = table.check(({ message }) => {
          reason ??= message;
        });
        while (check.step(STEP_BYTES)) await hostLoop.turn();
      } finally {
        table.close();
      }
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      reason ??= error.message;
    }
    return reason;
  }

  #look(place: Place, names: ReadonlyMap<number, string>): SalvagedTable {
    return this.#read(place, names, () => {});
  }

  #read(
    { meta, familyId, reason }: Place,
    names: ReadonlyMap<number, string>,
    sink: Parameters<typeof salvageTable>[3],
  ): SalvagedTable {
    const { fs, directory, pipeline } = this.#location;
    const file = joinPath(directory, tableName(meta.fileNumber));
    const facts = { file, columnFamily: names.get(familyId)!, reason, entryCount: meta.entryCount };
    if (!fs.exists(file)) {
      return { ...facts, keptCount: 0, losses: [{ after: undefined, before: undefined, reason }] };
    }
    const handle = fs.open(file, 'read');
    try {
      const { entryCount: keptCount, losses } = salvageTable(handle, meta, pipeline, sink);
      return { ...facts, keptCount, losses };
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      const losses = [{ after: undefined, before: undefined, reason: error.message }];
      return { ...facts, keptCount: 0, losses };
    } finally {
      closeFile(handle);
    }
  }

  async #salvage(
    places: readonly Place[],
    names: ReadonlyMap<number, string>,
  ): Promise<SalvagedTable[]> {
    const location = this.#location;
    const found = await find(location, this.#settings);
    const core = await recoverForWriting(location, this.#settings, found, this.#lock);
    const db = new Db(core, executorOf(core));
    try {
      return places.map((place) => this.#replace(core, place, names));
    } finally {
      await db.close();
    }
  }

  /** Puts what is left of a table in its place, and keeps the old file under another name. */
  #replace(core: DbCore, place: Place, names: ReadonlyMap<number, string>): SalvagedTable {
    const { familyId, level, meta } = place;
    const { fs, directory, pipeline } = this.#location;
    const family = core.families.get(familyId)!;
    const origin = originOf(core, family, level, []);
    // It is no merge of the other one, which must not count beside it.
    const retired = [...origin.retired, meta.fileNumber].sort((a, b) => a - b);
    const options = {
      ...tableOptions(family.settings, level, pipeline, { ...origin, retired }),
      asOfSeqno: core.lastSeqno,
    };
    const numbers = core.newFileNumbers(1);
    const out = new ByteWriter(OUTPUT_BUFFER_BYTES);
    const sink = new DirectorySink(core.jobContext(), options, numbers, out);
    const { file, writer } = sink.create();
    const salvaged = this.#read(place, names, (entry) => {
      const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = entry;
      writer.add(keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen);
    });
    const added = [];
    if (salvaged.keptCount > 0) added.push({ familyId, level, meta: sink.finish(file, writer) });
    else sink.discard(file, []);
    keepBeside(fs, directory, tableName(meta.fileNumber));
    fs.syncDirectory(directory);
    const removedTables = [{ familyId, level, fileNumber: meta.fileNumber }];
    core.install({ ...emptyEdit(), addedTables: added, removedTables });
    return salvaged;
  }
}
