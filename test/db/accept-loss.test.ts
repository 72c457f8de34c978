/** Losses are given up: what could not be read is absent, and nothing older comes back. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { encryptionOf } from '../pipeline/world.ts';
import { code, keyAt, PATH, tableNames, text } from './helpers.ts';

const COUNT = 400;
const OPTIONS: DbOptions = {
  blockSizeBytes: 512,
  blockCacheBytes: 0,
  workers: 0,
  l0TriggerCount: 64,
  compression: 'none',
  scrub: false,
};

interface World {
  readonly fs: MemoryFs;
  readonly db: Db;
  readonly path: string;
  readonly reopen: (options?: DbOptions) => Promise<Db>;
}

/**
 * Values `old` in a table at the bottom, `new` in one of L0 above it, of which blocks are damaged;
 * some keys were never overwritten, some are gone.
 */
async function makeWorld(options: DbOptions = {}, top: DbOptions = {}): Promise<World> {
  const fs = new MemoryFs();
  const all = { ...OPTIONS, fs, ...options };
  const first = await open(PATH, all);
  for (let i = 0; i < COUNT; i++) first.put(keyAt(i), 'old'.padEnd(60, '.'));
  await first.compact();
  const below = new Set(tableNames(fs));
  for (let i = 0; i < COUNT; i++) {
    if (i % 10 === 3) first.delete(keyAt(i));
    else if (i % 10 !== 7) first.put(keyAt(i), 'new'.padEnd(60, '.'));
  }
  await first.flush();
  await first.close();
  const name = tableNames(fs).find((one) => !below.has(one))!;
  const path = `${PATH}/${name}`;
  const reopen = (more: DbOptions = {}) => open(PATH, { ...all, ...more });
  return { fs, db: await reopen(top), path, reopen };
}

function harm(fs: MemoryFs, path: string, at: number, count: number): void {
  const file = fs.fileAt(path)!;
  const bytes = new Uint8Array(count);
  file.read(bytes, 0, count, at);
  file.write(
    bytes.map((byte) => byte ^ 0x77),
    0,
    count,
    at,
  );
}

/** What each key reads as: the first word, `absent` or `lost`. */
function readAll(db: Db): string[] {
  return Array.from({ length: COUNT }, (_, i) => {
    try {
      return text(db.get(keyAt(i)))?.slice(0, 3) ?? 'absent';
    } catch (error) {
      assert.ok(code('CORRUPTION')(error));
      return 'lost';
    }
  });
}

function assertGivenUp(before: readonly string[], after: readonly string[]): void {
  assert.ok(before.includes('lost'), 'something was lost');
  const wanted = before.map((word) => (word === 'lost' ? 'absent' : word));
  assert.deepEqual(after, wanted);
}

const VARIANTS: Record<string, DbOptions> = {
  plain: {},
  'without filters': { filterBitsPerKey: 0 },
  'with checksums of entries': { entryChecksums: true },
  'encrypted and compressed': { encryption: encryptionOf('aes-256-gcm'), compression: 'lz4' },
};

for (const [name, options] of Object.entries(VARIANTS)) {
  suite(`accepting a loss, ${name}`, () => {
    test('of blocks, makes what was lost absent and changes no other answer', async () => {
      const { fs, db, path, reopen } = await makeWorld(options);
      harm(fs, path, 3000, 1200);
      const before = readAll(db);
      assert.ok(before.includes('new') && before.includes('absent'));
      const report = await db.acceptLoss();
      assert.deepEqual(report.left, []);
      assert.ok(report.accepted.length > 0 && report.hiddenCount > 0);
      assert.deepEqual(db.stats().damage, []);
      assertGivenUp(before, readAll(db));
      assert.ok(fs.exists(`${path}.lost`) && !fs.exists(path));
      await db.compact();
      assertGivenUp(before, readAll(db));
      assert.deepEqual((await db.verify()).uncorrectable, []);
      await db.close();
      const again = await reopen();
      assertGivenUp(before, readAll(again));
      assert.deepEqual((await again.verify()).uncorrectable, []);
      await again.close();
    });

    test('of a table that is gone', async () => {
      const { fs, db, path } = await makeWorld(options);
      fs.remove(path);
      const before = readAll(db);
      const { accepted, hiddenCount } = await db.acceptLoss();
      assert.deepEqual([accepted.length, hiddenCount], [1, COUNT]);
      assertGivenUp(before, readAll(db));
      await db.compact();
      assertGivenUp(before, readAll(db));
      await db.close();
    });
  });
}

