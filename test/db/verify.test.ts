/**
 * Verification of an open database: what it finds, who runs it, and what ends it.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import { type Db, type DbEvent, type DbOptions, open } from '../../src/index.ts';
import { openThreaded } from '../executor/fixture.ts';
import { openHeld, putRound, turn } from './held-workers.ts';
import { code, fill, keyAt, PATH, tableNames, text } from './helpers.ts';

const KIB = 1024;
/** Several tables of several blocks, of sizes that are known. */
const TABLES: DbOptions = {
  writeBufferBytes: 64 * KIB,
  targetTableBytes: 64 * KIB,
  blockSizeBytes: KIB,
  compression: 'none',
};

async function openTables(fs: MemoryFs, options: DbOptions = {}): Promise<Db> {
  const db = await open(PATH, { fs, ...TABLES, ...options });
  fill(db, 2000, 100);
  await db.compact();
  return db;
}

/** Time is simulated where the threads are. */
async function openLimited(workers: number): Promise<{ db: Db; now: () => number }> {
  const fs = new MemoryFs();
  if (workers === 0) return { db: await openTables(fs), now: () => performance.now() };
  const { db, clock } = await openThreaded(fs, { ...TABLES, workers });
  fill(db, 2000, 100);
  await db.compact();
  return { db, now: () => clock.monotonic() };
}

function flip(fs: MemoryFs, name: string, offset: number): void {
  const file = fs.fileAt(`${PATH}/${name}`)!;
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, offset);
  byte[0]! ^= 0x10;
  file.write(byte, 0, 1, offset);
}

