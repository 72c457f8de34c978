/**
 * Listeners that call the database that tells them.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { CALM, openHeld } from './held-workers.ts';
import { code, PATH, tableNames } from './helpers.ts';

const COUNT = 1200;
const EVENTS_MAX = 300;
const TYPES: readonly DbEvent['type'][] = [
  'table-created',
  'table-deleted',
  'flush',
  'compaction',
  'stall',
];
/** There is always something to tell. */
const LIVELY: DbOptions = { ...CALM, baseLevelBytes: 128 * 1024, levelRatio: 4, l0TriggerCount: 3 };

function put(db: Db, i: number): void {
  db.put(`key ${(i * 7919) % COUNT}`, new Uint8Array(800).fill(i));
}

/** What is there of {@link put} for `count` numbers and of the listener's own keys. */
function expectAll(db: Db, count: number, ownCount = 0): void {
  const lost: string[] = [];
  const expect = (key: string, byte: number): void => {
    if (db.get(key)?.[0] !== byte) lost.push(key);
  };
  for (let i = 0; i < count; i++) expect(`key ${(i * 7919) % COUNT}`, i & 0xff);
  for (let i = 0; i < ownCount; i++) expect(`own ${i}`, i & 0xff);
  assert.deepEqual(lost, []);
}

/** Opens what was closed, and looks for files that nobody knows. */
async function expectClosed(fs: MemoryFs, count: number, ownCount = 0): Promise<void> {
  const db = await open(PATH, { fs, readOnly: true });
  expectAll(db, count, ownCount);
  const tables = tableNames(fs);
  assert.equal(tables.length, db.stats().tableCount);
  await db.close();
}

/** A database whose listener calls it, on events of one type. */
async function openListened(
  type: DbEvent['type'],
  options: DbOptions,
  onEvent: (db: Db) => void,
): Promise<{ db: Db; fs: MemoryFs; errors: unknown[] }> {
  const fs = new MemoryFs();
  const errors: unknown[] = [];
  let db: Db | undefined;
  let calls = 0;
  const listen = (event: DbEvent): void => {
    if (event.type === 'error') errors.push(event.error);
    if (event.type === type && db !== undefined && calls++ < EVENTS_MAX) onEvent(db);
  };
  ({ db } = await openHeld({ ...LIVELY, ...options, onEvent: listen }, [], fs));
  return { db, fs, errors };
}

for (const workers of [0, 2]) {
  for (const wal of [true, false]) {
    for (const type of TYPES) {
      suite(`a listener on ${type}, ${workers} workers, wal: ${wal}`, () => {
        for (const lengthBytes of [10, 3000]) {
          test(`may put values of ${lengthBytes} bytes`, async () => {
            let ownCount = 0;
            const { db, fs, errors } = await openListened(type, { workers, wal }, (told) => {
              told.put(`own ${ownCount}`, new Uint8Array(lengthBytes).fill(ownCount));
              ownCount++;
            });
            for (let i = 0; i < COUNT; i++) put(db, i);
            await db.compact();
            expectAll(db, COUNT, ownCount);
            await db.close();
            assert.deepEqual(errors, []);
            await expectClosed(fs, COUNT, ownCount);
          });
        }

        test('may flush and compact', async () => {
          const pending: Promise<void>[] = [];
          const { db, fs, errors } = await openListened(type, { workers, wal }, (told) => {
            if (pending.length < 10) pending.push(told.flush(), told.compact());
          });
          for (let i = 0; i < COUNT; i++) put(db, i);
          await db.flush();
          await Promise.all(pending);
          await db.close();
          assert.deepEqual(errors, []);
          await expectClosed(fs, COUNT);
        });

        test('may close the database', async () => {
          let closing: Promise<void> | undefined;
          const { db, fs, errors } = await openListened(type, { workers, wal }, (told) => {
            closing ??= told.close();
          });
          let count = 0;
          const load = async (): Promise<void> => {
            for (; count < COUNT; count++) put(db, count);
            await db.flush();
          };
          await load().catch((error: unknown) => assert.ok(code('CLOSED')(error), String(error)));
          await (closing ?? db.close());
          assert.deepEqual(errors, []);
          await expectClosed(fs, count);
        });
      });
    }
  }
}

test('a loop of writes that gives the host no turn is told of between two of them', async () => {
  let told = 0;
  const { db } = await openListened('flush', { workers: 0 }, () => told++);
  for (let i = 0; i < COUNT; i++) put(db, i);
  assert.equal(told, db.stats().counters.flushCount);
  assert.ok(told > 5);
  await db.close();
});
