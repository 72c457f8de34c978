/**
 * Tables are written anew without what they have lost.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BLOCK_DICTIONARY,
  BLOCK_HEADER_BYTES,
  BLOCK_OVERHEAD_BYTES,
} from '../../src/block/block-format.ts';
import { fileHeaderBytes } from '../../src/block/file-header.ts';
import { MemoryFs } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { contentAfter, makeHistory, namesIn, pathOf, STAGES, salvageIn } from './repair-fixture.ts';

function sizeOf(fs: MemoryFs, name: string): number {
  const file = fs.open(pathOf(name), 'read');
  const size = file.size();
  file.close();
  return size;
}

function scramble(fs: MemoryFs, name: string, from: number, to: number): void {
  const file = fs.open(pathOf(name), 'update');
  const bytes = new Uint8Array(to - from);
  file.read(bytes, 0, bytes.length, from);
  const random = new SeededRandom(from + to);
  for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i]! ^ (1 + random.below(255));
  file.write(bytes, 0, bytes.length, from);
  file.close();
}

/** What is damaged of a table of this size, as offsets. */
const DAMAGES: Readonly<Record<string, (size: number) => readonly [number, number]>> = {
  'blocks in the middle': (size) => [Math.floor(size * 0.4), Math.floor(size * 0.5)],
  'the header and the first blocks': () => [0, 1500],
  'the header alone': () => [0, 128],
  'the second half': (size) => [Math.floor(size / 2), size],
  'footer, properties and index': (size) => [size - 700, size],
};

for (const [number, { name: stages, options: own }] of STAGES.entries()) {
  test(`every sound block of a table is kept (${stages})`, async () => {
    const left = await makeHistory(900 + number * 2, 120, own, 'closed');
    const { fs: before, model, options } = left;
    const tables = namesIn(before).filter((one) => one.endsWith('.sst'));
    const name = tables.sort((a, b) => sizeOf(before, b) - sizeOf(before, a))[0]!;
    const table = Number(name.slice(0, 6));
    for (const [what, range] of Object.entries(DAMAGES)) {
      const fs = before.clone();
      scramble(fs, name, ...range(sizeOf(fs, name)));
      const files = namesIn(fs).filter((one) => !one.startsWith('LOCK'));
      const dry = await salvageIn(fs, { ...options, table });
      assert.deepEqual(
        namesIn(fs).filter((one) => !one.startsWith('LOCK')),
        files,
      );
      if (dry.tables.length === 0) {
        // What the code gives back is no loss.
        assert.ok(options.ecc !== undefined, what);
        continue;
      }
      const report = await salvageIn(fs, { ...options, dryRun: false });
      assert.deepEqual(report, { ...dry, isSalvaged: true }, what);
      assert.equal(report.tables.length, 1);
      const { columnFamily, losses, keptCount, entryCount } = report.tables[0]!;
      assert.ok(keptCount > 0 && keptCount <= entryCount, `${what}: ${keptCount}`);
      if (what.includes('alone')) assert.deepEqual([losses, keptCount], [[], entryCount], what);
      assert.ok(fs.exists(pathOf(`${name}.lost`)) && !fs.exists(pathOf(name)));
      const isLost = (key: string) =>
        losses.some(
          ({ after, before: end }) =>
            (after === undefined || Buffer.compare(Buffer.from(key), after) > 0) &&
            (end === undefined || Buffer.compare(Buffer.from(key), end) < 0),
        );
      const found = await contentAfter(fs, options);
      for (const [family, entries] of model) {
        const own = found.get(family) ?? new Map<string, string>();
        const different = [...new Set([...own.keys(), ...entries.keys()])]
          .filter((key) => family !== columnFamily || !isLost(key))
          .filter((key) => own.get(key) !== entries.get(key));
        assert.deepEqual(different, [], `${what}: ${family}`);
      }
      assert.deepEqual((await salvageIn(fs, options)).tables, [], `${what}: a second time`);
    }
  });
}

test('a table that is gone is let go of only when that is asked for', async () => {
  const { fs, options } = await makeHistory(950, 100, {}, 'closed');
  const name = namesIn(fs).find((one) => one.endsWith('.sst'))!;
  fs.remove(pathOf(name));
  const dry = await salvageIn(fs, options);
  assert.deepEqual([dry.tables.length, dry.tables[0]!.keptCount, dry.isSalvaged], [1, 0, false]);
  const report = await salvageIn(fs, { ...options, dryRun: false });
  assert.ok(report.isSalvaged);
  await contentAfter(fs, options);
});

