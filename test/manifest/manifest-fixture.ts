/**
 * Tables, edits and comparisons for the manifest tests.
 * @module
 */

import type { Fs } from '../../src/fs/port.ts';
import { Manifest } from '../../src/manifest/manifest.ts';
import { emptyEdit, type VersionEdit } from '../../src/manifest/version-edit.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

export const DIRECTORY = 'db';
export const FAMILIES = [{ id: 0, name: 'default' }];

const encoder = new TextEncoder();

export function key(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A table; whatever is not given follows from the number. */
export function table(
  fileNumber: number,
  smallest: string,
  largest: string,
  more: Partial<TableMeta> = {},
): TableMeta {
  return {
    fileNumber,
    sizeBytes: 1000 + fileNumber,
    smallestKey: key(smallest),
    largestKey: key(largest),
    smallestSeqno: fileNumber,
    largestSeqno: fileNumber + 5,
    entryCount: 10,
    tombstoneCount: 1,
    rawBytes: 5000,
    checksumLow: (fileNumber * 0x9e3779b1) >>> 0,
    checksumHigh: fileNumber,
    createdAtMs: 1_700_000_000_000,
    ...more,
  };
}

/** An edit that adds one table to family 0. */
export function adding(level: number, meta: TableMeta): VersionEdit {
  return { ...emptyEdit(), addedTables: [{ familyId: 0, level, meta }] };
}

export function createManifest(fs: Fs, seed = 1): Manifest {
  return Manifest.create(fs, DIRECTORY, new SeededRandom(seed), FAMILIES);
}

/** Everything a recovery gives, as comparable plain data, without numbers of manifests. */
export function stateOf(manifest: Manifest): unknown {
  const families = [...manifest.version.families.values()].map(
    ({ id, name, logNumber, levels }) => ({ id, name, logNumber, levels }),
  );
  const { lastSeqno, walEnds } = manifest;
  const { nextFamilyId } = manifest.version;
  return { families, nextFamilyId, lastSeqno, walEnds: [...walEnds] };
}

export function recoverState(fs: Fs): unknown {
  return stateOf(Manifest.recover(fs, DIRECTORY));
}
