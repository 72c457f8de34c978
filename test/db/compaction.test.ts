import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { code, fill, keyAt, openMemory, PATH, text, texts } from './helpers.ts';

const KIB = 1024;
/** Not compressed: these tests look at sizes. */
const SMALL: DbOptions = {
  writeBufferBytes: 64 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB,
  compression: 'none',
};

function diskBytes(fs: MemoryFs): number {
  return fs.list(PATH).reduce((sum, name) => sum + fs.fileAt(`${PATH}/${name}`)!.size, 0);
}

test('compacting gives the space of deleted keys back', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, ...SMALL });
  fill(db, 900, 1000);
  await db.compact();
  const full = diskBytes(fs);
  assert.ok(full > 900_000, `${full} bytes`);
  for (let i = 0; i < 900; i++) if (i % 100 !== 0) db.delete(keyAt(i));
  await db.compact();
  assert.equal([...db.keys()].length, 9);
  assert.ok(diskBytes(fs) < full / 20, `${diskBytes(fs)} bytes are left of ${full}`);
  const levels = db.stats().columnFamilies.flatMap((family) => family.levels);
  assert.equal(
    levels.reduce((sum, level) => sum + level.tombstoneCount, 0),
    0,
  );
  assert.equal(
    levels.reduce((sum, level) => sum + level.entryCount, 0),
    9,
  );
  for (let i = 0; i < 900; i += 100) db.delete(keyAt(i));
  await db.compact();
  assert.equal(db.stats().tableCount, 0);
  await db.close();
});

test('what a snapshot sees stays, and goes with the snapshot', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, ...SMALL });
  fill(db, 300, 1000);
  const snapshot = db.snapshot();
  for (let i = 0; i < 300; i++) db.delete(keyAt(i));
  await db.compact();
  assert.ok(diskBytes(fs) > 300_000);
  assert.equal([...db.keys({ snapshot })].length, 300);
  assert.equal([...db.keys()].length, 0);
  snapshot.release();
  await db.compact();
  assert.ok(diskBytes(fs) < 30_000, `${diskBytes(fs)} bytes`);
  await db.close();
});

test('overwrites are merged to one version', async () => {
  const db = await openMemory(SMALL);
  for (let round = 0; round < 5; round++) {
    fill(db, 50, 100 + round);
    await db.flush();
  }
  await db.compact();
  const [family] = db.stats().columnFamilies;
  const entries = family!.levels.reduce((sum, level) => sum + level.entryCount, 0);
  assert.equal(entries, 50);
  assert.equal(db.get(keyAt(7))!.length, 104);
  await db.close();
});

test('a range is compacted without the rest', async () => {
  const db = await openMemory({ ...SMALL, l0TriggerCount: 64 });
  fill(db, 600, 1000);
  await db.compact();
  const full = db.stats().tableBytes;
  for (let i = 0; i < 300; i++) db.delete(keyAt(i));
  await db.compact({ from: keyAt(400) });
  assert.ok(db.stats().tableBytes > full, 'the deletes are outside of the range');
  await db.compact({ from: keyAt(0), to: keyAt(299) });
  const bytes = db.stats().tableBytes;
  assert.ok(bytes > full * 0.45 && bytes < full * 0.65, `${bytes} bytes of ${full}`);
  assert.ok(db.approximateSize({ lt: keyAt(250) }) < 5000);
  assert.ok(db.approximateSize({ gte: keyAt(320) }) > 250_000);
  assert.equal([...db.keys()].length, 300);
  await db.close();
});

test('compacting one family leaves the other ones as they are', async () => {
  const db = await openMemory({ ...SMALL, columnFamilies: ['a'] });
  for (const columnFamily of ['default', 'a']) {
    fill(db, 100, 100, columnFamily);
    await db.flush();
    fill(db, 100, 100, columnFamily);
    await db.flush();
  }
  await db.compact({ columnFamily: 'a' });
  const [first, second] = db.stats().columnFamilies;
  assert.equal(first!.levels[0]!.tableCount, 2);
  assert.equal(second!.levels[0]!.tableCount, 0);
  assert.equal([...db.keys({ columnFamily: 'a' })].length, 100);
  await db.close();
});

test('bounds of a compaction are checked', async () => {
  const db = await openMemory();
  fill(db, 3);
  await assert.rejects(db.compact({ from: 5 as unknown as string }), TypeError);
  await assert.rejects(db.compact({ to: new Uint8Array(70_000) }), RangeError);
  await assert.rejects(db.compact({ columnFamily: 'none' }), code('INVALID'));
  await db.compact({ from: 'z', to: 'a' });
  assert.equal(texts(db.keys()), 'k000 k001 k002');
  await db.close();
});

