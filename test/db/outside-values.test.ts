/** What comes from outside is checked where it comes in: none of it may spoil what is on disk. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs } from '../../src/fs/port.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { open } from '../../src/node.ts';
import { createManifest, newDirectory } from '../manifest/manifest-fixture.ts';
import { bytesOf, directoryOf, encryptionOf, namesIn, setBytes } from '../pipeline/world.ts';
import { code, fill, PATH } from './helpers.ts';

const SMALL: DbOptions = {
  workers: 0,
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  baseLevelBytes: 65_536,
  compression: 'none',
};

async function use(db: Db): Promise<void> {
  for (let round = 0; round < 3; round++) {
    fill(db, 200, 300);
    await db.flush();
  }
  await db.compact();
  await db.close();
}

async function expectSound(fs: Fs, options: DbOptions = {}): Promise<void> {
  const db = await open(PATH, { ...SMALL, ...options, fs });
  assert.equal([...db.keys()].length, 200);
  assert.deepEqual((await db.verify()).uncorrectable, []);
  await db.close();
}

suite('the clock', () => {
  const values = [0, 0.5, -1, -1e13, 2 ** 53, 8.64e15, 1e300, NaN, Infinity, -Infinity, undefined];
  const policies = ['leveled', 'size-tiered', { policy: 'fifo', maxAgeMs: 3_600_000 }] as const;
  for (const value of values) {
    test(`may tell ${value}, and the database is as it was`, async () => {
      for (const compaction of policies) {
        const fs = new MemoryFs();
        const clock = { now: () => value as number, monotonic: () => value as number };
        const options: DbOptions = { ...SMALL, fs, clock, compaction };
        await use(await open(PATH, { ...options, rateLimitBytesPerSecond: 1e9 }));
        // A FIFO family that is as young as the clock may have dropped by now is of no interest.
        await expectSound(fs, { compaction, clock });
      }
    });
  }
});

suite('the source of randomness', () => {
  const sources: Record<string, (bytes: Uint8Array) => void> = {
    'does nothing': () => {},
    'fills a half': (bytes) => bytes.fill(7, 0, bytes.length / 2),
    'repeats itself': (bytes) => bytes.fill(7),
  };
  for (const [name, sourceFill] of Object.entries(sources)) {
    test(`that ${name} is refused before it reaches the disk`, async () => {
      for (const more of [{}, { encryption: encryptionOf('aes-256-gcm') }]) {
        const random = { fill: sourceFill };
        const fresh = new MemoryFs();
        await assert.rejects(open(PATH, { fs: fresh, ...more, random }), code('INVALID'));
        await use(await open(PATH, { ...SMALL, ...more, fs: fresh }));
        await expectSound(fresh, more);
      }
    });
  }
});

suite('a file of somebody else', () => {
  const huge = Number.MAX_SAFE_INTEGER - 1;
  const names = [
    `${huge}.sst`,
    `${huge}.wal`,
    `MANIFEST-${huge}`,
    `${huge}.sst.lost`,
    `${2 ** 48}.sst`,
    '9007199254740993.sst',
    '000012.sst.old',
  ];
  for (const name of names) {
    test(`is left alone, and takes no file numbers: ${name}`, async () => {
      for (const options of [{}, { wal: false }]) {
        const fs = new MemoryFs();
        await use(await open(PATH, { ...SMALL, ...options, fs }));
        const content = new TextEncoder().encode('of somebody else');
        setBytes(fs, name, content);
        for (let i = 0; i < 3; i++) await use(await open(PATH, { ...SMALL, ...options, fs }));
        await expectSound(fs, { readOnly: true });
        await expectSound(fs);
        assert.deepEqual(bytesOf(fs, name), content);
        const own = namesIn(fs).filter((each) => each !== name);
        const numbers = own.map((each) => Number(/\d+/.exec(each)?.[0] ?? 0));
        assert.ok(Math.max(...numbers) < 10_000, own.join(' '));
      }
    });
  }
});

suite('a file system', () => {
  /** The same, with other answers to some calls on files and on itself. */
  function lying(fs: MemoryFs, file: Partial<FileHandle>, more: Partial<Fs> = {}): Fs {
    const own: PropertyDescriptorMap = {
      open: {
        value: (path: string, mode: 'create' | 'read' | 'update') => {
          const handle = fs.open(path, mode);
          const properties: PropertyDescriptorMap = {};
          for (const [name, value] of Object.entries(file)) properties[name] = { value };
          return Object.create(handle, properties);
        },
      },
    };
    for (const [name, value] of Object.entries(more)) own[name] = { value };
    return Object.create(fs, own);
  }

  const numbers = [NaN, -1, 0.5, Infinity, 2 ** 53, undefined, null, 12n];
  for (const value of numbers) {
    test(`that tells ${value} for a size or count gives an error and no more`, async () => {
      const fs = new MemoryFs();
      await use(await open(PATH, { ...SMALL, fs }));
      const before = directoryOf(fs);
      const told = () => value as number;
      for (const file of [{ size: told }, { read: told }]) {
        const opening = open(PATH, { ...SMALL, fs: lying(fs, file) });
        await assert.rejects(opening, code('IO'));
        assert.deepEqual(directoryOf(fs), before);
      }
    });

    test(`that tells ${value} for its free bytes holds nothing up`, async () => {
      const memory = new MemoryFs();
      const freeBytes = () => value as number;
      const fs = lying(memory, {}, { freeBytes });
      const isFull = value === 0.5;
      const db = await open(PATH, { ...SMALL, fs });
      for (let round = 0; round < 3; round++) {
        fill(db, 200, 300);
        await db.flush();
      }
      if (isFull) await assert.rejects(db.compact(), code('NOSPACE'));
      else await db.compact();
      await db.close();
      await expectSound(memory);
    });
  }
});

suite('numbers that are used up', () => {
  test('are an error that says so, and what is there can be read', async () => {
    await (await open(PATH, { fs: new MemoryFs() })).close();
    const fs = newDirectory();
    const manifest = createManifest(fs);
    manifest.append({ ...emptyEdit(), nextFileNumber: Number.MAX_SAFE_INTEGER - 3 });
    assert.equal(manifest.newFileNumber(2), Number.MAX_SAFE_INTEGER - 3);
    assert.throws(() => manifest.newFileNumber(2), code('INVALID'));
    assert.equal(manifest.newFileNumber(), Number.MAX_SAFE_INTEGER - 1);
    assert.throws(() => manifest.newFileNumber(), code('INVALID'));
    manifest.append(emptyEdit());
    manifest.close();
    const before = directoryOf(fs);
    await assert.rejects(open(PATH, { fs }), code('INVALID'));
    assert.deepEqual(directoryOf(fs), before);
    await (await open(PATH, { fs, readOnly: true })).close();
  });
});
