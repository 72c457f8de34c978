/** Scans that go on past what cannot be read, and say what they left out. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { EntriesOptions } from '../../src/db/entries.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { bytesOf } from '../pipeline/world.ts';
import { code, fill, keyAt, openMemory, PATH, tableNames, text } from './helpers.ts';

const COUNT = 200;
const OPTIONS: DbOptions = {
  blockSizeBytes: 512,
  blockCacheBytes: 0,
  compression: 'none',
  workers: 0,
  l0TriggerCount: 64,
};

/** Turns a byte in the middle of the block with some bytes, in the newest table that has them. */
function damageAt(fs: MemoryFs, bytes: string): void {
  for (const name of tableNames(fs).toReversed()) {
    const at = Buffer.from(bytesOf(fs, name)).indexOf(bytes);
    if (at < 0) continue;
    fs.fileAt(`${PATH}/${name}`)!.write(Uint8Array.of(0xff), 0, 1, at);
    return;
  }
  assert.fail(`no table holds ${bytes}`);
}

function scan(db: Db, options: EntriesOptions = {}): { keys: string[]; lost: [string, string][] } {
  const iterator = db.keys({ ...options, onDamage: 'skip' });
  const keys = [...iterator].map((key) => text(key)!);
  const lost = iterator.lostRanges.map(({ gte, lt }): [string, string] => [text(gte)!, text(lt)!]);
  return { keys, lost };
}

/** Every key has an old value below; one block of the newer table above is lost. */
async function openLayered(): Promise<{ db: Db; fs: MemoryFs }> {
  const fs = new MemoryFs();
  const db = await openMemory({ ...OPTIONS, fs });
  fill(db, COUNT);
  await db.compact();
  for (let i = 0; i < COUNT; i++) db.put(keyAt(i), `new ${i}.`);
  await db.flush();
  damageAt(fs, 'new 100.');
  return { db, fs };
}

