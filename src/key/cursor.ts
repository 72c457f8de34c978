/**
 * The contract of every cursor inside the engine: memtable, table, level, merging.
 *
 * A cursor moves and exposes fields; it creates nothing per entry. It stands on one entry of the
 * internal order (user key ascending, then seqno descending), or on none, when `valid` is false.
 *
 * - Every move returns the new `valid`.
 * - The fields describe the entry until the next move; with `valid` false they mean nothing.
 * - `keyBuf` and `valBuf` are lent: the bytes stand until the next move or `close`. A caller that
 *   keeps them copies them.
 * - `next` and `prev` are called only while `valid`. After running off either end, position again
 *   with `first`, `last`, `seek` or `seekForPrev`.
 * - A cursor throws `VarveError` when bytes on disk are damaged; it is then invalid, and may be
 *   positioned again.
 * @module
 */

/** The part of the contract that one pass from front to back takes. */
export interface EntryStream {
  valid: boolean;
  /** User key of the current entry: `keyBuf[keyOff, keyOff + keyLen)`. */
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  /** One of the `KIND_*` numbers. */
  kind: number;
  /** Value of the current entry: `valBuf[valOff, valOff + valLen)`; empty for a tombstone. */
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;

  /** To the first entry. */
  first(): boolean;
  next(): boolean;
  /**
   * The checksum that is stored with the current entry (entry-checksum.ts), or `NO_ENTRY_CHECKSUM`
   * where there is none. Called only while `valid`.
   */
  entryChecksum(): number;
  /** Releases what the cursor pins. Closing twice is allowed. */
  close(): void;
}

/** A stream for a merge. */
export interface MergeInput extends EntryStream {
  /**
   * After `next`: bytes that the user key has in common with that of the entry before, as far as
   * that costs nothing to know. It may have more.
   */
  readonly knownShared: number;
}

/** See the module head. */
export interface Cursor extends EntryStream {
  /** To the last entry. */
  last(): boolean;
  /**
   * To the first entry at or after (user key, seqno) in internal order: the newest version of the
   * key that is not newer than `seqno`, or the first entry of a greater key. Borrows `buf` for the
   * call.
   */
  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean;
  /**
   * To the last entry at or before (user key, seqno) in internal order. With seqno 0 that is the
   * oldest version of the key, or the last entry of a smaller key. Borrows `buf` for the call.
   */
  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean;
  prev(): boolean;
  /**
   * Asks for the value of the current entry to stand until `close`, moves or not. Called only while
   * `valid`.
   * @returns false if it will not: who needs it copies it
   */
  keepValue(): boolean;
}
