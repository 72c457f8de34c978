/**
 * Opens the tables that a repair may use, and reads those wholly that no manifest describes: their
 * checksum is to stand in the new one.
 * @module
 */
import { Digest64, FileChecksum } from '../block/checksum.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import { closeFile, type FileHandle, type Fs, joinPath, readAt } from '../fs/port.ts';
import { tableName } from '../manifest/file-names.ts';
import { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { KeySpan } from './repair-report.ts';
import type { FoundTable } from './repair-survey.ts';

const READ_BYTES = 0x10_0000;

/** A block, or more, of a table that nothing puts right. */
export interface TableDamage {
  readonly reason: string;
  readonly keys: KeySpan;
}

/** A table that opens. */
export interface CheckedTable {
  readonly meta: TableMeta;
  /** Of a table that was read wholly. */
  readonly damage: readonly TableDamage[];
}

/**
 * @param meta what a manifest says of the table, which is then only opened; undefined if none does
 * @throws VarveError `CORRUPTION` when it cannot be opened, or of the `Fs`
 */
export function checkTable(
  fs: Fs,
  directory: string,
  found: FoundTable,
  meta: TableMeta | undefined,
  pipeline: Pipeline,
): CheckedTable {
  const path = joinPath(directory, tableName(found.fileNumber));
  const own = meta ?? ownMeta(found);
  const table = Table.open(fs.open(path, 'read'), own, new BlockCache(0), pipeline);
  try {
    if (meta !== undefined) return { meta, damage: [] };
    const damage: TableDamage[] = [];
    const check = table.check(({ message, offset = 0 }) => {
      damage.push({ reason: message, keys: table.keysAround(offset) });
    }, false);
    while (check.step(READ_BYTES));
    const { low, high } = check.digest ?? digestOf(fs, path);
    return { meta: { ...own, checksumLow: low, checksumHigh: high }, damage };
  } finally {
    table.close();
  }
}

/** All but its checksum, as the table says itself. */
function ownMeta({ fileNumber, sizeBytes, header, properties }: FoundTable): TableMeta {
  const { smallestKey, largestKey, smallestSeqno, largestSeqno } = properties;
  const { entryCount, tombstoneCount, createdAtMs, codecId } = properties;
  return {
    ...{ fileNumber, sizeBytes, smallestKey, largestKey, smallestSeqno, largestSeqno },
    ...{ entryCount, tombstoneCount, createdAtMs, codecId },
    rawBytes: properties.rawKeyBytes + properties.rawValueBytes,
    checksumLow: 0,
    checksumHigh: 0,
    protection: header.protection,
    salt: header.salt,
  };
}

/** Of the bytes as they are. */
function digestOf(fs: Fs, path: string): Digest64 {
  const file = fs.open(path, 'read');
  try {
    const checksum = new FileChecksum();
    addContent(file, checksum);
    const digest = new Digest64();
    checksum.digest(digest);
    return digest;
  } finally {
    closeFile(file);
  }
}

function addContent(file: FileHandle, checksum: FileChecksum): void {
  const buf = new Uint8Array(READ_BYTES);
  for (let at = 0; ; ) {
    const length = readAt(file, buf, 0, buf.length, at);
    if (length === 0) return;
    checksum.update(buf, 0, length);
    at += length;
  }
}
