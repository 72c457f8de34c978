/**
 * The independent reader on databases with every stage.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Db, type DbOptions, type EncryptionOptions, MemoryFs } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { openSeeded } from '../prove/environment.ts';
import { compareContent, FAMILIES, filesOf, fill, SMALL, writeFile } from './format-fixture.ts';
import { type RawContent, readDatabase } from './independent-reader.ts';
import { damaged, damagedCurrent } from './raw-damage.ts';

const STEPS = 400;
const DAMAGE_ROUNDS = 4;

const LZ4 = { compression: 'lz4', walCompression: 'lz4' } as const;
const TRAINED = {
  compression: { codec: 'zstd', dictionary: { trainedBytes: 2048 } },
} satisfies DbOptions;
/** Few tables: each trains a dictionary of its own. */
const LARGE: DbOptions = { writeBufferBytes: 1 << 20, targetTableBytes: 1 << 20 };
const GIVEN: DbOptions = {
  compression: { codec: 'zstd', dictionary: Buffer.from('"isActive":false,"note":"layer of') },
};
const AES: DbOptions = { encryption: encryption('aes-256-gcm', 1) };
const CHACHA: DbOptions = { encryption: encryption('chacha20-poly1305', 1) };
const SECDED: DbOptions = { ecc: { scheme: 'secded' } };
const XOR = { ecc: { scheme: 'xor', data: 3 } } as const;
const RS: DbOptions = { ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } };
/** A code over GF(2^8), with five copies of headers. */
const WIDE: DbOptions = { ecc: { scheme: 'reed-solomon', data: 20, parity: 4 } };
const STRIPES = { ecc: { scheme: 'none', stripe: { data: 5, parity: 2 } } } as const;
const STRIPED_XOR: DbOptions = { ecc: { ...XOR.ecc, stripe: { data: 12, parity: 3 } } };
const MIRROR: DbOptions = { ecc: { scheme: 'reed-solomon', data: 1, parity: 1 } };

/** Options, and what their files must say they were made with. */
const COMBINATIONS: readonly [name: string, options: DbOptions, stages: readonly string[]][] = [
  ['nothing', { compression: false }, []],
  ['lz4', LZ4, ['codec 1']],
  ['zstd', { compression: 'zstd' }, ['codec 2']],
  ['a trained dictionary', { ...TRAINED, ...LARGE }, ['codec 2', 'codec 3']],
  ['a given dictionary', GIVEN, ['codec 2', 'codec 3']],
  ['AES', { compression: false, ...AES }, ['suite 1', 'epoch 1']],
  ['ChaCha20', { compression: false, ...CHACHA }, ['suite 2', 'epoch 1']],
  ['SEC-DED', { compression: false, ...SECDED }, ['scheme 1']],
  ['XOR', { compression: false, ...XOR }, ['scheme 2']],
  ['Reed-Solomon', { compression: false, ...RS }, ['scheme 3']],
  ['lz4 and ChaCha20', { ...LZ4, ...CHACHA }, ['codec 1', 'suite 2']],
  ['lz4 and a code over bytes', { ...LZ4, ...WIDE }, ['codec 1', 'scheme 3']],
  ['AES and XOR', { compression: false, ...AES, ...XOR }, ['suite 1', 'scheme 2']],
  ['AES and a mirror', { compression: false, ...AES, ...MIRROR }, ['suite 1', 'scheme 3']],
  ['stripes', { compression: false, ...STRIPES }, ['scheme 0', 'stripe 5 2']],
  [
    'lz4, AES, XOR and stripes',
    { ...LZ4, ...AES, ...STRIPED_XOR },
    ['suite 1', 'scheme 2', 'stripe 12 3'],
  ],
  ['lz4, AES and Reed-Solomon', { ...LZ4, ...AES, ...RS }, ['codec 1', 'suite 1', 'scheme 3']],
  [
    'a dictionary, ChaCha20, SEC-DED',
    { ...TRAINED, ...LARGE, ...CHACHA, ...SECDED },
    ['codec 3', 'suite 2', 'scheme 1'],
  ],
];

for (const [name, options, stages] of COMBINATIONS) {
  test(`the independent reader reads databases with ${name}`, async () => {
    const fs = new MemoryFs();
    for (const seed of [1, 2]) {
      const db = await openIn(fs, seed, options);
      for (const snapshot of await fill(db, seed, STEPS)) snapshot.release();
      compareContent(read(fs), db);
      if (seed === 2) await db.compact();
      await db.close();
      const raw = read(fs);
      assert.ok(raw.wasClosedCleanly && raw.tableCount > 0 && raw.corrected === 0);
      for (const stage of stages) assert.ok(raw.stages.has(stage), `${stage} is in use`);
      await compareWithEngine(raw, fs, seed, options);
    }
  });
}

