import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ARENA_ALLOCATION_BYTES_MAX,
  Arena,
  ArenaPool,
  CHUNK_SHIFT,
  CHUNK_WORD_MASK,
} from '../../src/bytes/arena.ts';

test('allocations are aligned, ascending, inside one chunk and apart from each other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 400_000 })), {
        maxLength: 60,
      }),
      (sizes) => {
        const arena = new Arena(new ArenaPool());
        let end = 0;
        let chunk = 0;
        for (const size of sizes) {
          const position = arena.allocate(size);
          const number = position >>> CHUNK_SHIFT;
          const offset = (position & CHUNK_WORD_MASK) * 4;
          assert.ok(position > 0);
          assert.equal(offset % 8, 0);
          assert.ok(number > chunk || (number === chunk && offset >= end));
          end = offset + size;
          chunk = number;
          assert.ok(end <= arena.chunkBytes[number]!.length);
          assert.equal(arena.chunkWords[number]!.buffer, arena.chunkBytes[number]!.buffer);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('the greatest allocation that is promised fits, a greater one is refused', () => {
  const arena = new Arena(new ArenaPool());
  assert.ok(arena.allocate(ARENA_ALLOCATION_BYTES_MAX) > 0);
  assert.throws(() => arena.allocate(ARENA_ALLOCATION_BYTES_MAX + 1), /invariant/);
});

test('a small arena holds one small chunk', () => {
  const arena = new Arena(new ArenaPool());
  arena.allocate(1000);
  assert.equal(arena.chunkBytes.length, 1);
  assert.equal(arena.chunkBytes[0]!.length, 4096);
});

test('chunks grow to the largest size within a few, so that large arenas have few', () => {
  const arena = new Arena(new ArenaPool());
  for (let i = 0; i < 5000; i++) arena.allocate(1000);
  const sizes = arena.chunkBytes.map(({ length }) => length);
  assert.deepEqual(sizes.slice(0, 5), [4096, 16_384, 65_536, 262_144, 1_048_576]);
  assert.ok(sizes.slice(5).every((size) => size === 1_048_576));
});

test('used bytes cover what was handed out, ends of chunks included', () => {
  const arena = new Arena(new ArenaPool());
  arena.allocate(60_000);
  assert.equal(arena.usedBytes, 60_000);
  arena.allocate(60_000);
  const chunkBytes = arena.chunkBytes[0]!.length;
  assert.equal(arena.usedBytes, 60_000 + (chunkBytes - 8 - 60_000) + 60_000);
  arena.allocateLarge(1_000_000);
  assert.ok(arena.usedBytes >= 1_120_000 && arena.usedBytes < 1_400_000);
});

test('buffers are shared where the platform has shared memory', () => {
  assert.ok(new ArenaPool().take(4096).bytes.buffer instanceof SharedArrayBuffer);
});

test('a pool serves a size from what was given back, and says that it may be dirty', () => {
  const pool = new ArenaPool();
  const buffer = pool.take(100_000);
  assert.equal(buffer.zeroed, true);
  assert.ok(buffer.bytes.length >= 100_000 && buffer.bytes.length <= 125_000);
  pool.give(buffer);
  assert.equal(pool.retainedBytes, buffer.bytes.length);
  assert.equal(pool.take(buffer.bytes.length), buffer);
  assert.equal(buffer.zeroed, false);
  assert.equal(pool.retainedBytes, 0);
});

test('a pool lets go of what is above its limit', () => {
  const pool = new ArenaPool(100_000);
  const buffers = [pool.take(65_536), pool.take(65_536)];
  for (const buffer of buffers) pool.give(buffer);
  assert.equal(pool.retainedBytes, 65_536);
});

test('an arena gives chunks and larges back', () => {
  const pool = new ArenaPool();
  const arena = new Arena(pool);
  arena.allocate(10);
  const large = arena.allocateLarge(300_000);
  assert.ok(arena.largeBytes[large]!.length >= 300_000);
  const held = arena.chunkBytes[0]!.length + arena.largeBytes[large]!.length;
  arena.release();
  assert.equal(pool.retainedBytes, held);
  assert.equal(arena.usedBytes, 0);
});
