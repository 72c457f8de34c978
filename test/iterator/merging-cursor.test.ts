import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isVarveError } from '../../src/errors.ts';
import { EmptyCursor } from '../../src/iterator/empty-cursor.ts';
import { MergingCursor, mergeCursors } from '../../src/iterator/merging-cursor.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
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

function show(cursor: Cursor): string {
  return `${shownKey(cursor)}@${cursor.seqno}`;
}

function shownForward(cursor: Cursor): string[] {
  const shown: string[] = [];
  for (cursor.first(); cursor.valid; cursor.next()) shown.push(show(cursor));
  return shown;
}

function shownBackward(cursor: Cursor): string[] {
  const shown: string[] = [];
  for (cursor.last(); cursor.valid; cursor.prev()) shown.push(show(cursor));
  return shown;
}

const key = fc
  .array(fc.constantFrom(0, 1, 0x61, 0xff), { maxLength: 3 })
  .map((b) => text(new Uint8Array(b)));
const seqno = fc.integer({ min: 0, max: 40 });
const move = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ name: 'next' as const }) },
  { weight: 6, arbitrary: fc.constant({ name: 'prev' as const }) },
  { weight: 1, arbitrary: fc.constant({ name: 'first' as const }) },
  { weight: 1, arbitrary: fc.constant({ name: 'last' as const }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('seek' as const), key, seqno }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('seekForPrev' as const), key, seqno }) },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;

/** The index at which a cursor over `model` stands after the move; outside of it if nowhere. */
function moveModel(model: Entry[], index: number, step: Move): number {
  if (step.name === 'next') return index + 1;
  if (step.name === 'prev') return index - 1;
  if (step.name === 'first') return 0;
  if (step.name === 'last') return model.length - 1;
  const target = put(step.key, step.seqno);
  const place = placeOf(model, target);
  if (step.name === 'seek') return place;
  const found = model[place];
  return found !== undefined && compareEntry(found, target) === 0 ? place : place - 1;
}

function moveCursor(cursor: Cursor, step: Move): boolean {
  if (step.name === 'seek' || step.name === 'seekForPrev') {
    const target = bytesOf(`#${step.key}#`);
    return cursor[step.name](target, 1, target.length - 2, step.seqno);
  }
  return cursor[step.name]();
}

