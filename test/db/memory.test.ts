/**
 * One budget for memtables, tables, jobs and the block cache.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { fill, openMemory } from './helpers.ts';

const MIB = 1_048_576;

/** What all but the cache take, and what the cache may take, against the budget. */
function expectWithin(db: Db, budgetBytes: number): void {
  const { memory } = db.stats();
  const { memtableBytes, arenaPoolBytes, tableBytes, jobBytes } = memory;
  const others = memtableBytes + arenaPoolBytes + tableBytes + jobBytes;
  assert.equal(memory.budgetBytes, budgetBytes);
  assert.ok(memory.blockCacheBytes <= memory.blockCacheCapacityBytes);
  const least = budgetBytes / 8;
  const most = Math.max(least, budgetBytes - others);
  // The cache is measured anew 32 times per write buffer.
  assert.ok(memory.blockCacheCapacityBytes <= most + budgetBytes / 64, JSON.stringify(memory));
}

test('the block cache gets what the others leave, and gives it back', async () => {
  const db = await openMemory({ memoryBudgetBytes: 8 * MIB, compression: 'none' });
  const atFirst = db.stats().memory.blockCacheCapacityBytes;
  assert.ok(atFirst > 7 * MIB && atFirst <= 8 * MIB);
  let smallest = atFirst;
  for (let i = 0; i < 20_000; i++) {
    db.put(`key ${i}`, new Uint8Array(1000).fill(i));
    db.get(`key ${(i * 7919) % (i + 1)}`);
    if (i % 500 !== 0) continue;
    expectWithin(db, 8 * MIB);
    smallest = Math.min(smallest, db.stats().memory.blockCacheCapacityBytes);
  }
  assert.ok(smallest < 7 * MIB, `${smallest} bytes`);
  await db.compact();
  expectWithin(db, 8 * MIB);
  const { blockCacheCapacityBytes, arenaPoolBytes } = db.stats().memory;
  assert.equal(arenaPoolBytes, 0);
  assert.ok(blockCacheCapacityBytes > 7 * MIB, `${blockCacheCapacityBytes} bytes`);
  for (let i = 0; i < 20_000; i += 7) assert.equal(db.get(`key ${i}`)?.[0], i & 0xff);
  assert.ok(db.stats().memory.blockCacheBytes > 2 * MIB);
  expectWithin(db, 8 * MIB);
  await db.close();
});

test('a cache whose size was given keeps it', async () => {
  const db = await openMemory({ memoryBudgetBytes: 4 * MIB, blockCacheBytes: 3 * MIB });
  fill(db, 900, 2000);
  assert.equal(db.stats().memory.blockCacheCapacityBytes, 3 * MIB);
  await db.close();
});

test('a family takes memory for what it holds', async () => {
  const FAMILIES = 500;
  const columnFamilies = Array.from({ length: FAMILIES }, (_, i) => `family ${i}`);
  const before = process.memoryUsage().arrayBuffers;
  const db = await openMemory({ columnFamilies, workers: 0 });
  const perFamily = (process.memoryUsage().arrayBuffers - before) / FAMILIES;
  assert.ok(perFamily < 16_384, `${perFamily} bytes for each idle family`);
  for (const columnFamily of columnFamilies) db.put('key', 'value', { columnFamily });
  await db.flush({ columnFamily: columnFamilies[0]! });
  const flushing = db.flush();
  const { jobBytes } = db.stats().memory;
  assert.ok(jobBytes < MIB, `${jobBytes} bytes for flushes of one entry each`);
  await flushing;
  await db.close();
});
