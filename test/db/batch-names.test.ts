/**
 * Batches whose operations name their families instead of having their handles.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ColumnFamily } from '../../src/db/column-family.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { openMemory } from './helpers.ts';

const SETTINGS: Readonly<Record<string, DbOptions>> = {
  'no checksums': {},
  'entry checksums': { entryChecksums: true },
  'entry checksums in one family': { columnFamilies: { a: { entryChecksums: true }, b: {} } },
};

for (const [name, settings] of Object.entries(SETTINGS)) {
  suite(`a batch that names families, with ${name}`, () => {
    test('is written as with handles, again and again, and replayed', async () => {
      const fs = new MemoryFs();
      const options = { columnFamilies: ['a', 'b'], ...settings };
      const db = await openMemory({ ...options, fs });
      const batch = new WriteBatch({ entryChecksums: settings.entryChecksums === true });
      batch.put('x', 'default').put('x', 'of a', 'a').put('x', 'of b', db.columnFamily('b'));
      batch.put('y', 'gone', 'a').delete('y', 'a').put('z', '', 'b').put('d', 'named', 'default');
      assert.equal(batch.count, 7);
      assert.equal(db.write(batch), 7);
      assert.equal(await db.writeAsync(batch), 14);
      const again = await openMemory({ ...options, fs: fs.clone() });
      for (const one of [db, again]) {
        const look = (key: string, columnFamily: string) => {
          const value = one.get(key, { columnFamily });
          return value === undefined ? undefined : new TextDecoder().decode(value);
        };
        assert.deepEqual(
          ['default', 'a', 'b'].map((family) => look('x', family)),
          ['default', 'of a', 'of b'],
        );
        assert.deepEqual(
          [look('y', 'a'), look('z', 'b'), look('d', 'default')],
          [undefined, '', 'named'],
        );
        assert.equal([...one.keys({ columnFamily: 'a' })].length, 1);
        await one.flush();
        assert.deepEqual((await one.verify()).uncorrectable, []);
        await one.close();
      }
    });

    test('means the families of the moment at which it is written', async () => {
      const db = await openMemory({ columnFamilies: ['a', 'b'], ...settings });
      const batch = new WriteBatch().put('k', '1', 'late').put('k', '1');
      const isMissing = (error: unknown) =>
        isVarveError(error, 'INVALID') && error.message.includes("'late'");
      assert.throws(() => db.write(batch), isMissing);
      await assert.rejects(db.writeAsync(batch), isMissing);
      assert.equal(db.seqno, 0);
      db.createColumnFamily('late');
      db.write(batch);
      db.dropColumnFamily('late');
      assert.throws(() => db.write(batch), isMissing);
      batch.clear();
      batch.put('k', '2');
      db.write(batch);
      assert.deepEqual(db.get('k'), Uint8Array.of(0x32));
      await db.close();
    });
  });
}

test('what is neither a family nor a name is refused, and leaves the batch as it was', () => {
  const batch = new WriteBatch().put('a', '1', 'named');
  for (const wrong of [1, {}, null, Symbol('a')] as unknown as ColumnFamily[]) {
    assert.throws(() => batch.put('b', '2', wrong), TypeError);
    assert.throws(() => batch.delete('b', wrong), TypeError);
  }
  assert.throws(() => batch.put('b', 1 as unknown as string, 'other'), TypeError);
  assert.equal(batch.count, 1);
});
