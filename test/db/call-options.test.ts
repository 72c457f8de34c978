import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { openMemory, text, texts } from './helpers.ts';

/** A call with options, and those that it knows, each with a value that it may have. */
interface Call {
  readonly name: string;
  readonly make: (db: Db, options: never) => unknown;
  readonly known: (db: Db) => Readonly<Record<string, unknown>>;
}

const FLAG = true;
const range = (db: Db) => ({
  gte: 'a',
  gt: 'a',
  lte: new Uint8Array([122]),
  lt: 'z',
  prefix: 'b',
  snapshot: db.snapshot(),
  columnFamily: 'default',
  fillCache: FLAG,
  readAheadBytes: 0,
});
const entries = (db: Db) => ({ ...range(db), reverse: FLAG, limit: 5, borrow: FLAG });
const reads = (db: Db) => ({
  snapshot: db.snapshot(),
  columnFamily: db.columnFamily('default'),
  borrow: FLAG,
});
const puts = () => ({ sync: FLAG, noWait: FLAG, columnFamily: 'default' });
const CALLS: readonly Call[] = [
  { name: 'put', make: (db, options) => db.put('new', 'v', options), known: puts },
  { name: 'delete', make: (db, options) => db.delete('b', options), known: puts },
  {
    name: 'write',
    make: (db, options) => db.write(new WriteBatch().put('new', 'v'), options),
    known: () => ({ sync: FLAG, noWait: FLAG }),
  },
  {
    name: 'writeAsync',
    make: (db, options) => db.writeAsync(new WriteBatch().put('new', 'v'), options),
    known: () => ({ sync: FLAG }),
  },
  { name: 'get', make: (db, options) => db.get('b', options), known: reads },
  { name: 'has', make: (db, options) => db.has('b', options), known: reads },
  {
    name: 'getMany',
    make: (db, options) => db.getMany(['b'], options),
    known: (db) => ({ ...reads(db), borrow: false }),
  },
  { name: 'entries', make: (db, options) => db.entries(options).return(), known: entries },
  { name: 'keys', make: (db, options) => db.keys(options).return(), known: entries },
  { name: 'values', make: (db, options) => db.values(options).return(), known: entries },
  { name: 'cursor', make: (db, options) => db.cursor(options).close(), known: range },
  { name: 'approximateSize', make: (db, options) => db.approximateSize(options), known: range },
  {
    name: 'verify',
    make: (db, options) => db.verify(options),
    known: () => ({
      signal: new AbortController().signal,
      onProgress: () => {},
      bytesPerSecond: 1e9,
      files: 'all',
      depth: 'checksums',
    }),
  },
  {
    name: 'flush',
    make: (db, options) => db.flush(options),
    known: () => ({ columnFamily: 'default' }),
  },
  {
    name: 'compact',
    make: (db, options) => db.compact(options),
    known: () => ({ columnFamily: 'default', from: 'a', to: 'z', bottommost: FLAG }),
  },
  {
    name: 'createColumnFamily',
    make: (db, options) => db.createColumnFamily(`new ${db.listColumnFamilies().length}`, options),
    known: () => ({ l0TriggerCount: 4 }),
  },
  {
    name: 'WriteBatch',
    make: (_, options) => new WriteBatch(options),
    known: () => ({ entryChecksums: FLAG }),
  },
];

async function withDb(work: (db: Db) => unknown): Promise<void> {
  const db = await openMemory();
  try {
    db.put('a', '1');
    db.put('b', '2');
    await work(db);
  } finally {
    await db.close();
  }
}

/** Whether it throws or rejects. */
async function refused(call: () => unknown, message: RegExp, label: string): Promise<void> {
  await assert.rejects(
    async () => call(),
    (error) => {
      assert.ok(error instanceof TypeError, `${label}: ${error}`);
      assert.match(error.message, message, label);
      return true;
    },
    label,
  );
}

describe('options of calls', () => {
  for (const { name, make, known } of CALLS) {
    test(`${name} takes those that it knows, each by itself and all together`, () =>
      withDb(async (db) => {
        const options = known(db);
        await make(db, options as never);
        for (const [option, value] of Object.entries(options)) {
          await make(db, { [option]: value } as never);
          await make(db, { [option]: undefined } as never);
        }
        await make(db, {} as never);
        await make(db, undefined as never);
      }));

    test(`${name} refuses others by name, and does nothing`, () =>
      withDb(async (db) => {
        const { seqno } = db;
        for (const unknown of ['start', 'snyc', 'constructor', '0']) {
          const options = { ...known(db), [unknown]: undefined };
          await refused(() => make(db, options as never), new RegExp(unknown), name);
          const alone = { [unknown]: true };
          await refused(() => make(db, alone as never), new RegExp(unknown), name);
        }
        assert.equal(db.seqno, seqno);
        assert.equal(db.stats().cursorCount, 0);
        assert.equal(texts(db.keys()), 'a b');
        assert.deepEqual(db.listColumnFamilies(), ['default']);
      }));

    test(`${name} refuses values of wrong types by name, and does nothing`, () =>
      withDb(async (db) => {
        const { seqno } = db;
        for (const option of Object.keys(known(db))) {
          for (const wrong of [null, 1n, {}, [1], Symbol('s')]) {
            const options = { [option]: wrong };
            await refused(() => make(db, options as never), new RegExp(option), name);
          }
        }
        assert.equal(db.seqno, seqno);
        assert.equal(db.stats().cursorCount, 0);
        assert.equal(texts(db.keys()), 'a b');
      }));

    test(`${name} refuses options that are no object`, () =>
      withDb(async (db) => {
        const { seqno } = db;
        for (const wrong of [null, 1, true, 'default', () => {}]) {
          await refused(() => make(db, wrong as never), /object/, name);
        }
        assert.equal(db.seqno, seqno);
      }));
  }

  test('a truthy number is no flag', () =>
    withDb(async (db) => {
      for (const value of [0, 1, 'true']) {
        await refused(() => db.put('k', 'v', { sync: value as never }), /sync/, 'sync');
        await refused(() => db.keys({ reverse: value as never }), /reverse/, 'reverse');
        await refused(() => db.get('k', { borrow: value as never }), /borrow/, 'borrow');
      }
    }));

  test('a handle or a snapshot in place of the options is refused', () =>
    withDb(async (db) => {
      await refused(() => db.get('a', db.snapshot() as never), /unknown option/, 'snapshot');
      const family = db.columnFamily('default');
      await refused(() => db.put('a', 'b', family as never), /unknown option/, 'family');
    }));

  test('a name that the program has given all objects is no option', () =>
    withDb((db) => {
      const prototype = Object.prototype as { everywhere?: number };
      prototype.everywhere = 1;
      try {
        db.put('c', '3', { sync: true });
        assert.equal(text(db.get('c', { columnFamily: 'default' })), '3');
        assert.equal(texts(db.keys({ gt: 'b' })), 'c');
      } finally {
        delete prototype.everywhere;
      }
    }));

  test('of verify are checked', () =>
    withDb(async (db) => {
      for (const [options, pattern] of [
        [{ onProgress: 1 }, /onProgress must be a function/],
        [{ signal: {} }, /signal must be an AbortSignal/],
        [{ bytesPerSecond: 'all' }, /bytesPerSecond must be a number/],
        [{ rate: 1 }, /unknown option of verify: rate/],
      ] as const) {
        await refused(() => db.verify(options as never), pattern, JSON.stringify(options));
      }
      for (const bytesPerSecond of [0, 4095, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(db.verify({ bytesPerSecond }), RangeError);
      }
    }));
});