test('writes go on while a compaction waits for its turns', async () => {
  const db = await openMemory(SMALL);
  fill(db, 500, 500);
  const compaction = db.compact();
  let writes = 0;
  const writing = (async () => {
    for (; writes < 40; writes++) {
      db.put(`new ${writes}`, 'v');
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await Promise.all([compaction, writing]);
  assert.equal([...db.keys({ prefix: 'new ' })].length, 40);
  assert.equal([...db.keys()].length, 540);
  await db.close();
});

test('the size of a range follows its share of the data', async () => {
  const db = await openMemory(SMALL);
  assert.equal(db.approximateSize(), 0);
  fill(db, 800, 1000);
  await db.compact();
  const total = db.approximateSize();
  assert.equal(total, db.stats().tableBytes);
  assert.ok(total > 800_000 && total < 900_000, `${total} bytes`);
  const half = db.approximateSize({ gte: keyAt(200), lt: keyAt(600) });
  assert.ok(Math.abs(half / total - 0.5) < 0.05, `${half} of ${total}`);
  assert.equal(db.approximateSize({ prefix: 'z' }), 0);
  assert.equal(db.approximateSize({ gte: 'z', lt: 'a' }), 0);
  await db.close();
});

test('stats tell what there is', async () => {
  const db = await openMemory({ ...SMALL, columnFamilies: ['a'] });
  fill(db, 10, 100);
  db.delete('none', { columnFamily: 'a' });
  const before = db.stats();
  assert.equal(before.directory, PATH);
  assert.equal(db.path, PATH);
  assert.equal(before.seqno, 11);
  assert.equal(before.tableCount, 0);
  assert.equal(before.walCount, 1);
  assert.ok(before.walBytes > 1000);
  assert.ok(before.memory.memtableBytes > 1000);
  assert.deepEqual(
    before.columnFamilies.map((family) => family.memtableEntryCount),
    [10, 1],
  );
  assert.equal(before.counters.operationsWritten, 11);
  await db.flush();
  db.get(keyAt(1));
  db.get(keyAt(1));
  const after = db.stats();
  assert.equal(after.persistedSeqno, 11);
  assert.equal(after.tableCount, 2);
  assert.ok(after.tableBytes > 1000);
  assert.equal(after.columnFamilies[1]!.levels[0]!.tombstoneCount, 1);
  assert.equal(after.counters.gets, 2);
  assert.equal(after.blockCacheHits, 1);
  assert.equal(after.blockCacheMisses, 1);
  assert.equal(after.openTableCount, 1);
  assert.ok(after.counters.flushCount >= 1);
  assert.ok(after.counters.flushBytesWritten >= after.tableBytes);
  assert.doesNotThrow(() => JSON.stringify(after));
  await db.close();
});

test('a long import is flushed and compacted on the way', async () => {
  const db = await openMemory({ ...SMALL, l0TriggerCount: 2, levelRatio: 4 });
  for (let i = 0; i < 6000; i++) db.put(`key ${(i * 7919) % 6000}`, new Uint8Array(500).fill(i));
  const { counters, columnFamilies } = db.stats();
  assert.ok(counters.flushCount > 20, `${counters.flushCount} flushes`);
  assert.ok(counters.compactionCount > 3, `${counters.compactionCount} compactions`);
  assert.ok(columnFamilies[0]!.levels[0]!.tableCount < 18);
  assert.equal([...db.keys()].length, 6000);
  assert.equal(db.get('key 1')!.length, 500);
  await db.close();
});

test('verify reads every table and tells its progress', async () => {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs, ...SMALL });
  fill(db, 300, 1000);
  await db.compact();
  const calls: [number, number][] = [];
  const report = await db.verify({
    files: 'tables',
    onProgress: (bytesRead, bytesTotal) => calls.push([bytesRead, bytesTotal]),
  });
  assert.equal(report.tableCount, db.stats().tableCount);
  assert.equal(report.bytesRead, db.stats().tableBytes);
  assert.ok(calls.length > 0);
  assert.deepEqual(calls.at(-1), [report.bytesRead, report.bytesRead]);
  const name = fs.list(PATH).find((other) => other.endsWith('.sst'))!;
  fs.fileAt(`${PATH}/${name}`)!.write(Uint8Array.of(1, 2, 3), 0, 3, 5000);
  const damaged = await db.verify();
  assert.equal(damaged.uncorrectable.length, 1);
  assert.ok(damaged.uncorrectable[0]!.file.endsWith(name));
  assert.equal(text(db.get('none')), undefined);
  await db.close();
});
