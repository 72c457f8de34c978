/**
 * A version: what a database consists of between two edits. Versions are immutable and share what
 * an edit leaves alone. Applying an edit checks the invariants of the tree, so that neither a
 * damaged manifest nor an engine bug gets a tree that breaks them:
 *
 * - every edit names families that exist, and ids and live names are unique;
 * - a removed table stands where the edit says;
 * - no file number is in the version twice;
 * - in L1 and deeper the key ranges are disjoint (`insertDisjoint`);
 * - a family's log number never falls.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import { corruption, type VarveError } from '../errors.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { FamilyVersion, LEVEL_COUNT, lowerBound } from './family-version.ts';
import type { AddedTable, RemovedTable, VersionEdit } from './version-edit.ts';

/** Immutable. */
export class Version {
  /** By id, ascending. */
  readonly families: ReadonlyMap<number, FamilyVersion>;
  /** No family has or had this id or a higher one. */
  readonly nextFamilyId: number;

  constructor(families: ReadonlyMap<number, FamilyVersion>, nextFamilyId: number) {
    this.families = families;
    this.nextFamilyId = nextFamilyId;
  }

  /** No families and no tables. */
  static empty(): Version {
    return new Version(new Map(), 0);
  }

  /**
   * The version after an edit. Takes the metas of added tables.
   * @param file and `offset`: where the edit stands, for the error
   * @throws VarveError `CORRUPTION` when the edit does not fit this version
   */
  apply(edit: VersionEdit, file: string, offset: number): Version {
    return new EditApplication(this, edit, file, offset).run();
  }

  /** The lowest log number that some family still needs; infinity without families. */
  firstLogNumber(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const family of this.families.values()) first = Math.min(first, family.logNumber);
    return first;
  }

  /** File numbers of all tables; a fresh set. */
  tableNumbers(): Set<number> {
    const numbers = new Set<number>();
    for (const family of this.families.values()) {
      for (const level of family.levels) {
        for (const table of level) numbers.add(table.fileNumber);
      }
    }
    return numbers;
  }
}

/** A family under change; a level is copied when it first changes. */
interface Draft {
  readonly id: number;
  readonly name: string;
  logNumber: number;
  readonly levels: (readonly TableMeta[])[];
}

class EditApplication {
  readonly #edit: VersionEdit;
  readonly #file: string;
  readonly #offset: number;
  readonly #families: Map<number, FamilyVersion>;
  readonly #drafts: Map<number, Draft>;
  /** Names of families; made when the first is created. */
  #names: Set<string> | undefined;
  #nextFamilyId: number;

  constructor(version: Version, edit: VersionEdit, file: string, offset: number) {
    this.#edit = edit;
    this.#file = file;
    this.#offset = offset;
    this.#families = new Map(version.families);
    this.#drafts = new Map();
    this.#names = undefined;
    this.#nextFamilyId = version.nextFamilyId;
  }

  run(): Version {
    const edit = this.#edit;
    for (const id of edit.droppedFamilies) this.#dropFamily(id);
    for (const { id, name } of edit.createdFamilies) this.#createFamily(id, name);
    for (const group of groupByLevel(edit.removedTables)) this.#remove(group);
    this.#checkNumbersUnused();
    for (const group of groupByLevel(edit.addedTables)) this.#add(group);
    for (const { familyId, logNumber } of edit.logNumbers) this.#setLogNumber(familyId, logNumber);
    for (const { id, name, logNumber, levels } of this.#drafts.values()) {
      this.#families.set(id, new FamilyVersion(id, name, logNumber, levels));
    }
    const { nextFamilyId = this.#nextFamilyId } = edit;
    this.#require(nextFamilyId >= this.#nextFamilyId, 'next family id falls');
    return new Version(this.#families, nextFamilyId);
  }

  #dropFamily(id: number): void {
    this.#require(this.#families.delete(id), `dropped family ${id} does not exist`);
  }

  #createFamily(id: number, name: string): void {
    this.#require(id >= this.#nextFamilyId, `family id ${id} was used before`);
    // Families that the edit drops are gone by now, and their names free.
    this.#names ??= new Set([...this.#families.values()].map((family) => family.name));
    this.#require(!this.#names.has(name), `the name of family ${id} is in use`);
    this.#names.add(name);
    this.#families.set(id, FamilyVersion.empty(id, name));
    this.#nextFamilyId = id + 1;
  }

