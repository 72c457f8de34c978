import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isVarveError } from '../../src/errors.ts';
import { mergeCursors } from '../../src/iterator/merging-cursor.ts';
import { UserCursor, type UserCursorOptions } from '../../src/iterator/user-cursor.ts';
import { KIND_DELETE, KIND_PUT, KIND_UNKNOWN_MIN, SEQNO_MAX } from '../../src/key/kind.ts';
import {
  ArrayCursor,
  bytesOf,
  compareEntry,
  type Entry,
  placeOf,
  shownKey,
  shownValue,
  text,
} from './array-cursor.ts';

function put(key: string, seqno: number): Entry {
  return { key: bytesOf(key), seqno, kind: KIND_PUT, value: bytesOf(`${key}@${seqno}`) };
}

function deletion(key: string, seqno: number): Entry {
  return { key: bytesOf(key), seqno, kind: KIND_DELETE, value: new Uint8Array(0) };
}

function cursorOver(entries: Entry[], snapshot: number, options?: UserCursorOptions): UserCursor {
  return new UserCursor(new ArrayCursor([...entries].sort(compareEntry)), snapshot, options);
}

function shownForward(cursor: UserCursor): string[] {
  const shown: string[] = [];
  for (cursor.first(); cursor.valid; cursor.next()) shown.push(shownValue(cursor));
  return shown;
}

function shownBackward(cursor: UserCursor): string[] {
  const shown: string[] = [];
  for (cursor.last(); cursor.valid; cursor.prev()) shown.push(shownValue(cursor));
  return shown;
}

function assertShows(cursor: UserCursor, expected: string[]): void {
  assert.deepEqual(shownForward(cursor), expected);
  assert.deepEqual(shownBackward(cursor), expected.toReversed());
}

interface Shown {
  key: string;
  seqno: number;
  value: string;
}

/** What a user may see, by the definition and without any cleverness. */
function visible(entries: Entry[], snapshot: number, range: UserCursorOptions): Shown[] {
  const newest = new Map<string, Entry>();
  for (const entry of entries) {
    const known = newest.get(text(entry.key));
    if (entry.seqno > snapshot || (known !== undefined && known.seqno > entry.seqno)) continue;
    newest.set(text(entry.key), entry);
  }
  const lower = range.lower && text(range.lower);
  const upper = range.upper && text(range.upper);
  return [...newest.entries()]
    .filter(([, entry]) => entry.kind === KIND_PUT)
    .filter(([k]) => lower === undefined || (range.lowerExclusive ? k > lower : k >= lower))
    .filter(([k]) => upper === undefined || (range.upperExclusive ? k < upper : k <= upper))
    .map(([k, entry]) => ({ key: k, seqno: entry.seqno, value: text(entry.value) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

const key = fc
  .array(fc.constantFrom(0, 0x61, 0xff), { maxLength: 2 })
  .map((bytes) => text(new Uint8Array(bytes)));
const bound = fc.option(key.map(bytesOf), { nil: undefined });
const range = fc.record({
  lower: bound,
  lowerExclusive: fc.boolean(),
  upper: bound,
  upperExclusive: fc.boolean(),
});
const move = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ name: 'next' as const }) },
  { weight: 6, arbitrary: fc.constant({ name: 'prev' as const }) },
  { weight: 1, arbitrary: fc.constant({ name: 'first' as const }) },
  { weight: 1, arbitrary: fc.constant({ name: 'last' as const }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('seek' as const), key }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('seekForPrev' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constant('insert' as const), key, child: fc.nat({ max: 3 }) }),
  },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? Exclude<M, { name: 'insert' }> : never;

function moveModel(model: Shown[], index: number, step: Move): number {
  if (step.name === 'next') return index + 1;
  if (step.name === 'prev') return index - 1;
  if (step.name === 'first') return 0;
  if (step.name === 'last') return model.length - 1;
  const after = model.findIndex((shown) => shown.key >= step.key);
  const place = after < 0 ? model.length : after;
  return step.name === 'seek' || model[place]?.key === step.key ? place : place - 1;
}

function moveCursor(cursor: UserCursor, step: Move): boolean {
  if (step.name === 'seek' || step.name === 'seekForPrev') {
    const target = bytesOf(`#${step.key}#`);
    return cursor[step.name](target, 1, target.length - 2);
  }
  return cursor[step.name]();
}

const NEWEST = 200;

