/**
 * What the workloads need of a store. One call handles a chunk of operations, so that every store
 * is driven by a loop of its own, written as its best user would: plain calls where the store is
 * synchronous, promises in flight together where it is not.
 * @module
 */
import type { Chunk } from './chunk.ts';
import type { KeyForm } from './values.ts';

/**
 * What survives when a write has returned: nothing but the process (`memory`), the death of the
 * process (`os`: the operating system has the bytes), the loss of power (`fsync`).
 */
export type Durability = 'memory' | 'os' | 'fsync';

/** Undefined when the work was done on return. */
export type Pending = Promise<void> | undefined;

/** One pass over the store in key order. */
export interface Scan {
  readonly isReverse: boolean;
  /** Entries after which to stop. */
  readonly limit: number;
  /** Hand out copies that a caller may keep, where the store has a choice. */
  readonly copies: boolean;
}

/** A store. Optional methods are absent where a store has no such thing. */
export interface Engine {
  readonly keyForm: KeyForm;
  /** What a write without, or with, a sync of its own gives; undefined: it cannot do that. */
  durability(sync: boolean): Durability | undefined;

  /** @param sync whether writes will have to be on stable storage when they return */
  open(directory: string, sync: boolean): Promise<void>;
  close(): Promise<void>;

  /** Puts every entry of the chunk in a write of its own. */
  put(chunk: Chunk): Pending;
  /** Puts all entries of the chunk in one atomic write. */
  putBatch(chunk: Chunk): Pending;
  /** Deletes every key of the chunk in a write of its own. */
  delete(chunk: Chunk): Pending;

  /** Reads every key of the chunk by a call of its own; counts what it finds. */
  get(chunk: Chunk): Pending;
  /** As {@link get}, with values that stand until the next call only. */
  getBorrowed?(chunk: Chunk): Pending;
  /** Reads all keys of the chunk in one call. */
  getMany(chunk: Chunk): Pending;

  /** Walks the store once and counts the entries in the chunk. */
  scan(chunk: Chunk, scan: Scan): Pending;
  /** For every key of the chunk: reads `lengths[i]` entries from there on, in a view of its own. */
  seek(chunk: Chunk): Pending;
  /** For every key of the chunk: reads all entries from it up to, not including, `ends[i]`. */
  range(chunk: Chunk): Pending;

  /** Puts everything into its final form: no overwritten or deleted entry takes room. */
  compact?(): Promise<void>;
  /** What the store tells about itself. */
  stats?(): unknown;
}
