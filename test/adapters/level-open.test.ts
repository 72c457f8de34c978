/**
 * Opening and closing a database of `varve/level`: options, errors and what they are called.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Level, LevelError, VarveLevel } from '../../src/adapters/level.ts';
import { isVarveError, MemoryFs } from '../../src/index.ts';
import { FaultFs } from '../../src/testing/index.ts';
import { damage, fill, openLevel, withLevel } from './level-fixture.ts';

/** What `open()` rejects with: abstract-level's error around one of ours around the engine's. */
function openFailure(code: string, engineCode: string) {
  return (error: { code?: unknown; cause?: unknown }) => {
    assert.equal(error.code, 'LEVEL_DATABASE_NOT_OPEN');
    assert.ok(error.cause instanceof LevelError);
    assert.equal(error.cause.code, code);
    assert.ok(isVarveError(error.cause.cause), 'the cause of the cause is a VarveError');
    assert.equal(error.cause.cause.code, engineCode);
    return true;
  };
}

const LOCATION_MESSAGE = {
  name: 'TypeError',
  message: "The first argument 'location' must be a non-empty string",
};

test('Level is another name of VarveLevel', () => assert.equal(Level, VarveLevel));

test('a location that is no string, or empty, is a TypeError', async () => {
  for (const location of [undefined, '', {}] as string[]) {
    assert.throws(() => new VarveLevel(location), LOCATION_MESSAGE);
    await assert.rejects(VarveLevel.destroy(location), LOCATION_MESSAGE);
    await assert.rejects(VarveLevel.repair(location), LOCATION_MESSAGE);
  }
});

