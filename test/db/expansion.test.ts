/**
 * Tables end at their target size however much entries grow on their way into them.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inputFailureOf } from '../../src/db/background/compaction.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Tree } from '../compaction/tree-model.ts';
import { openMemory, PATH, tableNames } from './helpers.ts';

const TARGET = 65_536;

interface Case {
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly count: number;
  /** What one entry and its block may take. */
  readonly slackBytes: number;
  readonly options: DbOptions;
}

const encryption = { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32) } } as const;
const most = { scheme: 'reed-solomon', data: 1, parity: 6 } as const;
const wide = { scheme: 'reed-solomon', data: 24, parity: 6 } as const;
const CASES: readonly Case[] = [
  {
    name: 'seven times the bytes by parity',
    keyBytes: 20,
    valueBytes: 1000,
    count: 1500,
    slackBytes: 7 * 5000,
    options: { ecc: most },
  },
  {
    name: 'many shards, tags and checksums of tiny blocks',
    keyBytes: 20,
    valueBytes: 10,
    count: 10_000,
    slackBytes: 7 * 2000,
    options: { ecc: wide, encryption, entryChecksums: true, blockSizeBytes: 512 },
  },
  {
    name: 'the largest filter over empty values',
    keyBytes: 12,
    valueBytes: 0,
    count: 20_000,
    slackBytes: 7 * 5000,
    options: { filterBitsPerKey: 32, ecc: most },
  },
  {
    name: 'keys longer than blocks, which stand in the index too',
    keyBytes: 8000,
    valueBytes: 10,
    count: 200,
    slackBytes: 7 * 8 * 8200,
    options: { ecc: most },
  },
  {
    name: 'values longer than tables',
    keyBytes: 20,
    valueBytes: 100_000,
    count: 30,
    slackBytes: 7 * 101_000,
    options: { ecc: most },
  },
];

suite('a compaction', () => {
  for (const { name, keyBytes, valueBytes, count, slackBytes, options } of CASES) {
    test(`ends its tables at their target: ${name}`, async () => {
      const fs = new MemoryFs();
      const random = new SeededRandom(1);
      const db = await openMemory({
        fs,
        compression: 'none',
        targetTableBytes: TARGET,
        writeBufferBytes: 1_048_576,
        ...options,
      });
      const key = new Uint8Array(keyBytes);
      for (let i = 0; i < count; i++) {
        const value = new Uint8Array(valueBytes);
        random.fill(value);
        new DataView(key.buffer).setUint32(keyBytes - 4, (i * 7919) % count);
        db.put(key, value);
      }
      await db.compact({ bottommost: true });
      const sizes = tableNames(fs).map((table) => fs.fileAt(`${PATH}/${table}`)!.size);
      const largest = Math.max(...sizes);
      assert.ok(sizes.length > 3, `${sizes.length} tables`);
      assert.ok(largest < TARGET * 1.1 + slackBytes, `${largest} of ${sizes.length}`);
      assert.equal([...db.keys()].length, count);
      await db.close();
    });
  }

  test('whose output cannot be is given up with its largest input, and stops nobody', () => {
    const tree = new Tree();
    const small = tree.add(1, [1]);
    const large = tree.add(2, [1, 2, 3]);
    const inputs = [
      { level: 1, tables: [small] },
      { level: 2, tables: [large] },
    ];
    const plan = { kind: 'merge', inputs, outputLevel: 2, reason: 'level-size' } as const;
    const error = new VarveError('UNSUPPORTED', 'it does not fit');
    assert.deepEqual(inputFailureOf(plan, error), { fileNumber: large.fileNumber, error });
  });
});
