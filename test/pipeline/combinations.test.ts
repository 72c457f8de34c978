import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { MemoryLives } from '../prove/lives.ts';
import { takeApart } from './attacker.ts';
import {
  BLOCK_DATA,
  COMPRESSIONS,
  checkCombination,
  combinations,
  ENTRIES,
  keyAt,
  nameOf,
  optionsOf,
  valueAt,
  write,
} from './combinations.ts';
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
} from './world.ts';

suite('every combination of the stages', () => {
  for (const combination of combinations()) {
    test(`is in every file and reads back (${nameOf(combination)})`, async () => {
      for (const [writer, reader] of [
        ['node', 'noble'],
        ['noble', 'node'],
      ] as const) {
        const world = { crypto: writer, hasNativeZstd: true };
        await checkCombination(combination, new MemoryLives(), world, { crypto: reader });
        if (combination.suite === undefined) break;
      }
    });
  }

  test('is the same bytes on node:crypto and noble', async () => {
    for (const suiteName of SUITES) {
      for (const ecc of ECC_CHOICES) {
        const options = optionsOf({ compression: 'zstd', suite: suiteName, ecc });
        const [one, two] = await Promise.all(
          (Object.keys(CRYPTO) as CryptoName[]).map((crypto) =>
            write(options, { crypto }, new MemoryLives()),
          ),
        );
        assert.deepEqual(directoryOf(one![0]), directoryOf(two![0]));
        const [other] = await write(options, { seed: 3 }, new MemoryLives());
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
