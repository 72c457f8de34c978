/**
 * The way back from a failed log.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import { openDatabase } from '../../src/db/open.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { systemHostLoop } from '../../src/env/system.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { FaultFs, type FaultOperation } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const CLOCK = { now: () => 0, monotonic: () => 0 };

suite('after a failure of the log', () => {
  const families = ['one', 'two'];
  for (const operation of ['write', 'sync', 'syncAsync'] as FaultOperation[]) {
    for (const count of [0, 1, 2]) {
      test(`(${operation}) a database with ${1 + count} families resumes`, async () => {
        const fs = new FaultFs(new MemoryFs());
        const environment = {
          fs,
          clock: CLOCK,
          random: new SeededRandom(1),
          hostLoop: systemHostLoop,
          compression: portableCompression,
          crypto: nodeCrypto(),
          threads: undefined,
        };
        const columnFamilies = families.slice(0, count);
        const db = await openDatabase('db', { columnFamilies }, environment);
        const batch = new WriteBatch().put('key', 'default');
        for (const name of columnFamilies) batch.put('key', name, db.columnFamily(name));
        db.write(batch);
        fs.failCall(1, { operation, path: (path) => path.endsWith('.wal') });
        const isFault = (error: unknown): boolean => isVarveError(error, 'IO');
        if (operation === 'syncAsync') await assert.rejects(db.sync(), isFault);
        else assert.throws(() => db.put('lost', 'x', { sync: operation === 'sync' }), isFault);
        fs.clearRules();
        await db.resume();
        db.put('later', 'y', { sync: true });
        await db.sync();
        await db.close();
        const again = await openDatabase('db', {}, environment);
        const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);
        assert.equal(text(again.get('key')), 'default');
        assert.equal(text(again.get('later')), 'y');
        for (const columnFamily of columnFamilies) {
          assert.equal(text(again.get('key', { columnFamily })), columnFamily);
        }
        await again.close();
      });
    }
  }
});
