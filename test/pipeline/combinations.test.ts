import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CompressionChoice } from '../../src/compress/options.ts';
import type { SuiteName } from '../../src/crypto/port.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { takeApart } from './attacker.ts';
import { filesOf } from './sample.ts';
import {
  bytesOf,
  CRYPTO,
  type CryptoName,
  directoryOf,
  ECC_CHOICES,
  encryptionOf,
  headerOf,
  namesIn,
  openIn,
  SUITES,
  type World,
} from './world.ts';

const DICTIONARY = Buffer.from('{"id":"user-000","name":"Ada","city":"Reykjavik","tags":["a"]}');

/** Every way to compress, with the codec id of its data blocks. */
const COMPRESSIONS: Record<string, { choice: CompressionChoice; codecId: number }> = {
  none: { choice: 'none', codecId: 0 },
  lz4: { choice: 'lz4', codecId: 1 },
  zstd: { choice: 'zstd', codecId: 2 },
  'zstd with a dictionary': { choice: { codec: 'zstd', dictionary: DICTIONARY }, codecId: 3 },
  'zstd with trained dictionaries': {
    choice: { codec: 'zstd', level: 1, dictionary: { trainedBytes: 1024 } },
    codecId: 3,
  },
};

const BLOCK_DATA = 1;
const ENTRIES = 120;
const LOGGED = 10;

type Contents = Map<string, string>;

function keyAt(i: number): string {
  return `user-${String(i).padStart(4, '0')}`;
}

/** Something that each codec shrinks, also in a record of its own. */
function valueAt(i: number, version: number): string {
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

/** Writes a table, deletes and overwrites, a log; the disk as the process died. */
async function write(options: DbOptions, world: World): Promise<[MemoryFs, Contents]> {
  const fs = new MemoryFs();
  const contents: Contents = new Map();
  const db = await openIn(fs, options, world);
  for (let i = 0; i < ENTRIES; i++) put(db, contents, i, 1);
  await db.flush();
  db.delete(keyAt(1));
  contents.delete(keyAt(1));
  for (let i = 2; i < LOGGED; i++) put(db, contents, i, 2);
  const dead = fs.clone();
  await db.close();
  return [dead, contents];
}

/** What every file of a database has to say of itself. */
interface Stages {
  readonly suite: SuiteName | undefined;
  readonly ecc: EccOptions | false;
  readonly codecId: number;
  readonly walCodecId: number;
}

/** Asserts that all files are written as they should be, by nothing but their bytes. */
function expectStages(fs: MemoryFs, stages: Stages): void {
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

interface Combination {
  readonly compression: string;
  readonly suite: SuiteName | undefined;
  readonly ecc: EccOptions | false;
}

/** All combinations of compression, suite and code, with none of each. */
function combinations(): Combination[] {
  return Object.keys(COMPRESSIONS).flatMap((compression) =>
    [undefined, ...SUITES].flatMap((suiteName) =>
      ECC_CHOICES.map((ecc) => ({ compression, suite: suiteName, ecc })),
    ),
  );
}

function optionsOf({ compression, suite: suiteName, ecc }: Combination): DbOptions {
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

function nameOf({ compression, suite: suiteName, ecc }: Combination): string {
  return `${compression}, ${suiteName ?? 'clear'}, ${ecc === false ? 'no code' : ecc.scheme}`;
}

suite('every combination of the stages', () => {
  for (const combination of combinations()) {
    const options = optionsOf(combination);
    const stages: Stages = {
      suite: combination.suite,
      ecc: combination.ecc,
      codecId: COMPRESSIONS[combination.compression]!.codecId,
      walCodecId: combination.compression === 'none' ? 0 : 1,
    };

    test(`is in every file and reads back (${nameOf(combination)})`, async () => {
      for (const [writer, reader] of [
        ['node', 'noble'],
        ['noble', 'node'],
      ] as const) {
        const [fs, contents] = await write(options, { crypto: writer, hasNativeZstd: true });
        expectStages(fs, stages);
        const db = await openIn(fs, options, { crypto: reader, seed: 2 });
        assert.ok(db.stats().recovery.recordCount > 0, 'the log was read');
        await expectContents(db, contents);
        await db.compact();
        put(db, contents, 3, 3);
        await expectContents(db, contents);
        await db.close();
        expectStages(fs, stages);
        const again = await openIn(fs, { ...options, readOnly: true }, { crypto: writer });
        await expectContents(again, contents);
        await again.close();
        if (combination.suite === undefined) break;
      }
    });
  }

  test('is the same bytes on node:crypto and noble', async () => {
    for (const suiteName of SUITES) {
      for (const ecc of ECC_CHOICES) {
        const options = optionsOf({ compression: 'zstd', suite: suiteName, ecc });
        const [one, two] = await Promise.all(
          (Object.keys(CRYPTO) as CryptoName[]).map((crypto) => write(options, { crypto })),
        );
        assert.deepEqual(directoryOf(one![0]), directoryOf(two![0]));
        const [other] = await write(options, { seed: 3 });
        assert.notDeepEqual(directoryOf(one![0]), directoryOf(other));
      }
    }
  });
});

suite('families with settings of their own', () => {
  test('have them in their tables; log and manifest follow the database', async () => {
    const ecc: EccOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };
    const options: DbOptions = {
      encryption: encryptionOf('chacha20-poly1305'),
      ecc,
      compression: 'none',
      columnFamilies: {
        open: { encryption: false, ecc: false, compression: 'lz4' },
        small: { compression: COMPRESSIONS['zstd with a dictionary']!.choice, ecc: false },
        strong: { ecc: { scheme: 'secded' }, blockSizeBytes: 512 },
      },
    };
    const wanted: Record<string, string> = {
      default: '2/1/reed-solomon/0',
      open: '0/0//1',
      small: '2/1//3',
      strong: '2/1/secded/0',
    };
    const fs = new MemoryFs();
    const db = await openIn(fs, options);
    for (const [columnFamily, protection] of Object.entries(wanted)) {
      const before = new Set(namesIn(fs));
      const batch = new WriteBatch();
      const handle = db.columnFamily(columnFamily);
      for (let i = 0; i < ENTRIES; i++) batch.put(keyAt(i), valueAt(i, 1), handle);
      db.write(batch);
      await db.flush({ columnFamily });
      const tables = filesOf(fs, 'sst').filter((name) => !before.has(name));
      assert.deepEqual(
        tables.map((name) => describe(fs, name)),
        [protection],
        columnFamily,
      );
    }
    for (const kind of ['wal', 'MANIFEST'] as const) {
      for (const name of filesOf(fs, kind)) {
        const { suiteId, ecc: code } = headerOf(fs, name).protection;
        assert.deepEqual({ suiteId, code }, { suiteId: 2, code: ecc }, name);
      }
    }
    await db.close();
  });
});

/** Suite, epoch, code and codec of the data blocks of a table. */
function describe(fs: MemoryFs, name: string): string {
  const { suiteId, epoch, ecc } = headerOf(fs, name).protection;
  const data = takeApart(bytesOf(fs, name)).blocks.filter((block) => block[0] === BLOCK_DATA);
  const codecs = [...new Set(data.map((block) => block[1]))];
  return `${suiteId}/${epoch}/${ecc?.scheme ?? ''}/${codecs.join(' ')}`;
}
