/**
 * Small databases to make checkpoints and backups of, and a look at what they hold.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Fs } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

export const SOURCE = 'db';

/** Several tables, several families, everything within the calls. */
export const SMALL: DbOptions = {
  workers: 0,
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  blockSizeBytes: 512,
  l0TriggerCount: 2,
  columnFamilies: ['other'],
};

const KEY = new Uint8Array(32).fill(7);

/** Each of the three stages on or off. */
export const COMBINATIONS: readonly DbOptions[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
  ...SMALL,
  compression: (bits & 1) === 0 ? 'none' : 'lz4',
  walCompression: (bits & 1) === 0 ? 'none' : 'lz4',
  ...((bits & 2) === 0
    ? {}
    : { encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: KEY } } as const }),
  ecc: (bits & 4) === 0 ? false : { scheme: 'reed-solomon', data: 4, parity: 2 },
}));

/** What the options say of the stages, for names of tests. */
export function stagesOf({ compression, encryption, ecc }: DbOptions): string {
  const stages = [compression === 'lz4' ? 'lz4' : undefined, encryption && 'aes', ecc && 'rs'];
  return stages.filter((stage) => stage).join(', ') || 'plain';
}

export interface Ports {
  readonly seed?: number;
  /** Called where the host has a turn. */
  readonly turn?: () => void | Promise<void>;
}

/** Opens a database whose bytes follow from the seed and the calls. */
export function openCopied(
  fs: Fs,
  options: DbOptions = SMALL,
  directory: string = SOURCE,
  { seed = 1, turn = () => {} }: Ports = {},
): Promise<Db> {
  const hostLoop = { turn: async () => turn() };
  return open(directory, { ...options, fs, hostLoop, random: new SeededRandom(seed) });
}

/** Writes numbered entries, which overwrite and delete each other; state follows from the count. */
export class NumberedWriter {
  readonly db: Db;
  count: number;

  constructor(db: Db, count = 0) {
    this.db = db;
    this.count = count;
  }

  write(times: number): void {
    for (let i = 0; i < times; i++) writeNumber(this.db, ++this.count);
  }
}

const KEYS = 60;

/** The `n`-th write, from 1: one operation. */
function writeNumber(db: Db, n: number): void {
  const [family, key, value] = numbered(n);
  if (value === undefined) db.delete(key, { columnFamily: family });
  else db.put(key, value, { columnFamily: family });
}

function numbered(n: number): [family: string, key: string, value: string | undefined] {
  const key = `key ${String((n * 7) % KEYS).padStart(3, '0')}`;
  const family = n % 3 === 0 ? 'other' : 'default';
  return [family, key, n % 11 === 0 ? undefined : `${n}:`.padEnd(200 + (n % 5) * 100, `${n} `)];
}

/** What a database holds after so many writes: family/key to value. */
export function contentAfter(count: number): Map<string, string> {
  const content = new Map<string, string>();
  for (let n = 1; n <= count; n++) {
    const [family, key, value] = numbered(n);
    if (value === undefined) content.delete(`${family}/${key}`);
    else content.set(`${family}/${key}`, value);
  }
  return new Map([...content].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a database holds; gets and scans must agree. */
export function contentOf(db: Db): Map<string, string> {
  const content = new Map<string, string>();
  for (const family of db.listColumnFamilies().sort()) {
    for (const [key, value] of db.entries({ columnFamily: family })) {
      assert.deepEqual(db.get(key, { columnFamily: family }), value);
      content.set(`${family}/${text(key)}`, text(value));
    }
  }
  return content;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Opens a directory, and expects the state after so many writes and no damage. */
export async function expectState(
  fs: Fs,
  directory: string,
  options: DbOptions,
  count: number,
): Promise<void> {
  for (const readOnly of [true, false]) {
    const db = await openCopied(fs, { ...options, readOnly, createIfMissing: false }, directory);
    try {
      assert.deepEqual(contentOf(db), contentAfter(count));
      assert.deepEqual((await db.verify()).uncorrectable, []);
      assert.equal(db.stats().recovery.dropped.length, 0);
    } finally {
      await db.close();
    }
  }
}
