/**
 * XXH32 over words, with xxhash-wasm as the oracle.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { hashWords } from '../../src/ecc/shard-checksum.ts';

const { h32Raw } = await xxhash();

test('a shard checksum is the seeded XXH32 of its bytes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 70 }),
      fc.nat(70),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      (values, skipped, seed) => {
        const words = Int32Array.from(values);
        const at = Math.min(skipped, words.length);
        const bytes = new Uint8Array(words.buffer, at * 4);
        const expected = h32Raw(bytes, seed >>> 0);
        assert.equal(hashWords(words, at, words.length - at, seed) >>> 0, expected);
      },
    ),
    { numRuns: 500 },
  );
});
