/**
 * The cursor over one level, against one over the same entries in an array.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { isVarveError } from '../../src/errors.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { LevelCursor } from '../../src/tables/level-cursor.ts';
import { TableCache, type TableSlot } from '../../src/tables/table-cache.ts';
import { plainPipeline } from '../block/pipelines.ts';
import {
  ArrayCursor,
  compareEntry,
  type Entry,
  shownKey,
  shownValue,
} from '../iterator/array-cursor.ts';
import { DIRECTORY, World } from '../merge/merge-fixture.ts';

await loadChecksum();

const KEY_COUNT = 40;

function keyOf(number: number): Uint8Array {
  return new TextEncoder().encode(`key ${100 + number}`);
}

interface Level {
  readonly world: World;
  readonly tables: TableCache;
  readonly slots: TableSlot[];
  readonly entries: Entry[];
}

/** A level with tables of the given groups of keys; the keys come with some older versions. */
function levelOf(groups: readonly (readonly number[])[], openMax = 16): Level {
  const world = new World();
  const tables = new TableCache(
    world.fs,
    DIRECTORY,
    new BlockCache(1 << 20),
    plainPipeline(),
    openMax,
  );
  const lists = groups.map((group) =>
    group
      .flatMap((key) => Array.from({ length: 1 + (key % 3) }, (_, i) => entryOf(key, i + 1)))
      .sort(compareEntry),
  );
  const slots = lists.map((list) => tables.slot(world.write(list)));
  return { world, tables, slots, entries: lists.flat() };
}

function entryOf(key: number, seqno: number): Entry {
  return { key: keyOf(key), seqno, kind: KIND_PUT, value: new Uint8Array(60).fill(key + seqno) };
}

const levels: fc.Arbitrary<number[][]> = fc
  .tuple(
    fc.uniqueArray(fc.nat(KEY_COUNT - 1), { minLength: 1, maxLength: 30 }),
    fc.integer({ min: 1, max: 8 }),
  )
  .map(([keys, perTable]) => {
    const sorted = keys.sort((a, b) => a - b);
    const count = Math.ceil(sorted.length / perTable);
    return Array.from({ length: count }, (_, i) => sorted.slice(i * perTable, (i + 1) * perTable));
  });

type Move = readonly [name: string, key: number, seqno: number];

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.tuple(
    fc.constantFrom('first', 'last', 'seek', 'seekForPrev', 'next', 'next', 'prev', 'prev'),
    fc.nat(KEY_COUNT),
    fc.nat(5),
  ),
  { minLength: 1, maxLength: 60 },
);

function move(cursor: Cursor, [name, number, seqno]: Move): boolean {
  // In a larger buffer, so that a wrong offset shows.
  const key = keyOf(number);
  const buf = Uint8Array.from([0xee, 0xee, ...key, 0xee]);
  if (name === 'first') return cursor.first();
  if (name === 'last') return cursor.last();
  if (name === 'seek') return cursor.seek(buf, 2, key.length, seqno);
  if (name === 'seekForPrev') return cursor.seekForPrev(buf, 2, key.length, seqno);
  return name === 'next' ? cursor.next() : cursor.prev();
}

function shown(cursor: Cursor): unknown {
  if (!cursor.valid) return undefined;
  return [shownKey(cursor), cursor.seqno, cursor.kind, shownValue(cursor)];
}

function pinned(slots: readonly TableSlot[]): number {
  return slots.reduce((sum, slot) => sum + slot.pins, 0);
}

