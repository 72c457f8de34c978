/** A table of another database, or of a copy that went on, stands under the name of one of ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { bytesOf, setBytes } from '../pipeline/world.ts';
import { PATH, tableNames } from './helpers.ts';

const KEYS = 300;

const WAYS: Record<string, DbOptions> = {
  'in the clear': { compression: 'none' },
  compressed: { compression: 'lz4' },
  'with error correction': {
    compression: 'none',
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  },
};

/** One table whose values all begin with the word, in an empty or a given directory. */
async function filled(fs: MemoryFs, word: string, options: DbOptions): Promise<MemoryFs> {
  const db = await open(PATH, { ...options, fs });
  for (let i = 0; i < KEYS; i++) db.put(`k${i}`, `${word} ${String(i).padStart(6, '0')}`);
  await db.flush();
  await db.close();
  return fs;
}

/** Two directories with a table of the same number and size. */
async function pair(isCopy: boolean, options: DbOptions): Promise<[MemoryFs, MemoryFs]> {
  const base = new MemoryFs();
  if (isCopy) await (await open(PATH, { ...options, fs: base })).close();
  const ours = await filled(base.clone(), 'word A', options);
  const theirs = await filled(base.clone(), 'word B', options);
  return [ours, theirs];
}

function isTold(error: unknown): boolean {
  return isVarveError(error, 'CORRUPTION') && /table is another one/.test(error.message);
}

for (const [name, options] of Object.entries(WAYS)) {
  for (const isCopy of [false, true]) {
    const whose = isCopy ? 'a copy of the database' : 'another database';
    test(`a table of ${whose} is told, and goes into no other table: ${name}`, async () => {
      const [fs, theirs] = await pair(isCopy, options);
      const [table] = tableNames(fs);
      assert.deepEqual(tableNames(theirs), [table]);
      const foreign = bytesOf(theirs, table!);
      assert.equal(foreign.length, bytesOf(fs, table!).length, 'nothing else tells them apart');
      setBytes(fs, table!, foreign);
      for (const readOnly of [true, false]) {
        const db = await open(PATH, { ...options, fs, readOnly });
        assert.throws(() => db.get('k5'), isTold);
        assert.throws(() => [...db.entries()], isTold);
        const { uncorrectable } = await db.verify();
        assert.match(uncorrectable[0]!.cause, /another file than the one/);
        if (!readOnly) await assert.rejects(db.compact({ bottommost: true }), isTold);
        await db.close();
      }
      assert.deepEqual(tableNames(fs), [table], 'nothing was made of it');
    });
  }
}