test('it reads databases in which settings and epochs came and went', async () => {
  const fs = new MemoryFs();
  const columnFamilies = {
    first: { ...XOR, compression: 'none' },
    second: { ...TRAINED, encryption: false, ecc: false },
  } as const;
  const changes: readonly DbOptions[] = [
    { ...LZ4 },
    { ...RS, compression: 'zstd', entryChecksums: true },
    { ...GIVEN, ...SECDED, encryption: encryption('aes-256-gcm', 1, true), columnFamilies },
    { ...LZ4, ...WIDE, encryption: encryption('chacha20-poly1305', 2), columnFamilies },
  ];
  for (const [i, options] of changes.entries()) {
    const db = await openIn(fs, i, { ...options, ...LARGE });
    await fill(db, i, STEPS);
    compareContent(read(fs), db);
    if (i === 3) assert.ok(read(fs).stages.size >= 11, [...read(fs).stages].join());
    await db.close();
  }
});

test('it undoes damage to blocks whose shards are coded in parts', async () => {
  const fs = new MemoryFs();
  const db = await openIn(fs, 1, { ...RS, compression: false });
  const value = new Uint8Array(1_300_000);
  new SeededRandom(5).fill(value);
  db.put('large', value);
  const raw = read(fs);
  const lengths = raw.files.flatMap(({ spans }) => spans.map(({ length }) => length));
  assert.ok(Math.max(...lengths) > value.length);
  for (const file of raw.files) {
    writeFile(fs, file.name, damaged(file, new SeededRandom(file.bytes.length)));
  }
  const found = read(fs);
  assert.ok(found.corrected > raw.files.length);
  compareContent(found, db, 0);
  await compareWithEngine(found, fs, 1, RS);
  await db.close();
});

for (const [name, options] of [
  ['SEC-DED', { ...SECDED, compression: false }],
  ['XOR and lz4', { ...XOR, ...LZ4 }],
  ['Reed-Solomon', { ...RS, compression: false }],
  ['Reed-Solomon, AES and zstd', { ...RS, ...AES, ...TRAINED, ...LARGE }],
  ['a code over bytes', { ...WIDE, ...LZ4, ...CHACHA }],
] satisfies [string, DbOptions][]) {
  test(`with ${name} it undoes damage within the budget, as the engine does`, async () => {
    const fs = new MemoryFs();
    const db = await openIn(fs, 1, options);
    await fill(db, 1, STEPS);
    const raw = read(fs);
    const random = new SeededRandom(7);
    for (let round = 0; round < DAMAGE_ROUNDS; round++) {
      const hurt = fs.clone();
      const current = filesOf(fs).read('CURRENT');
      writeFile(hurt, 'CURRENT', damagedCurrent(current, random));
      for (const file of raw.files) writeFile(hurt, file.name, damaged(file, random));
      const found = read(hurt);
      compareContent(found, db);
      assert.ok(found.corrected > raw.files.length, `${found.corrected} corrections`);
      for (const [i, { bytes }] of found.files.entries())
        assert.deepEqual(bytes, raw.files[i]!.bytes);
      await compareWithEngine(found, hurt, round, options);
    }
    await db.close();
  });
}

test('it rebuilds what a table with stripes lost in one piece, as the engine does', async () => {
  for (const options of [STRIPES, { ...STRIPED_XOR, ...AES }]) {
    const fs = new MemoryFs();
    const db = await openIn(fs, 1, options);
    await fill(db, 1, STEPS);
    await db.flush();
    // Background work goes on.
    const whole = fs.clone();
    const raw = read(whole);
    const random = new SeededRandom(9);
    for (let round = 0; round < 2 * DAMAGE_ROUNDS; round++) {
      const hurt = whole.clone();
      for (const file of raw.files) {
        if (file.header.protection.stripe === undefined) continue;
        const bytes = file.bytes.slice();
        const from = round === 0 ? 0 : random.below(bytes.length);
        if (round === 1) writeFile(hurt, file.name, bytes.subarray(0, -4096));
        else writeFile(hurt, file.name, bytes.fill(round, from, from + 4096));
      }
      const found = read(hurt);
      compareContent(found, db);
      assert.ok(found.corrected >= raw.tableCount, `${found.corrected} corrections`);
      for (const [i, { bytes }] of found.files.entries())
        assert.deepEqual(bytes, raw.files[i]!.bytes);
      await compareWithEngine(found, hurt, round, options);
    }
    await db.close();
  }
});

function encryption(
  suite: 'aes-256-gcm' | 'chacha20-poly1305',
  epoch: number,
  encryptExisting = false,
): EncryptionOptions {
  return { suite, epoch, keys: testKeys(epoch), encryptExisting };
}

function openIn(fs: MemoryFs, seed: number, options: DbOptions): Promise<Db> {
  return openSeeded(fs, seed, { ...SMALL, columnFamilies: FAMILIES, ...options });
}

function read(fs: MemoryFs): RawContent {
  const keys = Object.entries(testKeys(2)).map(([epoch, key]) => [Number(epoch), key] as const);
  return readDatabase(filesOf(fs), new Map(keys));
}

/** What the engine finds in these files, without writing to them. */
async function compareWithEngine(
  raw: RawContent,
  fs: MemoryFs,
  seed: number,
  options: DbOptions,
): Promise<void> {
  const { encryption: keys = false } = options;
  const db = await openSeeded(fs, seed, { ...SMALL, encryption: keys, readOnly: true });
  compareContent(raw, db, 0);
  await db.close();
}
