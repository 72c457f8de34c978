import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, SimulatedClock } from '../../src/testing/index.ts';

/** sfc32 in BigInt arithmetic, from its definition. */
function* reference(seed: number): Generator<number> {
  const mask = 0xffffffffn;
  let a = BigInt(seed) & mask;
  let b = (BigInt(seed) >> 32n) & mask;
  let c = 0x9e3779b9n;
  let counter = 1n;
  for (let i = 0; ; i++) {
    const result = (a + b + counter++) & mask;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) & mask;
    c = (((c << 21n) | (c >> 11n)) + result) & mask;
    if (i >= 12) yield Number(result);
  }
}

test('SeededRandom is sfc32, for small, large and negative seeds', () => {
  for (const seed of [0, 1, 2 ** 32 + 5, 2 ** 53 - 1, -3]) {
    const random = new SeededRandom(seed);
    const expected = reference(seed);
    for (let i = 0; i < 1000; i++) assert.equal(random.u32(), expected.next().value);
  }
  assert.throws(() => new SeededRandom(0.5), RangeError);
});

test('below stays below and reaches every value about equally often', () => {
  const random = new SeededRandom(1);
  const counts = new Array(6).fill(0);
  for (let i = 0; i < 6000; i++) counts[random.below(6)]++;
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`);
  assert.equal(random.below(1), 0);
  assert.ok(random.below(2 ** 32) < 2 ** 32);
  for (const limit of [0, -1, 1.5, 2 ** 33]) assert.throws(() => random.below(limit), RangeError);
});

test('chance follows its probability', () => {
  const random = new SeededRandom(2);
  let hits = 0;
  for (let i = 0; i < 4000; i++) {
    if (random.chance(0.25)) hits++;
    assert.equal(random.chance(0), false);
    assert.equal(random.chance(1), true);
  }
  assert.ok(hits > 900 && hits < 1100, `${hits}`);
});

test('fill overwrites every byte of any length, the same for the same seed', () => {
  for (const length of [0, 1, 3, 4, 5, 1000]) {
    const one = new Uint8Array(length);
    const two = new Uint8Array(length).fill(255);
    new SeededRandom(9).fill(one);
    new SeededRandom(9).fill(two);
    assert.deepEqual(one, two);
  }
  const many = new Uint8Array(4096);
  new SeededRandom(9).fill(many);
  assert.equal(new Set(many).size, 256);
});

test('a simulated clock moves only by hand', () => {
  const clock = new SimulatedClock(1000);
  assert.equal(clock.now(), 1000);
  assert.equal(clock.monotonic(), 0);
  clock.advance(2.5);
  assert.equal(clock.now(), 1002.5);
  assert.equal(clock.monotonic(), 2.5);
  clock.setWall(5);
  assert.equal(clock.now(), 5);
  assert.equal(clock.monotonic(), 2.5);
  assert.throws(() => clock.advance(-1), RangeError);
});
