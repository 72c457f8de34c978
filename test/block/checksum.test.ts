/**
 * XXH64 through its wrapper: published values, and xxhash-wasm's BigInt interface as the oracle.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { checksum64, Digest64, FileChecksum, loadChecksum } from '../../src/block/checksum.ts';

const { h64Raw } = await xxhash();
await loadChecksum();

function whole(digest: Digest64): bigint {
  return (BigInt(digest.high) << 32n) | BigInt(digest.low);
}

function checksumOf(bytes: Uint8Array, seed = 0n): bigint {
  const digest = new Digest64();
  checksum64(bytes, 0, bytes.length, seed, digest);
  return whole(digest);
}

suite('checksum64', () => {
  test('gives the published values of XXH64', () => {
    const vectors: [string, bigint][] = [
      ['', 0xef46db3751d8e999n],
      ['a', 0xd24ec4f1a98c6e5bn],
      ['abc', 0x44bc2cf5ad770999n],
      ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
    ];
    for (const [text, expected] of vectors) {
      assert.equal(checksumOf(new TextEncoder().encode(text)), expected, text);
    }
    assert.equal(checksumOf(new Uint8Array(0), 2_654_435_761n), 0xac75fda2929b17efn);
  });

  test('agrees with xxhash-wasm for any range and seed, in unsigned halves', () => {
    const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), seeds, (buf, from, seed) => {
        const off = Math.min(from, buf.length);
        const digest = new Digest64();
        checksum64(buf, off, buf.length - off, seed, digest);
        assert.equal(whole(digest), h64Raw(buf.subarray(off), seed));
        for (const half of [digest.low, digest.high]) {
          assert.ok(Number.isInteger(half) && half >= 0 && half < 2 ** 32);
        }
      }),
    );
  });

  test('loading again costs and changes nothing', async () => {
    const before = checksumOf(Uint8Array.of(1, 2, 3));
    await Promise.all([loadChecksum(), loadChecksum()]);
    assert.equal(checksumOf(Uint8Array.of(1, 2, 3)), before);
  });
});

suite('FileChecksum', () => {
  test('is the checksum of the whole, however it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(100)), (bytes, cuts) => {
        const running = new FileChecksum();
        let at = 0;
        for (const cut of cuts) {
          const length = Math.min(cut, bytes.length - at);
          running.update(bytes, at, length);
          at += length;
        }
        running.update(bytes, at, bytes.length - at);
        const digest = new Digest64();
        running.digest(digest);
        assert.equal(whole(digest), checksumOf(bytes));
      }),
    );
  });

  test('runs beside others without disturbing them', () => {
    const one = new FileChecksum();
    const other = new FileChecksum();
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    one.update(bytes, 0, 40);
    other.update(bytes, 40, 60);
    one.update(bytes, 40, 60);
    const digest = new Digest64();
    one.digest(digest);
    assert.equal(whole(digest), checksumOf(bytes));
    other.digest(digest);
    assert.equal(whole(digest), checksumOf(bytes.subarray(40)));
  });
});
