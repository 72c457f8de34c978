/**
 * Gets that look into tables in vain, scans that pass tombstones, and the compactions that they
 * lead to.
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

/** More than there are ranges that a family remembers. */
const QUEUES = 20;
const TAKEN = 400;
const ENTRIES = 500;

function queueKey(queue: number, i: number): string {
  return `queue ${String(queue).padStart(2, '0')} ${keyAt(i)}`;
}

for (const reverse of [false, true]) {
  test(`a table whose tombstones scans keep passing goes down, reverse ${reverse}`, async () => {
    const done: CompactionEvent[] = [];
    const onEvent = (event: DbEvent): void => {
      if (event.type === 'compaction') done.push(event);
    };
    const options = { workers: 0, writeBufferBytes: 4_000_000, onEvent };
    const { db, clock } = await openHeld(options);
    const place = (i: number) => (reverse ? ENTRIES - 1 - i : i);
    for (let queue = 0; queue < QUEUES; queue++) {
      for (let i = 0; i < ENTRIES; i++) db.put(queueKey(queue, i), 'value');
    }
    await db.compact();
    // Fewer tombstones than would make the table ask for itself.
    for (let queue = 0; queue < QUEUES; queue++) {
      for (let i = 0; i < TAKEN; i++) db.delete(queueKey(queue, place(i)));
    }
    for (let i = 0; i < QUEUES * TAKEN + 100; i++) db.put(`other ${i}`, 'value');
    await db.flush();
    done.length = 0;
    const rest = async () => {
      clock.advance(5000);
      db.put('more', 'value');
      await db.flush();
      await db.pauseBackgroundWork();
      db.continueBackgroundWork();
    };
    const poll = (queue: number): void => {
      const range = { gte: queueKey(queue, 0), lt: queueKey(queue, ENTRIES), limit: 1, reverse };
      const [key] = db.keys(range);
      assert.equal(Buffer.from(key!).toString(), queueKey(queue, place(TAKEN)));
    };
    for (let queue = 0; queue < 10; queue++) poll(queue);
    await rest();
    assert.deepEqual(done, []);
    for (let queue = 10; queue < QUEUES; queue++) poll(queue);
    await rest();
    assert.deepEqual(
      done.map(({ reason }) => reason),
      ['tombstones'],
    );
    for (let queue = 0; queue < QUEUES; queue++) poll(queue);
    const { levels } = db.stats().columnFamilies[0]!;
    assert.ok(levels.every(({ tombstoneCount }) => tombstoneCount === 0));
    await db.close();
  });
}
