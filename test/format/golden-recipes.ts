/**
 * How the databases of test/golden/ are made: each from its options and one list of operations,
 * with a seed for its salts and a clock that stands still.
 * @module
 */
import { type Db, type DbOptions, MemoryFs, WriteBatch } from '../../src/index.ts';
import { testKeys } from '../block/pipelines.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { filesOf, writeFile } from './format-fixture.ts';

/** Live entries by family, as text. */
export type GoldenContent = Record<string, Record<string, string>>;

/** One database. */
export interface GoldenRecipe {
  readonly name: string;
  /** Of the first process, and of the second one. */
  readonly options: readonly [DbOptions, DbOptions];
  /** What its files must say they were made with; see `RawContent.stages`. */
  readonly stages: readonly string[];
  /** The same bytes come out anywhere: no zstd, whose encoders may differ. */
  readonly isExact: boolean;
  /** The second process closes the database, or dies while it writes a record. */
  readonly end: 'closed' | 'killed';
}

const CHACHA_KEYS = { suite: 'chacha20-poly1305', keys: testKeys(2) } as const;
const AES_KEYS = { suite: 'aes-256-gcm', keys: testKeys(2) } as const;
const PLAIN = { compression: 'none' } as const;
const LZ4 = { compression: 'lz4', walCompression: 'lz4' } as const;
const ZSTD = { compression: 'zstd' } as const;
const DICTIONARY = {
  compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } },
  blockSizeBytes: 512,
} as const;
const AES = { encryption: { ...AES_KEYS, epoch: 1 } } as const;
const SECDED = { ecc: { scheme: 'secded' } } as const;
const XOR = { ecc: { scheme: 'xor', data: 4 } } as const;
const RS = { ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } } as const;
const STRIPED = { ecc: { scheme: 'none', stripe: { data: 4, parity: 1 } } } as const;
const STRIPED_RS = { ecc: { ...RS.ecc, stripe: { data: 6, parity: 2 } } } as const;
const CHECKED = { entryChecksums: true } as const;

/** Those that change their options die: a close would rewrite what is small and made by others. */
export const RECIPES: readonly GoldenRecipe[] = [
  exact('plain', PLAIN, ['codec 0', 'suite 0', 'scheme 0']),
  exact('lz4', LZ4, ['codec 1']),
  exact('entry-checksums', { ...PLAIN, ...CHECKED }, []),
  {
    ...exact('aes-256-gcm', PLAIN, ['suite 1', 'epoch 1', 'epoch 2']),
    options: [
      { ...PLAIN, ...AES },
      { ...PLAIN, encryption: { ...AES_KEYS, epoch: 2 } },
    ],
    end: 'killed',
  },
  {
    ...exact('chacha20-poly1305', PLAIN, ['suite 2', 'epoch 1', 'epoch 2']),
    options: [
      { ...PLAIN, encryption: { ...CHACHA_KEYS, epoch: 1 } },
      { ...PLAIN, encryption: { ...CHACHA_KEYS, epoch: 2 } },
    ],
    end: 'killed',
  },
  exact('secded', { ...PLAIN, ...SECDED }, ['scheme 1']),
  exact('xor', { ...PLAIN, ...XOR }, ['scheme 2']),
  exact('reed-solomon', { ...PLAIN, ...RS }, ['scheme 3']),
  exact('all', { ...LZ4, ...AES, ...RS, ...CHECKED }, ['codec 1', 'suite 1', 'scheme 3']),
  {
    ...exact('changed', PLAIN, ['codec 1', 'suite 0', 'suite 2', 'scheme 1', 'scheme 2']),
    options: [
      { ...PLAIN, ...XOR },
      { ...LZ4, ...SECDED, encryption: { ...CHACHA_KEYS, epoch: 1, encryptExisting: true } },
    ],
    end: 'killed',
  },
  { ...exact('killed', PLAIN, []), end: 'killed' },
  { ...exact('killed-all', { ...LZ4, ...AES, ...RS }, ['codec 1', 'suite 1']), end: 'killed' },
  exact('striped', { ...PLAIN, ...STRIPED }, ['scheme 0', 'stripe 4 1']),
  exact('striped-all', { ...LZ4, ...AES, ...STRIPED_RS }, ['suite 1', 'scheme 3', 'stripe 6 2']),
  { ...exact('zstd', ZSTD, ['codec 2']), isExact: false },
  { ...exact('zstd-dictionary', DICTIONARY, ['codec 3']), isExact: false },
  {
    ...exact('zstd-all', { ...DICTIONARY, ...AES, ...RS }, ['codec 3', 'suite 1', 'scheme 3']),
    isExact: false,
  },
];

