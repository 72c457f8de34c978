/**
 * Gets that look into tables in vain, and the compaction that they lead to.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompactionEvent, DbEvent } from '../../src/db/events.ts';
import { openHeld } from './held-workers.ts';

const COUNT = 100;
/** A table of this size is left alone until so many gets were in vain. */
const VAIN_READS_MAX = 4096;

function keyAt(i: number): string {
  return `key ${String(i).padStart(3, '0')}`;
}

for (const workers of [0, 2]) {
  test(`a table in which gets find nothing goes down, ${workers} workers`, async () => {
    const done: CompactionEvent[] = [];
    const onEvent = (event: DbEvent): void => {
      if (event.type === 'compaction') done.push(event);
    };
    const { db, clock } = await openHeld({ workers, filterBitsPerKey: 0, onEvent });
    for (let i = 0; i < COUNT; i += 2) db.put(keyAt(i), 'below');
    await db.compact();
    for (let i = 1; i < COUNT; i += 2) db.put(keyAt(i), 'above');
    await db.flush();
    done.length = 0;
    const readInVain = (times: number) => {
      // Between the keys of the upper table, and below it.
      for (let i = 0; i < times; i++) assert.equal(db.get(keyAt(2 + 2 * (i % 49)))?.length, 5);
    };
    const reads = db.stats().counters.tableReads;
    readInVain(VAIN_READS_MAX - 10);
    assert.equal(db.stats().counters.tableReads - reads, 2 * (VAIN_READS_MAX - 10));
    clock.advance(5000);
    db.put('more', new Uint8Array(70_000));
    db.put('more', new Uint8Array(70_000));
    await db.flush();
    assert.deepEqual(done, []);
    readInVain(10);
    clock.advance(5000);
    for (let i = 0; i < 4; i++) db.put('more', new Uint8Array(70_000));
    await db.flush();
    await db.pauseBackgroundWork();
    assert.deepEqual(
      done.map(({ reason, inputLevels, outputLevel }) => ({ reason, inputLevels, outputLevel })),
      [{ reason: 'seeks', inputLevels: [0, 1], outputLevel: 1 }],
    );
    const { tableReads } = db.stats().counters;
    readInVain(100);
    assert.ok(db.stats().counters.tableReads - tableReads <= 100, 'one look for each get');
    await db.close();
  });
}
