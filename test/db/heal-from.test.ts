/** What is lost of a table is put right from a checkpoint that has the same file. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DbEvent, HealedEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { encryptionOf } from '../pipeline/world.ts';
import { code, fill, keyAt, PATH, tableNames } from './helpers.ts';

const COUNT = 300;
const COPY = 'copy';

const OPTIONS: Record<string, DbOptions> = {
  plain: {},
  'with all stages': {
    encryption: encryptionOf('aes-256-gcm'),
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
    compression: 'lz4',
  },
};

async function openWithCopy(options: DbOptions) {
  const fs = new MemoryFs();
  const healed: HealedEvent[] = [];
  const lost: DbEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    if (event.type === 'healed') healed.push(event);
    if (event.type === 'lost') lost.push(event);
  };
  const all = { ...options, blockSizeBytes: 512, blockCacheBytes: 0, workers: 0, fs, onEvent };
  const first = await open(PATH, all);
  fill(first, COUNT, 100);
  await first.compact();
  await first.checkpoint(COPY);
  await first.close();
  const reopen = (healFrom: readonly string[]) => open(PATH, { ...all, healFrom });
  const [name] = tableNames(fs);
  return { fs, healed, lost, reopen, path: `${PATH}/${name}`, copy: `${COPY}/${name}` };
}

/** In place: the copy must not have the same blocks by a hard link. */
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

/** A file of its own, as where links are not possible. */
function unlink(fs: MemoryFs, path: string): void {
  const file = fs.fileAt(path)!;
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  fs.remove(path);
  const made = fs.open(path, 'create');
  made.write(bytes, 0, bytes.length, 0);
  made.close();
}

for (const [name, options] of Object.entries(OPTIONS)) {
  suite(`healing from a checkpoint, ${name}`, () => {
    test('puts a lost block right, and says from where', async () => {
      const { fs, healed, lost, reopen, path, copy } = await openWithCopy(options);
      unlink(fs, path);
      harm(fs, path, 3000, 1500);
      const db = await reopen(['nowhere', COPY]);
      await db.verify();
      for (let i = 0; i < COUNT; i++) assert.equal(db.get(keyAt(i))?.length, 100);
      assert.deepEqual((await db.verify()).uncorrectable, []);
      const sources = new Set(healed.map(({ source }) => source));
      assert.ok(sources.delete(copy), 'the copy is named');
      sources.delete('parity');
      assert.deepEqual([...sources], []);
      assert.ok(healed.every(({ file }) => file === path));
      assert.deepEqual([db.stats().damage, lost], [[], []]);
      await db.close();
    });

    test('makes a table anew that is gone', async () => {
      const { fs, healed, reopen, path, copy } = await openWithCopy(options);
      fs.remove(path);
      const db = await reopen([COPY]);
      assert.throws(() => db.get(keyAt(5)), code('CORRUPTION'));
      await db.compact();
      assert.equal(db.get(keyAt(5))?.length, 100);
      assert.deepEqual(
        healed.map(({ part, source }) => [part, source]),
        [['file', copy]],
      );
      await db.close();
    });

    test('takes nothing that is not sound, or of another file', async () => {
      const { fs, healed, lost, reopen, path, copy } = await openWithCopy(options);
      unlink(fs, path);
      harm(fs, path, 3000, 1500);
      harm(fs, copy, 3000, 1500);
      const other = await open('other', { ...options, fs, blockSizeBytes: 512, workers: 0 });
      fill(other, COUNT, 100);
      await other.compact();
      await other.close();
      const db = await reopen([COPY, 'other']);
      await db.verify();
      assert.deepEqual(
        healed.filter(({ source }) => source !== 'parity'),
        [],
      );
      assert.ok(lost.length > 0 && db.stats().damage.length > 0);
      let lostCount = 0;
      for (let i = 0; i < COUNT; i++) {
        try {
          assert.equal(db.get(keyAt(i))?.length, 100);
        } catch (error) {
          assert.ok(code('CORRUPTION')(error));
          lostCount++;
        }
      }
      assert.ok(lostCount > 0 && lostCount < COUNT / 2, `${lostCount} keys are lost`);
      await db.close();
      fs.remove(path);
      const again = await reopen([COPY, 'other']);
      await again.verify();
      assert.ok(!fs.exists(path), 'a copy that is damaged itself replaces no file');
      await again.close();
    });
  });
}

test('paths that are none are refused', async () => {
  for (const healFrom of ['copy', [1], ['']]) {
    const opening = open(PATH, { fs: new MemoryFs(), healFrom: healFrom as never });
    await assert.rejects(opening, TypeError);
  }
});
