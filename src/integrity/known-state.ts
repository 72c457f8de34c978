/**
 * What the sound edits of manifests say of a database, where some are lost: every edit is taken for
 * what it says, and none has to fit the one before.
 * @module
 */
import type { ManifestState } from '../manifest/manifest-state.ts';
import { snapshotEdits } from '../manifest/manifest-state.ts';
import type { LogIdentity, VersionEdit } from '../manifest/version-edit.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** A family as the last edit that names it has it. */
export interface KnownFamily {
  readonly id: number;
  readonly name: string;
  readonly logNumber: number;
}

/** A table as the last edit that names it has it. */
export interface KnownTable {
  readonly familyId: number;
  readonly level: number;
  readonly meta: TableMeta;
}

/** See the module head. */
export class KnownState {
  readonly families: Map<number, KnownFamily>;
  readonly droppedFamilies: Set<number>;
  /** By file number: those that no later edit removes. */
  readonly tables: Map<number, KnownTable>;
  /** File numbers of tables that an edit removes, or that were of a dropped family. */
  readonly removedTables: Set<number>;
  readonly walEnds: Map<number, number>;
  readonly logIdentities: Map<number, LogIdentity>;
  readonly keyChecks: Map<number, Uint8Array>;
  nextFileNumber: number;
  nextFamilyId: number;
  /** Families with lower ids that are not in `families` were dropped. */
  listedFamilyIds: number;
  lastSeqno: number;
  sealedFrom: number;
  /** No edit is missing, and no table that nothing names can be part of the database. */
  isWhole: boolean;

  constructor() {
    this.families = new Map();
    this.droppedFamilies = new Set();
    this.tables = new Map();
    this.removedTables = new Set();
    this.walEnds = new Map();
    this.logIdentities = new Map();
    this.keyChecks = new Map();
    this.nextFileNumber = 1;
    this.nextFamilyId = 0;
    this.listedFamilyIds = 0;
    this.lastSeqno = 0;
    this.sealedFrom = Number.POSITIVE_INFINITY;
    this.isWhole = false;
  }

  /** That of a manifest that was read without a flaw. */
  static of(state: ManifestState): KnownState {
    const known = new KnownState();
    for (const edit of snapshotEdits(state)) known.take(edit);
    return known;
  }

  /** Takes in an edit that was written after those before. */
  take(edit: VersionEdit): void {
    for (const id of edit.droppedFamilies) this.#drop(id);
    for (const { id, name } of edit.createdFamilies) {
      const logNumber = this.families.get(id)?.logNumber ?? 0;
      this.families.set(id, { id, name, logNumber });
      this.nextFamilyId = Math.max(this.nextFamilyId, id + 1);
    }
    for (const { fileNumber } of edit.removedTables) {
      this.tables.delete(fileNumber);
      this.removedTables.add(fileNumber);
    }
    for (const table of edit.addedTables) {
      this.tables.set(table.meta.fileNumber, table);
      this.removedTables.delete(table.meta.fileNumber);
    }
    for (const { familyId, logNumber } of edit.logNumbers) {
      const family = this.families.get(familyId);
      if (family === undefined || family.logNumber > logNumber) continue;
      this.families.set(familyId, { ...family, logNumber });
    }
    this.#takeNumbers(edit);
  }

  /** True if the family was there once, and is not any more. */
  isDropped(id: number): boolean {
    if (this.families.has(id)) return false;
    return this.droppedFamilies.has(id) || id < this.listedFamilyIds;
  }

  #drop(id: number): void {
    this.families.delete(id);
    this.droppedFamilies.add(id);
    for (const [fileNumber, { familyId }] of this.tables) {
      if (familyId !== id) continue;
      this.tables.delete(fileNumber);
      this.removedTables.add(fileNumber);
    }
  }

  #takeNumbers(edit: VersionEdit): void {
    const { nextFileNumber = 0, nextFamilyId = 0, lastSeqno = 0, sealedFrom } = edit;
    this.nextFileNumber = Math.max(this.nextFileNumber, nextFileNumber);
    this.nextFamilyId = Math.max(this.nextFamilyId, nextFamilyId);
    // It stands in snapshots, which name all families.
    this.listedFamilyIds = Math.max(this.listedFamilyIds, nextFamilyId);
    this.lastSeqno = Math.max(this.lastSeqno, lastSeqno);
    if (sealedFrom !== undefined) this.sealedFrom = Math.min(this.sealedFrom, sealedFrom);
    for (const { logNumber, sizeBytes } of edit.walEnds ?? []) {
      this.walEnds.set(logNumber, sizeBytes);
    }
    for (const identity of edit.logIdentities ?? []) {
      this.logIdentities.set(identity.fileNumber, identity);
    }
    for (const { epoch, check } of edit.keyChecks ?? []) this.keyChecks.set(epoch, check);
  }
}
