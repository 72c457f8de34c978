/**
 * Repairs of databases of which parts are damaged or gone, under all combinations of stages.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemoryFs } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openSeeded } from '../prove/environment.ts';
import {
  contentAfter,
  contentOf,
  type Left,
  type Model,
  makeHistory,
  namesIn,
  pathOf,
  removeMatching,
  repairIn,
  STAGES,
  salvageIn,
} from './repair-fixture.ts';

function read(fs: MemoryFs, name: string): Uint8Array {
  const file = fs.open(pathOf(name), 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

function write(fs: MemoryFs, name: string, bytes: Uint8Array): void {
  if (fs.exists(pathOf(name))) fs.remove(pathOf(name));
  const file = fs.open(pathOf(name), 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

function change(fs: MemoryFs, name: string, work: (bytes: Uint8Array) => unknown): void {
  const bytes = read(fs, name);
  const changed = work(bytes);
  write(fs, name, changed instanceof Uint8Array ? changed : bytes);
}

/** What makes every block and copy in a range unreadable. */
function scramble(bytes: Uint8Array, from: number, to: number): void {
  const random = new SeededRandom(from + to);
  for (let i = from; i < to; i++) bytes[i] = bytes[i]! ^ (1 + random.below(255));
}

const newest = (fs: MemoryFs, pattern: RegExp): string =>
  namesIn(fs)
    .filter((name) => pattern.test(name))
    .at(-1)!;

/** Ways to lose nothing but what says how the rest belongs together. */
const LOSSES: Readonly<Record<string, (fs: MemoryFs) => void>> = {
  'CURRENT is gone': (fs) => void removeMatching(fs, /^CURRENT/),
  'CURRENT is damaged': (fs) => change(fs, 'CURRENT', (bytes) => scramble(bytes, 0, bytes.length)),
  'CURRENT is empty': (fs) => write(fs, 'CURRENT', new Uint8Array(0)),
  'the manifest is gone': (fs) => void removeMatching(fs, /^MANIFEST/),
  'both are gone': (fs) => void removeMatching(fs, /^(CURRENT|MANIFEST)/),
  'the manifest is damaged throughout': (fs) =>
    change(fs, newest(fs, /^MANIFEST/), (bytes) => scramble(bytes, 0, bytes.length)),
  'the header of the manifest is damaged': (fs) =>
    change(fs, newest(fs, /^MANIFEST/), (bytes) => scramble(bytes, 0, 448)),
  'the middle of the manifest is damaged': (fs) =>
    change(fs, newest(fs, /^MANIFEST/), (bytes) => {
      scramble(bytes, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.7));
    }),
  'the end of the manifest is damaged': (fs) =>
    change(fs, newest(fs, /^MANIFEST/), (bytes) => {
      scramble(bytes, Math.floor(bytes.length / 2), bytes.length);
    }),
  'the end of the manifest is gone': (fs) =>
    change(fs, newest(fs, /^MANIFEST/), (bytes) => bytes.slice(0, Math.floor(bytes.length / 2))),
};

const GONE = /missing|is gone|is lost/;

/** Families without an entry and without a table may have lost their name, or all there was. */
function assertHolds(found: Model, model: Model): void {
  for (const [name, entries] of model) {
    if (entries.size > 0 || found.has(name)) assertAlike(found.get(name)!, entries, name);
  }
}

/** Says which entries differ, and not all there are. */
function assertAlike(
  found: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  what: string,
): void {
  const keys = [...new Set([...found.keys(), ...expected.keys()])];
  const different = keys.filter((key) => found.get(key) !== expected.get(key));
  assert.deepEqual(different, [], what);
}

async function left(seed: number, options: Left['options']): Promise<Left> {
  return makeHistory(seed, 140, options);
}

for (const [number, { name: stages, options: own }] of STAGES.entries()) {
  test(`nothing is lost with what ties a database together (${stages})`, async () => {
    for (const seed of [number * 2 + 100, number * 2 + 101]) {
      const { fs: before, model, options } = await left(seed, own);
      for (const [what, damage] of Object.entries(LOSSES)) {
        const fs = before.clone();
        damage(fs);
        const files = namesIn(fs);
        const dry = await repairIn(fs, { ...options, dryRun: true });
        if (dry.problems.length === 0) {
          // What the edits that were cut off said, the logs say too.
          assert.equal(what, 'the end of the manifest is gone');
          assertHolds(await contentAfter(fs, options), model);
          continue;
        }
        assert.equal(dry.isRepaired, false);
        assert.deepEqual(
          namesIn(fs).filter((name) => !name.startsWith('LOCK')),
          files,
          what,
        );
        const report = await repairIn(fs, options);
        assert.equal(report.isRepaired, true, what);
        // Of what came and went between two edits that are left nobody tells any more.
        const isTorn = /^the (middle|end) of/.test(what);
        const told = [...report.losses, ...report.doubts].map(({ reason }) => reason);
        assert.deepEqual(isTorn ? told.filter((one) => !GONE.test(one)) : told, [], what);
        assert.deepEqual({ ...report, isRepaired: false }, { ...dry, lastSeqno: report.lastSeqno });
        assert.deepEqual((await repairIn(fs, options)).problems, [], `${what}: a second time`);
        assertHolds(await contentAfter(fs, options), model);
      }
    }
  });

  test(`a lost table is told, and all else is there (${stages})`, async () => {
    const { fs: before, model, options } = await left(number * 2 + 200, own);
    const tables = namesIn(before).filter((name) => name.endsWith('.sst'));
    for (const table of tables) {
      for (const isThere of [true, false]) {
        const fs = before.clone();
        if (isThere) change(fs, table, (bytes) => scramble(bytes, 0, bytes.length));
        else fs.remove(pathOf(table));
        const report = await repairIn(fs, options);
        const told = report.losses.map(({ file }) => file);
        assert.deepEqual(told, [pathOf(table)], table);
        const [loss] = report.losses;
        assert.ok(loss!.columnFamily !== undefined && loss!.keys !== undefined);
        // It stays in its place, so that nothing older shows, until a salvage lets go of it.
        assert.deepEqual([report.doubts, fs.exists(pathOf(`${table}.lost`))], [[], false]);
        await assert.rejects(contentAfter(fs.clone(), options), /table|file|block/);
        assert.ok((await salvageIn(fs, { ...options, dryRun: false })).isSalvaged);
        assert.equal(fs.exists(pathOf(`${table}.lost`)), isThere);
        const found = await contentAfter(fs, options);
        const { smallestKey, largestKey } = loss!.keys!;
        const isIn = (key: string) =>
          Buffer.compare(Buffer.from(key), smallestKey) >= 0 &&
          Buffer.compare(Buffer.from(key), largestKey) <= 0;
        for (const [name, entries] of model) {
          const outside = (all: Map<string, string> | undefined) =>
            new Map([...(all ?? [])].filter(([key]) => name !== loss!.columnFamily || !isIn(key)));
          assertAlike(outside(found.get(name)), outside(entries), `${table} ${name}`);
        }
      }
    }
  });
}

