/**
 * The user's cursor over a column family.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { CopyPool } from '../bytes/copy-pool.ts';
import { VarveError } from '../errors.ts';
import type { LostRange } from '../integrity/table-health.ts';
import { mergeCursors } from '../iterator/merging-cursor.ts';
import { UserCursor } from '../iterator/user-cursor.ts';
import type { Cursor } from '../key/cursor.ts';
import type { TableCursorOptions } from '../sstable/table-cursor.ts';
import { LevelCursor } from '../tables/level-cursor.ts';
import { LostParts } from '../tables/lost-parts.ts';
import { SkippingCursor, SkippingView } from '../tables/skipping-cursor.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { DbCore } from './core.ts';
import type { Family, FamilyView } from './family.ts';
import { type ByteInput, type Bytes, keyInput } from './input.ts';
import { CursorHold } from './open-cursors.ts';
import { keyRangeOf, type RangeOptions, tableCursorOptions } from './range.ts';

/**
 * Walks a range of keys as it was when the cursor was made, in either direction, without creating
 * anything per entry. Every move returns whether the cursor stands on an entry, as `valid` does.
 *
 * The current entry's bytes are lent: `keyBuf[keyOff, keyOff + keyLen)` and
 * `valBuf[valOff, valOff + valLen)` stand until the next move or {@link close}; {@link key} and
 * {@link value} make copies. While open, a cursor keeps what it sees from being deleted; one that
 * is dropped without being closed does so until the garbage collector notices.
 */
export class DbCursor {
  readonly #core: DbCore;
  readonly #hold: CursorHold;
  /** Those of the hold, or none once the cursor is closed. */
  #entries: UserCursor;
  readonly #target: ByteInput;
  readonly #copies: CopyPool;
  readonly #columnFamily: string;
  /** Undefined where damage throws. */
  readonly #lost: LostParts | undefined;

