/**
 * What a repair finds, does and cannot do.
 * @module
 */

/** A range of user keys, both ends inclusive. */
export interface KeySpan {
  /** The first of them. */
  readonly smallestKey: Uint8Array;
  /** The last of them. */
  readonly largestKey: Uint8Array;
}

/**
 * Something that is lost for good. A table that a manifest names stays in its place: reads of it
 * fail until a salvage lets go of it.
 */
export interface RepairLoss {
  /** Undefined where it may have been of any family. */
  readonly columnFamily: string | undefined;
  /** Path of the file that held it. */
  readonly file: string;
  /** What is wrong with the file, or what of it is missing. */
  readonly reason: string;
  /** Within which its keys were; undefined where that is not known. */
  readonly keys: KeySpan | undefined;
}

/** Keys that may show older values than they had, or be there although they were deleted. */
export interface RepairDoubt {
  /** Undefined for all families. */
  readonly columnFamily: string | undefined;
  /** Undefined for all keys. */
  readonly keys: KeySpan | undefined;
  /** What gives cause for it. */
  readonly reason: string;
}

/** A family as it is after the repair. */
export interface RepairedFamily {
  /** See `isNameKnown`. */
  readonly name: string;
  /** False when the name was lost, and this one is made up. */
  readonly isNameKnown: boolean;
  /** Tables on all levels; what logs hold comes on top. */
  readonly tableCount: number;
  /** The size of these tables. */
  readonly tableBytes: number;
}

/** A file that is no part of the database, and gets the ending `.lost`. */
export interface PutAside {
  /** Path, without that ending. */
  readonly file: string;
  /** Why it is none. */
  readonly reason: string;
}

/** See the module head. */
export interface RepairReport {
  /** What is wrong with the database as a whole, one sentence each; none if it opens as it is. */
  readonly problems: readonly string[];
  /** False when there was nothing to do, or nothing was to be done yet. */
  readonly isRepaired: boolean;
  /** What the database consists of then, by id. */
  readonly columnFamilies: readonly RepairedFamily[];
  /** Files that are no part of it. */
  readonly putAside: readonly PutAside[];
  /** What is gone. */
  readonly losses: readonly RepairLoss[];
  /** What may be older than it was. */
  readonly doubts: readonly RepairDoubt[];
  /** Batches that logs hold and tables may not. */
  readonly logRecordCount: number;
  /** The newest write that is there. */
  readonly lastSeqno: number;
}
