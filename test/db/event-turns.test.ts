/**
 * When listeners are called: never in the midst of a call, nor between the last write that a close
 * makes durable and its end.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { turn } from './held-workers.ts';
import { fill, keyAt, PATH, tableNames, text, texts } from './helpers.ts';

const COUNT = 300;
const OPTIONS: DbOptions = {
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  blockSizeBytes: 1024,
  blockCacheBytes: 0,
  compression: 'none',
};

/** A database with so many tables in L0 as are merged in a close, and damage in each of them. */
async function damagedDisk(tableCount: number): Promise<MemoryFs> {
  const disk = new MemoryFs();
  const patient = { l0TriggerCount: 50, l0SlowdownCount: 80, l0StopCount: 90 };
  const db = await open(PATH, { fs: disk, ...OPTIONS, ...patient });
  for (let i = 0; i < tableCount; i++) {
    fill(db, i === 0 ? COUNT : 10, 100);
    await db.flush();
  }
  await db.close();
  for (const name of tableNames(disk)) {
    const file = disk.open(`${PATH}/${name}`, 'update');
    const byte = new Uint8Array(1);
    // Within the first shard of the first data block, and in later blocks of a large table.
    for (let at = 220; at < Math.min(file.size() - 4000, 20_000) || at === 220; at += 2000) {
      file.read(byte, 0, 1, at);
      byte[0] = byte[0]! ^ 0xff;
      file.write(byte, 0, 1, at);
    }
    file.close();
  }
  return disk;
}

test('a listener that is told of corrections may read and write', async () => {
  const fs = await damagedDisk(1);
  let db: Db | undefined;
  let ownCount = 0;
  const onEvent = ({ type }: DbEvent): void => {
    if (type !== 'corrected' || db === undefined || ownCount >= 1000) return;
    db.put(`own ${ownCount++}`, 'x'.repeat(2000));
    assert.equal(db.get('absent'), undefined);
    assert.equal(db.get(keyAt(7))?.length, 100);
  };
  // So small that writes have to merge what is damaged.
  const small = { writeBufferBytes: 65_536, l0TriggerCount: 2, baseLevelBytes: 65_536 };
  db = await open(PATH, { fs, ...OPTIONS, ...small, onEvent });
  for (let i = 0; i < COUNT; i++) {
    assert.equal(db.get(keyAt(i))?.length, 100, keyAt(i));
    db.put(`new ${i}`, String(i).padEnd(1000));
  }
  await turn();
  assert.ok(ownCount > 3, `told ${ownCount} times`);
  for (let i = 0; i < COUNT; i++) assert.equal(text(db.get(`new ${i}`))?.trim(), String(i));
  for (let i = 0; i < ownCount; i++) assert.equal(db.get(`own ${i}`)?.length, 2000);
  await db.close();
});

test('a loop of reads keeps one event for each damaged place, and counts all', async () => {
  const fs = await damagedDisk(1);
  const places: string[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'corrected') places.push(`${event.file}@${event.offset}`);
  };
  const db = await open(PATH, { fs, ...OPTIONS, onEvent, scrub: { heal: false } });
  for (let round = 1; round <= 2; round++) {
    const before = db.stats().counters.corrections;
    for (let i = 0; i < 50; i++) assert.equal(db.get(keyAt(0))?.length, 100);
    assert.equal(db.stats().counters.corrections, before + 50);
    await turn();
    assert.equal(places.length, round);
    assert.equal(new Set(places).size, 1);
  }
  await db.close();
});

for (const wal of [true, false]) {
  test(`what a listener could write before a close ended is there, wal: ${wal}`, async () => {
    const fs = new CrashFs(await damagedDisk(16));
    let db: Db | undefined;
    const own: string[] = [];
    let refusedCount = 0;
    const types = new Set<string>();
    const onEvent = ({ type }: DbEvent): void => {
      if (db === undefined) return;
      try {
        const key = `own ${String(own.length).padStart(3, '0')}`;
        db.put(key, '1');
        own.push(key);
      } catch (error) {
        assert.ok(isVarveError(error, 'CLOSED'));
        types.add(type);
        refusedCount++;
      }
    };
    db = await open(PATH, { fs, ...OPTIONS, wal, onEvent });
    db.put('last', '1');
    db.get(keyAt(0));
    await turn();
    assert.ok(own.length > 0);
    db.get(keyAt(0));
    await db.close();
    assert.equal(tableNames(fs).length, 1);
    assert.ok(refusedCount > 0 && types.has('compaction') && types.has('corrected'));
    const left = fs.crash('dropAll', new SeededRandom(1));
    const again = await open(PATH, { fs: left, ...OPTIONS });
    assert.equal(texts(again.keys({ prefix: 'own ' })), own.join(' '));
    assert.equal(text(again.get('last')), '1');
    assert.equal(again.seqno, db === undefined ? 0 : 300 + 15 * 10 + 1 + own.length);
    await again.close();
  });
}
