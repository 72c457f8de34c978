/**
 * Databases that every runtime makes, of equal content, and that every runtime reads.
 * @module
 */
import assert from 'node:assert/strict';
import { type Db, type DbOptions, open, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const COUNT = 1500;
const ROUNDS = 2;
/** Beyond what one block, and one call of a codec, takes. */
const LARGE_BYTES = 3_000_000;

const KEY = new Uint8Array(32).fill(7);
const SMALL: DbOptions = {
  writeBufferBytes: 256 * 1024,
  targetTableBytes: 256 * 1024,
  columnFamilies: ['second'],
};
const RS = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

function sealed(suite: 'aes-256-gcm' | 'chacha20-poly1305'): DbOptions {
  return { encryption: { suite, epoch: 1, keys: { 1: KEY } } };
}

/** By name: everything that a runtime has an implementation of its own for. */
export const SAMPLES: Readonly<Record<string, DbOptions>> = {
  default: {},
  'inline, lz4 log': { ...SMALL, workers: 0, walCompression: 'lz4' },
  // Blocks so large that the codec of the runtime makes them, where it has one.
  'zstd, large blocks': { ...SMALL, compression: 'zstd', blockSizeBytes: 65_536 },
  'zstd, dictionary': {
    ...SMALL,
    compression: { codec: 'zstd', dictionary: { trainedBytes: 2048 } },
  },
  'aes, large zstd blocks': {
    ...SMALL,
    ...sealed('aes-256-gcm'),
    compression: { codec: 'zstd', level: 6 },
    blockSizeBytes: 32_768,
    ecc: RS,
    entryChecksums: true,
  },
  'chacha, secded': { ...SMALL, ...sealed('chacha20-poly1305'), ecc: { scheme: 'secded' } },
};

const keyAt = (n: number): string => `key ${String((n * 7919) % COUNT).padStart(6, '0')}`;

/** Half of it can be compressed. */
function valueAt(n: number, round: number): Uint8Array {
  const value = new Uint8Array(40 + (n % 300)).fill(n + round);
  new SeededRandom(n * ROUNDS + round + 1).fill(value.subarray(0, value.length >> 1));
  return value;
}

function largeValue(): Uint8Array {
  return Uint8Array.from({ length: LARGE_BYTES }, (_, i) => (i * i) >>> 7);
}

const isDeleted = (n: number): boolean => n % 10 === 3;

/** Makes the sample of that name: loads it, flushes, merges, and leaves the rest in the log. */
export async function makeSample(path: string, options: DbOptions): Promise<void> {
  const db = await open(path, { ...options, columnFamilies: ['second'], errorIfExists: true });
  const second = db.columnFamily('second');
  for (let round = 0; round < ROUNDS; round++) {
    const batch = new WriteBatch();
    for (let n = 0; n < COUNT; n++) {
      batch.put(keyAt(n), valueAt(n, round));
      if (n % 50 === 0) batch.put(keyAt(n), valueAt(n, round), second);
      if (n % 100 < 99) continue;
      db.write(batch);
      batch.clear();
    }
    await db.flush();
  }
  await db.compact();
  db.put('large', largeValue(), { sync: true });
  for (let n = 0; n < COUNT; n++) if (isDeleted(n)) db.delete(keyAt(n));
  await db.sync();
  await db.close();
}

/** Opens a sample with the options that it was made with, looks at all of it, and closes it. */
export async function readSample(path: string, options: DbOptions): Promise<void> {
  const db = await open(path, { ...options, columnFamilies: ['second'], createIfMissing: false });
  expectSample(db);
  assert.deepEqual((await db.verify()).uncorrectable, []);
  await db.close();
}

function expectSample(db: Db): void {
  let [entries, ofSecond] = [0, 0];
  for (let n = 0; n < COUNT; n++) {
    const wanted = isDeleted(n) ? undefined : valueAt(n, ROUNDS - 1);
    if (wanted !== undefined) entries++;
    if (n % 50 === 0) ofSecond++;
    assert.deepEqual(db.get(keyAt(n)), wanted, keyAt(n));
  }
  assert.deepEqual(db.get('large'), largeValue());
  assert.equal([...db.keys()].length, entries + 1);
  assert.equal([...db.keys({ columnFamily: 'second', reverse: true })].length, ofSecond);
}
