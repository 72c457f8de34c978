/**
 * Files whose `close` reports an error: nothing is lost by that, so nothing fails.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DbEvent } from '../../src/db/events.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { openThreaded } from '../executor/fixture.ts';
import { fill, keyAt } from './helpers.ts';

for (const workers of [0, 2]) {
  test(`closes that fail are told and change nothing, ${workers} workers`, async () => {
    const fs = new FaultFs(new MemoryFs());
    const told: DbEvent[] = [];
    const onEvent = (event: DbEvent) => told.push(event);
    fs.addRule({ operation: 'close', times: Number.POSITIVE_INFINITY });
    const settings = { workers, onEvent, openTablesMax: 16, targetTableBytes: 65_536 };
    const { db } = await openThreaded(fs, { ...settings, compression: 'none', blockCacheBytes: 0 });
    fill(db, 2000, 1000);
    await db.compact();
    assert.ok(db.stats().tableCount > 20);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2000; i++) assert.equal(db.get(keyAt(i))?.length, 1000);
    }
    await db.close();
    const failed = told.filter(({ type }) => type === 'close-failed');
    assert.ok(failed.length > 20, `${failed.length} told`);
    assert.deepEqual(
      told.filter(({ type }) => type === 'error'),
      [],
    );
  });
}
