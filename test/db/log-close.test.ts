/**
 * Logs that close with an error when no writes need them any more.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DbEvent } from '../../src/db/events.ts';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, OpenMode } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';
import { openHeld, turn } from './held-workers.ts';
import { PATH, tableNames, texts } from './helpers.ts';

/** Fails to close a log when told to; the file is closed all the same, as on POSIX. */
class StubbornFs extends MemoryFs {
  failures = 0;
  /** While it is set, asynchronous syncs of logs wait for it. */
  hold: Promise<void> | undefined;

  override open(path: string, mode: OpenMode): FileHandle {
    const file = super.open(path, mode);
    if (!path.endsWith('.wal')) return file;
    const close = file.close.bind(file);
    const syncAsync = file.syncAsync.bind(file);
    file.syncAsync = async () => {
      await this.hold;
      await syncAsync();
    };
    file.close = () => {
      close();
      if (this.failures === 0) return;
      this.failures--;
      throw new VarveError('IO', 'a log could not be closed', { file: path });
    };
    return file;
  }
}

for (const workers of [0, 2]) {
  for (const isSyncing of [false, true]) {
    const when = isSyncing ? 'behind a sync' : 'at once';
    test(`a log that closes with an error ${when} fails no flush, ${workers} workers`, async () => {
      const fs = new StubbornFs();
      const told: DbEvent[] = [];
      const onEvent = (event: DbEvent) => told.push(event);
      const { db, gate } = await openHeld({ workers, onEvent }, ['flush'], fs);
      let letGo = () => {};
      if (isSyncing) fs.hold = new Promise((resolve) => (letGo = resolve));
      db.put('a', '1');
      const synced = db.sync();
      const first = db.flush();
      await turn();
      db.put('b', '1');
      const second = db.flush();
      fs.failures = 1;
      gate.open();
      await Promise.all([first, second]);
      assert.equal(fs.failures, isSyncing ? 1 : 0);
      letGo();
      await synced;
      await turn();

      assert.equal(fs.failures, 0);
      const failed = told.filter(({ type }) => type === 'close-failed');
      assert.equal(failed.length, 1);
      assert.ok(failed[0]?.type === 'close-failed' && failed[0].error.code === 'IO');
      assert.ok(!told.some(({ type }) => type === 'error'));
      // Each was done once, and is not waiting to be done again.
      assert.equal(told.filter(({ type }) => type === 'flush').length, 2);
      assert.equal(tableNames(fs).length, 2);
      db.put('c', '1');
      await db.flush();
      assert.equal(texts(db.keys()), 'a b c');
      const { columnFamilies, walCount, tableCount } = db.stats();
      assert.deepEqual([columnFamilies[0]!.frozenMemtableCount, walCount, tableCount], [0, 1, 3]);
      assert.equal(fs.list(PATH).filter((name) => name.endsWith('.wal')).length, 1);
      await db.close();
      const again = await open(PATH, { fs });
      assert.equal(texts(again.keys()), 'a b c');
      await again.close();
    });
  }
}
