/**
 * The verification of one table: everything that its bytes and the manifest promise.
 * @module
 */
import type { BlockCache } from '../cache/block-cache.ts';
import { isVarveError, type VarveError } from '../errors.ts';
import type { JobContext } from '../job/job-context.ts';
import { Table } from '../sstable/table.ts';
import type { TableCheck } from '../sstable/table-check.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** Damage that was found in one file. */
export interface Damage {
  /** Path of the file. */
  readonly file: string;
  /** Offset of the damaged block, undefined when the whole file is concerned. */
  readonly offset: number | undefined;
  /** What is wrong. */
  readonly message: string;
  /** First user key that may be affected. */
  readonly smallestKey: Uint8Array;
  /** Last user key that may be affected. */
  readonly largestKey: Uint8Array;
}

/** See the module head. */
export class TableVerification {
  readonly meta: TableMeta;
  readonly damages: Damage[];
  readonly #path: string;
  #table: Table | undefined;
  #check: TableCheck | undefined;

  /**
   * Opens the table.
   * @throws VarveError `STALE` if its file is gone, and no part of the database any more
   */
  constructor(meta: TableMeta, { tables, pipeline }: JobContext, blocks: BlockCache) {
    const slot = tables.slot(meta);
    this.meta = meta;
    this.damages = [];
    this.#path = tables.pathOf(slot);
    this.#table = undefined;
    this.#check = undefined;
    try {
      this.#table = Table.open(tables.openFile(slot), meta, blocks, pipeline);
      this.#check = this.#table.check((fault) => this.#note(fault));
    } catch (error) {
      if (!isVarveError(error) || error.code === 'STALE') throw error;
      this.#note(error);
    }
  }

  /** Bytes of the table that were looked at. */
  get bytesRead(): number {
    return this.#check?.position ?? 0;
  }

  /** Looks at about so much more; false when all was looked at. */
  step(budgetBytes: number): boolean {
    try {
      return this.#check?.step(budgetBytes) ?? false;
    } catch (error) {
      if (!isVarveError(error)) throw error;
      this.#note(error);
      return false;
    }
  }

  close(): void {
    this.#table?.close();
  }

  #note({ file, offset, message }: VarveError): void {
    const { smallestKey, largestKey } =
      offset === undefined || this.#table === undefined
        ? this.meta
        : this.#table.keysAround(offset);
    this.damages.push({ file: file ?? this.#path, offset, message, smallestKey, largestKey });
  }
}