suite('a scan past damage', () => {
  test('shows what is newer, and nothing that is older than what is lost', async () => {
    const { db } = await openLayered();
    const { keys, lost } = scan(db);
    assert.equal(lost.length, 1);
    const [[from, to]] = lost as [[string, string]];
    assert.ok(from <= keyAt(100) && keyAt(100) < to);
    const isLost = (key: string) => from <= key && key < to;
    const all = Array.from({ length: COUNT }, (_, i) => keyAt(i));
    const missing = all.filter((key) => !keys.includes(key));
    assert.deepEqual(missing, all.filter(isLost));
    assert.ok(missing.length > 1 && missing.length < 40, `${missing.length} keys of a block`);
    for (const key of all) {
      if (isLost(key)) assert.throws(() => db.get(key), code('CORRUPTION'));
      else assert.match(text(db.get(key))!, /new/);
    }
    db.put(keyAt(100), 'newest');
    db.delete(missing.at(-1)!);
    assert.ok(scan(db).keys.includes(keyAt(100)));
    await db.flush();
    assert.ok(scan(db, { reverse: true }).keys.includes(keyAt(100)));
    assert.equal(text(db.get(keyAt(100))), 'newest');
    assert.equal(db.get(missing.at(-1)!), undefined);
    await db.close();
  });

  test('hides what is older also where that was met before the loss', async () => {
    const fs = new MemoryFs();
    const db = await openMemory({ ...OPTIONS, fs });
    // Sparse: a scan stands on it while it is still before the lost block.
    for (const i of [50, 105, 190]) db.put(keyAt(i), 'old');
    await db.compact();
    for (let i = 0; i < COUNT; i += 10) db.put(keyAt(i), `new ${i}.`.padEnd(200));
    await db.flush();
    damageAt(fs, 'new 100.');
    for (const reverse of [false, true]) {
      const { keys, lost } = scan(db, { reverse });
      assert.equal(lost.length, 1);
      assert.ok(lost[0]![0] <= keyAt(105) && keyAt(105) < lost[0]![1]);
      assert.ok(!keys.includes(keyAt(105)) && keys.includes(keyAt(50)));
    }
    await db.close();
  });

  test('throws unless it is told to skip, and before anything wrong', async () => {
    const { db } = await openLayered();
    for (const reverse of [false, true]) {
      const seen: string[] = [];
      assert.throws(() => {
        for (const [key, value] of db.entries({ reverse, onDamage: 'throw' })) {
          seen.push(text(key)!);
          assert.match(text(value)!, /new/);
        }
      }, code('CORRUPTION'));
      assert.ok(seen.length > 50);
    }
    assert.throws(() => db.keys({ onDamage: 'ignore' as never }), TypeError);
    await db.close();
  });

  test('teaches no other that what it left out is deleted', async () => {
    const fs = new MemoryFs();
    const db = await openMemory({ ...OPTIONS, fs });
    fill(db, COUNT);
    for (let i = 0; i < COUNT; i++) if (i !== 100) db.delete(keyAt(i));
    db.put(keyAt(100), 'marked.');
    await db.flush();
    damageAt(fs, 'marked.');
    for (let i = 0; i < 3; i++) assert.deepEqual(scan(db).keys, []);
    assert.throws(() => [...db.keys()], code('CORRUPTION'));
    await db.close();
  });

  test('shows no older version of a key whose versions reach into the next block', async () => {
    const fs = new MemoryFs();
    const db = await openMemory({ ...OPTIONS, fs });
    const snapshots = [];
    db.put('a', 'first');
    for (let i = 0; i < 40; i++) {
      db.put('k', `version ${i}.`.padEnd(100));
      snapshots.push(db.snapshot());
    }
    db.put('z', 'last');
    await db.flush();
    damageAt(fs, 'version 39.');
    for (const reverse of [false, true]) assert.deepEqual(scan(db, { reverse }).keys, ['z']);
    const old = { snapshot: snapshots[5]! };
    assert.equal(text(db.get('k', old))?.trim(), 'version 5.');
    for (const snapshot of snapshots) snapshot.release();
    await db.close();
  });

  test('leaves out a table that is gone, and ends where all is', async () => {
    const { db, fs } = await openLayered();
    await db.close();
    const names = tableNames(fs).sort();
    fs.remove(`${PATH}/${names.at(-1)}`);
    for (const readOnly of [true, false]) {
      const again = await open(PATH, { ...OPTIONS, fs, readOnly });
      const { keys, lost } = scan(again);
      assert.deepEqual(keys, []);
      assert.deepEqual(lost, [[keyAt(0), `${keyAt(COUNT - 1)}\0`]]);
      assert.deepEqual(scan(again, { reverse: true, limit: 5 }).keys, []);
      await again.close();
    }
  });

  test('reads around a place that the device does not give, whatever it reads ahead', async () => {
    const fs = new MemoryFs();
    const db = await openMemory({ ...OPTIONS, fs });
    for (let i = 0; i < COUNT; i++) db.put(keyAt(i), `new ${i}.`);
    await db.flush();
    const [name] = tableNames(fs);
    const bad = Buffer.from(bytesOf(fs, name!)).indexOf('new 100.');
    const file = fs.fileAt(`${PATH}/${name}`)!;
    const { read } = file;
    file.read = (buf, off, length, position) => {
      if (position <= bad && bad < position + length) {
        throw new VarveError('IO', 'the device fails', { file: `${PATH}/${name}` });
      }
      return read.call(file, buf, off, length, position);
    };
    for (const reverse of [false, true]) {
      const { keys, lost } = scan(db, { fillCache: false, readAheadBytes: 65_536, reverse });
      assert.equal(lost.length, 1);
      assert.ok(keys.length > COUNT - 40 && keys.length < COUNT, `${keys.length} keys`);
    }
    await db.close();
  });
});
