/**
 * Pooled copies: right, aligned, and never shared.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { CopyPool } from '../../src/bytes/copy-pool.ts';

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.integer({ min: 4080, max: 4110 }) },
  { weight: 1, arbitrary: fc.nat(70_000) },
);

suite('CopyPool', () => {
  test('copies are equal to their source and keep their bytes while others are made', () => {
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 60 }), (sizes) => {
        const pool = new CopyPool();
        const source = new Uint8Array(70_010);
        const copies = sizes.map((length, i) => {
          source.fill(i + 1);
          return pool.copy(source, i % 7, length);
        });
        copies.forEach((copy, i) => {
          assert.equal(copy.length, sizes[i]);
          assert.ok(copy.every((byte) => byte === i + 1));
          assert.equal(copy.byteOffset % 8, 0);
          // The caller may change its copy; no other one may notice.
          copy.fill(0xff);
          const next = copies[i + 1];
          assert.ok(next === undefined || next.every((byte) => byte === i + 2));
        });
      }),
      { numRuns: 50 },
    );
  });

  test('takes the range that was asked for', () => {
    const source = Uint8Array.of(1, 2, 3, 4, 5);
    const pool = new CopyPool();
    assert.deepEqual(pool.copy(source, 1, 3), Uint8Array.of(2, 3, 4));
    assert.deepEqual(pool.copy(source, 5, 0), new Uint8Array(0));
  });

  test('a copy that just does not fit any more is cut from the next slab', () => {
    const source = Uint8Array.from({ length: 40 }, (_, i) => i);
    for (let length = 0; length <= source.length; length++) {
      const pool = new CopyPool();
      // All but the last eight bytes of a slab.
      for (let i = 0; i < 4095; i++) pool.copy(source, 0, 8);
      assert.deepEqual(pool.copy(source, 0, length), source.subarray(0, length));
    }
  });

  test('many small copies share backing memory, a big one has its own', () => {
    const pool = new CopyPool();
    const source = new Uint8Array(10_000);
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 100; i++) buffers.add(pool.copy(source, 0, 100).buffer);
    assert.equal(buffers.size, 1);
    const big = pool.copy(source, 0, 10_000);
    assert.equal(big.buffer.byteLength, 10_000);
  });
});
