/**
 * The queue of a merge, against sorting everything.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import { isVarveError } from '../../src/errors.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { MergeQueue } from '../../src/merge/merge-queue.ts';
import {
  ArrayCursor,
  bytesOf,
  compareEntry,
  type Entry,
  shownKey,
  shownValue,
  text,
} from '../iterator/array-cursor.ts';

/** Few different bytes, so that codes tie at every length; some keys beyond the first buffer. */
const keys = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 3, 300),
    fc.array(fc.constantFrom(0, 1, 0x61, 0xff), { maxLength: 4 }),
  )
  .map(([length, rest]) => Uint8Array.from([...new Uint8Array(length).fill(0x61), ...rest]));

/** Streams that hold no (user key, seqno) twice: the index is the seqno. */
const streams = fc
  .array(fc.tuple(keys, fc.nat(7)), { minLength: 1, maxLength: 80 })
  .map((drawn) => {
    const runs: Entry[][] = Array.from({ length: 8 }, () => []);
    drawn.forEach(([key, run], seqno) => {
      runs[run]!.push({ key, seqno, kind: KIND_PUT, value: bytesOf(`${seqno}`) });
    });
    return runs.map((run) => run.sort(compareEntry));
  });

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

function entry(key: string, seqno: number): Entry {
  return { key: bytesOf(key), seqno, kind: KIND_PUT, value: bytesOf('') };
}

suite('a queue over any streams', () => {
  test('gives all entries in order, and what each key shares with the one before', () => {
    fc.assert(
      fc.property(streams, (runs) => {
        const cursors = runs.map((run) => new ArrayCursor(run));
        const queue = new MergeQueue(cursors);
        const expected = runs.flat().sort(compareEntry);
        let last: Uint8Array | undefined;
        queue.first();
        for (const { key, seqno, value } of expected) {
          assert.equal(queue.valid, true);
          const { top } = queue;
          assert.deepEqual(
            [shownKey(top), top.seqno, shownValue(top)],
            [text(key), seqno, text(value)],
          );
          assert.equal(queue.isMisplaced, false);
          assert.equal(queue.isSameKey, last !== undefined && compareKeys(last, key) === 0);
          if (last !== undefined) assert.equal(queue.shared, sharedLength(last, key));
          last = key;
          queue.next();
        }
        assert.equal(queue.valid, false);
        queue.close();
        assert.ok(cursors.every(({ closed }) => closed === 1));
      }),
      { numRuns: 1000 },
    );
  });

  test('goes on behind entries over which the top was moved', () => {
    fc.assert(
      fc.property(streams, (runs) => {
        const queue = new MergeQueue(runs.map((run) => new ArrayCursor(run)));
        const expected = runs.flat().sort(compareEntry);
        let at = 0;
        for (queue.first(); queue.valid; queue.next(), at++) {
          // As far as the top's entries come before those of all others.
          const { top, second } = queue;
          const run = runs.find((each) => each.includes(expected[at]!))!;
          let last = expected[at]!.key;
          while (second !== undefined && run.includes(expected[at + 1]!)) {
            last = expected[at]!.key;
            top.next();
            at++;
          }
          queue.replaceTop();
          const { key } = expected[at]!;
          assert.equal(shownKey(queue.top), text(key));
          assert.ok(queue.shared <= sharedLength(last, key));
        }
        assert.equal(at, expected.length);
      }),
      { numRuns: 300 },
    );
  });
});

suite('a stream that is not in order', () => {
  const broken: Record<string, Entry[]> = {
    'a smaller key': [entry('b', 1), entry('a', 2)],
    'a prefix of the key': [entry('ab', 1), entry('a', 2)],
    'the empty key': [entry('a', 1), entry('', 2)],
  };
  for (const [name, entries] of Object.entries(broken)) {
    test(`is noticed when ${name} follows`, () => {
      // An array cursor finds its place by order: this one counts.
      const cursor = new ArrayCursor(entries);
      let place = 0;
      cursor.next = () => {
        place++;
        const found = entries[place];
        if (found === undefined) return (cursor.valid = false);
        cursor.keyBuf = found.key;
        cursor.keyOff = 0;
        cursor.keyLen = found.key.length;
        cursor.seqno = found.seqno;
        return true;
      };
      const queue = new MergeQueue([cursor, new ArrayCursor([entry('c', 9)])]);
      queue.first();
      assert.equal(queue.isMisplaced, false);
      queue.next();
      assert.equal(queue.top, cursor);
      assert.equal(queue.isMisplaced, true);
    });
  }
});

test('a stream that throws leaves the queue without an entry', () => {
  const cursor = new ArrayCursor([entry('a', 1), entry('b', 2)]);
  cursor.movesLeft = 1;
  const queue = new MergeQueue([cursor, new ArrayCursor([entry('c', 3)])]);
  queue.first();
  assert.throws(
    () => queue.next(),
    (error) => isVarveError(error, 'CORRUPTION'),
  );
  assert.equal(queue.valid, false);
});
