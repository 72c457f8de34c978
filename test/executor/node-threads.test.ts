/**
 * Background work on the worker threads of Node, on the local file system.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { isComplete, keyAt, SMALL, valueAt, write } from './fixture.ts';

const COUNT = 6000;
const root = mkdtempSync(join(tmpdir(), 'varve-threads-'));
after(() => rmSync(root, { recursive: true, force: true }));

function directory(): string {
  return join(mkdtempSync(join(root, 'db-')), 'db');
}

function tableFiles(path: string): number {
  return readdirSync(path).filter((name) => name.endsWith('.sst')).length;
}

/** Every stage, so that a worker needs all that tables can need. */
const EVERYTHING: DbOptions = {
  compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } },
  encryption: {
    suite: 'aes-256-gcm',
    epoch: 2,
    keys: { 1: new Uint8Array(32).fill(1), 2: new Uint8Array(32).fill(2) },
  },
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  entryChecksums: true,
};

suite('threads', () => {
  for (const workers of [0, 1, 3]) {
    test(`write what is written without them (${workers})`, async () => {
      const path = directory();
      const db = await open(path, { ...SMALL, compression: 'none', workers });
      for (let round = 0; round < 4; round++) write(db, COUNT, round);
      assert.equal(isComplete(db, COUNT, 3), true);
      await db.compact();
      assert.equal(isComplete(db, COUNT, 3), true);
      const { counters, tableCount, backgroundError } = db.stats();
      assert.equal(backgroundError, undefined);
      assert.ok(counters.flushCount > 10 && counters.compactionCount > 1);
      assert.equal(tableFiles(path), tableCount);
      assert.deepEqual((await db.verify()).uncorrectable, []);
      await db.close();
      const again = await open(path, { ...SMALL, workers });
      assert.equal(isComplete(again, COUNT, 3), true);
      await again.close();
    });
  }

  test('work with every stage, and with tables of other settings', async () => {
    const path = directory();
    const plain = await open(path, { ...SMALL, workers: 2 });
    write(plain, COUNT, 0);
    await plain.close();
    const { encryption } = EVERYTHING;
    if (encryption === undefined || encryption === false) throw new Error('there are keys');
    const staged = {
      ...SMALL,
      ...EVERYTHING,
      encryption: { ...encryption, encryptExisting: true },
    };
    const db = await open(path, { ...staged, workers: 2 });
    for (let round = 1; round < 3; round++) write(db, COUNT, round);
    await db.compact();
    assert.equal(isComplete(db, COUNT, 2), true);
    assert.deepEqual(
      db.stats().encryption?.tables.map(({ epoch }) => epoch),
      [2],
    );
    await db.close();
  });

  test('get on while the host waits for something else', async () => {
    const db = await open(directory(), { ...SMALL, workers: 1 });
    write(db, COUNT, 0);
    const before = db.stats().counters.flushCount;
    while (db.stats().columnFamilies[0]!.frozenMemtableCount > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { columnFamilies, counters } = db.stats();
    assert.equal(columnFamilies[0]!.frozenMemtableCount, 0);
    assert.ok(counters.flushCount >= before);
    await db.close();
  });

  test('tell of damage that they put right', async () => {
    const path = directory();
    const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
    const told: string[] = [];
    const onEvent: DbOptions['onEvent'] = (event) => {
      if (event.type === 'corrected') told.push(event.file);
    };
    // Nothing is merged before it is asked for.
    const calm = { l0TriggerCount: 64, baseLevelBytes: 64 * 1_048_576 };
    const options = { ...SMALL, ...calm, ecc, onEvent, workers: 1 };
    const db = await open(path, options);
    write(db, COUNT, 0);
    await db.flush();
    const { NodeFs } = await import('../../src/fs/node.ts');
    const fs = new NodeFs();
    const name = readdirSync(path).find((one) => one.endsWith('.sst'))!;
    const file = fs.open(join(path, name), 'update');
    // In places so far apart that each is in a block of its own; some may be in parity.
    for (let i = 1; i < 6; i++) {
      file.write(Uint8Array.of(0xff, 0, 0xff), 0, 3, Math.floor((file.size() * i) / 6));
    }
    file.close();
    await db.compact();
    assert.deepEqual(new Set(told), new Set([join(path, name)]));
    assert.ok(db.stats().counters.corrections > 0);
    assert.equal(isComplete(db, COUNT, 0), true);
    await db.close();
  });

  test('are refused where they cannot have the file system', async () => {
    const fs = new MemoryFs();
    await assert.rejects(open('db', { fs, workers: 1 }), (e) => isVarveError(e, 'UNSUPPORTED'));
    await (await open('db', { fs, workers: 0 })).close();
    for (const workers of [-1, 65, 1.5]) {
      await assert.rejects(open(directory(), { workers }), RangeError);
    }
    await assert.rejects(open(directory(), { workers: '2' } as unknown as DbOptions), TypeError);
  });
});

test('a process ends although it has left a database with threads open', async () => {
  const path = directory();
  const program = `
    const { open } = await import(process.argv[1]);
    const db = await open(process.argv[2], { writeBufferBytes: 65536, workers: 2 });
    for (let i = 0; i < 5000; i++) db.put('key ' + i, new Uint8Array(100).fill(i));
    console.log('written');
  `;
  const module = new URL('../../src/index.js', import.meta.url).href;
  const args = ['--input-type=module', '-e', program, module, path];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  assert.equal(stdout, 'written\n');
  const db = await open(path);
  for (let i = 0; i < 5000; i += 7) assert.equal(db.get(`key ${i}`)?.[0], i & 0xff);
  await db.flush();
  const { tableCount } = db.stats();
  await db.close();
  assert.equal(tableFiles(path), tableCount);
});

test('writes of a synchronous loop keep their order across threads', async () => {
  const db = await open(directory(), { ...SMALL, workers: 2 });
  for (let i = 0; i < 30_000; i++) db.put(keyAt(i % 50), valueAt(i, 0));
  for (let n = 0; n < 50; n++) {
    assert.equal(db.get(keyAt(n))?.[0], (30_000 - 50 + n) & 0xff);
  }
  await db.close();
});

test('an address of workers must be one, and of use', async () => {
  for (const workerUrl of ['./worker.js', '', 7, null, {}] as unknown[] as string[]) {
    await assert.rejects(open(directory(), { workerUrl }), TypeError);
  }
  const own = { fs: new MemoryFs(), workerUrl: 'file:///worker.js' };
  await assert.rejects(open('db', own), (error) => isVarveError(error, 'UNSUPPORTED'));
});