test('a sound database, and a table that it does not have', async () => {
  const { fs, options, model } = await makeHistory(952, 60, {}, 'closed');
  assert.deepEqual(await salvageIn(fs, { ...options, dryRun: false }), {
    isSalvaged: false,
    tables: [],
  });
  await assert.rejects(salvageIn(fs, { ...options, table: 12_345 }), { code: 'INVALID' });
  await assert.rejects(salvageIn(fs, { ...options, table: 'x' as never }), TypeError);
  const found = await contentAfter(fs, options);
  for (const [family, entries] of model) assert.equal(found.get(family)?.size ?? 0, entries.size);
});

test('newer versions of a key in a lost block are not made up for by older ones', async () => {
  const fs = new MemoryFs();
  const options = { blockSizeBytes: 512, compression: 'none', filterBitsPerKey: 0 } as const;
  const db = await openSeeded(fs, 2, options);
  const snapshots = [];
  for (let i = 0; i < 12; i++) {
    db.put('key', `${i} ${'x'.repeat(100)}`);
    snapshots.push(db.snapshot());
  }
  db.put('last', 'one');
  await db.flush();
  for (const snapshot of snapshots) snapshot.release();
  const dead = fs.clone();
  await db.close();
  for (const name of dead.list(DIRECTORY)) if (name.startsWith('LOCK')) dead.remove(pathOf(name));
  const name = namesIn(dead).find((one) => one.endsWith('.sst'))!;
  // The first block, with the newest versions; further ones have the older versions.
  scramble(dead, name, 130, 600);
  const report = await salvageIn(dead, { ...options, dryRun: false });
  assert.equal(report.tables[0]!.keptCount, 1);
  const again = await openSeeded(dead, 4, options);
  assert.equal(again.get('key'), undefined);
  assert.equal(Buffer.from(again.get('last')!).toString(), 'one');
  await again.close();
});

test('without its dictionary a table keeps the blocks that need none', async () => {
  const fs = new MemoryFs();
  const compression = { codec: 'zstd', dictionary: { trainedBytes: 1024 } } as const;
  const options = { blockSizeBytes: 1024, compression } as const;
  const db = await openSeeded(fs, 2, options);
  const random = new SeededRandom(5);
  const noise = new Uint8Array(700);
  for (let i = 0; i < 300; i++) {
    random.fill(noise);
    // Some blocks hold what no codec makes smaller: they are stored as they are.
    const value = i >= 200 ? noise : `value ${i} ${'words and words '.repeat(40)}`;
    db.put(`key${String(i).padStart(3, '0')}`, value);
  }
  await db.compact();
  await db.close();
  for (const name of fs.list(DIRECTORY)) if (name.startsWith('LOCK')) fs.remove(pathOf(name));
  const name = namesIn(fs).find((one) => one.endsWith('.sst'))!;
  scramble(fs, name, ...dictionaryIn(fs, name));
  const lost = await openSeeded(fs.clone(), 3, options);
  assert.throws(() => lost.get('key000'), { code: 'CORRUPTION' });
  assert.throws(() => lost.get('key299'), { code: 'CORRUPTION' });
  await lost.close();
  const { tables } = await salvageIn(fs, { ...options, dryRun: false });
  const [{ keptCount, losses }] = tables as [(typeof tables)[0]];
  assert.ok(keptCount >= 95 && keptCount <= 100, `${keptCount} entries are kept`);
  assert.equal(losses.length, 1);
  assert.match(losses[0]!.reason, /dictionary is lost/);
  const found = await contentAfter(fs, options);
  assert.equal(found.get('default')!.size, keptCount);
});

/** Where the dictionary of a table without a code stands. */
function dictionaryIn(fs: MemoryFs, name: string): readonly [number, number] {
  const bytes = new Uint8Array(sizeOf(fs, name));
  const file = fs.open(pathOf(name), 'read');
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  const view = new DataView(bytes.buffer);
  let at = fileHeaderBytes({ suiteId: 0, epoch: 0, ecc: undefined });
  while (bytes[at] !== BLOCK_DICTIONARY) at += BLOCK_OVERHEAD_BYTES + view.getUint32(at + 8, true);
  return [at + BLOCK_HEADER_BYTES, at + BLOCK_HEADER_BYTES + 300];
}
