/**
 * Checkpoints whose tables cannot be linked: jobs copy them, on workers where there are any.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { fill, keyAt } from '../db/helpers.ts';
import { DIRECTORY, openThreaded, type World } from '../executor/fixture.ts';
import { COMBINATIONS, stagesOf } from './copy-fixture.ts';

const COPY = 'copies/one';
const ENTRIES = 4000;
const SMALL: DbOptions = {
  writeBufferBytes: 64 * 1024,
  targetTableBytes: 64 * 1024,
  blockSizeBytes: 1024,
  compression: 'none',
};

/** Files without hard links; `onCopied` is told of each write to a table of the copy. */
function unlinkable(
  inner: MemoryFs,
  onCopied: (who: string, bytes: number) => void,
): (who: string) => Fs {
  const capabilities = { ...inner.capabilities, hardLinks: false };
  return (who) => {
    const open: Fs['open'] = (path, mode) => {
      const file = inner.open(path, mode);
      if (mode !== 'create' || !path.startsWith(COPY) || !path.endsWith('.sst')) return file;
      return new Proxy(file, {
        get: (target, name) => {
          const member = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) => {
            if (name === 'write') onCopied(who, args[2] as number);
            return Reflect.apply(member, target, args);
          };
        },
      });
    };
    return new Proxy<Fs>(inner, {
      get: (target, name) => {
        if (name === 'capabilities') return capabilities;
        if (name === 'open') return open;
        const member = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
}

interface Filled extends World {
  readonly fs: MemoryFs;
  /** Bytes of tables that each side has written into the copy. */
  readonly copied: Record<string, number>;
}

/** @param onCopied told of bytes that were copied so far */
async function openFilled(
  options: DbOptions,
  onCopied: (bytes: number) => void = () => {},
): Promise<Filled> {
  const fs = new MemoryFs();
  const copied: Record<string, number> = {};
  let sum = 0;
  const files = unlinkable(fs, (who, bytes) => {
    copied[who] = (copied[who] ?? 0) + bytes;
    sum += bytes;
    onCopied(sum);
  });
  const world = await openThreaded(
    files('database'),
    { ...SMALL, ...options },
    (threads) => threads,
    files('worker'),
  );
  fill(world.db, ENTRIES, 100);
  await world.db.compact();
  return { ...world, fs, copied };
}

function rest(fs: MemoryFs): string[] {
  return fs.list(COPY).filter((name) => name !== 'LOCK');
}

async function expectCopy(fs: MemoryFs, options: DbOptions): Promise<void> {
  const { db } = await openAt(fs, options);
  assert.equal([...db.keys()].length, ENTRIES);
  assert.equal(db.get(keyAt(ENTRIES - 1))?.length, 100);
  assert.deepEqual((await db.verify()).uncorrectable, []);
  await db.close();
}

async function openAt(fs: MemoryFs, options: DbOptions): Promise<{ db: Db }> {
  // Under another name, so that nothing of the original is found by chance.
  const moved = new MemoryFs();
  moved.createDirectory(DIRECTORY);
  for (const name of rest(fs)) {
    const from = fs.open(`${COPY}/${name}`, 'read');
    const bytes = new Uint8Array(from.size());
    from.read(bytes, 0, bytes.length, 0);
    const to = moved.open(`${DIRECTORY}/${name}`, 'create');
    to.write(bytes, 0, bytes.length, 0);
  }
  return openThreaded(moved, { ...SMALL, ...options, createIfMissing: false, workers: 0 });
}

suite('tables that cannot be linked are copied by workers, as they are', () => {
  for (const stages of [COMBINATIONS[0]!, COMBINATIONS[7]!]) {
    test(stagesOf(stages), async () => {
      const { compression, encryption, ecc } = stages;
      const options = { compression, ecc, ...(encryption ? { encryption } : {}), workers: 2 };
      const { db, fs, copied } = await openFilled(options as DbOptions);
      const report = await db.checkpoint(COPY);
      assert.equal(report.linkedCount, 0);
      assert.deepEqual(copied, { worker: db.stats().tableBytes });
      await db.close();
      await expectCopy(fs, options as DbOptions);
    });
  }
});

test('where there are no workers they are copied in turns of the host', async () => {
  const { db, fs, copied } = await openFilled({ workers: 0 });
  await db.checkpoint(COPY);
  assert.deepEqual(copied, { database: db.stats().tableBytes });
  await db.close();
  await expectCopy(fs, {});
});

for (const workers of [0, 1, 3]) {
  suite(`with ${workers} workers`, () => {
    test('a checkpoint that is called off at any byte leaves nothing', async () => {
      for (let at = 1; at < 400_000; at += 61_111) {
        const stop = new AbortController();
        const { db, fs } = await openFilled({ workers }, (bytes) => {
          if (bytes >= at) stop.abort(new Error('enough'));
        });
        await assert.rejects(db.checkpoint(COPY, { signal: stop.signal }), /enough/);
        assert.deepEqual(rest(fs), [], `called off after ${at} bytes`);
        await db.checkpoint(COPY);
        await db.close();
        await expectCopy(fs, {});
      }
    });

    test('a close ends it, and waits until nothing of it is left', async () => {
      for (let at = 1; at < 400_000; at += 61_111) {
        let closing: Promise<void> | undefined;
        const { db, fs } = await openFilled({ workers }, (bytes) => {
          if (bytes >= at) closing ??= Promise.resolve().then(() => db.close());
        });
        const made = db.checkpoint(COPY).then(
          () => 'made',
          ({ code }) => code,
        );
        while (closing === undefined) await Promise.resolve();
        await closing;
        assert.deepEqual(rest(fs), [], `closed after ${at} bytes`);
        assert.equal(await made, 'CLOSED');
      }
    });
  });
}

test('a copy whose thread is lost is done again, and told once', async () => {
  let kill = (): boolean => false;
  let hasKilled = false;
  const { db, fs, threads } = await openFilled({ workers: 1 }, (bytes) => {
    if (bytes > 100_000 && !hasKilled) void Promise.resolve().then(() => kill());
    hasKilled ||= bytes > 100_000;
  });
  let killed = 0;
  kill = () => {
    const isKilled = threads.kill();
    if (isKilled) killed++;
    return isKilled;
  };
  const told: number[] = [];
  await db.checkpoint(COPY, { onProgress: (bytes) => told.push(bytes) });
  assert.equal(killed, 1);
  assert.deepEqual(
    told,
    [...told].sort((a, b) => a - b),
  );
  await db.close();
  await expectCopy(fs, {});
});

suite('a checkpoint keeps to limits, in simulated time', () => {
  for (const workers of [0, 2]) {
    const options = { workers };
    test(`bytesPerSecond, with ${workers} workers`, async () => {
      const { db, clock } = await openFilled(options);
      const begin = clock.monotonic();
      const { bytesCopied } = await db.checkpoint(COPY, { bytesPerSecond: 200_000 });
      const seconds = (clock.monotonic() - begin) / 1000;
      expectAbout(seconds, bytesCopied / 200_000);
      await db.close();
    });

    test(`rateLimitBytesPerSecond, with ${workers} workers: read and written`, async () => {
      const { db, clock } = await openFilled({ ...options, rateLimitBytesPerSecond: 400_000 });
      const begin = clock.monotonic();
      const { bytesCopied } = await db.checkpoint(COPY);
      const seconds = (clock.monotonic() - begin) / 1000;
      expectAbout(seconds, (2 * bytesCopied) / 400_000);
      await db.close();
    });
  }
});

function expectAbout(seconds: number, expected: number): void {
  assert.ok(seconds > expected * 0.8 && seconds < expected * 1.3, `${seconds} s, not ${expected}`);
}