test('a location is made with its parents, unless createIfMissing is false', async () => {
  const root = mkdtempSync(join(tmpdir(), 'varve-level-'));
  try {
    const location = join(root, 'a', 'b');
    const db = new VarveLevel(location);
    assert.equal(db.location, location);
    await db.open();
    await db.put('key', 'value');
    await db.close();
    assert.ok(existsSync(location));
    const other = new VarveLevel(join(root, 'c', 'd'), { createIfMissing: false });
    await assert.rejects(other.open(), openFailure('VARVE_INVALID', 'INVALID'));
    assert.deepEqual(readdirSync(root), ['a']);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('worker threads do flushes and compactions of local files, and of no other', async () => {
  const root = mkdtempSync(join(tmpdir(), 'varve-level-'));
  try {
    // They are the default where they are possible; elsewhere, asking for one is refused.
    const db = new VarveLevel(root, { workers: 1, writeBufferSize: 65_536 });
    await fill(db, 4000);
    await db.compactRange('0000', '9999');
    assert.equal(await db.get('3999'), '3999');
    await db.close();
    const other = new VarveLevel('db', { workers: 1, fs: new MemoryFs() });
    await assert.rejects(other.open(), openFailure('LEVEL_NOT_SUPPORTED', 'UNSUPPORTED'));
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('errorIfExists refuses a database and says so', async () => {
  const fs = new MemoryFs();
  await (await openLevel({ fs })).close();
  const db = new VarveLevel('db', { fs, errorIfExists: true });
  await assert.rejects(db.open(), openFailure('VARVE_INVALID', 'INVALID'));
  await assert.rejects(db.open(), /failed to open/);
});

test('a database that is open elsewhere is LEVEL_LOCKED until that is closed', async () => {
  const fs = new MemoryFs();
  const first = await openLevel({ fs });
  const second = new VarveLevel('db', { fs });
  await assert.rejects(second.open(), openFailure('LEVEL_LOCKED', 'LOCKED'));
  await first.close();
  await second.open();
  await second.close();
});

test('damage in the manifest is LEVEL_CORRUPTION when opening', async () => {
  const fs = new MemoryFs();
  await (await openLevel({ fs })).close();
  damage(fs, 'db', /^MANIFEST/, 0.9);
  await assert.rejects(
    new VarveLevel('db', { fs }).open(),
    openFailure('LEVEL_CORRUPTION', 'CORRUPTION'),
  );
});

test('damage in a table is LEVEL_CORRUPTION when reading, whichever way', async () => {
  const fs = new MemoryFs();
  const db = await openLevel({ fs });
  await fill(db, 2000);
  await db.compactRange('0000', '9999');
  await db.close();
  damage(fs, 'db', /sst$/, 0.5);
  const corrupt = (error: unknown) => {
    assert.ok(error instanceof LevelError);
    return error.code === 'LEVEL_CORRUPTION' && isVarveError(error.cause, 'CORRUPTION');
  };
  await withLevel({ fs }, async (again) => {
    const keys = Array.from({ length: 2000 }, (_, i) => String(i).padStart(4, '0'));
    await assert.rejects(again.getMany(keys), corrupt);
    await assert.rejects(again.hasMany(keys), corrupt);
    await assert.rejects(again.iterator().all(), corrupt);
    await assert.rejects(again.keys().nextv(2000), corrupt);
    await assert.rejects(again.clear(), corrupt);
    assert.throws(() => keys.map((key) => again.getSync(key)), corrupt);
  });
});

test('a failing disk is LEVEL_IO_ERROR, and closing is an error once', async () => {
  const fs = new FaultFs(new MemoryFs());
  const db = await openLevel({ fs });
  await db.put('a', '1', { sync: true });
  fs.addRule({ operation: 'write', times: 1, effect: 'NOSPACE' });
  const isNoSpace = (error: unknown) => {
    assert.ok(error instanceof LevelError);
    return error.code === 'LEVEL_IO_ERROR' && isVarveError(error.cause, 'NOSPACE');
  };
  await assert.rejects(db.put('b', '2'), isNoSpace);
  await assert.rejects(db.batch([{ type: 'put', key: 'b', value: '2' }]), isNoSpace);
  await assert.rejects(db.batch().del('a').write(), isNoSpace);
  assert.equal(await db.get('a'), '1');
  await db.close();
  await db.open();
  assert.deepEqual(await db.iterator().all(), [['a', '1']]);
  await db.put('b', '2');
  fs.addRule({ operation: 'sync', times: Number.POSITIVE_INFINITY });
  await assert.rejects(db.close(), { code: 'LEVEL_DATABASE_NOT_CLOSED' });
  await assert.rejects(db.get('a'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
  fs.clearRules();
  await db.close();
  await db.open();
  assert.equal(await db.get('a'), '1');
  await db.close();
});

test('a read-only database reads and rejects writes with LEVEL_READONLY', async () => {
  const fs = new MemoryFs();
  await withLevel({ fs }, (db) => db.put('a', '1'));
  await withLevel({ fs, readOnly: true }, async (db) => {
    const refused = { code: 'LEVEL_READONLY' };
    assert.equal(await db.get('a'), '1');
    await assert.rejects(db.put('b', '2'), refused);
    await assert.rejects(db.del('a'), refused);
    await assert.rejects(db.batch([{ type: 'del', key: 'a' }]), refused);
    await assert.rejects(db.batch().del('a').write(), refused);
    await assert.rejects(db.clear(), refused);
  });
});

test('options of classic-level are brought into range; unknown ones do no harm', async () => {
  const options = { cacheSize: 1024, writeBufferSize: 1, blockSize: 0, maxOpenFiles: 1e9 };
  const more = { blockRestartInterval: 4096, maxFileSize: 1, compression: true, prefix: 'x' };
  await withLevel({ ...options, ...more, multithreading: true } as object, async (db) => {
    const { memory } = JSON.parse(db.getProperty('varve.stats'));
    assert.equal(memory.blockCacheCapacityBytes, 1024);
  });
});

test('compression is on with true, as by default, and off with false', async () => {
  const size = async (options: { compression?: boolean }): Promise<number> => {
    let bytes = 0;
    await withLevel(options, async (db) => {
      await fill(db, 2000);
      await db.compactRange('0', '9');
      bytes = await db.approximateSize('0', '9');
    });
    return bytes;
  };
  const usual = await size({});
  assert.equal(await size({ compression: true }), usual);
  assert.ok((await size({ compression: false })) > 1.2 * usual);
  await withLevel({ compression: ['none', 'lz4'] }, (db) => db.put('a', '1'));
  const db = new VarveLevel('db', { fs: new MemoryFs(), compression: 'snappy' } as object);
  await assert.rejects(db.open(), (error: Error) => error.cause instanceof TypeError);
});

test('options of Varve pass through, and count before those of classic-level', async () => {
  await withLevel({ blockCacheBytes: 2048, cacheSize: 1024 }, async (db) => {
    const { memory } = JSON.parse(db.getProperty('varve.stats'));
    assert.equal(memory.blockCacheCapacityBytes, 2048);
  });
  const db = new VarveLevel('db', { fs: new MemoryFs(), blockSizeBytes: 1 });
  await assert.rejects(db.open(), (error: Error) => error.cause instanceof RangeError);
});

test('the manifest tells what there is', async () => {
  await withLevel({}, async ({ supports }) => {
    assert.deepEqual(supports.additionalMethods, { approximateSize: true, compactRange: true });
    for (const name of ['has', 'seek', 'createIfMissing', 'errorIfExists'] as const) {
      assert.equal(supports[name], true, name);
    }
    assert.equal(supports.implicitSnapshots, true);
    assert.equal(supports.explicitSnapshots, true);
    assert.equal(supports.signals['iterators'], true);
    assert.equal(supports.permanence, false);
    for (const name of ['buffer', 'view', 'utf8', 'json', 'hex', 'base64']) {
      assert.equal(supports.encodings[name], true, name);
    }
  });
  assert.equal(new VarveLevel('unused', { createIfMissing: false }).supports.permanence, true);
});

test('close waits for what is under way', async () => {
  const db = await openLevel({ writeBufferBytes: 65_536 });
  await fill(db, 5000);
  const settled: string[] = [];
  const work = [
    db.compactRange('0000', '9999').then(() => settled.push('compactRange')),
    db.put('a', '1', { sync: true }).then(() => settled.push('put')),
    db.batch([{ type: 'del', key: 'b' }], { sync: true }).then(() => settled.push('batch')),
    db
      .batch()
      .del('c')
      .write({ sync: true })
      .then(() => settled.push('chained batch')),
    db.del('d', { sync: true }).then(() => settled.push('del')),
    db
      .iterator()
      .all()
      .then((entries) => settled.push(`iterator ${entries.length}`)),
  ];
  await db.close();
  settled.push('close');
  await Promise.all(work);
  assert.equal(settled.at(-1), 'close');
  assert.ok(settled.includes('iterator 5001'), settled.join());
});