function exact(name: string, options: DbOptions, stages: readonly string[]): GoldenRecipe {
  return { name, options: [options, options], stages, isExact: true, end: 'closed' };
}

/** The options that open a finished one. */
export function openingOptions({ options }: GoldenRecipe): DbOptions {
  const { encryption = false } = options[1];
  return { encryption };
}

/** Makes a database: its files without the lock, and what it holds. */
export async function make(
  recipe: GoldenRecipe,
): Promise<{ fs: MemoryFs; content: GoldenContent }> {
  const fs = new MemoryFs();
  const columnFamilies = ['notes'];
  const first = await openSeeded(fs, 1, { ...recipe.options[0], columnFamilies });
  writeOrders(first, 0, 25);
  await first.flush();
  const snapshot = first.snapshot();
  writeOrders(first, 22, 42);
  first.write(new WriteBatch().delete('order:000003').delete('order:000030'));
  await first.compact();
  snapshot.release();
  writeOrders(first, 16, 18);
  await first.close();
  const db = await openSeeded(fs, 2, { ...recipe.options[1], columnFamilies });
  writeOrders(db, 38, 44);
  await db.flush();
  db.put('note:1', 'α β γ', { columnFamily: 'notes' });
  db.write(new WriteBatch().delete('order:000010').put('', 'the empty key'));
  writeOrders(db, 44, 46);
  const content = contentOf(db);
  if (recipe.end === 'killed') {
    const dead = diesWhileWriting(fs, db);
    await db.close();
    return { fs: withoutLock(dead), content };
  }
  await db.close();
  return { fs: withoutLock(fs), content };
}

/** A record for each order, and a note for every fifth; each call gives values of its own. */
function writeOrders(db: Db, from: number, end: number): void {
  const notes = db.columnFamily('notes');
  for (let i = from; i < end; i++) {
    const key = String(i).padStart(6, '0');
    const city = ['Aberdeen', 'Bergamo', 'Cottbus', 'Dunkerque'][(i * 7) % 4];
    const order = { order: i, city, amount: (i * 7919) % 1000, isPaid: i % 3 === 0, end };
    const batch = new WriteBatch().put(`order:${key}`, Buffer.from(JSON.stringify(order)));
    if (i % 5 === 0) batch.put(`note:${key}`, Buffer.from(`of ${city}, ${end}`), notes);
    db.write(batch);
  }
}

/** Every live entry of a database. */
export function contentOf(db: Db): GoldenContent {
  const content: GoldenContent = {};
  for (const name of db.listColumnFamilies().sort()) {
    const pairs = [...db.entries({ columnFamily: name })].map((pair) =>
      pair.map((bytes) => Buffer.from(bytes).toString()),
    );
    content[name] = Object.fromEntries(pairs);
  }
  return content;
}

/** The files as they are now, and half of one more record in the log. */
function diesWhileWriting(fs: MemoryFs, db: Db): MemoryFs {
  const dead = fs.clone();
  db.put('order:torn', 'never acknowledged');
  for (const name of dead.list(DIRECTORY)) {
    const [before, after] = [filesOf(dead).read(name), filesOf(fs).read(name)];
    const end = Math.floor((before.length + after.length) / 2);
    if (after.length > before.length) writeFile(dead, name, after.subarray(0, end));
  }
  return dead;
}

function withoutLock(fs: MemoryFs): MemoryFs {
  for (const name of fs.list(DIRECTORY)) {
    if (name.startsWith('LOCK')) fs.remove(`${DIRECTORY}/${name}`);
  }
  return fs;
}
