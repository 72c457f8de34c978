/**
 * The user's handle on a column family.
 * @module
 */

export { DEFAULT_FAMILY_ID, DEFAULT_FAMILY_NAME } from '../manifest/family-version.ts';

/**
 * A column family of one open database: a key space of its own that shares the WAL and atomic
 * batches with its siblings. Get it from `db.columnFamily(name)`.
 */
export class ColumnFamily {
  /** Its name, unique in the database. */
  readonly name: string;
  /** Stable number of the family; never reused within a database. */
  readonly id: number;
  /** Whether its entries carry checksums; see the option. */
  readonly entryChecksums: boolean;

  constructor(name: string, id: number, entryChecksums = false) {
    this.name = name;
    this.id = id;
    this.entryChecksums = entryChecksums;
  }
}
