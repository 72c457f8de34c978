/**
 * Open tables, by file number. A table is opened at its first use and stays open while there is
 * room for its handle.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { successorOf } from '../bytes/compare.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { corruption, type ErrorCode, isVarveError, type LostKeys, VarveError } from '../errors.ts';
import {
  type FileHandle,
  type Fs,
  type HandleHolder,
  joinPath,
  type ReadableFile,
} from '../fs/port.ts';
import { tableName } from '../manifest/file-names.ts';
import { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { KeptFile } from './kept-file.ts';

/** A get in vain costs about as much as merging this many bytes with the level below. */
const VAIN_READ_BYTES = 128;
const VAIN_READS_MIN = 4096;
/** Passing a tombstone costs about as much as merging this many bytes. */
const PASSED_BYTES = 64;
const PASSED_MIN = 4096;

/** What is thrown of a file that is damaged, or that the device does not give. */
const LOSSES: readonly ErrorCode[] = ['CORRUPTION', 'IO', 'UNSUPPORTED'];

/** All user keys of a table. */
export function lostKeysOf({ smallestKey, largestKey }: TableMeta): LostKeys {
  return { gte: smallestKey, lt: successorOf(largestKey) };
}

/** A table of the database, open or not; one object per file for as long as the file lives. */
export class TableSlot {
  readonly meta: TableMeta;
  /** The meta's, once more where searches find them without a detour. */
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  table: Table | undefined;
  /** The file, where it is kept open; see `TableCache.keep`. */
  kept: KeptFile | undefined;
  /** Cursors that stand on the table; it is not closed under them. */
  pins: number;
  /** Set by every use, cleared by the sweep that looks for a table to close. */
  wasUsed: boolean;
  /** Gets that the filter let pass, and that found nothing. */
  vainReads: number;
  /** After so many, the table is better merged with what is below it. */
  readonly vainReadsMax: number;
  /** Tombstones, about, that scans have passed in it on their way to a key that is there. */
  passed: number;
  /** After so many, the table is better merged with what is below it. */
  readonly passedMax: number;

  constructor(meta: TableMeta) {
    this.meta = meta;
    this.smallestKey = meta.smallestKey;
    this.largestKey = meta.largestKey;
    this.table = undefined;
    this.kept = undefined;
    this.pins = 0;
    this.wasUsed = false;
    this.vainReads = 0;
    this.vainReadsMax = Math.max(VAIN_READS_MIN, Math.ceil(meta.sizeBytes / VAIN_READ_BYTES));
    this.passed = 0;
    this.passedMax = Math.max(PASSED_MIN, Math.ceil(meta.sizeBytes / PASSED_BYTES));
  }
}

/** The table slots of one database. */
export class TableCache implements HandleHolder {
  /** Called when a table has been opened, and takes memory. */
  onOpened: () => void;
  /** Told of what cannot be read of a table: a data block, or all of it. */
  onLost: (slot: TableSlot, ordinal: number | undefined, error: VarveError) => void;
  /** Makes the error for a table whose file is not there. */
  onMissing: (slot: TableSlot) => VarveError;
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #blocks: BlockCache;
  readonly #pipeline: Pipeline;
  readonly #openMax: number;
  readonly #slots: Map<number, TableSlot>;
  /** Slots whose table is open, in the order in which the sweep meets them. */
  #open: TableSlot[];
  /** Slots whose file is kept open. */
  #kept: TableSlot[];
  /** Files that are open. */
  #handleCount: number;

  constructor(fs: Fs, directory: string, blocks: BlockCache, pipeline: Pipeline, openMax: number) {
    this.onOpened = () => {};
    this.onLost = () => {};
    // The manifest names it, so that it is gone is damage and no failure of the file system.
    this.onMissing = (slot) => corruption('table is missing', this.pathOf(slot), 0);
    this.#fs = fs;
    this.#directory = directory;
    this.#blocks = blocks;
    this.#pipeline = pipeline;
    this.#openMax = openMax;
    this.#slots = new Map();
    this.#open = [];
    this.#kept = [];
    this.#handleCount = 0;
    fs.handles?.add(this);
  }

  /** Number of tables that are open now. */
  get openCount(): number {
    return this.#open.length;
  }

  /** Files of tables that are open now. */
  get handleCount(): number {
    return this.#handleCount;
  }

