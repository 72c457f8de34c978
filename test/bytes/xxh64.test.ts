import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { Xxh64 } from '../../src/bytes/xxh64.ts';

const { h64Raw } = await xxhash();

function digestOf(parts: readonly Uint8Array[], seed: bigint): bigint {
  const hash = new Xxh64();
  hash.reset(Number(seed & 0xffff_ffffn), Number(seed >> 32n));
  for (const part of parts) hash.update(part, 0, part.length);
  hash.digest();
  return (BigInt(hash.high) << 32n) | BigInt(hash.low);
}

const seeds = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constant(0n));

test('it gives the published values of XXH64', () => {
  const text = (of: string) => [new TextEncoder().encode(of)];
  assert.equal(digestOf([], 0n), 0xef46db3751d8e999n);
  assert.equal(digestOf(text('abc'), 0n), 0x44bc2cf5ad770999n);
  assert.equal(digestOf(text('Nobody inspects the spammish repetition'), 0n), 0xfbcea83c8a378bf1n);
  assert.equal(digestOf([], 2_654_435_761n), 0xac75fda2929b17efn);
});

test('it agrees with WebAssembly for any bytes, in any parts, with any seed', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 6 });
  fc.assert(
    fc.property(parts, seeds, (bytes, seed) => {
      assert.equal(digestOf(bytes, seed), h64Raw(Buffer.concat(bytes), seed));
    }),
    { numRuns: 1000 },
  );
});

test('a digest in between changes nothing, and a reset begins anew', () => {
  const hash = new Xxh64();
  const bytes = Uint8Array.from({ length: 777 }, (_, i) => i * 7);
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < bytes.length; at += 37) {
      hash.update(bytes, at, Math.min(37, bytes.length - at));
      hash.digest();
    }
    assert.equal((BigInt(hash.high) << 32n) | BigInt(hash.low), h64Raw(bytes, 0n));
    hash.reset(0, 0);
  }
});
