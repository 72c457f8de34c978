/**
 * What classic-level has beyond abstract-level, in `varve/level`.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { VarveLevel } from '../../src/adapters/level.ts';
import { MemoryFs } from '../../src/index.ts';
import { damage, fill, openLevel, withLevel } from './level-fixture.ts';

const NOT_OPEN = { code: 'LEVEL_DATABASE_NOT_OPEN' };
const ENDS_MISSING = {
  name: 'TypeError',
  message: "The arguments 'start' and 'end' are required",
};
/** Calls without the arguments that the types demand. */
type Loose = (...args: unknown[]) => Promise<unknown>;

test('approximateSize counts tables between start and end, and no logs', async () => {
  const fs = new MemoryFs();
  const db = await openLevel({ fs, compression: false });
  const value = 'x'.repeat(10_000);
  for (let i = 0; i < 10; i++) await db.put(`key${i}`, value);
  assert.equal(await db.approximateSize('a', 'z'), 0);
  await db.close();
  await db.open();
  assert.equal(await db.approximateSize('a', 'z'), 0);
  await db.compactRange('a', 'z');
  const whole = await db.approximateSize('a', 'z');
  const half = await db.approximateSize('key5', 'z');
  assert.ok(whole > 90_000 && whole < 200_000, `${whole}`);
  assert.ok(half > whole / 4 && half < (whole * 3) / 4, `${half} of ${whole}`);
  assert.equal(await db.approximateSize('x', 'z'), 0);
  await db.close();
});

test('compactRange gives back what deletes left', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 5000);
    await db.compactRange('0000', '9999');
    const before = await db.approximateSize('0', 'a');
    await db.clear({ gte: '0100' });
    await db.compactRange('0000', '9999');
    const after = await db.approximateSize('0', 'a');
    assert.ok(after < before / 4, `${after} of ${before}`);
  });
});

for (const name of ['approximateSize', 'compactRange'] as const) {
  test(`${name} needs both ends and an open database`, async () => {
    const db = await openLevel();
    const call: Loose = db[name].bind(db) as Loose;
    await assert.rejects(call(), ENDS_MISSING);
    await assert.rejects(call('a'), ENDS_MISSING);
    await db.close();
    await assert.rejects(call('a', 'b'), NOT_OPEN);
    const opening = db.open();
    await call('a', 'b');
    assert.equal(db.status, 'open');
    await opening;
    await db.close();
  });

  test(`${name} encodes its ends`, async () => {
    const encoded: string[] = [];
    const keyEncoding = {
      name: 'test',
      format: 'utf8' as const,
      encode: (key: string) => {
        encoded.push(key);
        return key;
      },
      decode: (key: string) => key,
    };
    await withLevel({}, async (db) => {
      await db[name]('a', 'b', { keyEncoding });
    });
    await withLevel({ keyEncoding }, async (db) => {
      await db[name]('c', 'd');
    });
    assert.deepEqual(encoded, ['a', 'b', 'c', 'd']);
  });
}

test('getProperty answers what LevelDB tools ask, and the statistics of Varve', async () => {
  const db = await openLevel();
  await fill(db, 1000);
  for (let level = 0; level < 7; level++) {
    assert.equal(db.getProperty(`leveldb.num-files-at-level${level}`), '0');
  }
  await db.compactRange('0000', '9999');
  const files = Array.from({ length: 7 }, (_, level) =>
    Number(db.getProperty(`leveldb.num-files-at-level${level}`)),
  );
  assert.equal(
    files.reduce((sum, count) => sum + count),
    1,
  );
  assert.ok(db.getProperty('leveldb.stats').split('\n').length > 3);
  assert.ok(Number(db.getProperty('leveldb.approximate-memory-usage')) > 0);
  assert.equal(JSON.parse(db.getProperty('varve.stats')).counters.operationsWritten, 1000);
  for (const unknown of ['foo', 'leveldb.foo', 'leveldb.num-files-at-level9']) {
    assert.equal(db.getProperty(unknown), '');
  }
  for (const wrong of [undefined, {}]) {
    assert.throws(() => db.getProperty(wrong as never), {
      name: 'TypeError',
      message: "The first argument 'property' must be a string",
    });
  }
  await db.close();
  assert.throws(() => db.getProperty('leveldb.stats'), NOT_OPEN);
});

test('destroy removes a database and nothing else', async () => {
  const fs = new MemoryFs();
  const db = await openLevel({ fs });
  await fill(db, 10);
  fs.open('db/foo', 'create').close();
  await assert.rejects(VarveLevel.destroy('db', { fs }), { code: 'LEVEL_LOCKED' });
  await db.close();
  await VarveLevel.destroy('db', { fs });
  assert.deepEqual(
    fs.list('db').filter((name) => name !== 'LOCK'),
    ['foo'],
  );
  await VarveLevel.destroy('db', { fs });
  const again = new VarveLevel('db', { fs, errorIfExists: true, allowForeignFiles: true });
  await again.open();
  assert.deepEqual(await again.keys().all(), []);
  await again.close();
});

test('destroy of what is not there makes nothing', async () => {
  const fs = new MemoryFs();
  await VarveLevel.destroy('db', { fs });
  assert.equal(fs.exists('db'), false);
});

test('repair makes a database whole that has lost its manifest', async () => {
  const fs = new MemoryFs();
  const level = new VarveLevel<string, string>('db', { fs });
  await level.put('a', '1');
  await level.compactRange('a', 'b');
  await level.put('b', '2');
  await assert.rejects(VarveLevel.repair('db', { fs }), { code: 'LEVEL_LOCKED' });
  await level.close();
  for (const name of fs.list('db')) if (/^(CURRENT|MANIFEST)/.test(name)) fs.remove(`db/${name}`);
  await assert.rejects(level.open(), { code: 'LEVEL_DATABASE_NOT_OPEN' });
  await VarveLevel.repair('db', { fs });
  await level.open();
  assert.deepEqual(await level.getMany(['a', 'b', 'c']), ['1', '2', undefined]);
  await level.close();
});

test('repair of what is not there makes nothing', async () => {
  const fs = new MemoryFs();
  await assert.rejects(VarveLevel.repair('db', { fs }), { code: 'VARVE_INVALID' });
  assert.equal(fs.exists('db'), false);
});

test('iterators go on past damage if they are told to, and say what they left out', async () => {
  const fs = new MemoryFs();
  const db = await openLevel({ fs, compression: false, blockSizeBytes: 1024, cacheSize: 0 });
  await fill(db, 1000);
  await db.compactRange('0000', '9999');
  damage(fs, 'db', /sst$/, 0.4);
  await assert.rejects(db.keys().all(), { code: 'LEVEL_CORRUPTION' });
  const keys = db.keys({ onDamage: 'skip' });
  const entries = db.iterator({ onDamage: 'skip', reverse: true });
  const values = db.values({ onDamage: 'skip' });
  const shown = await keys.all();
  assert.ok(shown.length > 800 && shown.length < 1000, `${shown.length} keys`);
  assert.equal((await entries.all()).length, shown.length);
  assert.equal((await values.all()).length, shown.length);
  for (const { lostRanges } of [keys, entries, values]) {
    assert.equal(lostRanges.length, 1);
    const [{ gte, lt }] = lostRanges as [(typeof lostRanges)[0]];
    const missing = Array.from({ length: 1000 }, (_, i) => String(i).padStart(4, '0')).filter(
      (key) => !shown.includes(key),
    );
    const decoder = new TextDecoder();
    assert.ok(missing.every((key) => decoder.decode(gte) <= key && key < decoder.decode(lt)));
  }
  await db.close();
});
