/**
 * A small database whose every entry is known, and a look at what is left of it after damage.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import { type MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import { Driver } from './driver.ts';
import { DIRECTORY, openSeeded } from './environment.ts';
import { History } from './history.ts';
import { bytesOf, describe, keyOf, type ModelEntry, sameBytes } from './model.ts';
import { type Operation, valueFor } from './operations.ts';

const FORM: DbOptions = { blockSizeBytes: 512, restartInterval: 4 };
/** No stage is on. */
export const NO_STAGES: DbOptions = { compression: 'none' };
const FAMILIES = ['default', 'other'];
/** Keys that were never written or are deleted: they must not appear. */
const ABSENT = ['', 'key-00', 'key-005', 'key-03', 'key-99', 'z'];

/** A database that was closed cleanly. */
export interface Sample {
  /** What it is opened with. */
  readonly options: DbOptions;
  readonly fs: MemoryFs;
  /** Names of its files. */
  readonly files: readonly string[];
  /** What it holds, by family. */
  readonly content: ReadonlyMap<string, readonly ModelEntry[]>;
}

/** What became of a damaged database. */
export interface Outcome {
  /** It could not be opened. */
  readonly isRefused: boolean;
  /** Reads that threw. */
  readonly failedReads: number;
  /** Files that `verify` names as damaged. */
  readonly reported: readonly string[];
  /** Files in which something was put right on the way. */
  readonly corrected: readonly string[];
}

/**
 * Tables of two families at two levels, deletes, and a log with writes that are in no table.
 * @param stages options beside those that make it small
 */
export async function makeSample(stages: DbOptions = NO_STAGES): Promise<Sample> {
  const fs = new MemoryFs();
  const options = { ...FORM, ...stages };
  const db = await openSeeded(fs, 7, { ...options, columnFamilies: ['other'] });
  const other = { columnFamily: 'other' };
  for (let i = 0; i < 24; i++) db.put(key(i), value(i, 30 + i * 2));
  await db.compact();
  for (let i = 6; i < 16; i += 2) db.put(key(i), value(i + 100, 40));
  for (let i = 0; i < 12; i++) db.put(key(i), value(i + 200, 50), other);
  for (let i = 1; i < 24; i += 7) db.delete(key(i));
  await db.flush();
  for (let i = 20; i < 30; i++) db.put(key(i), value(i + 300, 25));
  db.delete(key(3));
  db.put(key(4), value(400, 200), other);
  db.delete(key(5), other);
  const content = new Map(
    FAMILIES.map((name) => {
      const entries = [...db.entries({ columnFamily: name })];
      return [name, entries.map(([found, held]): ModelEntry => [keyOf(found), held])];
    }),
  );
  await db.close();
  return { options, fs, files: fs.list(DIRECTORY).sort(), content };
}

/** A database whose process died: a flush, then synced writes, then some that nobody synced. */
export async function makeDeadSample(
  stages: DbOptions = NO_STAGES,
): Promise<{ fs: MemoryFs; history: History }> {
  const fs = new MemoryFs();
  const history = new History();
  const options = { ...FORM, ...stages };
  const driver = new Driver(await openSeeded(fs, 9, options), history, options);
  const write = (i: number, sync: boolean): Operation => {
    const both = [0, i % 3].map((family) => ({
      family,
      key: key(i % 9),
      value: { seed: i, length: 40 + i },
    }));
    return { do: 'batch', writes: both, sync };
  };
  const operations: Operation[] = [
    { do: 'create-family', family: 1 },
    ...[1, 2, 3, 4].map((i) => write(i, false)),
    { do: 'flush', family: 1, wait: true },
    { do: 'create-family', family: 2 },
    ...[5, 6, 7].map((i) => write(i, false)),
    { do: 'flush', family: 0, wait: true },
    ...[8, 9, 10, 11, 12].map((i) => write(i, i === 11)),
    ...[13, 14].map((i) => write(i, false)),
  ];
  for (const operation of operations) await driver.perform(operation);
  return { fs: fs.clone(), history };
}

/** The file of a name. */
export function fileOf(fs: MemoryFs, name: string): MemoryFile {
  return fs.fileAt(`${DIRECTORY}/${name}`)!;
}

/** A fresh copy of a file's content. */
export function contentOf(file: MemoryFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/**
 * Opens a damaged copy of the sample and reads all of it in every way.
 * @throws Error for a wrong or missing value, or for an error that is no VarveError
 */
export async function examine(sample: Sample, fs: MemoryFs, readOnly: boolean): Promise<Outcome> {
  let db: Db;
  try {
    db = await openSeeded(fs, 8, { ...sample.options, readOnly, createIfMissing: false });
  } catch (error) {
    expectTyped(error);
    return { isRefused: true, failedReads: 0, reported: [], corrected: [] };
  }
  let failedReads = 0;
  for (const read of readsOf(sample, db)) {
    try {
      read();
    } catch (error) {
      expectTyped(error);
      failedReads++;
    }
  }
  const report = await db.verify();
  const namesOf = (found: readonly { readonly file: string }[]): string[] => [
    ...new Set(found.map(({ file }) => file.slice(DIRECTORY.length + 1))),
  ];
  const reported = namesOf(report.uncorrectable);
  const corrected = namesOf(report.corrected);
  try {
    await db.close();
  } catch (error) {
    expectTyped(error);
  }
  return { isRefused: false, failedReads, reported, corrected };
}

function* readsOf(sample: Sample, db: Db): Generator<() => void> {
  yield () => {
    const names = db.listColumnFamilies().sort().join();
    if (names !== FAMILIES.join()) throw new Error(`families are ${names}`);
  };
  for (const columnFamily of FAMILIES) {
    const entries = sample.content.get(columnFamily)!;
    const options = { columnFamily };
    for (const [text, wanted] of entries) {
      yield () => expectValue(text, db.get(bytesOf(text), options), wanted);
      yield () => {
        if (!db.has(bytesOf(text), options)) throw new Error(`has: ${text} is missing`);
      };
    }
    for (const text of ABSENT) {
      if (entries.some(([other]) => other === text)) continue;
      yield () => expectValue(text, db.get(bytesOf(text), options), undefined);
    }
    yield () => expectEntries(db.entries(options), entries);
    yield () => expectEntries(db.entries({ ...options, reverse: true }), entries.toReversed());
    yield () => {
      const [text] = entries[entries.length >> 1]!;
      const rest = entries.filter(([other]) => other >= text);
      expectEntries(db.entries({ ...options, gte: bytesOf(text) }), rest);
    };
  }
}

/** What is shown before an error counts as well: it must be right. */
function expectEntries(
  found: Iterable<[key: Uint8Array, value: Uint8Array]>,
  wanted: readonly ModelEntry[],
): void {
  let at = 0;
  for (const [foundKey, held] of found) {
    const text = keyOf(foundKey);
    if (text !== wanted[at]?.[0]) throw new Error(`${text} where ${wanted[at]?.[0]} should be`);
    expectValue(text, held, wanted[at]![1]);
    at++;
  }
  if (at < wanted.length) throw new Error(`a scan ends before ${wanted[at]![0]}`);
}

function expectValue(text: string, is: Uint8Array | undefined, should: Uint8Array | undefined) {
  if (sameBytes(is, should)) return;
  throw new Error(`${text} has ${describe(is)} instead of ${describe(should)}`);
}

function expectTyped(error: unknown): void {
  if (!(error instanceof VarveError)) throw error;
}

function key(i: number): string {
  return `key-${i.toString().padStart(2, '0')}`;
}

function value(seed: number, length: number): Uint8Array {
  return valueFor({ seed, length });
}
