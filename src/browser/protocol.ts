/**
 * What a page and the worker with its database say to each other.
 *
 * The page sends lists of calls: all that were made in one turn of it. The worker answers in lists
 * too: calls that it could answer at once in one, the others as they are done. Calls begin in the
 * order in which they were made. Messages are plain data; entries travel packed, in buffers that
 * change hands.
 * @module
 */
import type { DbEvent } from '../db/events.ts';
import type { Bytes } from '../db/input.ts';
import type { DbOptions } from '../db/options.ts';
import type { RangeOptions } from '../db/range.ts';
import type { DbStats } from '../db/stats.ts';
import type { ErrorCode } from '../errors.ts';

/** What the page sends first. */
export interface WorkerStart {
  /** Directory of the mount in OPFS. */
  readonly name: string;
  readonly db: DbOptions;
  readonly handlesMax: number | undefined;
  readonly persist: boolean | undefined;
  /** Whether events of the database are sent. */
  readonly hasEvents: boolean;
  /** Name of a Web Lock that the worker holds until it ends, in whatever way. */
  readonly lifeLock: string;
}

/** One operation of a batch. */
export type BatchOperation =
  | {
      readonly type: 'put';
      readonly key: Bytes;
      readonly value: Bytes;
      /** Name of the family; the default one if absent. */
      readonly columnFamily?: string;
    }
  | { readonly type: 'delete'; readonly key: Bytes; readonly columnFamily?: string };

/** How a read is done, with a number for the snapshot. */
export interface ReadFields {
  readonly snapshot?: number | undefined;
  readonly columnFamily?: string | undefined;
}

/** Which entries are iterated, and how. */
export interface RangeFields extends Omit<RangeOptions, 'snapshot' | 'columnFamily'>, ReadFields {
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Entries of a range, packed. */
export interface Chunk {
  /** Keys and values back to back. */
  readonly buf: Uint8Array;
  /** Where each key and each value ends in `buf`, by turns. */
  readonly ends: Uint32Array;
  readonly isDone: boolean;
}

/** What a page may ask for, and what comes back. */
export interface Verbs {
  get(key: Bytes, read: ReadFields | undefined): Uint8Array | undefined;
  getMany(keys: readonly Bytes[], read: ReadFields | undefined): (Uint8Array | undefined)[];
  has(key: Bytes, read: ReadFields | undefined): boolean;
  /** @returns the seqno of the last operation */
  write(operations: readonly BatchOperation[], isSynced: boolean): number;
  /** @returns the number of an iterator */
  iterate(range: RangeFields): number;
  next(iterator: number): Chunk;
  end(iterator: number): void;
  /** @returns number and seqno of a snapshot */
  snapshot(): readonly [number, number];
  release(snapshot: number): void;
  columnFamilies(): string[];
  createColumnFamily(name: string): void;
  dropColumnFamily(name: string): void;
  approximateSize(range: RangeFields): number;
  stats(): DbStats;
  sync(): void;
  flush(): void;
  compact(range: {
    readonly from?: Bytes;
    readonly to?: Bytes;
    readonly columnFamily?: string;
  }): void;
  resume(): void;
  close(): void;
}

/** Name of something that a page may ask for. */
export type Verb = keyof Verbs;

/** A call: its number, a verb, and its arguments. */
export type Call = readonly [id: number, verb: Verb, ...args: unknown[]];

/** The answer to a call: what it returned, or why it failed. */
export type Answer = readonly [id: number, value: unknown, failure?: Failure];

/** What the worker sends. */
export interface Message {
  readonly answers?: readonly Answer[];
  readonly event?: DbEvent;
}

/** An error as plain data. */
export interface Failure {
  /** A stable code, or the class of a mistake of the caller. */
  readonly code: ErrorCode | 'TypeError' | 'RangeError';
  readonly message: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
}

/** The number that answers to {@link WorkerStart} have. */
export const START_ID = 0;
