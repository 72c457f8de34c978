/**
 * The version edit: one atomic change of what a database consists of.
 * @module
 */
import type { FileHeader } from '../block/file-header.ts';
import type { ErrorCode, LostKeys } from '../errors.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** A table that enters a level of a family. */
export interface AddedTable {
  readonly familyId: number;
  /** 0 to `LEVEL_COUNT - 1`. */
  readonly level: number;
  readonly meta: TableMeta;
}

/** A table that leaves a level of a family. */
export interface RemovedTable {
  readonly familyId: number;
  readonly level: number;
  readonly fileNumber: number;
}

/** A new column family; ids and live names are unique, and an id is never used again. */
export interface CreatedFamily {
  readonly id: number;
  readonly name: string;
}

/** From now on all writes to the family in logs below `logNumber` are in tables. */
export interface FamilyLogNumber {
  readonly familyId: number;
  readonly logNumber: number;
}

/** What tells a log from every other one of its number: fields of its header. */
export type LogIdentity = Pick<FileHeader, 'fileNumber' | 'salt' | 'protection'>;

/** Where a log ends since a clean close. */
export interface WalEnd {
  readonly logNumber: number;
  readonly sizeBytes: number;
}

/** By what the key of an epoch is recognised. */
export interface KeyCheck {
  readonly epoch: number;
  /** 16 bytes. */
  readonly check: Uint8Array;
}

/** A place of a table that cannot be read. */
export interface RecordedLoss extends LostKeys {
  /** Data block; undefined for all of the table. */
  readonly ordinal: number | undefined;
  /** Where the block begins in the file, if that is known. */
  readonly offset: number | undefined;
  readonly code: ErrorCode;
  readonly message: string;
}

/** All that is known to be lost of a table: nothing, if there are no places. */
export interface TableLosses {
  readonly fileNumber: number;
  readonly places: readonly RecordedLoss[];
}

/**
 * Plain data; applied as a whole or not at all. Order of effects: families are dropped (with all
 * their tables), families are created, tables are removed, tables are added, the numbers are set.
 * So a table moves by being removed from one level and added to another in one edit.
 */
export interface VersionEdit {
  readonly addedTables: AddedTable[];
  readonly removedTables: RemovedTable[];
  readonly createdFamilies: CreatedFamily[];
  readonly droppedFamilies: number[];
  readonly logNumbers: FamilyLogNumber[];
  /** Of the logs that `logNumbers` names, as far as no earlier edit has told, and of a new one. */
  readonly logIdentities?: readonly LogIdentity[];
  /** All file numbers from here on are unused. */
  readonly nextFileNumber?: number;
  /** All family ids from here on are unused. */
  readonly nextFamilyId?: number;
  /** The newest seqno; never falls. */
  readonly lastSeqno?: number;
  readonly walEnds?: WalEnd[];
  /** Manifests and logs with this number or a higher one are encrypted; set once. */
  readonly sealedFrom?: number;
  readonly keyChecks?: readonly KeyCheck[];
  readonly losses?: readonly TableLosses[];
}

/** An edit that changes nothing yet; the caller fills its lists. */
export function emptyEdit(): VersionEdit {
  return {
    addedTables: [],
    removedTables: [],
    createdFamilies: [],
    droppedFamilies: [],
    logNumbers: [],
  };
}
