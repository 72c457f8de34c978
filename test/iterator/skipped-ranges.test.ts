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
const MOVES_MAX = 40;
const VALUE = Uint8Array.of(1);

function keyOf(i: number): Uint8Array {
  return new TextEncoder().encode(`key ${String(i).padStart(6, '0')}`);
}

/** A queue of which everything before `front` has been taken. */
class Queue {
  readonly skipped: SkippedRanges;
  readonly #entries: Entry[];
  seqno: number;

  constructor(front: number, count = COUNT) {
    this.skipped = new SkippedRanges();
    this.#entries = [];
    this.seqno = 0;
    for (let i = 0; i < count; i++) this.put(i);
    for (let i = 0; i < front; i++) this.take(i);
  }

  put(i: number): void {
    const key = keyOf(i);
    this.skipped.notePut(key, 0, key.length);
    this.#entries.push({ key, seqno: ++this.seqno, kind: KIND_PUT, value: VALUE });
  }

  take(i: number): void {
    const value = new Uint8Array(0);
    this.#entries.push({ key: keyOf(i), seqno: ++this.seqno, kind: KIND_DELETE, value });
  }

  /** The first key of the range, or none, and how many moves it took. */
  poll(range: { lower?: Uint8Array; upper?: Uint8Array } = {}): [string | undefined, number] {
    const below = new ArrayCursor([...this.#entries].sort(compareEntry));
    const cursor = new UserCursor(below, this.seqno, { ...range, skipped: this.skipped });
    const isFound = cursor.first();
    const key = new TextDecoder().decode(cursor.keyBuf.subarray(0, cursor.keyLen));
    return [isFound ? key : undefined, below.moves];
  }
}

function named(i: number): string {
  return new TextDecoder().decode(keyOf(i));
}

/** Polls; it must be cheap. */
function pollCheaply(queue: Queue, expected: number | undefined, range = {}): void {
  const [key, moves] = queue.poll(range);
  assert.equal(key, expected === undefined ? undefined : named(expected));
  assert.ok(moves <= MOVES_MAX, `${moves} moves`);
}

suite('the first key of a queue', () => {
  test('costs the deleted keys before it once', () => {
    const queue = new Queue(1000);
    assert.ok(queue.poll()[1] > 1000);
    for (let i = 1000; i < 1100; i++) {
      pollCheaply(queue, i);
      queue.take(i);
    }
    pollCheaply(queue, 1100, { lower: keyOf(100) });
    pollCheaply(queue, undefined, { lower: keyOf(100), upper: keyOf(700) });
  });

  test('is found at no cost to be absent', () => {
    const queue = new Queue(COUNT);
    queue.poll();
    pollCheaply(queue, undefined);
    const range = { lower: keyOf(10), upper: keyOf(1000) };
    pollCheaply(queue, undefined, range);
  });

  test('may be put back before the others, and taken again', () => {
    const queue = new Queue(1000);
    queue.poll();
    for (let round = 0; round < 5; round++) {
      queue.put(500);
      pollCheaply(queue, 500);
      queue.take(500);
      pollCheaply(queue, 1000);
    }
  });

  test('is not overlooked where many keys are put back', () => {
    const queue = new Queue(1000);
    queue.poll();
    for (let i = 990; i > 0; i -= 37) {
      queue.put(i);
      assert.equal(queue.poll()[0], named(i));
    }
  });
});
