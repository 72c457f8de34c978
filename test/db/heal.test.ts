/**
 * Tables in which damage was put right as they were read: they are healed in their files, and
 * written anew where that cannot be.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CompactionEvent, DbEvent } from '../../src/db/events.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { openHeld } from './held-workers.ts';
import { code, keyAt, onlyTable, PATH, tableNames } from './helpers.ts';

const COUNT = 100;
const ECC = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

/** Turns bits of the only table. */
function damage(fs: MemoryFs, from: number, to: number): void {
  const file = onlyTable(fs);
  const bytes = new Uint8Array(to - from);
  file.read(bytes, 0, bytes.length, from);
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= 4;
  file.write(bytes, 0, bytes.length, from);
}

/** @param isShared whether the table has a second name, and is not written to for that */
async function openDamaged(workers: number, isShared = false) {
  const fs = new MemoryFs();
  const done: CompactionEvent[] = [];
  const healed: DbEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'compaction') done.push(event);
    if (event.type === 'healed') healed.push(event);
  };
  const options = { ecc: ECC, workers, onEvent, blockCacheBytes: 0 };
  const { db, clock } = await openHeld(options, [], fs);
  for (let i = 0; i < COUNT; i++) db.put(keyAt(i), new Uint8Array(100).fill(i));
  await db.compact();
  done.length = 0;
  damage(fs, 1000, 1001);
  if (isShared) fs.link(`${PATH}/${tableNames(fs)[0]}`, 'elsewhere');
  const read = (count: number): number => {
    for (let i = 0; i < count; i++) assert.equal(db.get(keyAt(i))?.[99], i);
    return db.stats().counters.corrections;
  };
  /** Lets compactions go on that nobody asked for. */
  const goOn = async (): Promise<void> => {
    clock.advance(5000);
    for (let i = 0; i < 4; i++) db.put('more', new Uint8Array(70_000));
    await db.flush();
    await db.pauseBackgroundWork();
    db.continueBackgroundWork();
  };
  return { db, fs, done, healed, read, goOn };
}

for (const workers of [0, 2]) {
  suite(`a damaged table, ${workers} workers`, () => {
    test('is healed in its file once a read has put it right', async () => {
      const { db, fs, done, healed, read, goOn } = await openDamaged(workers);
      const [name] = tableNames(fs);
      assert.ok(read(COUNT) > 0, 'it is damaged');
      await goOn();
      assert.deepEqual(done, []);
      assert.ok(tableNames(fs).includes(name!));
      assert.equal(healed.length, 1);
      assert.equal(db.stats().counters.healCount, 1);
      const { corrections } = db.stats().counters;
      assert.equal(read(COUNT), corrections, 'it is sound again');
      assert.deepEqual((await db.verify()).corrected, []);
      await db.close();
    });

    test('is written anew where its file is not to be written to', async () => {
      const { db, done, healed, read, goOn } = await openDamaged(workers, true);
      assert.ok(read(COUNT) > 0, 'it is damaged');
      await goOn();
      assert.deepEqual(
        done.map(({ reason }) => reason),
        ['heal'],
      );
      const { corrections } = db.stats().counters;
      assert.equal(read(COUNT), corrections, 'it is sound again');
      await goOn();
      assert.equal(done.length, 1);
      assert.deepEqual(healed, []);
      await db.close();
    });

    test('stays as it is where that is not possible, and stops nobody', async () => {
      const { db, fs, done, read, goOn } = await openDamaged(workers);
      damage(fs, 6000, 9000);
      for (let round = 0; round < 3; round++) {
        assert.ok(read(10) > 0, 'it is damaged');
        assert.throws(() => read(COUNT), code('CORRUPTION'));
        await goOn();
      }
      assert.deepEqual(done, []);
      assert.equal(db.stats().backgroundError, undefined);
      db.put('another', '1');
      await db.flush();
      await db.close();
    });
  });
}