describe('MergingCursor', () => {
  it('moves like one cursor over all entries of its children', () => {
    let moves = 0;
    const entry = fc.record({ key, seqno, child: fc.integer({ min: 0, max: 5 }) });
    const entries = fc.uniqueArray(entry, {
      selector: (e) => `${e.key}@${e.seqno}`,
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 1, max: 6 }),
        fc.array(move, { minLength: 1, maxLength: 120, size: 'max' }),
        (dealt, childCount, steps) => {
          const model = dealt.map((e) => put(e.key, e.seqno)).sort(compareEntry);
          const hands: Entry[][] = Array.from({ length: childCount }, () => []);
          for (const e of dealt) hands[e.child % childCount]!.push(put(e.key, e.seqno));
          const cursor = new MergingCursor(hands.map((h) => new ArrayCursor(h.sort(compareEntry))));
          let index = -1;
          for (const step of steps) {
            if (!cursor.valid && (step.name === 'next' || step.name === 'prev')) continue;
            moves++;
            index = moveModel(model, index, step);
            assert.equal(moveCursor(cursor, step), model[index] !== undefined);
            assert.equal(cursor.valid, model[index] !== undefined);
            if (!cursor.valid) continue;
            const expected = `${text(model[index]!.key)}@${model[index]!.seqno}`;
            assert.equal(show(cursor), expected);
            assert.equal(shownValue(cursor), expected);
            assert.equal(cursor.kind, KIND_PUT);
          }
        },
      ),
      { numRuns: 500 },
    );
    assert.ok(moves > 10_000, `${moves} moves`);
  });

  it('shows the versions of a key newest first, wherever they are', () => {
    const cursor = new MergingCursor([
      new ArrayCursor([put('a', 5), put('a', 2), put('b', 1)]),
      new ArrayCursor([put('a', 9), put('a', 3)]),
      new ArrayCursor([]),
    ]);
    const expected = ['a@9', 'a@5', 'a@3', 'a@2', 'b@1'];
    assert.deepEqual(shownForward(cursor), expected);
    assert.deepEqual(shownBackward(cursor), expected.toReversed());
  });

  it('orders keys bytewise, a prefix before its extensions, the empty key first', () => {
    const cursor = new MergingCursor([
      new ArrayCursor([put('', 1), put('a\x00', 1), put('b', 1)]),
      new ArrayCursor([put('a', 2), put('a\xff', 2), put('\xff', 2)]),
    ]);
    assert.deepEqual(shownForward(cursor), ['@1', 'a@2', 'a\x00@1', 'a\xff@2', 'b@1', '\xff@2']);
  });

  it('stands nowhere over children without entries', () => {
    for (const cursor of [
      new MergingCursor([new ArrayCursor([]), new EmptyCursor()]),
      new MergingCursor([]),
      mergeCursors([]),
    ]) {
      assert.equal(cursor.first(), false);
      assert.equal(cursor.last(), false);
      assert.equal(cursor.seek(bytesOf('a'), 0, 1, 5), false);
      assert.equal(cursor.seekForPrev(bytesOf('a'), 0, 1, 5), false);
      assert.equal(cursor.valid, false);
      cursor.close();
    }
  });

  it('is not put between the caller and an only child', () => {
    const child = new ArrayCursor([put('a', 1)]);
    assert.equal(mergeCursors([child]), child);
  });

  it('keeps its order when an entry is inserted into a child behind its back', () => {
    const first = [put('a', 1), put('k', 1)];
    const second = [put('c', 1), put('m', 1)];
    const cursor = new MergingCursor([new ArrayCursor(first), new ArrayCursor(second)]);
    cursor.seek(bytesOf('c'), 0, 1, 9);
    first.splice(1, 0, put('e', 50));
    assert.ok(cursor.prev());
    assert.equal(show(cursor), 'a@1');
    cursor.seekForPrev(bytesOf('k'), 0, 1, 0);
    second.splice(1, 0, put('h', 51));
    assert.ok(cursor.next());
    assert.equal(show(cursor), 'm@1');
  });

  it('closes every child', () => {
    const children = [new ArrayCursor([put('a', 1)]), new ArrayCursor([])];
    const cursor = new MergingCursor(children);
    cursor.first();
    cursor.close();
    assert.equal(cursor.valid, false);
    assert.deepEqual(
      children.map((child) => child.closed),
      [1, 1],
    );
  });

  it('is invalid after a child threw, and can be positioned again', () => {
    const hands = [
      [put('a', 1), put('c', 1), put('e', 1), put('g', 1)],
      [put('b', 1), put('d', 1), put('f', 1)],
    ];
    const walks = [shownForward, shownBackward, walkToAndFro];
    const expected = walks.map((walk) => walk(new MergingCursor(hands.map(cursorOf))));
    let failures = 0;
    for (const [i, walk] of walks.entries()) {
      for (let movesLeft = 0; movesLeft < 20; movesLeft++) {
        const children = hands.map(cursorOf);
        children[movesLeft % 2]!.movesLeft = movesLeft >> 1;
        const cursor = new MergingCursor(children);
        try {
          walk(cursor);
        } catch (error) {
          assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
          assert.equal(cursor.valid, false);
          failures++;
        }
        for (const child of children) child.movesLeft = Number.POSITIVE_INFINITY;
        assert.deepEqual(walk(cursor), expected[i]);
      }
    }
    assert.ok(failures > 20, `${failures} failures`);
  });
});

function cursorOf(entries: Entry[]): ArrayCursor {
  return new ArrayCursor(entries);
}

/** Two steps forwards, one back, so that every kind of move and turn is in it. */
function walkToAndFro(cursor: Cursor): string[] {
  const shown: string[] = [];
  for (cursor.seek(bytesOf('a'), 0, 1, 9); cursor.valid; cursor.next()) {
    shown.push(show(cursor));
    if (!cursor.next()) break;
    shown.push(show(cursor));
    cursor.prev();
    shown.push(show(cursor));
    cursor.next();
  }
  return shown;
}
