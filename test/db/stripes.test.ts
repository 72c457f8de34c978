/**
 * Databases whose tables have stripes: with and without workers, beside every other stage.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { type MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import { testKeys } from '../block/pipelines.ts';
import { openHeld } from './held-workers.ts';
import { code, keyAt, onlyTable, openMemory, PATH, tableNames } from './helpers.ts';

const COUNT = 300;
const STRIPE = { data: 8, parity: 2 } as const;
const AES = { encryption: { suite: 'aes-256-gcm', epoch: 1, keys: testKeys(1) } } as const;

/** Values that do not shrink. */
function bytesOf(i: number): Uint8Array {
  return Uint8Array.from(
    { length: 200 },
    (_, at) => Math.imul(i * 256 + at + 1, 0x9e3779b1) >>> 24,
  );
}

/** Overwrites a part of the only table, or cuts it off. */
function lose(fs: MemoryFs, from: number, length: number): void {
  const file = onlyTable(fs);
  if (from + length >= file.size) file.resize(from);
  else file.write(new Uint8Array(length).fill(0xaa), 0, length, from);
}

function contentOf(file: MemoryFile): Buffer {
  const bytes = Buffer.alloc(file.size);
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** No damage was told as lost, and no table was written anew for it. */
function assertNothingElse(events: readonly DbEvent[]): void {
  const types = new Set<DbEvent['type']>(['file-damaged', 'lost', 'compaction']);
  assert.deepEqual(
    events.filter(({ type }) => types.has(type)),
    [],
  );
}

async function openWith(options: DbOptions, workers: number) {
  const fs = new MemoryFs();
  const events: DbEvent[] = [];
  const onEvent = (event: DbEvent): void => {
    events.push(event);
  };
  const all = { blockCacheBytes: 0, targetTableBytes: 1 << 20, ...options, workers, onEvent };
  const { db, clock } = await openHeld(all, [], fs);
  for (let i = 0; i < COUNT; i++) db.put(keyAt(i), bytesOf(i));
  await db.compact();
  /** Lets compactions go on that nobody asked for. */
  const goOn = async (): Promise<void> => {
    clock.advance(5000);
    for (let i = 0; i < 4; i++) db.put('more', new Uint8Array(70_000));
    await db.flush();
    await db.pauseBackgroundWork();
    db.continueBackgroundWork();
  };
  return { db, fs, events, goOn };
}

for (const [name, options] of Object.entries({
  'stripes alone': { ecc: { scheme: 'none', stripe: STRIPE } },
  'stripes, shards and AES': {
    ecc: { scheme: 'reed-solomon', data: 4, parity: 2, stripe: STRIPE },
    ...AES,
  },
} satisfies Record<string, DbOptions>)) {
  for (const workers of [0, 2]) {
    suite(`a database with ${name}, ${workers} workers`, () => {
      test('reads and tells what a table lost in one piece, and heals it in place', async () => {
        const { db, fs, events, goOn } = await openWith(options, workers);
        const { storage } = db.stats();
        assert.deepEqual(
          storage.map(({ ecc }) => ecc),
          [options.ecc],
        );
        const file = onlyTable(fs);
        const asWritten = contentOf(file);
        events.length = 0;
        lose(fs, file.size >> 1, 5000);
        for (let i = 0; i < COUNT; i++) assert.deepEqual(db.get(keyAt(i)), bytesOf(i));
        const { corrections } = db.stats().counters;
        assert.ok(corrections > 0);
        await goOn();
        assert.ok(contentOf(file).equals(asWritten));
        const healed = events.filter((event) => event.type === 'healed');
        assert.ok(healed.length >= 2, 'the hole is longer than a chunk');
        for (const { part, source } of healed)
          assert.deepEqual([part, source], ['stripe', 'stripes']);
        assert.equal(db.stats().counters.healCount, healed.length);
        const told = events.filter((event) => event.type === 'corrected');
        assert.ok(told.length > 0);
        const chunks = new Set(healed.map(({ offset }) => offset));
        assert.ok(!told.some(({ offset }) => chunks.has(offset)), 'the blocks were told already');
        assertNothingElse(events);
        for (let i = 0; i < COUNT; i++) assert.deepEqual(db.get(keyAt(i)), bytesOf(i));
        assert.equal(db.stats().counters.corrections, corrections, 'it is sound again');
        const report = await db.verify();
        assert.deepEqual([report.corrected, report.uncorrectable], [[], []]);
        await db.close();
      });

      test('heals what verify finds of chunks, units and copies of the header', async () => {
        const { db, fs, events, goOn } = await openWith(options, workers);
        const file = onlyTable(fs);
        const asWritten = contentOf(file);
        events.length = 0;
        // The header has a copy behind the first and one at the end, before which units stand.
        for (const from of [2, 300, file.size >> 1, file.size - 5000, file.size - 40])
          lose(fs, from, 30);
        const report = await db.verify();
        assert.ok(report.corrected.length >= 4);
        assert.deepEqual(report.uncorrectable, []);
        await goOn();
        assert.ok(contentOf(file).equals(asWritten));
        assertNothingElse(events);
        assert.deepEqual((await db.verify()).corrected, []);
        await db.close();
      });

      test('writes a table anew whose file is not to be written to', async () => {
        const { db, fs, events, goOn } = await openWith(options, workers);
        fs.link(`${PATH}/${tableNames(fs)[0]}`, 'elsewhere');
        lose(fs, onlyTable(fs).size >> 1, 5000);
        for (let i = 0; i < COUNT; i++) assert.deepEqual(db.get(keyAt(i)), bytesOf(i));
        await goOn();
        assert.ok(events.some((event) => event.type === 'compaction' && event.reason === 'heal'));
        assert.ok(events.every(({ type }) => type !== 'healed' && type !== 'file-damaged'));
        const report = await db.verify();
        assert.deepEqual([report.corrected, report.uncorrectable], [[], []]);
        await db.close();
      });

      test('opens a table whose beginning or end is lost', async () => {
        const { db, fs } = await openWith(options, workers);
        await db.close();
        const { size } = onlyTable(fs);
        for (const from of [0, size - 4097]) {
          const hurt = fs.clone();
          lose(hurt, from, 4097);
          const encryption = 'encryption' in options ? options.encryption : false;
          const again = await openMemory({ fs: hurt, encryption, readOnly: true });
          for (let i = 0; i < COUNT; i++) assert.deepEqual(again.get(keyAt(i)), bytesOf(i));
          const report = await again.verify();
          assert.ok(report.corrected.length > 0);
          assert.deepEqual(report.uncorrectable, []);
          await again.close();
        }
      });
    });
  }
}

test('logs and manifest have no stripes, only the code of the blocks', async () => {
  const fs = new MemoryFs();
  const ecc = { scheme: 'xor', data: 4 } as const;
  const striped = await openMemory({ fs, ecc: { ...ecc, stripe: STRIPE } });
  striped.put('a', 'b');
  await striped.close();
  for (const name of fs.list(PATH)) {
    if (!/^MANIFEST|\.wal$/.test(name)) continue;
    const header = new Uint8Array(64);
    fs.fileAt(`${PATH}/${name}`)!.read(header, 0, 64, 0);
    assert.deepEqual([...header.subarray(52, 55)], [2, 4, 1], name);
  }
});

test('tables follow a change of the stripes at the next compaction', async () => {
  const fs = new MemoryFs();
  for (const ecc of [
    { scheme: 'none', stripe: STRIPE },
    { scheme: 'none', stripe: { data: 20, parity: 1 } },
    false,
  ] as const) {
    const db = await openMemory({ fs, ecc });
    db.put('a', 'b');
    await db.compact();
    assert.deepEqual(
      db.stats().storage.map((group) => group.ecc),
      [ecc === false ? undefined : ecc],
    );
    await db.close();
  }
});

test('beyond the stripes a read is refused', async () => {
  const { db, fs } = await openWith({ ecc: { scheme: 'none', stripe: STRIPE } }, 0);
  lose(fs, 0, onlyTable(fs).size >> 1);
  assert.throws(() => {
    for (let i = 0; i < COUNT; i++) db.get(keyAt(i));
  }, code('CORRUPTION'));
  await db.close();
});
