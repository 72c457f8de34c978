/**
 * Verification of one table, past every cache.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { corruption, isVarveError } from '../errors.ts';
import { closeFile, type Fs, joinPath } from '../fs/port.ts';
import { tableName } from '../manifest/file-names.ts';
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
 * @returns undefined when the table is sound
 */
export function verifyTable(
  fs: Fs,
  directory: string,
  meta: TableMeta,
  pipeline: Pipeline,
): Damage | undefined {
  const path = joinPath(directory, tableName(meta.fileNumber));
  try {
    if (!fs.exists(path)) throw corruption('table is missing', path, 0);
    const file = fs.open(path, 'read');
    try {
      const table = Table.open(file, meta, new BlockCache(0), pipeline);
      table.verify();
      table.close();
    } finally {
      closeFile(file);
    }
    return undefined;
  } catch (error) {
    if (!isVarveError(error)) throw error;
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