suite('accepting a loss', () => {
  test('leaves a table that has lost keys outside of the range', async () => {
    const { fs, db, path } = await makeWorld();
    harm(fs, path, 3000, 10);
    harm(fs, path, 9000, 10);
    const before = readAll(db);
    const [first, second] = db.stats().damage;
    const files = tableNames(fs);
    const nothing = await db.acceptLoss({ gte: 'zzz' });
    assert.deepEqual(nothing, { accepted: [], left: [], hiddenCount: 0 });
    const some = await db.acceptLoss({ gte: first!.gte, lt: first!.lt });
    assert.deepEqual([some.accepted, some.left.length, some.hiddenCount], [[], 1, 0]);
    assert.deepEqual(tableNames(fs), files, 'nothing of it is left');
    assert.deepEqual(readAll(db), before);
    const both = await db.acceptLoss({ gte: first!.gte, lt: second!.lt });
    assert.deepEqual([both.accepted.length, both.left], [2, []]);
    assertGivenUp(before, readAll(db));
    await db.close();
  });

  test('finds all that the table has lost, not only what reads have met', async () => {
    const { fs, db, path } = await makeWorld();
    harm(fs, path, 3000, 10);
    harm(fs, path, 9000, 10);
    await assert.rejects(async () => readUntilLost(db), code('CORRUPTION'));
    assert.equal(db.stats().damage.length, 1);
    const { accepted } = await db.acceptLoss();
    assert.equal(accepted.length, 2);
    assert.ok(!readAll(db).includes('lost'));
    await db.close();
  });

  test('heals what a copy has instead', async () => {
    const { fs, db, path, reopen } = await makeWorld();
    await db.checkpoint('copy');
    await db.close();
    const bytes = new Uint8Array(fs.fileAt(path)!.size);
    fs.fileAt(path)!.read(bytes, 0, bytes.length, 0);
    fs.remove(path);
    const file = fs.open(path, 'create');
    file.write(bytes, 0, bytes.length, 0);
    file.close();
    harm(fs, path, 3000, 10);
    const again = await reopen({ healFrom: ['copy'] });
    readAll(again);
    assert.deepEqual(await again.acceptLoss(), { accepted: [], left: [], hiddenCount: 0 });
    assert.ok(!readAll(again).includes('lost'));
    assert.ok(fs.exists(path));
    await again.close();
  });

  test('leaves snapshots what they could read, and shows them nothing older', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { ...OPTIONS, fs });
    for (let i = 0; i < COUNT; i++) db.put(keyAt(i), 'one'.padEnd(60, '.'));
    await db.flush();
    const early = db.snapshot();
    for (let i = 0; i < COUNT; i++) db.put(keyAt(i), 'two'.padEnd(60, '.'));
    const [name] = tableNames(fs);
    await db.flush();
    const late = db.snapshot();
    harm(fs, `${PATH}/${tableNames(fs).find((one) => one !== name)}`, 3000, 10);
    const before = readAll(db);
    await db.acceptLoss();
    assertGivenUp(before, readAll(db));
    for (let i = 0; i < COUNT; i++) {
      const at = (snapshot: typeof early) => text(db.get(keyAt(i), { snapshot }))?.slice(0, 3);
      assert.equal(at(early), 'one');
      assert.equal(at(late), before[i] === 'lost' ? undefined : 'two');
    }
    early.release();
    late.release();
    await db.close();
  });

  test('that cannot be written leaves all as it was', async () => {
    const { fs, db: sound, path, reopen } = await makeWorld();
    await sound.close();
    harm(fs, path, 3000, 10);
    const faults = new FaultFs(fs);
    const db = await reopen({ fs: faults });
    const before = readAll(db);
    const tables = tableNames(fs);
    const isNew = (each: string) => each.endsWith('.sst') && !tables.some((t) => each.endsWith(t));
    faults.addRule({ operation: ['write'], path: isNew, effect: 'NOSPACE' });
    await assert.rejects(db.acceptLoss(), code('NOSPACE'));
    assert.deepEqual(tableNames(fs), tables);
    assert.deepEqual(readAll(db), before);
    faults.clearRules();
    await db.acceptLoss();
    assertGivenUp(before, readAll(db));
    await db.close();
  });

  test('gives up nothing for reads that fail for a moment', async () => {
    for (let skip = 0; ; skip++) {
      const { fs, db: sound, path, reopen } = await makeWorld();
      await sound.close();
      harm(fs, path, 3000, 10);
      const faults = new FaultFs(fs);
      const db = await reopen({ fs: faults });
      const before = readAll(db);
      let isMet = false;
      const onFault = () => {
        isMet = true;
      };
      const rule = { path: (each: string) => each === path, skip, times: 2, onFault };
      faults.addRule({ operation: ['read'], ...rule });
      await db.acceptLoss().catch((error: unknown) => assert.ok(code('IO')(error)));
      faults.clearRules();
      const after = readAll(db);
      for (const [i, word] of before.entries()) {
        if (word === 'lost') assert.ok(after[i] === 'lost' || after[i] === 'absent', `${skip}`);
        else assert.equal(after[i], word, `read ${skip}, key ${i}`);
      }
      await db.close();
      if (!isMet) return;
    }
  });

  test('that two ask for is accepted once', async () => {
    const { fs, db, path } = await makeWorld();
    harm(fs, path, 3000, 10);
    const before = readAll(db);
    const reports = await Promise.all([db.acceptLoss(), db.acceptLoss()]);
    assert.equal(reports.filter(({ accepted }) => accepted.length > 0).length, 1);
    assertGivenUp(before, readAll(db));
    assert.equal(tableNames(fs).length, 2, 'the other one removed what it wrote');
    await db.close();
  });

  test('hides older versions of a key whose newer ones stood in the block before', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { ...OPTIONS, fs, filterBitsPerKey: 0 });
    db.put('key', 'older');
    await db.compact();
    const below = tableNames(fs);
    const snapshots: ReturnType<Db['snapshot']>[] = [];
    for (let i = 0; i < 20; i++) {
      db.put('key', `${i} ${'x'.repeat(100)}`);
      snapshots.push(db.snapshot());
    }
    await db.flush();
    const name = tableNames(fs).find((one) => !below.includes(one));
    harm(fs, `${PATH}/${name}`, 200, 10);
    const at = (snapshot?: (typeof snapshots)[0]) => {
      return text(db.get('key', snapshot === undefined ? {} : { snapshot }))?.split(' ')[0];
    };
    assert.throws(() => at(), code('CORRUPTION'));
    const { hiddenCount } = await db.acceptLoss();
    assert.equal(hiddenCount, 1);
    assert.equal(at(), undefined);
    assert.equal(at(snapshots[0]), '0');
    const shown = snapshots.map((snapshot) => at(snapshot));
    for (const [i, value] of shown.entries()) assert.ok(value === String(i) || value === undefined);
    assert.ok(shown.filter((value) => value === undefined).length < 10);
    for (const snapshot of snapshots) snapshot.release();
    await db.compact();
    assert.equal(at(), undefined);
    await db.close();
  });

  test('takes no table that the device refuses as a whole', async () => {
    const { fs, db: sound, path, reopen } = await makeWorld();
    await sound.close();
    const faults = new FaultFs(fs);
    const db = await reopen({ fs: faults });
    const times = Number.POSITIVE_INFINITY;
    faults.addRule({ operation: ['open'], path: (each) => each === path, times });
    assert.throws(() => db.get(keyAt(0)), code('IO'));
    const { accepted, left } = await db.acceptLoss();
    assert.deepEqual([accepted.length, left.length], [0, 1]);
    faults.clearRules();
    assert.equal(text(db.get(keyAt(0)))?.slice(0, 3), 'new');
    await db.close();
  });

  test('refuses what is no option, and a database that is not written', async () => {
    const { db, reopen } = await makeWorld();
    await assert.rejects(db.acceptLoss({ from: 'a' } as never), TypeError);
    await assert.rejects(db.acceptLoss({ columnFamily: 'none' }), code('INVALID'));
    await db.close();
    await assert.rejects(db.acceptLoss(), code('CLOSED'));
    const reader = await reopen({ readOnly: true });
    await assert.rejects(reader.acceptLoss(), code('UNSUPPORTED'));
    await reader.close();
  });
});

function readUntilLost(db: Db): void {
  for (let i = 0; i < COUNT; i++) db.get(keyAt(i));
}
