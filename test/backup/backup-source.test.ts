/** What is lost of a table is put right from a backup, which answers when it can. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  BackupSource,
  Backups,
  type BackupTarget,
  type ByteRange,
  DirectoryTarget,
  type Pieces,
} from '../../src/backup/index.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent, HealedEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { code, fill, keyAt, PATH, tableNames } from '../db/helpers.ts';
import { encryptionOf } from '../pipeline/world.ts';

const COUNT = 300;
const TURNS_MAX = 10_000;

const OPTIONS: Record<string, DbOptions> = {
  plain: {},
  'with all stages': {
    encryption: encryptionOf('aes-256-gcm'),
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
    compression: 'lz4',
  },
};

/** A target that can be told to fail, and that counts what is asked of it. */
class SlowTarget implements BackupTarget {
  isDown = false;
  turnsMin = 1;
  bytesGiven = 0;
  readonly #inner: BackupTarget;

  constructor(inner: BackupTarget) {
    this.#inner = inner;
  }

  put(name: string, pieces: Pieces): Promise<void> {
    return this.#inner.put(name, pieces);
  }

  async get(name: string, range?: ByteRange): Promise<Pieces | undefined> {
    for (let i = 0; i < this.turnsMin; i++) await turn();
    if (this.isDown) throw new Error('the network is down');
    const pieces = await this.#inner.get(name, range);
    if (pieces !== undefined && name.includes('.sst-')) this.bytesGiven += range?.length ?? 0;
    return pieces;
  }

  list(): Promise<string[]> {
    return this.#inner.list();
  }

  delete(name: string): Promise<void> {
    return this.#inner.delete(name);
  }
}

async function makeWorld(options: DbOptions = {}) {
  const fs = new MemoryFs();
  const stored = new MemoryFs();
  const target = new SlowTarget(new DirectoryTarget(stored, 'backups'));
  const healed: HealedEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'healed') healed.push(event);
  };
  const fixed = { blockSizeBytes: 512, blockCacheBytes: 0, workers: 0, scrub: false } as const;
  const all = { ...fixed, compression: 'none' as const, ...options, fs, onEvent };
  const first = await open(PATH, all);
  fill(first, COUNT, 100);
  await first.compact();
  await new Backups(target).create(first);
  await first.close();
  const [name] = tableNames(fs);
  const reopen = () => open(PATH, { ...all, healFrom: ['nowhere', new BackupSource(target)] });
  return { fs, stored, target, healed, reopen, path: `${PATH}/${name}` };
}

function harm(fs: MemoryFs, path: string, at: number, count: number): void {
  const file = fs.fileAt(path)!;
  const bytes = new Uint8Array(count);
  file.read(bytes, 0, count, at);
  const harmed = bytes.map((byte) => byte ^ 0x77);
  file.write(harmed, 0, count, at);
}

/** Reads all, so that what is lost is met. */
function lostCount(db: Db): number {
  let count = 0;
  for (let i = 0; i < COUNT; i++) {
    try {
      assert.equal(db.get(keyAt(i))?.length, 100);
    } catch (error) {
      assert.ok(code('CORRUPTION')(error));
      count++;
    }
  }
  return count;
}

/** A compaction has looked at what is lost; sources are asked in the turns after it. */
async function untilSound(db: Db): Promise<void> {
  await db.compact().catch((error: unknown) => assert.ok(code('CORRUPTION')(error)));
  for (let i = 0; i < TURNS_MAX && db.stats().damage.length > 0; i++) await turn();
  assert.deepEqual(db.stats().damage, []);
}

for (const [name, options] of Object.entries(OPTIONS)) {
  suite(`healing from a backup, ${name}`, () => {
    test('puts a lost block right, reads little, and says from where', async () => {
      const { fs, target, healed, reopen, path } = await makeWorld(options);
      harm(fs, path, 3000, 1500);
      const db = await reopen();
      assert.ok(lostCount(db) > 0);
      await untilSound(db);
      assert.equal(lostCount(db), 0);
      assert.deepEqual((await db.verify()).uncorrectable, []);
      const sources = new Set(healed.map(({ source }) => source));
      assert.ok([...sources].some((source) => /^backup object \d+\.sst-/.test(source)));
      assert.ok(target.bytesGiven < fs.fileAt(path)!.size / 2, `${target.bytesGiven} bytes`);
      await db.close();
    });

    test('makes a table anew that is gone', async () => {
      const { fs, healed, reopen, path } = await makeWorld(options);
      fs.remove(path);
      const db = await reopen();
      assert.equal(lostCount(db), COUNT);
      await untilSound(db);
      assert.equal(lostCount(db), 0);
      assert.deepEqual(
        healed.map(({ part }) => part),
        ['file'],
      );
      await db.close();
    });

    test('takes nothing of an object that is damaged', async () => {
      const { fs, stored, healed, reopen, path } = await makeWorld(options);
      const object = stored.list('backups').find((one) => one.includes('.sst-'));
      harm(stored, `backups/${object}`, 2500, 2500);
      const bytes = fs.fileAt(path)!;
      harm(fs, path, 3000, 1500);
      const db = await reopen();
      const lost = lostCount(db);
      const { left } = await db.acceptLoss({ gte: 'zzz' });
      assert.deepEqual(left, []);
      assert.equal(lostCount(db), lost);
      assert.deepEqual(
        healed.filter(({ source }) => source.startsWith('backup')),
        [],
      );
      fs.remove(path);
      await db.close();
      const again = await reopen();
      assert.equal(lostCount(again), COUNT);
      await again.acceptLoss({ gte: 'zzz' });
      assert.ok(!fs.exists(path) && bytes.size > 0, 'no file is made of it');
      await again.close();
    });
  });
}

test('a source that fails is asked again, and a loss that it heals is not given up', async () => {
  const { fs, target, healed, reopen, path } = await makeWorld();
  harm(fs, path, 3000, 1500);
  const db = await reopen();
  const lost = lostCount(db);
  assert.ok(lost > 0);
  target.isDown = true;
  await db.acceptLoss({ gte: 'zzz' });
  assert.deepEqual([lostCount(db), healed.length], [lost, 0]);
  target.isDown = false;
  assert.deepEqual(await db.acceptLoss(), { accepted: [], left: [], hiddenCount: 0 });
  assert.equal(lostCount(db), 0);
  assert.ok(healed.length > 0);
  await db.close();
});

test('a database may be closed at any time meanwhile', async () => {
  for (let turns = 0; turns < 40; turns += 3) {
    const { fs, target, reopen, path } = await makeWorld();
    fs.remove(path);
    target.turnsMin = 20;
    const db = await reopen();
    lostCount(db);
    await db.compact().catch((error: unknown) => assert.ok(code('CORRUPTION')(error)));
    for (let i = 0; i < turns; i++) await turn();
    await db.close();
    const files = fs.list(PATH);
    for (let i = 0; i < 200; i++) await turn();
    target.turnsMin = 1;
    assert.deepEqual(fs.list(PATH), files, 'nothing is written after a close');
    const again = await reopen();
    lostCount(again);
    await untilSound(again);
    assert.equal(lostCount(again), 0);
    await again.close();
  }
});

test('what is no source is refused', async () => {
  for (const healFrom of ['copy', [1], [''], [{}], [null]]) {
    const opening = open(PATH, { fs: new MemoryFs(), healFrom: healFrom as never });
    await assert.rejects(opening, TypeError);
  }
});
