import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Db, type DbOptions, MemoryFs, open, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type RawContent, type RawDirectory, readDatabase } from './independent-reader.ts';
import { ascii, readBlock, readFileHeader } from './raw-bytes.ts';
import { readRecord } from './raw-wal.ts';

const KIB = 1024;
/** So small that a few hundred writes reach several levels. */
const SMALL: DbOptions = {
  writeBufferBytes: 32 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB,
  levelRatio: 2,
  l0TriggerCount: 2,
  blockSizeBytes: 1 * KIB,
};
const DIRECTORY = 'db';
const FAMILIES = ['first', 'second'];
const STEPS = 1500;

test('a reader written after docs/FORMAT.md reads tables and WAL of a live database', async () => {
  const fs = new MemoryFs();
  const db = await openIn(fs, SMALL);
  const snapshots = await fill(db, 1);
  const raw = readDatabase(filesOf(fs));
  assert.equal(raw.wasClosedCleanly, false);
  assert.ok(raw.deepestLevel >= 2, `deepest level ${raw.deepestLevel}`);
  assert.ok(raw.tableCount >= 5, `${raw.tableCount} tables`);
  assert.ok(raw.operationCount > 20, `${raw.operationCount} operations in the WAL`);
  compareContent(raw, db);
  for (const snapshot of snapshots) snapshot.release();
  await db.compact();
  compareContent(readDatabase(filesOf(fs)), db);
  await db.close();
});

for (const [name, options] of Object.entries({
  'one restart point for each entry': { ...SMALL, restartInterval: 1 },
  'wide restart intervals and no filter': { ...SMALL, restartInterval: 64, filterBitsPerKey: 0 },
  'no WAL': { ...SMALL, wal: false },
  'the default options': {},
} satisfies Record<string, DbOptions>)) {
  test(`it reads what a clean close leaves, also after reopening (${name})`, async () => {
    const fs = new MemoryFs();
    for (const seed of [1, 2]) {
      const db = await openIn(fs, options);
      await fill(db, seed);
      await db.close();
      const raw = readDatabase(filesOf(fs));
      assert.equal(raw.wasClosedCleanly, true);
      const closed = await openIn(fs, { readOnly: true });
      compareContent(raw, closed);
      await closed.close();
    }
  });
}

test('it reads what the death of the process leaves, also when that comes twice', async () => {
  let fs = new MemoryFs();
  for (const seed of [1, 2]) {
    const db = await openIn(fs, SMALL);
    await fill(db, seed);
    fs = fs.clone();
    const raw = readDatabase(filesOf(fs));
    assert.equal(raw.wasClosedCleanly, false);
    compareContent(raw, db);
    await db.close();
  }
});

test('the example of docs/FORMAT.md is what the page says', () => {
  const page = readFileSync(join(root(), 'docs/FORMAT.md'), 'utf8');
  const dump = /```hex\n([\s\S]*?)```/.exec(page)?.[1];
  assert.ok(dump !== undefined, 'the page has a hex dump');
  const hex = dump.split('\n').map((line) => line.slice(6, 54).replaceAll(' ', ''));
  const file = Buffer.from(hex.join(''), 'hex');
  const header = readFileHeader(file);
  assert.deepEqual([header?.fileClass, header?.fileNumber, header?.baseSeqno], ['W', 2, 0]);
  const block = readBlock(file, 128, header!.seed);
  assert.equal(block?.end, file.length);
  const operations = readRecord(block!.content, 2).map(({ key, value, ...rest }) => {
    return { key: ascii(key), value: ascii(value), ...rest };
  });
  assert.deepEqual(operations, [
    { key: 'apple', value: 'red', seqno: 1, kind: 1, familyId: 0, logNumber: 2 },
    { key: 'pear', value: '', seqno: 2, kind: 0, familyId: 0, logNumber: 2 },
  ]);
});

function openIn(fs: MemoryFs, options: DbOptions): Promise<Db> {
  return open(DIRECTORY, { ...options, columnFamilies: FAMILIES, fs });
}

function filesOf(fs: MemoryFs): RawDirectory {
  return {
    names: fs.list(DIRECTORY),
    read(name) {
      const file = fs.open(`${DIRECTORY}/${name}`, 'read');
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0, bytes.length, 0);
      file.close();
      return bytes;
    },
  };
}

/** The folder of package.json, from that of the compiled test. */
function root(folder: string = dirname(fileURLToPath(import.meta.url))): string {
  return existsSync(join(folder, 'tsconfig.dev.json')) ? folder : root(dirname(folder));
}

/** Writes batches over all families, with snapshots now and then; ends with unflushed writes. */
async function fill(db: Db, seed: number): Promise<ReturnType<Db['snapshot']>[]> {
  const random = new SeededRandom(seed);
  const families = ['default', ...FAMILIES].map((name) => db.columnFamily(name));
  const snapshots: ReturnType<Db['snapshot']>[] = [];
  for (let step = 0; step < STEPS; step++) {
    const batch = new WriteBatch();
    for (let left = random.below(5); left >= 0; left--) {
      const family = families[random.below(families.length)]!;
      if (random.chance(0.2)) batch.delete(keyFrom(random), family);
      else batch.put(keyFrom(random), valueFrom(random), family);
    }
    db.write(batch);
    if (random.chance(0.01)) snapshots.push(db.snapshot());
    if (step === STEPS / 2) await db.flush();
  }
  const passing = db.createColumnFamily('passing');
  db.put('gone', 'with its family', { columnFamily: passing });
  db.dropColumnFamily(passing);
  return snapshots;
}

function keyFrom(random: SeededRandom): Uint8Array {
  const kind = random.below(10);
  if (kind < 4) return Buffer.from(`key:${String(random.below(800)).padStart(8, '0')}`);
  if (kind < 6) return Buffer.from(`hot${random.below(5)}`);
  if (kind < 7) return Buffer.alloc(random.below(400), 'long');
  const bytes = new Uint8Array(random.below(6));
  random.fill(bytes);
  return bytes;
}

function valueFrom(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(random.chance(0.02) ? random.below(6000) : random.below(120));
  random.fill(bytes);
  return bytes;
}

function compareContent(raw: RawContent, db: Db): void {
  assert.deepEqual([...raw.entries.keys()].sort(), db.listColumnFamilies().sort());
  for (const [name, found] of raw.entries) {
    const wanted = [...db.entries({ columnFamily: name })];
    assert.ok(wanted.length > 100, `${wanted.length} entries in ${name}`);
    assert.equal(found.length, wanted.length, `entries of ${name}`);
    for (const [i, [key, value]] of wanted.entries()) {
      assert.equal(Buffer.compare(found[i]![0], key), 0, `key ${i} of ${name}`);
      assert.equal(Buffer.compare(found[i]![1], value), 0, `value ${i} of ${name}`);
    }
  }
}