  /** Bytes of indexes and filters of the open tables. */
  get memoryBytes(): number {
    let sum = 0;
    for (const slot of this.#open) sum += slot.table!.memoryBytes;
    return sum;
  }

  /** The slot of a table; made at the first call for its file number. */
  slot(meta: TableMeta): TableSlot {
    let slot = this.#slots.get(meta.fileNumber);
    if (slot === undefined) {
      slot = new TableSlot(meta);
      this.#slots.set(meta.fileNumber, slot);
    }
    return slot;
  }

  /** The slot of a table that is known, by its number. */
  find(fileNumber: number): TableSlot | undefined {
    return this.#slots.get(fileNumber);
  }

  /** Numbers of the tables that it has slots of; fresh. */
  numbers(): Set<number> {
    return new Set(this.#slots.keys());
  }

  /** The slot of a table of the database, by its number. */
  slotOf(fileNumber: number): TableSlot {
    return this.#slots.get(fileNumber)!;
  }

  /**
   * The open table of a slot.
   * @throws VarveError `CORRUPTION` or `IO` when the file cannot be opened as that table; of
   * {@link onMissing}
   */
  open(slot: TableSlot): Table {
    slot.wasUsed = true;
    if (slot.table !== undefined) return slot.table;
    while (this.#open.length >= this.#openMax && this.#closeOne(false));
    const table = this.#openTable(slot);
    table.blocks.onLost = (ordinal, error) => {
      return this.#lose(slot, ordinal, error, table.lostKeys(ordinal));
    };
    slot.table = table;
    if (slot.kept === undefined) this.#handleCount++;
    this.#open.push(slot);
    this.onOpened();
    return slot.table;
  }

  #openTable(slot: TableSlot): Table {
    try {
      return Table.open(this.openFile(slot), slot.meta, this.#blocks, this.#pipeline);
    } catch (error) {
      throw this.#lose(slot, undefined, error, lostKeysOf(slot.meta));
    }
  }

  /** Tells of what cannot be read; returns the error with the keys that it concerns. */
  #lose(slot: TableSlot, ordinal: number | undefined, error: unknown, lostKeys: LostKeys): unknown {
    if (!isVarveError(error) || !LOSSES.includes(error.code)) return error;
    const { code, message, file, offset, cause } = error;
    const told = new VarveError(code, message, { file, offset, lostKeys, cause });
    this.onLost(slot, ordinal, told);
    return told;
  }

  pathOf(slot: TableSlot): string {
    return joinPath(this.#directory, tableName(slot.meta.fileNumber));
  }

  /**
   * The file of a table, which the caller closes.
   * @throws VarveError `IO`, or of {@link onMissing}
   */
  openFile(slot: TableSlot): ReadableFile {
    return slot.kept ?? this.#openFile(slot);
  }

  #openFile(slot: TableSlot): FileHandle {
    const path = this.pathOf(slot);
    this.#fs.handles?.makeRoom();
    try {
      return this.#fs.open(path, 'read');
    } catch (error) {
      if (this.#fs.exists(path)) throw error;
      throw this.onMissing(slot);
    }
  }

  /**
   * Keeps the file of a table open, whether or not the table is, so that it can be read when
   * somebody has removed it: as long as there is room for it among all files that are open.
   * @throws as {@link openFile}
   */
  keep(slot: TableSlot): void {
    const isOpen = slot.kept !== undefined || slot.table !== undefined;
    if (isOpen || this.#fs.handles?.hasRoom === false) return;
    slot.kept = new KeptFile(this.#openFile(slot));
    this.#kept.push(slot);
    this.#handleCount++;
  }

  /** Rather a table that can be opened again than a file that may be gone. */
  giveUpHandle(): boolean {
    if (this.#closeOne(true)) return true;
    // From the deepest level up: files there live the longest.
    const at = this.#kept.findLastIndex(({ pins }) => pins === 0);
    if (at < 0) return false;
    const slot = this.#kept[at]!;
    this.#closeIfOpen(slot);
    this.#letGo(slot);
    return true;
  }

  /** Closes a table for good, before its file is removed. */
  forget(slot: TableSlot): void {
    this.#slots.delete(slot.meta.fileNumber);
    this.#closeIfOpen(slot);
    this.#letGo(slot);
  }

  closeAll(): void {
    for (const slot of this.#open) this.#close(slot);
    this.#open = [];
    const kept = this.#kept;
    this.#kept = [];
    for (const slot of kept) this.#letGo(slot);
    this.#slots.clear();
    this.#fs.handles?.remove(this);
  }

  /**
   * Closes the first table that is not pinned and was not used since the last sweep.
   * @param forHandle only one whose file is closed with it
   * @returns false when there is none
   */
  #closeOne(forHandle: boolean): boolean {
    for (let looked = 0; looked < this.#open.length * 2; looked++) {
      const slot = this.#open.shift()!;
      const isWanted = !forHandle || slot.kept === undefined;
      if (isWanted && slot.pins === 0 && !slot.wasUsed) {
        this.#close(slot);
        return true;
      }
      slot.wasUsed = false;
      this.#open.push(slot);
    }
    return false;
  }

  #closeIfOpen(slot: TableSlot): void {
    if (slot.table === undefined) return;
    this.#open = this.#open.filter((other) => other !== slot);
    this.#close(slot);
  }

  /** The table is not open. */
  #letGo(slot: TableSlot): void {
    const { kept } = slot;
    if (kept === undefined) return;
    this.#kept = this.#kept.filter((other) => other !== slot);
    slot.kept = undefined;
    this.#handleCount--;
    this.#pipeline.closeFile(kept.file);
  }

  /** The slot is no longer among those that are open. */
  #close(slot: TableSlot): void {
    const table = slot.table!;
    slot.table = undefined;
    if (slot.kept === undefined) this.#handleCount--;
    table.close();
  }
}
