/**
 * Databases with a history, the model of what they hold, and repairs of what is left of them.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { repairDatabase } from '../../src/db/repair.ts';
import type { RepairOptions } from '../../src/db/repair-options.ts';
import { type SalvageOptions, salvageDatabase } from '../../src/db/salvage.ts';
import type { Fs } from '../../src/fs/port.ts';
import {
  type Db,
  type DbCursor,
  MemoryFs,
  type RepairReport,
  type SalvageReport,
} from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { testKeys } from '../block/pipelines.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';

const KIB = 1024;

/** Small, so that there are many tables and compactions. */
const SMALL = {
  memoryBudgetBytes: 1024 * KIB,
  writeBufferBytes: 16 * KIB,
  blockSizeBytes: 512,
  targetTableBytes: 64 * KIB,
} as const;

/** All eight combinations of compression, encryption and error correction. */
export const STAGES: readonly { readonly name: string; readonly options: DbOptions }[] = [
  false,
  true,
].flatMap((zstd) =>
  [false, true].flatMap((aes) =>
    [false, true].map((ecc) => ({
      name: [zstd ? 'zstd' : 'plain', ...(aes ? ['aes'] : []), ...(ecc ? ['ecc'] : [])].join(' '),
      options: {
        compression: zstd ? ('zstd' as const) : ('none' as const),
        ...(aes
          ? { encryption: { suite: 'aes-256-gcm' as const, keys: testKeys(1), epoch: 1 } }
          : {}),
        ...(ecc ? { ecc: { scheme: 'xor' as const, data: 4 } } : {}),
      },
    })),
  ),
);

/** Entries by family, as text; the value says which write it is. */
export type Model = Map<string, Map<string, string>>;

/** A database as a process left it, and what it holds. */
export interface Left {
  readonly fs: MemoryFs;
  readonly model: Model;
  readonly options: DbOptions;
}

/** How a history ends. */
export type End = 'closed' | 'killed';

const FAMILIES = ['default', 'notes', 'Größe'] as const;

/**
 * Writes, deletes, flushes and compacts at random, in several processes, with cursors that keep
 * replaced tables from going.
 */
export async function makeHistory(
  seed: number,
  steps: number,
  own: DbOptions = {},
  end: End = seed % 2 === 0 ? 'closed' : 'killed',
): Promise<Left> {
  const random = new SeededRandom(seed);
  const options = { ...SMALL, ...own };
  const fs = new MemoryFs();
  const model: Model = new Map(FAMILIES.map((name) => [name, new Map()]));
  let db = await openSeeded(fs, seed * 2, { ...options, columnFamilies: [...FAMILIES] });
  const cursors: DbCursor[] = [];
  for (let step = 0; step < steps; step++) {
    const chance = random.below(100);
    if (chance < 76) await writeSome(db, model, random, step);
    else if (chance < 82) await db.flush();
    else if (chance < 88) await compactSome(db, random);
    else if (chance < 95) cursors.push(db.cursor({ columnFamily: FAMILIES[random.below(3)]! }));
    else if (chance < 97) cursors.shift()?.close();
    else {
      for (const cursor of cursors.splice(0)) cursor.close();
      await db.close();
      db = await openSeeded(fs, seed * 2 + step * 1000, options);
    }
  }
  if (end === 'killed') {
    const dead = withoutLock(fs.clone());
    for (const cursor of cursors) cursor.close();
    await db.close();
    return { fs: dead, model, options };
  }
  for (const cursor of cursors) cursor.close();
  await db.close();
  return { fs: withoutLock(fs), model, options };
}

