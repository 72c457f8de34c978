/**
 * Databases in memory to be inspected: every class of file, in several settings.
 * @module
 */
import { loadChecksum } from '../../src/block/checksum.ts';
import { Pipeline } from '../../src/block/pipeline.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { type DbOptions, open } from '../../src/index.ts';
import { learnDatabase } from '../../src/inspect/current.ts';
import { inspectFile } from '../../src/inspect/file.ts';
import type { InspectOptions } from '../../src/inspect/options.ts';
import type { InspectionPart } from '../../src/inspect/parts.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

export const DIRECTORY = '/db';
export const ENCRYPTION: EncryptionOptions = {
  suite: 'chacha20-poly1305',
  epoch: 1,
  keys: { 1: new Uint8Array(32).fill(7) },
};
/** What stands in every value, and nowhere else. */
export const MARK = 'plain-text-of-a-value';

const RS = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

/** The settings that databases are made with. */
export const SETTINGS: { readonly [name: string]: DbOptions } = {
  plain: { compression: 'none' },
  compressed: { compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } } },
  guarded: { compression: 'lz4', entryChecksums: true },
  encrypted: { encryption: ENCRYPTION, compression: 'lz4' },
  'reed-solomon': { compression: 'none', ecc: RS },
  xor: { compression: 'lz4', ecc: { scheme: 'xor', data: 3 } },
  secded: { compression: 'none', ecc: { scheme: 'secded' } },
  'encrypted, with reed-solomon': {
    encryption: ENCRYPTION,
    ecc: RS,
    compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } },
  },
};

/** A database that was closed cleanly: a table of several blocks, a log, a manifest, CURRENT. */
export async function makeDatabase(settings: DbOptions, seed = 5): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const random = new SeededRandom(seed);
  const db = await open(DIRECTORY, { ...settings, fs, random, blockSizeBytes: 512 });
  for (let i = 0; i < 60; i++) db.put(keyOf(i), `${MARK} ${i} ${'x'.repeat(i)}`);
  await db.compact();
  for (let i = 0; i < 6; i++) db.put(keyOf(i), `${MARK} anew ${i}`);
  db.delete(keyOf(7));
  await db.close();
  return fs;
}

export function keyOf(i: number): string {
  return `key ${String(i).padStart(3, '0')}`;
}

/** Names of the files that are no lock. */
export function filesOf(fs: MemoryFs): string[] {
  return fs
    .list(DIRECTORY)
    .filter((name) => !name.startsWith('LOCK'))
    .sort();
}

/** Options of an inspection, with the key or without. */
export async function inspectionOf(
  fs: MemoryFs,
  encryption: EncryptionOptions | undefined,
): Promise<InspectOptions> {
  await loadChecksum();
  const pipeline = new Pipeline({
    random: new SeededRandom(1),
    compression: portableCompression,
    keys: encryption === undefined ? undefined : await KeyRing.open(nodeCrypto(), encryption),
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: () => undefined,
  });
  await pipeline.loadZstd();
  const database = learnDatabase(fs, DIRECTORY, pipeline, undefined);
  return { fs, pipeline, database, contents: { hasEntries: true, valueBytesMax: 64 } };
}

/** All parts of one file. */
export function partsOf(name: string, options: InspectOptions): InspectionPart[] {
  return [...inspectFile(DIRECTORY, name, options)];
}

/** The parts of one kind. */
export function partsNamed<Name extends InspectionPart['part']>(
  parts: readonly InspectionPart[],
  name: Name,
): Extract<InspectionPart, { part: Name }>[] {
  const isNamed = (part: InspectionPart): part is Extract<InspectionPart, { part: Name }> =>
    part.part === name;
  return parts.filter(isNamed);
}

/** A fresh copy of the content of a file. */
export function bytesOf(fs: MemoryFs, name: string): Uint8Array {
  const file = fs.open(`${DIRECTORY}/${name}`, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** The same files with other bytes in one of them; it is added if it is not there. */
export function withBytes(fs: MemoryFs, name: string, bytes: Uint8Array): MemoryFs {
  const copy = fs.clone();
  const path = `${DIRECTORY}/${name}`;
  const file = copy.open(path, copy.exists(path) ? 'update' : 'create');
  file.truncate(0);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
  return copy;
}
