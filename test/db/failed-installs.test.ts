/** Tables whose edit could not be written: they stay as long as it may count, and no longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs, type FaultOperation } from '../../src/testing/fault-fs.ts';
import { code, fill, keyAt, PATH, tableNames } from './helpers.ts';

const OPTIONS: DbOptions = { workers: 0, writeBufferBytes: 65_536, targetTableBytes: 65_536 };
const COUNT = 300;

const WORKS: Record<string, (db: Db) => Promise<void>> = {
  'a flush': (db) => db.flush(),
  'a compaction': (db) => db.compact(),
};

function expectAll(db: Db): void {
  for (let i = 0; i < COUNT; i++) assert.ok(db.has(keyAt(i)), keyAt(i));
}

for (const [name, work] of Object.entries(WORKS)) {
  for (const operation of ['write', 'sync'] as FaultOperation[]) {
    test(`those of ${name} go with the first resume that succeeds (${operation})`, async () => {
      const memory = new MemoryFs();
      const fs = new FaultFs(memory);
      const db = await open(PATH, { ...OPTIONS, fs });
      fill(db, COUNT, 100);
      await db.flush();
      fill(db, COUNT, 120);
      if (name === 'a compaction') await db.flush();
      const before = tableNames(memory);
      const inManifest = (path: string) => path.includes('MANIFEST-');
      fs.failCall(1, { operation, path: inManifest });
      await assert.rejects(work(db), code('IO'));
      const uninstalled = tableNames(memory).filter((table) => !before.includes(table));
      assert.ok(uninstalled.length > 0, 'the edit may be on disk');
      // The state in which a crash would find them.
      const dead = memory.clone();
      fs.clearRules();
      fs.failCall(1, { operation: 'write', path: inManifest });
      await assert.rejects(db.resume(), code('IO'));
      for (const table of uninstalled) assert.ok(memory.exists(`${PATH}/${table}`), table);
      fs.clearRules();
      await db.resume();
      for (const table of uninstalled) assert.ok(!memory.exists(`${PATH}/${table}`), table);
      assert.equal(tableNames(memory).length, db.stats().tableCount);
      expectAll(db);
      await work(db);
      await db.close();
      for (const disk of [memory, dead]) {
        const again = await open(PATH, { ...OPTIONS, fs: disk });
        expectAll(again);
        assert.equal(tableNames(disk).length, again.stats().tableCount);
        await again.close();
      }
    });
  }
}
