/**
 * Small databases with a protected unit of every kind, whose every entry is known.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { openSeeded } from '../prove/environment.ts';
import { keyOf, type ModelEntry } from '../prove/model.ts';

export const FAMILIES: readonly string[] = ['default', 'other'];

/** What a database holds, by family. */
export type Content = ReadonlyMap<string, readonly ModelEntry[]>;

/** One database, at several moments. */
export interface Sample {
  readonly options: DbOptions;
  /** As its process left it when it died. */
  readonly dead: MemoryFs;
  /** As a clean close left it. */
  readonly closed: MemoryFs;
  /** As the process before it left it. */
  readonly earlier: MemoryFs;
  readonly content: Content;
  /** The same without the last record of the log: what was synced. */
  readonly contentBefore: Content;
}

export const RS_4_2: EccOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };
export const XOR_3: EccOptions = { scheme: 'xor', data: 3 };
export const SECDED: EccOptions = { scheme: 'secded' };

/** What blocks are likely to repeat. */
const DICTIONARY = new TextEncoder().encode(
  Array.from({ length: 40 }, (_, i) => valueText(i, 60)).join(' '),
);

/** The stages beside the code, by name. */
export const STAGES: Readonly<Record<string, DbOptions>> = {
  plain: { compression: 'none' },
  'aes, lz4': {
    compression: 'lz4',
    walCompression: 'lz4',
    encryption: { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) },
  },
  'chacha, zstd with a dictionary': {
    compression: { codec: 'zstd', dictionary: DICTIONARY },
    encryption: { suite: 'chacha20-poly1305', epoch: 1, keys: testKeys(1) },
  },
  'zstd, lz4 log': { compression: ['lz4', 'zstd'], walCompression: 'lz4' },
};

/**
 * Tables of two families at several levels, a manifest of several edits, and a log whose records
 * are synced but for the last.
 * @param ecc of log, manifest and tables
 * @param otherEcc of the tables of the second family
 */
export async function makeSample(
  ecc: EccOptions,
  stages: DbOptions,
  otherEcc: EccOptions = ecc,
): Promise<Sample> {
  const options = {
    blockSizeBytes: 512,
    restartInterval: 4,
    l0TriggerCount: 64,
    ecc,
    ...stages,
    columnFamilies: { other: { ecc: otherEcc } },
  };
  const fs = new MemoryFs();
  const first = await openSeeded(fs, 6, options);
  writeTables(first, 0);
  await first.compact();
  await first.close();
  const earlier = fs.clone();
  const db = await openSeeded(fs, 7, options);
  writeTables(db, 1);
  await db.flush();
  for (let i = 0; i < 9; i++) db.put(keyAt(4 * i + 1), valueAt(300 + i, 50));
  await db.flush({ columnFamily: 'default' });
  writeLog(db);
  db.put(keyAt(0), valueAt(500, 30));
  await db.sync();
  const contentBefore = contentOfDb(db);
  db.put(keyAt(1), valueAt(502, 400));
  const content = contentOfDb(db);
  const dead = fs.clone();
  await db.close();
  return { options, dead, closed: fs, earlier, content, contentBefore };
}

/** Everything in a database. */
export function contentOfDb(db: Db): Content {
  return new Map(
    FAMILIES.map((columnFamily) => {
      const entries = [...db.entries({ columnFamily })];
      return [columnFamily, entries.map(([key, value]): ModelEntry => [keyOf(key), value])];
    }),
  );
}

export function keyAt(i: number): string {
  return `key-${i.toString().padStart(3, '0')}`;
}

function writeTables(db: Db, round: number): void {
  const other = { columnFamily: 'other' };
  for (let i = round; i < 50; i += 1 + 3 * round) db.put(keyAt(i), valueAt(100 * round + i, 70));
  for (let i = round; i < 20; i += 1 + round) db.put(keyAt(i), valueAt(200 * round + i, 90), other);
  for (let i = 3; i < 50; i += 9) db.delete(keyAt(i + round));
}

/** Records of several lengths, one over both families. */
function writeLog(db: Db): void {
  const other = db.columnFamily('other');
  db.delete(keyAt(7));
  for (const length of [1, 40, 700]) db.put(keyAt(60 + length), valueAt(length, length));
  const batch = new WriteBatch().put(keyAt(8), valueAt(401, 120));
  db.write(batch.put(keyAt(8), valueAt(402, 120), other).delete(keyAt(9), other));
}

/** Text, so that it can be compressed, with noise in between. */
function valueAt(seed: number, length: number): Uint8Array {
  return new TextEncoder().encode(valueText(seed, length));
}

function valueText(seed: number, length: number): string {
  const random = new SeededRandom(seed);
  let text = '';
  while (text.length < length) {
    text += `{"id":${random.below(100_000)},"name":"value of ${seed}"},`;
  }
  return text.slice(0, length);
}
