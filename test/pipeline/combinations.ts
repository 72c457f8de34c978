/**
 * Databases of every combination of the stages: each stage has to be in every file, and everything
 * has to be read back.
 * @module
 */
import assert from 'node:assert/strict';
import type { CompressionChoice } from '../../src/compress/options.ts';
import type { SuiteName } from '../../src/crypto/port.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import type { Fs } from '../../src/fs/port.ts';
import type { Lives } from '../prove/lives.ts';
import { takeApart } from './attacker.ts';
import {
  bytesOf,
  ECC_CHOICES,
  encryptionOf,
  headerOf,
  namesIn,
  openIn,
  SUITES,
  type World,
} from './world.ts';

const DICTIONARY = new TextEncoder().encode(
  '{"id":"user-000","name":"Ada","city":"Reykjavik","tags":["a"]}',
);

/** Every way to compress, with the codec id of its data blocks. */
export const COMPRESSIONS: Record<string, { choice: CompressionChoice; codecId: number }> = {
  none: { choice: 'none', codecId: 0 },
  lz4: { choice: 'lz4', codecId: 1 },
  zstd: { choice: 'zstd', codecId: 2 },
  'zstd with a dictionary': { choice: { codec: 'zstd', dictionary: DICTIONARY }, codecId: 3 },
  'zstd with trained dictionaries': {
    choice: { codec: 'zstd', level: 1, dictionary: { trainedBytes: 1024 } },
    codecId: 3,
  },
};

export const BLOCK_DATA = 1;
export const ENTRIES = 120;
const LOGGED = 10;

export type Contents = Map<string, string>;

export function keyAt(i: number): string {
  return `user-${String(i).padStart(4, '0')}`;
}

/** Something that each codec shrinks, also in a record of its own. */
export function valueAt(i: number, version: number): string {
  const note = 'all quiet, '.repeat(4);
  return JSON.stringify({ id: keyAt(i), name: `n${i % 7}`, city: 'Reykjavik', note, version });
}

function put(db: Db, contents: Contents, i: number, version: number): void {
  db.put(keyAt(i), valueAt(i, version));
  contents.set(keyAt(i), valueAt(i, version));
}

async function expectContents(db: Db, contents: Contents): Promise<void> {
  const sorted = [...contents].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();
  assert.deepEqual(
    [...db.entries()].map(([key, value]) => [text(key), text(value)]),
    sorted,
  );
  for (const [key, value] of sorted) assert.equal(text(db.get(key)), value);
  const { uncorrectable, corrected } = await db.verify();
  assert.deepEqual({ uncorrectable, corrected }, { uncorrectable: [], corrected: [] });
  assert.equal(db.stats().counters.corrections, 0);
}

/**
 * Writes a table, deletes and overwrites, a log; then the process dies.
 * @returns the file system of the next one
 */
export async function write(
  options: DbOptions,
  world: World,
  lives: Lives,
): Promise<[Fs, Contents]> {
  const contents: Contents = new Map();
  const db = await openIn(await lives.next(), options, world);
  for (let i = 0; i < ENTRIES; i++) put(db, contents, i, 1);
  await db.flush();
  db.delete(keyAt(1));
  contents.delete(keyAt(1));
  for (let i = 2; i < LOGGED; i++) put(db, contents, i, 2);
  const fs = await lives.next();
  // Where the files were taken from it, it cannot.
  await db.close().catch(() => {});
  return [fs, contents];
}

/** What every file of a database has to say of itself. */
interface Stages {
  readonly suite: SuiteName | undefined;
  readonly ecc: EccOptions | false;
  readonly codecId: number;
  readonly walCodecId: number;
}

/** Asserts that all files are written as they should be, by nothing but their bytes. */
function expectStages(fs: Fs, stages: Stages): void {
  const suiteId = stages.suite === undefined ? 0 : SUITES.indexOf(stages.suite) + 1;
  const ecc = stages.ecc === false ? undefined : stages.ecc;
  const epoch = suiteId === 0 ? 0 : 1;
  for (const name of namesIn(fs)) {
    if (name === 'CURRENT') {
      assert.equal(bytesOf(fs, name)[11], suiteId, 'suite in CURRENT');
      continue;
    }
    assert.deepEqual(headerOf(fs, name).protection, { suiteId, epoch, ecc }, name);
    const { blocks } = takeApart(bytesOf(fs, name));
    const isTable = name.endsWith('.sst');
    const codecs = new Set<number>();
    for (const block of blocks) {
      assert.equal(block[2], suiteId, `suite of a block of ${name}`);
      if (!isTable || block[0] === BLOCK_DATA) codecs.add(block[1]!);
    }
    const wanted = isTable ? stages.codecId : stages.walCodecId;
    assert.ok(codecs.has(wanted) || blocks.length === 0, `${name}: codec ${wanted}`);
    for (const codec of codecs) assert.ok(codec === 0 || codec === wanted, `${name}: ${codec}`);
    if (wanted !== 0 && isTable) assert.ok(!codecs.has(0), `${name}: every block shrinks`);
  }
}

/** See the module head. */
export interface Combination {
  readonly compression: string;
  readonly suite: SuiteName | undefined;
  readonly ecc: EccOptions | false;
}

/** All combinations of compression, suite and code, with none of each. */
export function combinations(): Combination[] {
  return Object.keys(COMPRESSIONS).flatMap((compression) =>
    [undefined, ...SUITES].flatMap((suiteName) =>
      ECC_CHOICES.map((ecc) => ({ compression, suite: suiteName, ecc })),
    ),
  );
}

export function optionsOf({ compression, suite: suiteName, ecc }: Combination): DbOptions {
  return {
    compression: COMPRESSIONS[compression]!.choice,
    walCompression: compression === 'none' ? 'none' : 'lz4',
    encryption: suiteName === undefined ? false : encryptionOf(suiteName),
    ecc,
    blockSizeBytes: 1024,
    // Its name makes an edit of the manifest that is worth compressing.
    columnFamilies: ['family '.repeat(20)],
  };
}

/** For messages. */
export function nameOf({ compression, suite: suiteName, ecc }: Combination): string {
  return `${compression}, ${suiteName ?? 'clear'}, ${ecc === false ? 'no code' : ecc.scheme}`;
}

/**
 * Writes a database of a combination, and reads what the death of its process has left.
 * @param writer how it is written, and read at last
 * @param reader how it is read first, and written on
 * @throws AssertionError when a file lacks a stage, or an entry is not what was written
 */
export async function checkCombination(
  combination: Combination,
  lives: Lives,
  writer: World = {},
  reader: World = {},
): Promise<void> {
  const options = optionsOf(combination);
  const stages: Stages = {
    suite: combination.suite,
    ecc: combination.ecc,
    codecId: COMPRESSIONS[combination.compression]!.codecId,
    walCodecId: combination.compression === 'none' ? 0 : 1,
  };
  const [fs, contents] = await write(options, writer, lives);
  expectStages(fs, stages);
  const db = await openIn(fs, options, { ...reader, seed: 2 });
  assert.ok(db.stats().recovery.recordCount > 0, 'the log was read');
  await expectContents(db, contents);
  await db.compact();
  put(db, contents, 3, 3);
  await expectContents(db, contents);
  await db.close();
  expectStages(fs, stages);
  const again = await openIn(fs, { ...options, readOnly: true }, writer);
  await expectContents(again, contents);
  await again.close();
}
