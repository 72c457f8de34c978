/**
 * A small encrypted database with every kind of file, what it holds, and what becomes of it when
 * somebody has been at its files.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { DIRECTORY, namesIn, openIn, type World } from './world.ts';

export const FAMILIES = ['default', 'orders'] as const;

/** Family, slash, key to value. */
export type Contents = ReadonlyMap<string, string>;

export interface Sample {
  readonly fs: MemoryFs;
  readonly options: DbOptions;
  readonly contents: Contents;
}

/** Settings that make several blocks of few entries, and leave compaction to the sample. */
const SMALL: DbOptions = { blockSizeBytes: 512, columnFamilies: ['orders'], l0TriggerCount: 60 };

const KEYS = 40;
const LOGGED = 12;

/**
 * A database with two tables in L0, one in L1 and a log with records.
 * @param isClean closed as it should be; otherwise as after the death of the process
 * @param flavour goes into the values, whose lengths do not depend on it; one character
 */
export async function makeSample(
  options: DbOptions,
  isClean: boolean,
  world: World = {},
  flavour = 'a',
): Promise<Sample> {
  const live = new MemoryFs();
  const all = { ...SMALL, ...options };
  const db = await openIn(live, all, world);
  const contents = new Map<string, string>();
  const put = (columnFamily: string, key: string, value: string) => {
    db.put(key, value, { columnFamily });
    contents.set(`${columnFamily}/${key}`, value);
  };
  for (const family of FAMILIES) {
    for (let i = 0; i < KEYS; i++) put(family, keyAt(i), valueAt(flavour, family, i, 1));
  }
  await db.flush();
  await db.compact({ columnFamily: 'orders' });
  for (let i = 0; i < KEYS; i += 2) put('default', keyAt(i), valueAt(flavour, 'default', i, 2));
  await db.flush();
  for (let i = 0; i < LOGGED; i++) {
    const family = FAMILIES[i % 2]!;
    put(family, keyAt(i), valueAt(flavour, family, i, 3));
  }
  const dead = live.clone();
  await db.close();
  return { fs: isClean ? live : dead, options: all, contents };
}

function keyAt(i: number): string {
  return `key-${i.toString().padStart(4, '0')}`;
}

function valueAt(flavour: string, family: string, i: number, version: number): string {
  return `${flavour}:${family}:${i}:v${version}:`.padEnd(60, 'abcdefghij');
}

/** Names of the files of a kind: `sst`, `wal` or `MANIFEST`; at least one. */
export function filesOf(fs: MemoryFs, kind: 'sst' | 'wal' | 'MANIFEST'): string[] {
  const names = namesIn(fs).filter((name) => name.endsWith(kind) || name.startsWith(kind));
  assert.ok(names.length > 0, `the sample has a ${kind}`);
  return names;
}

/**
 * - `refused` the database does not open
 * - `failed` some reads throw or `verify` reports, and all other values are right
 * - `unnoticed` nothing is wrong
 */
export interface Outcome {
  readonly kind: 'refused' | 'failed' | 'unnoticed';
  /** What told of it, in order. */
  readonly errors: readonly VarveError[];
}

/** Opens what was left of a sample and reads all of it; asserts that no value is wrong. */
export async function judge(
  fs: MemoryFs,
  options: DbOptions,
  contents: Contents,
  world: World = {},
): Promise<Outcome> {
  let db: Db;
  try {
    db = await openIn(fs, { ...options, createIfMissing: false }, { ...world, seed: 2 });
  } catch (error) {
    return { kind: 'refused', errors: [typed(error)] };
  }
  const errors: VarveError[] = [];
  try {
    for (const [name, value] of contents) readOne(db, name, value, errors);
    for (const family of FAMILIES) readAll(db, family, contents, errors);
    const { uncorrectable } = await db.verify();
    for (const { cause, file, offset } of uncorrectable) {
      errors.push(new VarveError('CORRUPTION', cause, { file, offset }));
    }
  } finally {
    await db.close().catch(typed);
  }
  return { kind: errors.length > 0 ? 'failed' : 'unnoticed', errors };
}

function readOne(db: Db, name: string, value: string, errors: VarveError[]): void {
  const [columnFamily, key] = name.split('/') as [string, string];
  let found: Uint8Array | undefined;
  try {
    found = db.get(key, { columnFamily });
  } catch (error) {
    errors.push(typed(error));
    return;
  }
  assert.equal(found && Buffer.from(found).toString(), value, `value of ${name}`);
}

function readAll(db: Db, family: string, contents: Contents, errors: VarveError[]): void {
  const found = new Map<string, string>();
  try {
    for (const [key, value] of db.entries({ columnFamily: family })) {
      found.set(`${family}/${Buffer.from(key)}`, Buffer.from(value).toString());
    }
  } catch (error) {
    errors.push(typed(error));
    for (const [name, value] of found) assert.equal(value, contents.get(name), name);
    return;
  }
  const expected = [...contents].filter(([name]) => name.startsWith(`${family}/`)).sort();
  assert.deepEqual([...found], expected, `entries of ${family}`);
}

const THREAT_CODES = ['CORRUPTION', 'KEY', 'UNSUPPORTED'];

/** Whatever is thrown must be an error of the engine's that says what it is. */
function typed(error: unknown): VarveError {
  assert.ok(error instanceof VarveError, `an untyped error: ${String(error)}`);
  assert.ok(THREAT_CODES.includes(error.code), `${error.code}: ${error.message}`);
  return error;
}

/** Path of a file of the database. */
export function pathOf(name: string): string {
  return `${DIRECTORY}/${name}`;
}
