/**
 * Many of everything: what one call costs must not grow with how much else is open.
 * @module
 */
import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { type FileHandle, type Fs, MemoryFs } from '../../src/core.ts';
import { growth } from '../db-internals/growth.ts';
import { openHeld, turn } from './held-workers.ts';
import { openMemory, tableNames } from './helpers.ts';

describe('a database with many', () => {
  test('families makes them by one edit', async () => {
    const { fs, syncs } = countingFs();
    const open = (count: number) => {
      const columnFamilies = Array.from({ length: count }, (_, i) => `family ${i}`);
      return openMemory({ fs, columnFamilies, workers: 0 });
    };
    const sizes: number[] = [];
    for (const count of [1, 300]) {
      const before = syncs();
      const db = await open(count);
      assert.equal(db.listColumnFamilies().length, count + 1);
      sizes.push(syncs() - before);
      await db.close();
    }
    // The first has also to make the database.
    assert.ok(sizes[1]! <= sizes[0]!, `${sizes}`);
    const db = await open(300);
    // The first write of a process begins a log.
    db.createColumnFamily('one more');
    const second = syncs();
    db.createColumnFamily('and one');
    assert.equal(syncs() - second, 1);
    await db.close();
  });

  test('families flushes them with one sync for each table, and three for all', async () => {
    for (const wal of [true, false]) {
      const { fs, syncs } = countingFs();
      const columnFamilies = Array.from({ length: 60 }, (_, i) => `family ${i}`);
      const db = await openMemory({ fs, columnFamilies, wal, workers: 0 });
      for (const columnFamily of columnFamilies) db.put('key', 'value', { columnFamily });
      const before = syncs();
      await db.flush();
      // The new log and its name, the names of the tables, and the edit.
      assert.ok(syncs() - before <= 60 + 4, `${syncs() - before} syncs`);
      assert.equal(tableNames(fs).length, 60);
      await db.close();
    }
  });

  test('families flushes a few of them at a time', async () => {
    const columnFamilies = Array.from({ length: 60 }, (_, i) => `family ${i}`);
    const { db, gate } = await openHeld({ columnFamilies }, ['flush']);
    for (const columnFamily of columnFamilies) db.put('key', 'value', { columnFamily });
    const flushed = db.flush();
    await turn();
    let most = 0;
    let isFlushed = false;
    void flushed.then(() => {
      isFlushed = true;
    });
    while (!isFlushed) {
      most = Math.max(most, gate.heldCount);
      if (gate.heldCount > 0) gate.letOnePass();
      await turn();
    }
    assert.ok(most > 1 && most <= 8, `${most} at a time`);
    for (const columnFamily of columnFamilies) assert.ok(db.has('key', { columnFamily }));
    await db.close();
  });

  test('families finds one by its name as fast as one of few', async () => {
    const times = await growth(60, 8, async (count) => {
      const columnFamilies = Array.from({ length: count }, (_, i) => `family ${i}`);
      const db = await openMemory({ columnFamilies });
      return () => {
        for (let round = 0; round < 60; round++) {
          for (const columnFamily of columnFamilies) db.get('key', { columnFamily });
        }
      };
    });
    assert.ok(times < 32, `8 times as many cost ${times.toFixed(1)} times as much`);
  });

  test('cursors over replaced views closes one as fast as one of few', async () => {
    const times = await growth(100, 8, async (count) => {
      const names = Array.from({ length: count }, (_, i) => `family ${i}`);
      const db = await openMemory({ columnFamilies: names });
      for (const columnFamily of names) db.put('key', 'value', { columnFamily });
      const cursors = names.map((columnFamily) => db.cursor({ columnFamily }));
      await db.flush();
      return () => {
        for (const cursor of cursors) cursor.close();
      };
    });
    assert.ok(times < 32, `8 times as many cost ${times.toFixed(1)} times as much`);
  });
});

/** A file system that counts what goes to stable storage: files and directories. */
function countingFs(): { fs: Fs; syncs: () => number } {
  let count = 0;
  class CountingFs extends MemoryFs {
    override open(...args: Parameters<MemoryFs['open']>): FileHandle {
      const file = super.open(...args);
      const sync = file.sync.bind(file);
      file.sync = () => {
        count++;
        sync();
      };
      return file;
    }
    override syncDirectory(path: string): void {
      count++;
      super.syncDirectory(path);
    }
  }
  return { fs: new CountingFs(), syncs: () => count };
}