  #setLogNumber(familyId: number, logNumber: number): void {
    const draft = this.#draft(familyId);
    this.#require(logNumber >= draft.logNumber, `log number of family ${familyId} falls`);
    draft.logNumber = logNumber;
  }

  #remove(group: readonly RemovedTable[]): void {
    const { familyId, level } = group[0]!;
    const draft = this.#draft(familyId);
    const numbers = new Set(group.map((removed) => removed.fileNumber));
    const kept = draft.levels[level]!.filter((table) => !numbers.has(table.fileNumber));
    const removedCount = draft.levels[level]!.length - kept.length;
    this.#require(
      removedCount === group.length,
      `a removed table (${[...numbers].join(', ')}) is not in level ${level} of family ${familyId}`,
    );
    draft.levels[level] = kept;
  }

  #checkNumbersUnused(): void {
    const { addedTables } = this.#edit;
    if (addedTables.length === 0) return;
    const numbers = new Set(addedTables.map((added) => added.meta.fileNumber));
    this.#require(numbers.size === addedTables.length, 'an added table is named twice');
    for (const family of this.#families.values()) {
      const levels = this.#drafts.get(family.id)?.levels ?? family.levels;
      for (const level of levels) {
        for (const { fileNumber } of level) {
          if (numbers.has(fileNumber)) throw this.#misfit(`table ${fileNumber} is already there`);
        }
      }
    }
  }

  #add(group: readonly AddedTable[]): void {
    const { familyId, level } = group[0]!;
    const draft = this.#draft(familyId);
    const metas = group.map((added) => added.meta);
    const tables = draft.levels[level]!;
    if (level === 0) {
      draft.levels[0] = [...tables, ...metas].sort(compareNewestFirst);
      return;
    }
    const merged = insertDisjoint(tables, metas);
    const problem = `tables of level ${level} of family ${familyId} overlap`;
    this.#require(merged !== undefined, problem);
    draft.levels[level] = merged!;
  }

  #draft(familyId: number): Draft {
    let draft = this.#drafts.get(familyId);
    if (draft !== undefined) return draft;
    const family = this.#families.get(familyId);
    if (family === undefined) throw this.#misfit(`family ${familyId} does not exist`);
    const { id, name, logNumber } = family;
    draft = { id, name, logNumber, levels: [...family.levels] };
    this.#drafts.set(familyId, draft);
    return draft;
  }

  #require(condition: boolean, problem: string): void {
    if (!condition) throw this.#misfit(problem);
  }

  #misfit(problem: string): VarveError {
    return corruption(`version edit does not fit: ${problem}`, this.#file, this.#offset);
  }
}

/** The order of L0: newest first. */
export function compareNewestFirst(a: TableMeta, b: TableMeta): number {
  return b.largestSeqno - a.largestSeqno || b.fileNumber - a.fileNumber;
}

/** Puts tables into a sorted, disjoint level; undefined when the result would not be disjoint. */
function insertDisjoint(
  tables: readonly TableMeta[],
  added: readonly TableMeta[],
): TableMeta[] | undefined {
  const sorted = [...added].sort((a, b) => compareKeys(a.smallestKey, b.smallestKey));
  const merged: TableMeta[] = [];
  let from = 0;
  for (const table of sorted) {
    const at = lowerBound(tables, table.smallestKey, 0, table.smallestKey.length);
    for (; from < at; from++) merged.push(tables[from]!);
    const before = merged.at(-1);
    const after = tables[at];
    if (before !== undefined && compareKeys(before.largestKey, table.smallestKey) >= 0) {
      return undefined;
    }
    if (after !== undefined && compareKeys(after.smallestKey, table.largestKey) <= 0) {
      return undefined;
    }
    merged.push(table);
  }
  for (; from < tables.length; from++) merged.push(tables[from]!);
  return merged;
}

/** Splits a list by family and level, keeping the order. */
function groupByLevel<Item extends { readonly familyId: number; readonly level: number }>(
  items: readonly Item[],
): Iterable<Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const key = item.familyId * LEVEL_COUNT + item.level;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups.values();
}
