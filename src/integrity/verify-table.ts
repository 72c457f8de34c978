/**
 * Verification of one table, past every cache.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { isVarveError } from '../errors.ts';
import { closeFile, type ReadableFile } from '../fs/port.ts';
import { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** Damage that was found in one file. */
export interface Damage {
  /** Path of the file. */
  readonly file: string;
  /** Offset of the damaged block, undefined when the whole file is concerned. */
  readonly offset: number | undefined;
  /** What is wrong. */
  readonly message: string;
  /** First and last user key of the table: what may be affected. */
  readonly smallestKey: Uint8Array;
  /** See `smallestKey`. */
  readonly largestKey: Uint8Array;
}

/**
 * Reads every block of a table from disk and checks checksums, order and counts. Damage that the
 * table's code puts right is reported to the pipeline.
 * @param path of the file, for messages
 * @param openFile opens it; what that returns is closed
 * @returns undefined when the table is sound
 * @throws VarveError `STALE` of `openFile`
 */
export function verifyTable(
  path: string,
  openFile: () => ReadableFile,
  meta: TableMeta,
  pipeline: Pipeline,
): Damage | undefined {
  try {
    const file = openFile();
    try {
      const table = Table.open(file, meta, new BlockCache(0), pipeline);
      table.verify();
      table.close();
    } finally {
      closeFile(file);
    }
    return undefined;
  } catch (error) {
    if (!isVarveError(error) || error.code === 'STALE') throw error;
    const { smallestKey, largestKey } = meta;
    return {
      file: error.file ?? path,
      offset: error.offset,
      message: error.message,
      smallestKey,
      largestKey,
    };
  }
}