suite('LevelCursor', () => {
  test('moves as a cursor over all entries of its tables does', () => {
    fc.assert(
      fc.property(levels, moves, fc.boolean(), (groups, list, fillCache) => {
        const { tables, slots, entries } = levelOf(groups, 2);
        const cursor = new LevelCursor(slots, tables, { fillCache });
        const model = new ArrayCursor(entries);
        for (const one of list) {
          const isStep = one[0] === 'next' || one[0] === 'prev';
          if (isStep && !model.valid) continue;
          assert.equal(move(cursor, one), move(model, one));
          assert.deepEqual(shown(cursor), shown(model));
          assert.ok(pinned(slots) <= 1);
          assert.ok(tables.openCount <= 2);
        }
        cursor.close();
        assert.equal(pinned(slots), 0);
      }),
      { numRuns: 100 },
    );
  });

  test('opens no table before it is needed, and none twice', () => {
    const { world, tables, slots } = levelOf([[1], [2], [3], [4]]);
    const cursor = new LevelCursor(slots, tables, {});
    assert.equal(tables.openCount, 0);
    cursor.seek(keyOf(3), 0, 7, 10);
    assert.equal(tables.openCount, 1);
    assert.ok(slots[2]!.table !== undefined);
    cursor.seek(keyOf(3), 0, 7, 0);
    assert.equal(world.fs.calls('open'), 2);
    cursor.close();
  });

  test('over no tables has no entries', () => {
    const { tables } = levelOf([]);
    const cursor = new LevelCursor([], tables, {});
    for (const name of ['first', 'last', 'seek', 'seekForPrev']) {
      assert.equal(move(cursor, [name, 1, 1]), false);
      assert.equal(cursor.valid, false);
    }
    cursor.close();
  });

  test('may be closed twice and before it was used', () => {
    const { tables, slots } = levelOf([[1], [2]]);
    const unused = new LevelCursor(slots, tables, {});
    unused.close();
    const cursor = new LevelCursor(slots, tables, {});
    cursor.first();
    cursor.close();
    cursor.close();
    assert.equal(pinned(slots), 0);
    assert.equal(cursor.valid, false);
  });
});

suite('a LevelCursor that meets an error', () => {
  for (const name of ['first', 'last', 'seek', 'seekForPrev', 'next', 'prev']) {
    test(`in ${name} is invalid afterwards, and may be positioned again`, () => {
      const { world, tables, slots, entries } = levelOf([
        [1, 2],
        [4, 5, 7],
        [8, 9],
      ]);
      const cursor = new LevelCursor(slots, tables, {});
      cursor.seek(keyOf(5), 0, 7, 1);
      assert.ok(cursor.valid);
      if (name === 'next') cursor.last();
      if (name === 'prev') cursor.first();
      // Next door is a table that was not open yet, or not read yet.
      if (name === 'next') cursor.seek(keyOf(7), 0, 7, 1);
      if (name === 'prev') cursor.seek(keyOf(4), 0, 7, 2);
      for (const slot of slots) {
        if (slot.pins > 0) continue;
        tables.forget(slot);
      }
      world.fs.failCall(1, { operation: ['open', 'read'], times: Number.POSITIVE_INFINITY });
      const key = name === 'seekForPrev' ? 2 : 8;
      assert.throws(
        () => move(cursor, [name, key, 5]),
        (error) => isVarveError(error, 'IO'),
      );
      assert.equal(cursor.valid, false);
      world.fs.clearRules();
      assert.ok(cursor.first());
      assert.equal(shownKey(cursor), 'key 101');
      let count = 1;
      while (cursor.next()) count++;
      assert.equal(count, entries.length);
      cursor.close();
      assert.equal(pinned(slots), 0);
    });
  }

  test('inside of a table is invalid afterwards', () => {
    const keys = Array.from({ length: KEY_COUNT }, (_, i) => i);
    const { world, tables, slots } = levelOf([keys]);
    for (const direction of ['next', 'prev'] as const) {
      const cursor = new LevelCursor(slots, tables, { fillCache: false });
      if (direction === 'next') cursor.first();
      else cursor.last();
      world.fs.failCall(1, { operation: 'read', times: Number.POSITIVE_INFINITY });
      assert.throws(() => {
        while (cursor[direction]());
      });
      assert.equal(cursor.valid, false, direction);
      world.fs.clearRules();
      assert.ok(cursor.first());
      cursor.close();
    }
  });
});