async function writeSome(db: Db, model: Model, random: SeededRandom, step: number): Promise<void> {
  const name = FAMILIES[Math.min(2, random.below(5))]!;
  const entries = model.get(name)!;
  const count = 1 + random.below(60);
  const from = random.below(400);
  for (let i = 0; i < count; i++) {
    const key = `key${String(from + random.below(80)).padStart(4, '0')}`;
    if (random.below(4) === 0) {
      db.delete(key, { columnFamily: name });
      entries.delete(key);
    } else {
      const value = `${step}.${i} ${'x'.repeat(random.below(120))}`;
      db.put(key, value, { columnFamily: name });
      entries.set(key, value);
    }
  }
}

async function compactSome(db: Db, random: SeededRandom): Promise<void> {
  const columnFamily = FAMILIES[random.below(3)]!;
  const from = random.below(400);
  const [low, high] = [from, from + random.below(300)];
  const bounds = { from: `key${low}`, to: `key${high}` };
  await db.compact(random.below(2) === 0 ? { columnFamily } : { columnFamily, ...bounds });
}

/** What a database holds. */
export function contentOf(db: Db): Model {
  const model: Model = new Map();
  for (const name of db.listColumnFamilies()) {
    const entries = new Map<string, string>();
    for (const [key, value] of db.entries({ columnFamily: name })) {
      entries.set(Buffer.from(key).toString(), Buffer.from(value).toString());
    }
    model.set(name, entries);
  }
  return model;
}

/** Opens it, reads it by scans and by gets, compacts it, reads it again; throws if they differ. */
export async function contentAfter(fs: Fs, options: DbOptions, seed = 8): Promise<Model> {
  const db = await openSeeded(fs, seed, options);
  const scanned = contentOf(db);
  for (const [columnFamily, entries] of scanned) {
    for (let i = 0; i < 500; i++) {
      const key = `key${String(i).padStart(4, '0')}`;
      const value = db.get(key, { columnFamily });
      const text = value === undefined ? undefined : Buffer.from(value).toString();
      if (text !== entries.get(key)) throw new Error(`${columnFamily}: get and scan of ${key}`);
    }
  }
  const report = await db.verify();
  if (report.uncorrectable.length > 0) throw new Error(report.uncorrectable[0]!.cause);
  await db.compact();
  const compacted = contentOf(db);
  await db.close();
  const asText = (model: Model) => JSON.stringify([...model].map(([n, e]) => [n, [...e]]));
  if (asText(scanned) !== asText(compacted)) throw new Error('a compaction changes what is read');
  return scanned;
}

/** Repairs what is in `fs`, in earnest unless it says otherwise. */
export function repairIn(fs: Fs, options: RepairOptions = {}, seed = 77): Promise<RepairReport> {
  return repairDatabase(
    DIRECTORY,
    { dryRun: false, ...options },
    {
      fs,
      clock: new SimulatedClock(1_700_000_000_000),
      random: new SeededRandom(seed),
      hostLoop: { turn: () => Promise.resolve() },
      compression: portableCompression,
      crypto: nodeCrypto(),
    },
  );
}

/** Salvages what is in `fs`; only looks unless it says otherwise. */
export function salvageIn(fs: MemoryFs, options: SalvageOptions): Promise<SalvageReport> {
  return salvageDatabase(DIRECTORY, options, {
    fs,
    clock: new SimulatedClock(1_700_000_000_000),
    random: new SeededRandom(99),
    hostLoop: { turn: () => Promise.resolve() },
    compression: portableCompression,
    crypto: nodeCrypto(),
  });
}

/** Names of files in the database's directory. */
export function namesIn(fs: Fs): string[] {
  return fs.list(DIRECTORY).sort();
}

export function pathOf(name: string): string {
  return `${DIRECTORY}/${name}`;
}

/** Removes files whose names match. */
export function removeMatching(fs: Fs, names: RegExp): string[] {
  const removed = namesIn(fs).filter((name) => names.test(name));
  for (const name of removed) fs.remove(pathOf(name));
  return removed;
}

function withoutLock(fs: MemoryFs): MemoryFs {
  removeMatching(fs, /^LOCK/);
  return fs;
}