describe('UserCursor', () => {
  it('moves like a cursor over the visible entries, while others are inserted', () => {
    let moves = 0;
    const entry = fc.record({
      key,
      seqno: fc.oneof(fc.integer({ min: 0, max: NEWEST }), fc.constantFrom(0, SEQNO_MAX)),
      deletes: fc.boolean(),
      child: fc.nat({ max: 3 }),
    });
    const entries = fc.uniqueArray(entry, {
      selector: (e) => `${e.key}@${e.seqno}`,
      maxLength: 200,
      size: 'max',
    });
    const snapshots = fc.oneof(fc.integer({ min: 0, max: NEWEST }), fc.constant(NEWEST));
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 1, max: 4 }),
        snapshots,
        range,
        fc.array(move, { minLength: 1, maxLength: 120, size: 'max' }),
        // Which children keep values that are asked for.
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        (dealt, childCount, snapshot, options, steps, keepers) => {
          const hands: Entry[][] = Array.from({ length: childCount }, () => []);
          for (const e of dealt) {
            const made = e.deletes ? deletion(e.key, e.seqno) : put(e.key, e.seqno);
            hands[e.child % childCount]!.push(made);
          }
          const model = visible(hands.flat(), snapshot, options);
          const children = hands.map(
            (hand, i) => new ArrayCursor(hand.sort(compareEntry), keepers[i]),
          );
          const cursor = new UserCursor(mergeCursors(children), snapshot, options);
          let index = -1;
          let seqno = NEWEST + 1;
          for (const step of steps) {
            if (step.name === 'insert') {
              const hand = hands[step.child % childCount]!;
              const inserted = put(step.key, seqno++);
              hand.splice(placeOf(hand, inserted), 0, inserted);
              continue;
            }
            if (!cursor.valid && (step.name === 'next' || step.name === 'prev')) continue;
            moves++;
            index = moveModel(model, index, step);
            const expected = model[index];
            assert.equal(moveCursor(cursor, step), expected !== undefined);
            assert.equal(cursor.valid, expected !== undefined);
            if (expected === undefined) continue;
            const shown = { key: shownKey(cursor), seqno: cursor.seqno, value: shownValue(cursor) };
            assert.deepEqual(shown, expected);
          }
        },
      ),
      { numRuns: 600 },
    );
    assert.ok(moves > 10_000, `${moves} moves`);
  });

  it('shows each key once, with its newest version at the snapshot', () => {
    const entries = [put('a', 1), put('a', 5), put('b', 2), put('b', 7), put('c', 6), put('', 3)];
    assertShows(cursorOver(entries, SEQNO_MAX), ['@3', 'a@5', 'b@7', 'c@6']);
    assertShows(cursorOver(entries, 5), ['@3', 'a@5', 'b@2']);
    assertShows(cursorOver(entries, 1), ['a@1']);
    assertShows(cursorOver(entries, 0), []);
  });

  it('hides deleted keys, and shows them again when they were put later', () => {
    const entries = [
      put('a', 1),
      deletion('a', 2),
      deletion('b', 3),
      deletion('c', 4),
      put('c', 5),
    ];
    assertShows(cursorOver(entries, SEQNO_MAX), ['c@5']);
    assertShows(cursorOver(entries, 4), []);
    assertShows(cursorOver(entries, 1), ['a@1']);
  });

  it('keeps to its bounds, inclusive or exclusive, equal to keys or between them', () => {
    const entries = ['a', 'b', 'c', 'd'].map((k, i) => put(k, i));
    const b = bytesOf('b');
    const c = bytesOf('c');
    const between = bytesOf('bb');
    assertShows(cursorOver(entries, 9, { lower: b, upper: c }), ['b@1', 'c@2']);
    assertShows(cursorOver(entries, 9, { lower: b, lowerExclusive: true }), ['c@2', 'd@3']);
    assertShows(cursorOver(entries, 9, { upper: c, upperExclusive: true }), ['a@0', 'b@1']);
    assertShows(cursorOver(entries, 9, { lower: between, upper: between }), []);
    assertShows(cursorOver(entries, 9, { lower: c, upper: b }), []);
    assertShows(cursorOver(entries, 9, { lower: b, lowerExclusive: true, upper: b }), []);
    assertShows(cursorOver(entries, 9, { lower: bytesOf('e') }), []);
    assertShows(cursorOver(entries, 9, { upper: bytesOf('') }), []);
  });

  it('clamps seeks to its bounds', () => {
    const entries = ['a', 'b', 'c', 'd'].map((k, i) => put(k, i));
    const cursor = cursorOver(entries, 9, { lower: bytesOf('b'), upper: bytesOf('c') });
    assert.ok(cursor.seek(bytesOf('a'), 0, 1));
    assert.equal(shownKey(cursor), 'b');
    assert.equal(cursor.prev(), false);
    assert.equal(cursor.seek(bytesOf('d'), 0, 1), false);
    assert.ok(cursor.seekForPrev(bytesOf('d'), 0, 1));
    assert.equal(shownKey(cursor), 'c');
    assert.equal(cursor.next(), false);
    assert.equal(cursor.seekForPrev(bytesOf('a'), 0, 1), false);
    assert.equal(cursor.next(), false);
    assert.equal(cursor.prev(), false);
  });

  it('may be sought with the key it shows', () => {
    const cursor = cursorOver([put('a', 1), put('b', 2), put('c', 3)], 9);
    cursor.first();
    for (const expected of ['b', 'c']) {
      cursor.next();
      assert.ok(cursor.seek(cursor.keyBuf, cursor.keyOff, cursor.keyLen));
      assert.equal(shownKey(cursor), expected);
      assert.ok(cursor.seekForPrev(cursor.keyBuf, cursor.keyOff, cursor.keyLen));
      assert.equal(shownKey(cursor), expected);
    }
  });

  it('jumps over long groups instead of walking them', () => {
    const versions = Array.from({ length: 1000 }, (_, i) => put('b', i));
    const entries = [put('a', 1), ...versions, put('c', 1)].sort(compareEntry);
    for (const [snapshot, shown] of [
      [500, 'b@500'],
      [SEQNO_MAX, 'b@999'],
      [1, 'b@1'],
    ] as const) {
      const child = new ArrayCursor(entries);
      const cursor = new UserCursor(child, snapshot);
      assertShows(cursor, ['a@1', shown, 'c@1']);
      assert.ok(child.moves < 80, `${child.moves} moves`);
      cursor.first();
      cursor.next();
      cursor.prev();
      assert.equal(shownKey(cursor), 'a');
      cursor.next();
      assert.equal(shownValue(cursor), shown);
      assert.ok(child.moves < 160, `${child.moves} moves`);
    }
  });

  it('walks a long run of tombstones without recursion', () => {
    const name = (i: number): string => String(i).padStart(5, '0');
    const entries = Array.from({ length: 3000 }, (_, i) => deletion(name(i), i));
    assertShows(cursorOver([...entries, put('', 1), put('~', 1)], SEQNO_MAX), ['@1', '~@1']);
  });

  it('carries long keys and values in both directions', () => {
    const long = 'k'.repeat(3000);
    const entries: Entry[] = ['a', 'b', 'c'].map((letter, i) => ({
      key: bytesOf(`${long}${letter}`),
      seqno: i,
      kind: KIND_PUT,
      value: new Uint8Array(40_000 * (i + 1)).fill(i),
    }));
    const cursor = cursorOver(entries, SEQNO_MAX);
    const sizes: number[] = [];
    for (cursor.last(); cursor.valid; cursor.prev()) {
      sizes.push(cursor.valLen);
      const expected = entries[3 - sizes.length]!;
      assert.equal(shownKey(cursor), text(expected.key));
      const value = cursor.valBuf.subarray(cursor.valOff, cursor.valOff + cursor.valLen);
      assert.ok(value.every((byte) => byte === expected.value[0]));
    }
    assert.deepEqual(sizes, [120_000, 80_000, 40_000]);
  });

  it('refuses to guess what an unknown kind means, unless it is hidden', () => {
    const strange: Entry = { ...put('b', 5), kind: KIND_UNKNOWN_MIN };
    const entries = [put('a', 1), strange, put('b', 9), put('c', 1)];
    assertShows(cursorOver(entries, 9), ['a@1', 'b@9', 'c@1']);
    for (const walk of [shownForward, shownBackward]) {
      const cursor = cursorOver(entries, 6);
      assert.throws(
        () => walk(cursor),
        (error) => isVarveError(error, 'UNSUPPORTED'),
      );
      assert.equal(cursor.valid, false);
    }
  });

  it('is invalid after the cursor below threw, and can be positioned again', () => {
    const entries = [put('a', 1), put('b', 2), deletion('b', 3), put('c', 4), put('c', 5)];
    for (const walk of [shownForward, shownBackward]) {
      for (let movesLeft = 0; movesLeft < 6; movesLeft++) {
        const child = new ArrayCursor([...entries].sort(compareEntry));
        child.movesLeft = movesLeft;
        const cursor = new UserCursor(child, SEQNO_MAX);
        assert.throws(
          () => walk(cursor),
          (error) => isVarveError(error, 'CORRUPTION'),
        );
        assert.equal(cursor.valid, false);
        assertShows(cursor, ['a@1', 'c@5']);
      }
    }
  });

  it('closes the cursor below', () => {
    const child = new ArrayCursor([put('a', 1)]);
    const cursor = new UserCursor(child, SEQNO_MAX);
    cursor.first();
    cursor.close();
    assert.equal(cursor.valid, false);
    assert.equal(child.closed, 1);
  });
});
