/**
 * Databases for the tests of the format, in memory: filled from a seed, and compared with what the
 * independent reader found.
 * @module
 */
import assert from 'node:assert/strict';
import { type Db, type DbOptions, type MemoryFs, WriteBatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { DIRECTORY } from '../prove/environment.ts';
import type { RawContent, RawDirectory } from './independent-reader.ts';

const KIB = 1024;
/** So small that a few hundred writes reach several levels. */
export const SMALL: DbOptions = {
  writeBufferBytes: 32 * KIB,
  targetTableBytes: 64 * KIB,
  baseLevelBytes: 64 * KIB,
  levelRatio: 2,
  l0TriggerCount: 2,
  blockSizeBytes: 1 * KIB,
};
export const FAMILIES: readonly string[] = ['first', 'second'];

/** The files of a database, for the independent reader. */
export function filesOf(fs: MemoryFs): RawDirectory {
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

/** Replaces the content of a file. */
export function writeFile(fs: MemoryFs, name: string, bytes: Uint8Array): void {
  const path = `${DIRECTORY}/${name}`;
  if (fs.exists(path)) fs.remove(path);
  const file = fs.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

/** Writes batches over all families, with snapshots now and then; ends with unflushed writes. */
export async function fill(
  db: Db,
  seed: number,
  steps: number,
): Promise<ReturnType<Db['snapshot']>[]> {
  const random = new SeededRandom(seed);
  const families = ['default', ...FAMILIES].map((name) => db.columnFamily(name));
  const snapshots: ReturnType<Db['snapshot']>[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = new WriteBatch();
    for (let left = random.below(5); left >= 0; left--) {
      const family = families[random.below(families.length)]!;
      if (random.chance(0.2)) batch.delete(keyFrom(random), family);
      else batch.put(keyFrom(random), valueFrom(random), family);
    }
    db.write(batch);
    if (random.chance(0.01)) snapshots.push(db.snapshot());
    if (step === steps / 2) await db.flush();
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
  if (random.chance(0.5)) return Buffer.from(recordFrom(random));
  const bytes = new Uint8Array(random.chance(0.02) ? random.below(6000) : random.below(120));
  random.fill(bytes);
  return bytes;
}

/** What compresses. */
function recordFrom(random: SeededRandom): string {
  const city = ['Aberdeen', 'Bergamo', 'Cottbus', 'Dunkerque'][random.below(4)];
  const number = random.below(10_000);
  return JSON.stringify({ number, city, isActive: random.chance(0.5), note: 'layer of sediment' });
}

/** The reader found what the database has. */
export function compareContent(raw: RawContent, db: Db, leastEntries = 100): void {
  assert.deepEqual([...raw.entries.keys()].sort(), db.listColumnFamilies().sort());
  for (const [name, found] of raw.entries) {
    const wanted = [...db.entries({ columnFamily: name })];
    assert.ok(wanted.length >= leastEntries, `${wanted.length} entries in ${name}`);
    assert.equal(found.length, wanted.length, `entries of ${name}`);
    for (const [i, [key, value]] of wanted.entries()) {
      assert.equal(Buffer.compare(found[i]![0], key), 0, `key ${i} of ${name}`);
      assert.equal(Buffer.compare(found[i]![1], value), 0, `value ${i} of ${name}`);
    }
  }
}
