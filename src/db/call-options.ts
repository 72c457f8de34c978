/**
 * How the calls of a database are made, and what the long ones report.
 * @module
 */
import type { StopSignal } from '../env/port.ts';
import type { Damage, VerifyDepth } from '../integrity/verify-file.ts';
import type { ColumnFamily } from './column-family.ts';
import type { Bytes } from './input.ts';
import type { Snapshot } from './snapshot.ts';

/** How a write is done. */
export interface WriteOptions {
  /** Block until the write is on stable storage; false if absent; `INVALID` without a WAL. */
  readonly sync?: boolean;
  /**
   * Throw `BUSY`, having written nothing, where the write would have to wait or be slowed until
   * background work has caught up; false if absent. Jobs that are done in the caller's time take
   * theirs all the same.
   */
  readonly noWait?: boolean;
}

/** How a write is done that does not block. */
export interface WriteAsyncOptions {
  /** Resolve when the write is on stable storage; false if absent; `INVALID` without a WAL. */
  readonly sync?: boolean;
}

/** How a single put or delete is done. */
export interface PutOptions extends WriteOptions {
  /** The family, or its name; the default one if absent. */
  readonly columnFamily?: ColumnFamily | string;
}

/** How a point read is done. */
export interface ReadOptions {
  /** Read as of this snapshot; as of now if absent. */
  readonly snapshot?: Snapshot;
  /** The family, or its name; the default one if absent. */
  readonly columnFamily?: ColumnFamily | string;
  /**
   * Return a view of the engine's memory instead of a copy: it stands until the next call and must
   * not be changed. False if absent.
   */
  readonly borrow?: boolean;
}

/** A key range of one family; both ends are inclusive and open if absent. */
export interface CompactOptions {
  /** First key of the range. */
  readonly from?: Bytes;
  /** Last key of the range. */
  readonly to?: Bytes;
  /** The family, or its name; all families if absent. */
  readonly columnFamily?: ColumnFamily | string;
  /**
   * Rewrite also what is one sorted run already, for example to apply options that have changed;
   * false if absent.
   */
  readonly bottommost?: boolean;
}

/** How a verification is done. */
export interface VerifyOptions {
  /** Only tables, or all files: also logs, the manifest and CURRENT; `all` if absent. */
  readonly files?: 'tables' | 'all' | undefined;
  /** How closely to look; `full` if absent. */
  readonly depth?: VerifyDepth | undefined;
  /** Calls it off when it is aborted: the promise rejects with its reason. */
  readonly signal?: StopSignal | undefined;
  /** Told how far it is, after each 4 MiB or so. */
  readonly onProgress?: VerifyProgress | undefined;
  /** Read no more than this, on all workers together; as fast as possible if absent. */
  readonly bytesPerSecond?: number | undefined;
}

/** What `verify` found. */
export interface VerifyReport {
  /** Files that were looked at; one that is missing counts. */
  readonly fileCount: number;
  /** Tables among them. */
  readonly tableCount: number;
  /** Bytes of files that were looked at. */
  readonly bytesRead: number;
  /** Damage that error correction puts right whenever it is read; the files still have it. */
  readonly corrected: readonly Damage[];
  /** Damage that nothing puts right: reads of these places fail. */
  readonly uncorrectable: readonly Damage[];
  /** Damages that are told of no more, because there are so many. */
  readonly omittedCount: number;
}

/** Progress of a `verify`. */
export type VerifyProgress = (bytesRead: number, bytesTotal: number) => void;
