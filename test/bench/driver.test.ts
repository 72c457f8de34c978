/**
 * The keys, values and distributions that the workloads draw from.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { Chunk, PREFIX_BYTES } from '../../bench/driver/chunk.ts';
import {
  Ascending,
  fnvModulo,
  Latest,
  Permutation,
  ScrambledZipfian,
  ZipfianRanks,
} from '../../bench/driver/numbers.ts';
import { Values } from '../../bench/driver/values.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const DRAWS = 20_000;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('a key is a number in 8 bytes, big-endian, padded with zeros of text', () => {
  const chunk = new Chunk('view', 2, 16);
  chunk.draw(new Ascending(2 ** 40 + 258), 2);
  assert.equal(hex(chunk.keys[0]!), `0000010000000102${'30'.repeat(8)}`);
  assert.equal(hex(chunk.keys[1]!), `0000010000000103${'30'.repeat(8)}`);
});

test('keys handed over as buffers are the same bytes', () => {
  const chunk = new Chunk('buffer', 1, 17);
  chunk.draw(new Ascending(7), 1);
  assert.ok(Buffer.isBuffer(chunk.keys[0]));
  assert.equal(hex(chunk.keys[0]!), `0000000000000007${'30'.repeat(9)}`);
});

test('a prefix covers the 256 keys around a number', () => {
  const chunk = new Chunk('view', 1, PREFIX_BYTES);
  chunk.drawPrefixes(new Ascending(0x1ff34), 1);
  assert.equal(hex(chunk.keys[0]!), '000000000001ff');
  assert.equal(hex(chunk.ends[0]!), '00000000000200');
});

test('values have the size that was asked for and shrink to about the ratio', () => {
  for (const ratio of [0.25, 0.5, 1]) {
    const values = new Values('view', 100, ratio, new SeededRandom(1));
    const all = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from(values.next())));
    assert.equal(all.length, 100_000);
    // A printable character carries less than a byte: a full one takes 0.82 of it.
    const shrunk = deflateRawSync(all).length / all.length;
    assert.ok(Math.abs(shrunk - ratio * 0.82) < 0.1, `${ratio}: ${shrunk}`);
  }
});

test('values larger than the text are possible', () => {
  assert.equal(new Values('view', 3_000_000, 0.5, new SeededRandom(1)).next().length, 3_000_000);
});

test('a permutation has every number once', () => {
  const numbers = new Permutation(new SeededRandom(1), 1000);
  const drawn = Array.from({ length: 1000 }, () => numbers.next());
  assert.deepEqual(
    drawn.toSorted((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.notDeepEqual(drawn.slice(0, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('the scrambling hash is the one of YCSB', () => {
  const oracle = (number: number, limit: number): number => {
    let hash = 0xcbf29ce484222325n;
    for (let i = 0n; i < 8n; i++) {
      hash ^= (BigInt(number) >> (8n * i)) & 0xffn;
      hash = BigInt.asUintN(64, hash * 1_099_511_628_211n);
    }
    const signed = BigInt.asIntN(64, hash);
    return Number((signed < 0n ? -signed : signed) % BigInt(limit));
  };
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000_000_000 }),
      fc.integer({ min: 1, max: 2 ** 32 }),
      (number, limit) => assert.equal(fnvModulo(number, limit), oracle(number, limit)),
    ),
  );
});

test('zipfian ranks have the frequencies of theta 0.99', () => {
  const items = 1000;
  const ranks = new ZipfianRanks(new SeededRandom(1), items);
  const counts = new Uint32Array(items);
  for (let i = 0; i < DRAWS; i++) counts[ranks.next()]!++;
  let zeta = 0;
  for (let i = 1; i <= items; i++) zeta += 1 / i ** 0.99;
  for (const rank of [0, 1]) {
    const expected = 1 / (rank + 1) ** 0.99 / zeta;
    assert.ok(Math.abs(counts[rank]! / DRAWS - expected) < 0.01, `rank ${rank}`);
  }
  const half = counts.subarray(0, 30).reduce((sum, count) => sum + count, 0) / DRAWS;
  assert.ok(half > 0.45 && half < 0.65, `the first 30 ranks have ${half}`);
});

test('scrambled zipfian numbers stay in range, and few of them are frequent', () => {
  const limit = 1000;
  const numbers = new ScrambledZipfian(new SeededRandom(1), limit);
  const counts = new Uint32Array(limit);
  for (let i = 0; i < DRAWS; i++) counts[numbers.next()]!++;
  const sorted = [...counts].sort((a, b) => b - a);
  // Rank 0 of ten thousand million has 1/26.47 of the draws, besides what else falls on its key.
  assert.ok(sorted[0]! / DRAWS > 0.03, `the first has ${sorted[0]! / DRAWS}`);
  assert.equal(counts.indexOf(sorted[0]!), fnvModulo(0, limit));
});

test('of a growing set the newest is the most frequent', () => {
  const numbers = new Latest(new SeededRandom(1), 100);
  numbers.grow(1000);
  const counts = new Uint32Array(1000);
  for (let i = 0; i < DRAWS; i++) counts[numbers.next()]!++;
  assert.equal(counts.indexOf(Math.max(...counts)), 999);
});
