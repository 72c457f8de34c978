/**
 * Writes that keep about as much alive as there was, over and over.
 * @module
 */
import { SeededRandom } from '../../src/testing/seeded-random.ts';

/**
 * Numbers of keys in turn: `n` puts, `~n` deletes.
 * @param live keys that are alive at a time, at most
 * @param total puts beyond the first `live`
 */
export type Churn = (live: number, total: number) => Iterable<number>;

/** By name. */
export const CHURNS: Readonly<Record<string, Churn>> = {
  /** New keys in order, the oldest deleted as they come. */
  queue: (live, total) => window(live, total, (i) => i),
  /** New keys without order, each deleted when its time is over. */
  expiry: (live, total) => window(live, total, scatter),
  /** The same keys, at random. */
  overwrite: function* (live, total) {
    const random = new SeededRandom(1);
    for (let i = 0; i < live; i++) yield i;
    for (let i = 0; i < total; i++) yield random.below(live);
  },
  /** The same keys, in order. */
  sequential: function* (live, total) {
    for (let i = 0; i < live + total; i++) yield i % live;
  },
  /** Everything is deleted, in order, and written again. */
  refill: function* (live, total) {
    for (let i = 0; i < live + total; i++) {
      yield i % live;
      if (i % live === live - 1) for (let key = 0; key < live; key++) yield ~key;
    }
    for (let i = 0; i < live; i++) yield i;
  },
};

function* window(live: number, total: number, keyOf: (i: number) => number): Iterable<number> {
  for (let i = 0; i < live + total; i++) {
    yield keyOf(i);
    if (i >= live) yield ~keyOf(i - live);
  }
}

/**
 * A number below 2^31 that looks random, another one for each below 2^31: each step can be undone.
 * Multipliers as in Murmur3's finalizer (Austin Appleby).
 */
function scatter(number: number): number {
  let mixed = number;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) & 0x7fff_ffff;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) & 0x7fff_ffff;
  return mixed ^ (mixed >>> 16);
}
