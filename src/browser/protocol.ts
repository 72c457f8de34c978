/**
 * What a page and the worker that leads say to each other; who leads is settled in tab.ts.
 *
 * A link is a `MessagePort`, or a `BroadcastChannel` that only the two have. The worker sends
 * {@link Message} with `isAttached` first. From then on the page sends {@link Request}: all calls
 * that were made in one turn of it. The worker answers in lists too: calls that it could answer at
 * once in one, the others as they are done. Calls begin in the order in which they were made, and
 * their numbers rise. Messages are plain data; entries travel packed, in buffers that change hands.
 *
 * Calls that a worker has not answered when it ends are made again to the next one, with the
 * numbers that they had; {@link AFTER_LOSS} says of which verbs that is true.
 * @module
 */
import type { CheckpointReport } from '../copy/checkpoint.ts';
import type { VerifyOptions, VerifyReport } from '../db/call-options.ts';
import type { DbEvent } from '../db/events.ts';
import type { Bytes } from '../db/input.ts';
import type { DbOptions } from '../db/options.ts';
import type { RangeOptions } from '../db/range.ts';
import type { DbScrubOptions, DbScrubReport } from '../db/scrub.ts';
import type { DbStats } from '../db/stats.ts';
import type { WatchPack } from '../db/watch-events.ts';
import type { WatchRange } from '../db/watch-ranges.ts';
import type { ErrorCode } from '../errors.ts';

/** Tabs may run different builds of a site: those of other versions do not talk to each other. */
export const PROTOCOL_VERSION = 1;

/** One end of what joins a page and a worker; undefined data never comes. */
export interface Link {
  onmessage: ((event: { readonly data: never }) => void) | null;
  postMessage(message: unknown, transfer?: object[]): void;
  close(): void;
}

/** A page, as a worker knows it. */
export interface ClientIdentity {
  /** Random, 16 characters; names the page's life lock. */
  readonly client: string;
  /** Whether events of the database are sent. */
  readonly hasEvents: boolean;
}

/** What a page sends to the worker that it starts, with one end of a pipe. */
export interface WorkerStart extends ClientIdentity {
  /** Directory of the mount in OPFS. */
  readonly name: string;
  readonly db: DbOptions;
  readonly handlesMax: number | undefined;
  readonly persist: boolean | undefined;
  /** Name of a Web Lock that the worker holds until it ends, in whatever way. */
  readonly lifeLock: string;
  /** Random; what other tabs know the worker by. Undefined where there are none. */
  readonly leader: string | undefined;
  /** Whether to wait as long as the files are still open: their owner is dying, or frozen. */
  readonly isTakeover: boolean;
}

/** What the worker answers by itself: that it holds its lock, and later why it cannot open. */
export interface WorkerNews {
  readonly isAlive?: true;
  readonly failure?: Failure;
}

/** What all tabs of a database hear, on its control channel. */
export type ControlMessage =
  /** A page asks who leads. */
  | { readonly kind: 'hello' }
  /** A worker says that it does. */
  | { readonly kind: 'leader'; readonly leader: string; readonly version: number }
  /** A page wants a link to this worker, over the channel of this name. */
  | (ClientIdentity & {
      readonly kind: 'attach';
      readonly leader: string;
      readonly channel: string;
    });

/** Name of the channel that all tabs of a database listen to. */
export function controlChannel(name: string): string {
  return `varve-tabs:${name}`;
}