suite('verify', () => {
  test('tells each damaged block of a table, with its keys, and checks the others', async () => {
    const fs = new MemoryFs();
    const db = await openTables(fs);
    const [first, second] = tableNames(fs) as [string, string];
    for (const offset of [3000, 9000, 20_000]) flip(fs, first, offset);
    flip(fs, second, 5000);
    const { tableCount, uncorrectable } = await db.verify();
    assert.equal(tableCount, db.stats().tableCount);
    const found = uncorrectable.map(({ file }) => file.slice(PATH.length + 1));
    assert.deepEqual(found, [first, first, first, second]);
    for (const { offset, smallestKey, largestKey } of uncorrectable) {
      assert.ok(offset !== undefined && offset % KIB !== 1);
      assert.ok(Buffer.compare(smallestKey!, largestKey!) < 0);
    }
    // The range is that of a block: what stands before and behind can be read.
    const smallestKey = uncorrectable[1]!.smallestKey!;
    assert.throws(() => db.get(smallestKey), code('CORRUPTION'));
    assert.ok(text(smallestKey)! > keyAt(0));
    assert.equal(db.get(keyAt(0))?.length, 100);
    assert.equal(db.get(keyAt(1999))?.length, 100);
    await db.close();
  });

  test('corrects what it can once, tells it once, and has it healed', async () => {
    const fs = new MemoryFs();
    const events: DbEvent[] = [];
    const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
    const db = await openTables(fs, { ecc, onEvent: (event) => events.push(event) });
    const [first] = tableNames(fs) as [string];
    flip(fs, first, 3000);
    const { corrected, uncorrectable } = await db.verify();
    assert.deepEqual(uncorrectable, []);
    assert.equal(corrected.length, 1);
    await turn();
    assert.equal(events.filter(({ type }) => type === 'corrected').length, 1);
    fill(db, 1000, 100);
    await db.flush();
    while (tableNames(fs).includes(first)) await db.compact();
    assert.deepEqual((await db.verify()).corrected, []);
    await db.close();
  });

  test('runs on workers, part by part, and says how far it is', async () => {
    const fs = new MemoryFs();
    const { db } = await openThreaded(fs, { ...TABLES, workers: 2 });
    fill(db, 2000, 100);
    await db.compact();
    const calls: [number, number][] = [];
    const report = await db.verify({
      files: 'tables',
      onProgress: (read, total) => calls.push([read, total]),
    });
    const { tableCount, tableBytes } = db.stats();
    assert.equal(report.tableCount, tableCount);
    assert.equal(report.bytesRead, tableBytes);
    assert.deepEqual(calls.at(-1), [tableBytes, tableBytes]);
    await db.close();
  });

  test('keeps the tables that it reads, whatever compactions do meanwhile', async () => {
    const { db, gate, fs } = await openHeld({ ...TABLES, workers: 2 }, ['verify']);
    putRound(db, 0, 500);
    await db.flush();
    const before = fs.list('db').filter((name) => name.endsWith('.sst'));
    const verified = db.verify({ files: 'tables' });
    while (gate.heldCount === 0) await turn();
    putRound(db, 1, 500);
    await db.compact();
    for (const name of before) assert.ok(fs.exists(`db/${name}`));
    gate.open();
    assert.deepEqual((await verified).uncorrectable, []);
    await db.flush();
    for (const name of before) assert.ok(!fs.exists(`db/${name}`));
    await db.close();
  });

  test('begins a part again whose worker died', async () => {
    const { db, gate, threads } = await openHeld({ ...TABLES, workers: 1 }, ['verify']);
    putRound(db, 0, 500);
    await db.flush();
    const verified = db.verify();
    while (gate.heldCount === 0) await turn();
    gate.open();
    gate.holds.add('verify');
    assert.ok(threads.kill());
    while (gate.heldCount === 0) await turn();
    gate.open();
    assert.equal((await verified).tableCount, db.stats().tableCount);
    await db.close();
  });

  for (const workers of [0, 1, 2]) {
    test(`is called off by its signal, with ${workers} workers`, async () => {
      const { db } = await openLimited(workers);
      const controller = new AbortController();
      const reason = new Error('enough');
      const verified = db.verify({ signal: controller.signal, bytesPerSecond: 4096 });
      controller.abort(reason);
      await assert.rejects(verified, (error) => error === reason);
      await assert.rejects(db.verify({ signal: controller.signal }), (error) => error === reason);
      await db.close();
    });

    test(`ends when the database is closed, with ${workers} workers`, async () => {
      const { db } = await openLimited(workers);
      const failure = assert.rejects(db.verify({ bytesPerSecond: 4096 }), code('CLOSED'));
      await db.close();
      await failure;
    });

    test(`takes as long as its limit says, with ${workers} workers`, async () => {
      const { db, now } = await openLimited(workers);
      const { tableBytes } = db.stats();
      const begin = now();
      await db.verify({ bytesPerSecond: 1024 * KIB });
      const seconds = (now() - begin) / 1000;
      assert.ok(seconds > (0.8 * tableBytes) / (1024 * KIB), `${seconds} s`);
      await db.close();
    });
  }

  test('finds a flipped byte in every class of files, in either depth', async () => {
    const fs = new MemoryFs();
    const db = await openTables(fs, { scrub: { heal: false } });
    for (const depth of ['checksums', 'full'] as const) {
      assert.deepEqual((await db.verify({ depth })).uncorrectable, []);
    }
    for (const name of fs.list(PATH).filter((other) => other !== 'LOCK')) {
      const sizeBytes = fs.fileAt(`${PATH}/${name}`)!.size;
      db.put(`before ${name}`, new Uint8Array(100));
      // In the log behind its header, elsewhere in the middle of what counts.
      const offset = name === 'CURRENT' ? 60 : Math.min(300, sizeBytes - 1);
      flip(fs, name, offset);
      for (const depth of ['checksums', 'full'] as const) {
        const { uncorrectable, corrected } = await db.verify({ depth });
        const found = [...uncorrectable, ...corrected].map(({ file }) => file);
        assert.deepEqual([...new Set(found)], [`${PATH}/${name}`], `${name}, ${depth}`);
      }
      const tables = await db.verify({ files: 'tables', depth: 'checksums' });
      const isTable = name.endsWith('.sst');
      assert.equal(tables.uncorrectable.length, isTable ? 1 : 0);
      flip(fs, name, offset);
    }
    assert.deepEqual((await db.verify()).uncorrectable, []);
    await db.close();
  });

  test('holds the manifest against what the database works with', async () => {
    const fs = new MemoryFs();
    const db = await openTables(fs);
    const manifest = fs.list(PATH).find((name) => name.startsWith('MANIFEST'))!;
    const early = fs.clone();
    db.put('later', '1');
    await db.flush();
    await db.verify();
    // An older copy of the same file: every byte of it is sound.
    const { size } = early.fileAt(`${PATH}/${manifest}`)!;
    const file = fs.open(`${PATH}/${manifest}`, 'update');
    file.truncate(size);
    file.close();
    const { uncorrectable } = await db.verify();
    assert.ok(uncorrectable.some(({ fileClass }) => fileClass === 'manifest'));
    await db.close();
  });

  test('waits for no pause of background work', async () => {
    const fs = new MemoryFs();
    const db = await openTables(fs);
    await db.pauseBackgroundWork();
    assert.equal((await db.verify()).tableCount, db.stats().tableCount);
    db.continueBackgroundWork();
    await db.close();
  });
});

test('a record of the log that is longer than a step does not hold a verification up', async () => {
  const db = await open(PATH, { fs: new MemoryFs() });
  for (let i = 0; i < 3; i++) db.put(`key ${i}`, new Uint8Array(4 << 20).fill(i));
  db.put('last', 'short');
  const { corrected, uncorrectable } = await db.verify();
  assert.deepEqual([corrected, uncorrectable], [[], []]);
  await db.close();
});
