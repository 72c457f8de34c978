/**
 * What a cursor over many deleted keys costs the next one.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SkippedRanges } from '../../src/iterator/skipped-ranges.ts';
import { UserCursor } from '../../src/iterator/user-cursor.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { ArrayCursor, compareEntry, type Entry } from './array-cursor.ts';

const COUNT = 1500;
/** Moves that the next cursor may take, which has to pass some of the deleted keys to know. */
const MOVES_MAX = 50;
const VALUE = Uint8Array.of(1);

function keyOf(i: number): Uint8Array {
  return new TextEncoder().encode(`key ${String(i).padStart(6, '0')}`);
}

/** Keys of a queue from its front to its end: upwards, or downwards where it is read so. */
type Direction = 'first' | 'last';

function keyIn(direction: Direction, i: number): Uint8Array {
  return keyOf(direction === 'first' ? i : 100_000 - i);
}

/** A queue of which everything before `front` has been taken. */
class Queue {
  readonly direction: Direction;
  readonly skipped: SkippedRanges;
  /** Deleted keys that were passed, by move. */
  readonly passed: number[];
  readonly #entries: Entry[];
  seqno: number;

  constructor(direction: Direction, front: number, count = COUNT) {
    this.direction = direction;
    this.passed = [];
    this.skipped = new SkippedRanges((_from, _to, passed) => this.passed.push(passed));
    this.#entries = [];
    this.seqno = 0;
    for (let i = 0; i < count; i++) this.put(i);
    for (let i = 0; i < front; i++) this.take(i);
  }

  put(i: number): void {
    const key = this.keyOf(i);
    this.skipped.notePut(key, 0, key.length);
    this.#entries.push({ key, seqno: ++this.seqno, kind: KIND_PUT, value: VALUE });
  }

  take(i: number): void {
    const value = new Uint8Array(0);
    this.#entries.push({ key: this.keyOf(i), seqno: ++this.seqno, kind: KIND_DELETE, value });
  }

  keyOf(i: number): Uint8Array {
    return keyIn(this.direction, i);
  }

  /** The front key from `from` to `to`, or none, and how many moves it took. */
  poll(from?: number, to?: number): [string | undefined, number] {
    const ends = [from, to].map((i) => (i === undefined ? undefined : this.keyOf(i)));
    const [lower, upper] = this.direction === 'first' ? ends : ends.toReversed();
    const range = { lower, upper };
    const below = new ArrayCursor([...this.#entries].sort(compareEntry));
    const cursor = new UserCursor(below, this.seqno, { ...range, skipped: this.skipped });
    const isFound = this.direction === 'first' ? cursor.first() : cursor.last();
    const key = new TextDecoder().decode(cursor.keyBuf.subarray(0, cursor.keyLen));
    return [isFound ? key : undefined, below.moves];
  }
}

function named({ direction }: Queue, i: number): string {
  return new TextDecoder().decode(keyIn(direction, i));
}

/** Polls; it must be cheap. */
function pollCheaply(queue: Queue, expected?: number, from?: number, to?: number): void {
  const [key, moves] = queue.poll(from, to);
  assert.equal(key, expected === undefined ? undefined : named(queue, expected));
  assert.ok(moves <= MOVES_MAX, `${moves} moves`);
}

for (const direction of ['first', 'last'] as const) {
  suite(`the ${direction} key of a queue`, () => {
    test('costs the deleted keys before it once', () => {
      const queue = new Queue(direction, 1000);
      assert.ok(queue.poll()[1] > 1000);
      assert.deepEqual(queue.passed, [1000]);
      for (let i = 1000; i < 1100; i++) {
        pollCheaply(queue, i);
        queue.take(i);
      }
      pollCheaply(queue, 1100, 100);
      pollCheaply(queue, undefined, 100, 700);
    });

    test('is found at no cost to be absent', () => {
      const queue = new Queue(direction, COUNT);
      queue.poll();
      pollCheaply(queue);
      pollCheaply(queue, undefined, 10, 1000);
    });

    test('may be put back before the others, and taken again', () => {
      const queue = new Queue(direction, 1000);
      queue.poll();
      for (let round = 0; round < 5; round++) {
        queue.put(500);
        pollCheaply(queue, 500);
        queue.take(500);
        pollCheaply(queue, 1000);
      }
    });

    test('is not overlooked where many keys are put back', () => {
      const queue = new Queue(direction, 1000);
      queue.poll();
      for (let i = 990; i > 0; i -= 37) {
        queue.put(i);
        assert.equal(queue.poll()[0], named(queue, i));
      }
    });
  });
}
