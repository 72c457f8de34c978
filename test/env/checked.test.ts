import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CheckedClock, CheckedRandom } from '../../src/env/checked.ts';
import { systemRandom } from '../../src/env/system.ts';
import { isVarveError } from '../../src/errors.ts';

const WALL_MS_MAX = 8_640_000_000_000_000;

/** A clock that tells what it is told to. */
function clockOf(told: { now?: unknown; monotonic?: unknown }): CheckedClock {
  return new CheckedClock({
    now: () => told.now as number,
    monotonic: () => told.monotonic as number,
  });
}

suite('a checked clock', () => {
  test('tells the wall time as an integer that a file can hold', () => {
    for (const [told, taken] of [
      [0, 0],
      [1.7e12 + 0.5, 1.7e12],
      [-1, 0],
      [-1e300, 0],
      [2 ** 53, WALL_MS_MAX],
      [1e300, WALL_MS_MAX],
      [8.64e15, WALL_MS_MAX],
    ] as const) {
      assert.equal(clockOf({ now: told }).now(), taken, String(told));
    }
  });

  test('tells the time that it told before where there is no number', () => {
    for (const none of [NaN, Infinity, -Infinity, undefined, null, '12', 12n, {}]) {
      const told: { now: unknown; monotonic: unknown } = { now: none, monotonic: none };
      const clock = clockOf(told);
      assert.deepEqual([clock.now(), clock.monotonic()], [0, 0]);
      Object.assign(told, { now: 1000, monotonic: 500.5 });
      assert.deepEqual([clock.now(), clock.monotonic()], [1000, 500.5]);
      Object.assign(told, { now: none, monotonic: none });
      assert.deepEqual([clock.now(), clock.monotonic()], [1000, 500.5]);
    }
  });

  test('lets the wall time jump, and the monotonic time never go back', () => {
    const told = { now: 2000, monotonic: -5 };
    const clock = clockOf(told);
    assert.deepEqual([clock.now(), clock.monotonic()], [2000, -5]);
    Object.assign(told, { now: 1000, monotonic: -7 });
    assert.deepEqual([clock.now(), clock.monotonic()], [1000, -5]);
    Object.assign(told, { monotonic: 3 });
    assert.equal(clock.monotonic(), 3);
  });
});

suite('a checked source of randomness', () => {
  const refused = (error: unknown) => isVarveError(error, 'INVALID');

  test('passes on what may be random', () => {
    const random = new CheckedRandom(systemRandom);
    for (const length of [0, 1, 7, 8, 16, 17, 1000]) {
      const bytes = new Uint8Array(length);
      random.fill(bytes);
      if (length >= 8) assert.ok(bytes.some((byte) => byte !== 0));
    }
  });

  test('refuses what is left as it was, in part or as a whole', () => {
    for (const count of [0, 1, 8, 15]) {
      const random = new CheckedRandom({ fill: (bytes) => bytes.fill(9, 0, count) });
      if (count <= 8) assert.throws(() => random.fill(new Uint8Array(16)), refused, `${count}`);
      else random.fill(new Uint8Array(16));
    }
  });

  test('refuses the same bytes twice', () => {
    const random = new CheckedRandom({ fill: (bytes) => bytes.fill(9) });
    random.fill(new Uint8Array(16));
    assert.throws(() => random.fill(new Uint8Array(16)), refused);
    assert.throws(() => random.fill(new Uint8Array(32)), refused);
  });
});