/** Name of the Web Lock that a page holds as long as it may come back, frozen or not. */
export function clientLock(client: string): string {
  return `varve-client:${client}`;
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

/** Keys that a page watches. */
export interface PageWatchRange extends Omit<WatchRange, 'columnFamily'> {
  /** Name of the family; the default one if absent. */
  readonly columnFamily?: string;
}

/** What is watched, and how much of it may wait. */
export interface WatchFields {
  readonly ranges: readonly PageWatchRange[];
  readonly bufferBytes: number | undefined;
}

/** How a page looks at files. */
export interface ScrubFields extends Omit<DbScrubOptions, 'signal' | 'onProgress'> {
  /** Name of the family. */
  readonly columnFamily?: string;
}

/** How a page verifies. */
export type VerifyFields = Omit<VerifyOptions, 'signal' | 'onProgress'>;

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
  /** Iterators have numbers of the page's. @returns the seqno as of which it reads */
  iterate(iterator: number, range: RangeFields): number;
  next(iterator: number): Chunk;
  end(iterator: number): void;
  /** Watches have numbers of the page's as well. */
  watch(watch: number, fields: WatchFields): void;
  /**
   * What a watch tells next, once there is something; undefined when it has ended. A worker that
   * does not know the watch begins it, and says that something was missed.
   */
  watched(watch: number, fields: WatchFields): WatchPack | undefined;
  unwatch(watch: number): void;
  /** Snapshots have numbers of the page's too. @returns its seqno */
  snapshot(snapshot: number): number;
  release(snapshot: number): void;
  /** Has again what an earlier worker had for this page, as far as that state is still there. */
  restore(
    snapshots: readonly (readonly [snapshot: number, seqno: number])[],
    iterators: readonly (readonly [iterator: number, seqno: number, range: RangeFields])[],
  ): void;
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
  /** Long work has a number of the page's, by which it tells its progress and is called off. */
  scrub(task: number, fields: ScrubFields): DbScrubReport;
  verify(task: number, fields: VerifyFields): VerifyReport;
  /** @param name of the new database's directory in OPFS */
  checkpoint(task: number, name: string): CheckpointReport;
  /**
   * The next piece of the export file of the database; undefined at the end.
   * @param isFirst whether to begin it
   */
  exported(task: number, isFirst: boolean): Uint8Array | undefined;
  cancel(task: number): void;
  /** Makes all writes durable; the worker of the page itself gives its files back as well. */
  close(): void;
  /** The page goes, perhaps to come back: what is open for it is closed. Without an answer. */
  leave(): void;
}

/** Name of something that a page may ask for. */
export type Verb = keyof Verbs;

/** What becomes of a call whose worker ended before it answered. */
export const AFTER_LOSS: Readonly<Record<Verb, 'repeat' | 'unknown'>> = {
  get: 'repeat',
  getMany: 'repeat',
  has: 'repeat',
  // The next worker knows which writes were done: see marks.ts.
  write: 'repeat',
  iterate: 'repeat',
  next: 'repeat',
  end: 'repeat',
  watch: 'repeat',
  watched: 'repeat',
  unwatch: 'repeat',
  snapshot: 'repeat',
  release: 'repeat',
  restore: 'repeat',
  columnFamilies: 'repeat',
  createColumnFamily: 'unknown',
  dropColumnFamily: 'unknown',
  approximateSize: 'repeat',
  stats: 'repeat',
  sync: 'repeat',
  flush: 'repeat',
  compact: 'repeat',
  resume: 'repeat',
  scrub: 'repeat',
  verify: 'repeat',
  // It may be there, and then cannot be made again.
  checkpoint: 'unknown',
  exported: 'repeat',
  cancel: 'repeat',
  close: 'repeat',
  leave: 'repeat',
};

/** A call: its number, a verb, and its arguments. */
export type Call = readonly [id: number, verb: Verb, ...args: unknown[]];

/** The answer to a call: what it returned, or why it failed. */
export type Answer = readonly [id: number, value: unknown, failure?: Failure];

/** What a page sends. */
export interface Request {
  readonly calls: readonly Call[];
  /** Calls of lower numbers have been answered, and are not made again. */
  readonly pendingFrom: number;
}

/** What the worker sends. */
export interface Message {
  /** The first message of a link: the database is open. */
  readonly isAttached?: true;
  readonly answers?: readonly Answer[];
  readonly event?: DbEvent;
  readonly progress?: Progress;
}

/** How far long work is; a scrub counts files while they grow. */
export type Progress = readonly [task: number, bytesDone: number, bytesTotal: number];

/** An error as plain data. */
export interface Failure {
  /** A stable code, or the class of a mistake of the caller. */
  readonly code: ErrorCode | 'TypeError' | 'RangeError';
  readonly message: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
}
