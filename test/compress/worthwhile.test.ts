/**
 * When a block is stored compressed.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Compressor, DOES_NOT_FIT } from '../../src/compress/port.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import {
  compressIfWorthwhile,
  looksLikeNoise,
  storedBytesMax,
} from '../../src/compress/worthwhile.ts';
import { halfContent, jsonContent, noise } from './contents.ts';

await portableCompression.loadZstd();
const lz4 = portableCompression.lz4();
const zstd = portableCompression.zstd(3);

/** Stored length, or that it is not worthwhile. */
function tryStore(codec: Compressor, content: Uint8Array): number {
  const dst = new Uint8Array(content.length);
  return compressIfWorthwhile(codec, lz4, content, 0, content.length, dst, 0);
}

/** Noise with a run of zeros that makes it compressible to this share. */
function partlyNoise(length: number, share: number): Uint8Array {
  const content = noise(length);
  content.fill(0, Math.round(length * share));
  return content;
}

test('content is stored compressed if an eighth is saved, and else plain', () => {
  for (const codec of [lz4, zstd]) {
    for (const length of [4096, 16_384, 65_536]) {
      assert.ok(tryStore(codec, partlyNoise(length, 0.84)) > 0, `${codec.name} ${length}`);
      assert.equal(tryStore(codec, partlyNoise(length, 0.89)), DOES_NOT_FIT);
      assert.ok(tryStore(codec, jsonContent(length)) <= storedBytesMax(length));
    }
  }
});

test('an eighth is rounded up', () => {
  assert.deepEqual([0, 1, 7, 8, 9, 16, 4096].map(storedBytesMax), [0, 0, 6, 7, 7, 14, 3584]);
});

test('noise is told from content that entropy coding shrinks', () => {
  for (let seed = 1; seed <= 200; seed++) assert.ok(looksLikeNoise(noise(4096, seed), 0, 4096));
  const hex = Buffer.from(Buffer.from(noise(4096)).toString('hex'));
  const base64 = Buffer.from(Buffer.from(noise(4096)).toString('base64'));
  const sixBits = noise(4096).map((byte) => byte & 0x3f);
  // Integers of 8 bytes, in step with which only noise would be seen.
  const integers = noise(4096).map((byte, i) => (i % 8 < 2 ? byte : 0));
  for (const content of [hex, base64, sixBits, integers, jsonContent(4096)]) {
    assert.equal(looksLikeNoise(content, 0, content.length), false);
    assert.ok(tryStore(zstd, content.subarray(0, 4096)) > 0);
  }
});

test('a thorough codec does not see noise, but noise that repeats itself', () => {
  let calls = 0;
  const counting: Compressor = {
    id: zstd.id,
    name: zstd.name,
    isThorough: true,
    compress: (...args) => {
      calls++;
      return zstd.compress(...args);
    },
    decompress: zstd.decompress,
    contentBytesMax: zstd.contentBytesMax,
  };
  assert.equal(tryStore(counting, noise(65_536)), DOES_NOT_FIT);
  assert.equal(calls, 0);
  const repeating = halfContent(65_536);
  assert.ok(looksLikeNoise(repeating, 0, repeating.length));
  assert.ok(tryStore(counting, repeating) > 0);
  assert.equal(calls, 1);
});

test('short content is tried as it is', () => {
  for (const length of [0, 1, 7, 8, 12, 13, 100, 511]) {
    assert.equal(tryStore(zstd, noise(length)), DOES_NOT_FIT);
    assert.equal(tryStore(lz4, noise(length)), DOES_NOT_FIT);
  }
  assert.ok(tryStore(lz4, new Uint8Array(30)) > 0);
  assert.ok(tryStore(zstd, new Uint8Array(30)) > 0);
});