test('a database that is sound is left as it is', async () => {
  for (const seed of [301, 302]) {
    const { fs, model, options } = await makeHistory(seed, 80);
    const files = namesIn(fs).map((name) => [name, read(fs, name)] as const);
    const report = await repairIn(fs);
    assert.deepEqual([report.problems, report.isRepaired], [[], false]);
    for (const [name, bytes] of files) assert.deepEqual(read(fs, name), bytes, name);
    assert.deepEqual(await contentAfter(fs, options), model);
  }
});

test('damaged logs of a database with its manifest lose their own writes only', async () => {
  const { fs, model, options } = await makeHistory(401, 40, {}, 'killed');
  const log = newest(fs, /\.wal$/);
  change(fs, log, (bytes) =>
    scramble(bytes, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 40),
  );
  await assert.rejects(openSeeded(fs, 2, options), { code: 'CORRUPTION' });
  const report = await repairIn(fs);
  assert.ok(report.isRepaired && report.problems.length === 1);
  assert.ok(fs.exists(pathOf(`${log}.lost`)));
  const found = await contentAfter(fs, options);
  let different = 0;
  for (const [name, entries] of model) {
    for (const [key, value] of entries) if (found.get(name)?.get(key) !== value) different++;
  }
  assert.ok(different < 5, `${different} entries differ`);
});

test('it is locked, keyed and looked for before it is repaired', async () => {
  const { fs, options } = await makeHistory(501, 40, STAGES[2]!.options);
  const db = await openSeeded(fs, 2, options);
  await assert.rejects(repairIn(fs, options), { code: 'LOCKED' });
  await db.close();
  removeMatching(fs, /^(CURRENT|MANIFEST)/);
  const before = namesIn(fs);
  await assert.rejects(repairIn(fs), { code: 'KEY' });
  const wrong = {
    suite: 'aes-256-gcm',
    epoch: 1,
    keys: { 1: new Uint8Array(32).fill(9) },
  } as const;
  await assert.rejects(repairIn(fs, { encryption: wrong }), { code: 'KEY' });
  assert.deepEqual(namesIn(fs), before);
  fs.createDirectory('empty');
  await assert.rejects(openSeeded(fs, 2, { ...options, createIfMissing: false }), {
    code: 'CORRUPTION',
  });
});

test('families keep what only logs hold, under a name that is given or made up', async () => {
  const { fs, options } = await makeHistory(601, 0, {}, 'killed');
  const db = await openSeeded(fs, 2, options);
  db.put('a', '1', { columnFamily: 'notes' });
  db.put('b', '2', { columnFamily: 'Größe' });
  await db.close();
  removeMatching(fs, /^(CURRENT|MANIFEST|LOCK)/);
  const report = await repairIn(fs, { familyNames: { 1: 'notes' } });
  const names = report.columnFamilies.map(({ name, isNameKnown }) => [name, isNameKnown]);
  assert.deepEqual(names, [
    ['default', true],
    ['notes', true],
    ['recovered-2', false],
  ]);
  const again = await openSeeded(fs, 4, options);
  const found = contentOf(again);
  assert.deepEqual([...found.get('notes')!], [['a', '1']]);
  assert.deepEqual([...found.get('recovered-2')!], [['b', '2']]);
  await again.close();
});

test('tables of other databases, or planted in the clear, are put aside and told', async () => {
  const foreign = await makeHistory(811, 30);
  const [table] = namesIn(foreign.fs).filter((name) => name.endsWith('.sst'));
  for (const stage of [0, 2]) {
    const { fs, options } = await makeHistory(813, 60, STAGES[stage]!.options);
    removeMatching(fs, /^MANIFEST/);
    if (fs.exists(pathOf(table!))) fs.remove(pathOf(table!));
    write(fs, table!, read(foreign.fs, table!));
    const own = await repairIn(fs.clone(), { ...options, dryRun: true });
    const told = own.losses.find(({ file }) => file === pathOf(table!));
    assert.match(told!.reason, /of another database/);
    await repairIn(fs, options);
    assert.ok(fs.exists(pathOf(`${table}.lost`)));
  }
});
