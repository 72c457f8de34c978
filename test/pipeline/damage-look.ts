/**
 * A look at all of a damaged sample: every read in every way, and what was told of the damage.
 * @module
 */
import assert from 'node:assert/strict';
import type { Correction } from '../../src/block/block-reader.ts';
import type { VerifyReport } from '../../src/db/call-options.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { turn } from '../db/held-workers.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { bytesOf, describe, keyOf, type ModelEntry, sameBytes } from '../prove/model.ts';
import { FAMILIES, keyAt, type Sample } from './damage-sample.ts';

/** What a look showed; every value was right. */
export interface Look {
  /** Errors of opening (then alone) and of reads. */
  readonly errors: readonly VarveError[];
  /** Events of opening and reading, in order. */
  readonly events: readonly Correction[];
  /** Events while `verify` ran. */
  readonly verifyEvents: readonly Correction[];
  /** Undefined when the database could not be opened. */
  readonly report: VerifyReport | undefined;
  /** Log records were left out. */
  readonly isShorter: boolean;
}

/** Keys that are in no family. */
const ABSENT = ['', 'key-', 'key-0005', 'key-999', 'z'];

/**
 * Opens what is in `fs` and reads all of it.
 * @throws Error for a wrong or missing value, for an error that is no VarveError, and when counter
 * and events do not agree
 */
export async function lookAt(sample: Sample, fs: MemoryFs, own: DbOptions = {}): Promise<Look> {
  const told: Correction[] = [];
  const options = {
    ...sample.options,
    createIfMissing: false,
    ...own,
    onEvent: (event: DbEvent) => {
      if (event.type !== 'corrected') return;
      const { type: _, ...correction } = event;
      told.push(correction);
    },
  };
  let db: Db;
  try {
    db = await openSeeded(fs, 11, options);
  } catch (error) {
    const errors = [typed(error)];
    await turn();
    return { errors, events: told, verifyEvents: [], report: undefined, isShorter: false };
  }
  const isShorter = db.stats().recovery.dropped.length > 0;
  const errors = readAll(db, isShorter ? sample.contentBefore : sample.content);
  await turn();
  const events = told.slice();
  assert.equal(db.stats().counters.corrections, events.length);
  const report = await db.verify({ files: 'tables' });
  await turn();
  assert.equal(db.stats().counters.corrections, told.length);
  await close(db);
  return { errors, events, verifyEvents: told.slice(events.length), report, isShorter };
}

/** `file@offset` of each, sorted: nothing may be told twice. */
export function places(
  corrections: readonly { file: string; offset: number | undefined }[],
): string[] {
  return corrections
    .map(({ file, offset }) => `${file.slice(DIRECTORY.length + 1)}@${offset}`)
    .sort();
}

/** Fails when anything was told that is no damage, or damage was not healed. */
export function expectHealed(look: Look): VerifyReport {
  for (const error of look.errors) throw error;
  assert.ok(look.report !== undefined);
  assert.deepEqual(look.report.uncorrectable, []);
  assert.equal(look.isShorter, false, 'log records were left out');
  return look.report;
}

/** All reads, each for itself; returns what they threw. */
function readAll(db: Db, content: Sample['content']): VarveError[] {
  const errors: VarveError[] = [];
  for (const read of readsOf(db, content)) {
    try {
      read();
    } catch (error) {
      errors.push(typed(error));
    }
  }
  return errors;
}

function* readsOf(db: Db, content: Sample['content']): Generator<() => void> {
  for (const columnFamily of FAMILIES) {
    const entries = content.get(columnFamily)!;
    const options = { columnFamily };
    for (const [key, value] of entries) {
      yield () => expectValue(key, db.get(bytesOf(key), options), value);
    }
    const present = new Set(entries.map(([key]) => key));
    const others = Array.from({ length: 50 }, (_, i) => keyAt(i)).filter(
      (key) => !present.has(key),
    );
    for (const key of [...ABSENT, ...others]) {
      yield () => expectValue(key, db.get(bytesOf(key), options), undefined);
    }
    yield () => expectEntries(db.entries(options), entries);
    yield () => expectEntries(db.entries({ ...options, reverse: true }), entries.toReversed());
    yield () => expectEntries(db.entries({ ...options, fillCache: false }), entries);
  }
}

/** What is shown before an error counts as well. */
function expectEntries(
  found: Iterable<[key: Uint8Array, value: Uint8Array]>,
  wanted: readonly ModelEntry[],
): void {
  let at = 0;
  for (const [foundKey, value] of found) {
    const key = keyOf(foundKey);
    assert.equal(key, wanted[at]?.[0], 'key of an iteration');
    expectValue(key, value, wanted[at++]![1]);
  }
  assert.equal(at, wanted.length, 'an iteration ends early');
}

function expectValue(
  key: string,
  is: Uint8Array | undefined,
  should: Uint8Array | undefined,
): void {
  if (sameBytes(is, should)) return;
  throw new Error(`${key} has ${describe(is)} instead of ${describe(should)}`);
}

function typed(error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  throw error;
}

async function close(db: Db): Promise<void> {
  try {
    await db.close();
  } catch (error) {
    typed(error);
  }
}