  /** Made by `db.cursor()`. */
  constructor(
    core: DbCore,
    { skipped, handle }: Family,
    view: FamilyView,
    seqno: number,
    range: RangeOptions,
  ) {
    this.#core = core;
    const lost = range.onDamage === 'skip' ? new LostParts(seqno) : undefined;
    const options = {
      ...keyRangeOf(range),
      // What is left out for damage is not deleted.
      skipped: lost === undefined && seqno === core.lastSeqno ? skipped : undefined,
    };
    const cursor = openView(core, view, tableCursorOptions(range), lost);
    this.#entries = new UserCursor(cursor, seqno, options);
    this.#target = keyInput();
    this.#copies = new CopyPool();
    this.#columnFamily = handle.name;
    this.#lost = lost;
    this.#hold = new CursorHold(this.#entries, view, seqno);
    core.cursors.add(this, this.#hold);
  }

  /** True while the cursor stands on an entry. */
  get valid(): boolean {
    return this.#entries.valid;
  }
  /** Holds the current key, `[keyOff, keyOff + keyLen)`: lent until the next move or `close`. */
  get keyBuf(): Uint8Array {
    return this.#entries.keyBuf;
  }
  /** Where the key begins in `keyBuf`. */
  get keyOff(): number {
    return this.#entries.keyOff;
  }
  /** Length of the key in bytes. */
  get keyLen(): number {
    return this.#entries.keyLen;
  }
  /** Holds the current value, as `keyBuf` the key; another buffer or the same. */
  get valBuf(): Uint8Array {
    return this.#entries.valBuf;
  }
  /** Where the value begins in `valBuf`. */
  get valOff(): number {
    return this.#entries.valOff;
  }
  /** Length of the value in bytes. */
  get valLen(): number {
    return this.#entries.valLen;
  }

  /**
   * With `onDamage: 'skip'`: ranges of keys that were left out because they cannot be read, as far
   * as the cursor has met them, in the order in which it did. They may reach beyond the range of
   * the cursor. Fresh.
   */
  get lostRanges(): LostRange[] {
    const columnFamily = this.#columnFamily;
    return (this.#lost?.met ?? []).map(({ slot, ordinal, gte, lt, error }) => ({
      columnFamily,
      file: error.file ?? '',
      fileNumber: slot.meta.fileNumber,
      offset: ordinal === undefined ? undefined : error.offset,
      gte,
      lt,
      message: error.message,
    }));
  }

  /** To the first entry of the range. @throws VarveError `CLOSED`, `CORRUPTION`, `IO` */
  first(): boolean {
    this.#assertOpen();
    return this.#entries.first();
  }

  /** To the last entry of the range. Throws as {@link first}. */
  last(): boolean {
    this.#assertOpen();
    return this.#entries.last();
  }

  /** To the first entry at or after `key`, within the range. Borrows the key. */
  seek(key: Bytes): boolean {
    this.#assertOpen();
    this.#target.set(key);
    return this.#entries.seek(this.#target.buf, 0, this.#target.len);
  }

  /** To the last entry at or before `key`, within the range. Borrows the key. */
  seekForPrev(key: Bytes): boolean {
    this.#assertOpen();
    this.#target.set(key);
    return this.#entries.seekForPrev(this.#target.buf, 0, this.#target.len);
  }

  /** To the next entry; false, and no error, when the cursor stands on none. */
  next(): boolean {
    if (!this.#hold.isOpen) this.#assertOpen();
    return this.#entries.next();
  }

  /** To the previous entry; false, and no error, when the cursor stands on none. */
  prev(): boolean {
    if (!this.#hold.isOpen) this.#assertOpen();
    return this.#entries.prev();
  }

  /** A fresh copy of the current key. @throws VarveError `INVALID` when on no entry */
  key(): Uint8Array {
    const { valid, keyBuf, keyOff, keyLen } = this.#entries;
    if (!valid) throw new VarveError('INVALID', 'the cursor stands on no entry');
    return this.#copies.copy(keyBuf, keyOff, keyLen);
  }

  /** A fresh copy of the current value. @throws VarveError `INVALID` when on no entry */
  value(): Uint8Array {
    const { valid, valBuf, valOff, valLen } = this.#entries;
    if (!valid) throw new VarveError('INVALID', 'the cursor stands on no entry');
    return this.#copies.copy(valBuf, valOff, valLen);
  }

  /** Lets go of what the cursor pins; closing twice is allowed. */
  close(): void {
    this.#core.cursors.release(this, this.#hold);
    this.#entries = this.#hold.entries;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** True when no entry can follow the current one, by the bound that the cursor moves towards. */
  static isAtBound(cursor: DbCursor): boolean {
    return cursor.#entries.isAtBound;
  }

  #assertOpen(): void {
    if (!this.#hold.isOpen) throw new VarveError('CLOSED', 'the cursor is closed');
  }
}

/**
 * One cursor over everything in a view.
 * @param lost takes what is passed over; undefined where damage throws
 */
function openView(
  core: DbCore,
  view: FamilyView,
  options: TableCursorOptions,
  lost: LostParts | undefined,
): Cursor {
  const cursors: Cursor[] = view.memtables
    .filter((memtable) => !memtable.isEmpty)
    .map((memtable) => memtable.cursor());
  const [l0, ...deeper] = view.levels;
  const runs = [...l0!.map((slot) => [slot]), ...deeper.filter((slots) => slots.length > 0)];
  const merged = mergeCursors([...cursors, ...runCursors(core, runs, options, lost)]);
  return lost === undefined ? merged : new SkippingView(merged, lost);
}

/**
 * A cursor over each of some sorted runs.
 * @param runs newest first
 * @param lost takes what is passed over; undefined where damage throws
 */
export function runCursors(
  core: DbCore,
  runs: readonly (readonly TableSlot[])[],
  options: TableCursorOptions,
  lost: LostParts | undefined,
): Cursor[] {
  return runs.map((slots, rank) => {
    const run = new LevelCursor(slots, core.tables, options);
    return lost === undefined ? run : new SkippingCursor(run, rank, lost);
  });
}
