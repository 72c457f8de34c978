/**
 * Tables, edits and comparisons for the manifest tests.
 * @module
 */

import assert from 'node:assert/strict';
import type { Correction } from '../../src/block/block-reader.ts';
import { Pipeline } from '../../src/block/pipeline.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { SuiteName } from '../../src/crypto/port.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { Manifest } from '../../src/manifest/manifest.ts';
import { emptyEdit, type VersionEdit } from '../../src/manifest/version-edit.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { PLAIN_META, testKeys } from '../block/pipelines.ts';

export const DIRECTORY = 'db';
export const CURRENT: string = `${DIRECTORY}/CURRENT`;
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
    ...PLAIN_META,
    ...more,
  };
}

/** An edit that adds one table to family 0. */
export function adding(level: number, meta: TableMeta): VersionEdit {
  return { ...emptyEdit(), addedTables: [{ familyId: 0, level, meta }] };
}

/** What a process opens a database with; the seed is for its salts. */
export type Opening = (seed: number) => Pipeline;

/** Stages of a manifest. */
export interface Stages {
  readonly suite?: SuiteName;
  /** 1 if absent; the keys are those of `testKeys`. */
  readonly epoch?: number;
  readonly encryptExisting?: boolean;
  /** An epoch with another key than that of `testKeys`. */
  readonly wrongEpoch?: number;
  /** An epoch without a key. */
  readonly withoutEpoch?: number;
  readonly ecc?: EccOptions;
  readonly compression?: 'none' | 'lz4';
  /** Told of repairs. */
  readonly corrections?: Correction[];
}

/** Every call of what is returned gives the pipeline of another process. */
export async function openingOf(stages: Stages): Promise<Opening> {
  const { suite, epoch = 1, encryptExisting = false, ecc, compression = 'none' } = stages;
  const ownKeys = testKeys(epoch);
  if (stages.wrongEpoch !== undefined) ownKeys[stages.wrongEpoch] = new Uint8Array(32).fill(99);
  if (stages.withoutEpoch !== undefined) delete ownKeys[stages.withoutEpoch];
  const keys =
    suite === undefined
      ? undefined
      : await KeyRing.open(nodeCrypto(), { suite, epoch, keys: ownKeys, encryptExisting });
  return (seed) =>
    new Pipeline({
      random: new SeededRandom(seed),
      compression: portableCompression,
      keys,
      logEcc: ecc,
      logCompression: compression,
      onCorrection: (correction) => stages.corrections?.push(correction),
    });
}

/** No stage is on. */
export const PLAIN: Opening = await openingOf({});

/** Ways to store a manifest, by name. */
export const OPENINGS: Readonly<Record<string, Opening>> = {
  plain: PLAIN,
  encrypted: await openingOf({ suite: 'aes-256-gcm' }),
  'with shards': await openingOf({ ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } }),
  'with everything': await openingOf({
    suite: 'chacha20-poly1305',
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
    compression: 'lz4',
  }),
};

export function createManifest(fs: Fs, seed = 1, opening: Opening = PLAIN): Manifest {
  return Manifest.create(fs, DIRECTORY, opening(seed), FAMILIES);
}

/** The manifest as another process finds it; what that writes has salts by the seed. */
export function recoverManifest(fs: Fs, seed = 2, opening: Opening = PLAIN): Manifest {
  return Manifest.recover(fs, DIRECTORY, opening(seed));
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

export function recoverState(fs: Fs, opening: Opening = PLAIN): unknown {
  return stateOf(recoverManifest(fs, 2, opening));
}

export function newDirectory(): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  return fs;
}

/** Appends an edit that adds a table. */
export function addTable(manifest: Manifest, level = 0): void {
  const number = manifest.newFileNumber();
  const at = String(number).padStart(6, '0');
  manifest.append({ ...adding(level, table(number, at, at)), lastSeqno: manifest.lastSeqno + 5 });
}

/** A manifest with a few edits; the last one adds a table. */
export function usedManifest(fs: MemoryFs, opening: Opening = PLAIN): Manifest {
  const manifest = createManifest(fs, 1, opening);
  manifest.append({ ...emptyEdit(), createdFamilies: [{ id: 1, name: 'other' }] });
  for (let i = 0; i < 3; i++) addTable(manifest);
  manifest.append({ ...emptyEdit(), logNumbers: [{ familyId: 0, logNumber: 4 }] });
  addTable(manifest, 1);
  return manifest;
}

/** Path of the only manifest. */
export function manifestPath(fs: MemoryFs): string {
  const names = fs.list(DIRECTORY).filter((name) => name.startsWith('MANIFEST-'));
  assert.equal(names.length, 1, names.join());
  return `${DIRECTORY}/${names[0]}`;
}

/** Changes bits of one byte. */
export function flip(fs: MemoryFs, path: string, offset: number, bits: number): void {
  const file = fs.open(path, 'update');
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, offset);
  byte[0]! ^= bits;
  file.write(byte, 0, 1, offset);
  file.close();
}

export function sizeOf(fs: MemoryFs, path: string): number {
  const file = fs.open(path, 'read');
  const size = file.size();
  file.close();
  return size;
}

export function cutFile(fs: MemoryFs, path: string, size: number): void {
  const file = fs.open(path, 'update');
  file.truncate(size);
  file.close();
}
