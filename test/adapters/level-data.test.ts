/**
 * Keys and values of `varve/level`: their forms, whose memory they are, and how safe a write is.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { MemoryFs } from '../../src/index.ts';
import { FaultFs } from '../../src/testing/index.ts';
import { fill, openLevel, turnsDuring, withLevel } from './level-fixture.ts';

const FORMS = ['buffer', 'view'] as const;

for (const form of FORMS) {
  test(`what is read as ${form} is the caller's own`, async () => {
    const options = { keyEncoding: form, valueEncoding: form };
    await withLevel<Uint8Array, Uint8Array>(options, async (db) => {
      const key = Buffer.from('key');
      const value = Buffer.from('value');
      await db.put(key, value);
      for (const flushed of [false, true]) {
        if (flushed) await db.compactRange(Buffer.from('a'), Buffer.from('z'));
        const read = async () => [
          await db.get(key),
          db.getSync(key),
          ...(await db.getMany([key])),
          ...(await db.values().all()),
          ...(await db.iterator().all()).map((entry) => entry[1]),
        ];
        for (const copy of await read()) {
          assert.deepEqual(Buffer.from(copy!), value);
          assert.equal(Buffer.isBuffer(copy), form === 'buffer');
          copy!.fill(0);
        }
        for (const copy of await read()) assert.deepEqual(Buffer.from(copy!), value);
        for (const copy of await db.keys().all()) copy.fill(0);
        const keys = await db.keys().all();
        assert.deepEqual(keys.map(String), [form === 'buffer' ? 'key' : '107,101,121']);
      }
    });
  });

  test(`what was written as ${form} may change after the call`, async () => {
    const options = { keyEncoding: form, valueEncoding: form };
    await withLevel<Uint8Array, Uint8Array>(options, async (db) => {
      const key = Buffer.from('a');
      const value = Buffer.from('1');
      const written = [db.put(key, value)];
      key[0]!++;
      value[0]!++;
      written.push(db.batch([{ type: 'put', key, value }]));
      key[0]!++;
      value[0]!++;
      const batch = db.batch().put(key, value);
      key[0]!++;
      written.push(batch.write());
      await Promise.all(written);
      const entries = await db.iterator({ keyEncoding: 'utf8', valueEncoding: 'utf8' }).all();
      assert.deepEqual(entries, [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ]);
    });
  });
}

test('text comes back as it went in: other scripts, a byte order mark, long, empty', async () => {
  await withLevel({}, async (db) => {
    const scripts = ['', 'ascii', '\ufeffmark', 'grün', '漢字'];
    const texts = [...scripts, 'é'.repeat(100), '🌊'.repeat(3000), 'x'.repeat(9000)];
    for (const text of texts) await db.put(`k${text}`, text);
    const wanted = texts
      .map((text): [string, string] => [`k${text}`, text])
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(await db.iterator().all(), wanted);
    for (const text of texts) {
      assert.equal(await db.get(`k${text}`), text);
      assert.equal(db.getSync(`k${text}`), text);
    }
  });
});

test('a lone surrogate becomes U+FFFD, in keys, values and bounds', async () => {
  await withLevel({}, async (db) => {
    await db.put('a\ud800', 'b\udfff');
    assert.deepEqual(await db.iterator({ gte: 'a\ud800' }).all(), [['a\ufffd', 'b\ufffd']]);
    assert.equal(await db.get('a\udbff'), 'b\ufffd');
    assert.equal(await db.has('a\ud800'), true);
    await db.batch().del('a\ud801').write();
    assert.deepEqual(await db.keys().all(), []);
  });
});

test('views of other types and of other realms are taken by their bytes', async () => {
  const foreign = runInNewContext('new Uint8Array([1, 2])') as Uint8Array;
  assert.ok(!(foreign instanceof Uint8Array));
  const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  await withLevel<ArrayBufferView, ArrayBufferView>(options, async (db) => {
    await db.put(foreign, new DataView(Uint8Array.of(9, 3, 4).buffer, 1));
    assert.deepEqual(await db.get(Uint8Array.of(1, 2)), Uint8Array.of(3, 4));
    assert.equal(await db.has(new Uint16Array(Uint8Array.of(1, 2).buffer)), true);
  });
});

test('a key of a resizable buffer is read as it is at the call', async () => {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer;
  const key = new Uint8Array(new Resizable(2, { maxByteLength: 16 }), 0, 2);
  await withLevel<Uint8Array, string>({ keyEncoding: 'buffer' }, async (db) => {
    await db.put(key, 'value');
    assert.equal(await db.get(key), 'value');
  });
});

test('keys and values beyond the limits are a RangeError and leave nothing behind', async () => {
  await withLevel({}, async (db) => {
    const key = 'k'.repeat(70_000);
    await assert.rejects(db.put(key, ''), RangeError);
    const operations = [
      { type: 'put' as const, key: 'a', value: '' },
      { type: 'put' as const, key, value: '' },
    ];
    await assert.rejects(db.batch(operations), RangeError);
    assert.throws(() => db.batch().put(key, ''), RangeError);
    await db.batch([{ type: 'put', key: 'b', value: '' }]);
    assert.deepEqual(await db.keys().all(), ['b']);
  });
});

test('only a write with sync waits for stable storage', async () => {
  const fs = new FaultFs(new MemoryFs());
  await withLevel({ fs }, async (db) => {
    const syncs = () => fs.calls('sync') + fs.calls('syncAsync');
    // The first write makes a log, whose name is durable before it is used.
    await db.put('a', '0');
    const before = syncs();
    await db.put('a', '1');
    await db.batch([{ type: 'put', key: 'b', value: '2' }]);
    await db.batch().put('c', '3').write();
    await db.del('a');
    assert.equal(syncs(), before);
    const writes = [
      () => db.put('a', '1', { sync: true }),
      () => db.del('a', { sync: true }),
      () => db.batch([{ type: 'del', key: 'b' }], { sync: true }),
      () => db.batch().del('c').write({ sync: true }),
      () => db.put('a', '1', { sync: 1 as unknown as boolean }),
    ];
    for (const [i, write] of writes.entries()) {
      await write();
      assert.equal(syncs(), before + i + 1);
    }
    await Promise.all([db.put('a', '1', { sync: true }), db.put('b', '2', { sync: true })]);
    assert.ok(syncs() <= before + writes.length + 2);
  });
});

test('clear leaves alone what is written after the call', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 3000);
    const cleared = db.clear();
    const written = db.put('0001', 'new');
    await Promise.all([cleared, written]);
    assert.deepEqual(await db.iterator().all(), [['0001', 'new']]);
  });
});

test('clear deletes large ranges, in order and up to the limit', async () => {
  const value = 'v';
  const operations = Array.from({ length: 30_000 }, (_, i) => {
    return { type: 'put' as const, key: `key-${String(i).padStart(100, '0')}`, value };
  });
  await withLevel({ writeBufferBytes: 65_536 }, async (db) => {
    await db.batch(operations);
    await db.clear({ reverse: true, limit: 100 });
    const keys = await db.keys().all();
    assert.equal(keys.length, 29_900);
    assert.equal(keys.at(-1), operations[29_899]!.key);
    await db.clear({ gt: keys[9]! });
    assert.deepEqual(await db.keys().all(), keys.slice(0, 10));
  });
});

test('a snapshot of another database is refused', async () => {
  await withLevel({}, async (db) => {
    const other = await openLevel();
    const snapshot = other.snapshot();
    await assert.rejects(db.get('a', { snapshot }), { code: 'VARVE_INVALID' });
    await snapshot.close();
    await other.close();
    const stranger = { ref() {}, unref() {}, close: async () => {} };
    await assert.rejects(db.get('a', { snapshot: stranger as never }), TypeError);
  });
});

test('a snapshot holds through flushes and compactions until it is closed', async () => {
  await withLevel({ writeBufferBytes: 65_536 }, async (db) => {
    await fill(db, 1000);
    const snapshot = db.snapshot();
    await db.clear();
    await fill(db, 10);
    await db.compactRange('0000', '9999');
    assert.equal((await db.keys({ snapshot }).all()).length, 1000);
    assert.equal(db.getSync('0999', { snapshot }), '0999');
    assert.deepEqual(await db.hasMany(['0999', 'x'], { snapshot }), [true, false]);
    assert.equal(await db.get('0999'), undefined);
    await snapshot.close();
    const { snapshotCount } = JSON.parse(db.getProperty('varve.stats'));
    assert.equal(snapshotCount, 0);
  });
});

test('a loop of awaited calls lets the event loop turn', async () => {
  await withLevel({}, async (db) => {
    await fill(db, 1000);
    const calls = [
      (key: string) => db.get(key),
      (key: string) => db.getMany([key]),
      (key: string) => db.has(key),
      (key: string) => db.put(key, key),
      (key: string) => db.del(key),
      (key: string) => db.batch([{ type: 'put', key, value: key }]),
      (key: string) => db.batch().put(key, key).write(),
    ];
    for (const call of calls) {
      const turns = await turnsDuring(async () => {
        for (let i = 0; i < 5000; i++) await call(String(i % 1000).padStart(4, '0'));
      });
      assert.ok(turns >= 4 && turns < 50, `${turns} turns in 5000 times ${call}`);
    }
  });
});
