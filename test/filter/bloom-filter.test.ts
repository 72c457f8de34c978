import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeU32 } from '../../src/bytes/fixed.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import {
  BloomFilter,
  BloomFilterBuilder,
  FILTER_HEADER_BYTES,
} from '../../src/filter/bloom-filter.ts';

function build(bitsPerKey: number, hashes: Iterable<number>): Uint8Array {
  const builder = new BloomFilterBuilder(bitsPerKey);
  for (const hash of hashes) builder.add(hash);
  const content = new Uint8Array(builder.contentBytes());
  builder.finish(content, 0);
  return content;
}

function decode(content: Uint8Array): BloomFilter {
  const filter = BloomFilter.decode(content, 0, content.length);
  assert.ok(filter !== undefined);
  return filter;
}

test('every added hash is found, whatever the bits per key', () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 3000 }),
    fc.double({ min: 1, max: 64, noNaN: true }),
    (hashes, bitsPerKey) => {
      const filter = decode(build(bitsPerKey, hashes));
      for (const hash of hashes) assert.ok(filter.mayContain(hash));
    },
  );
  fc.assert(property);
});

test('false positives stay near what theory gives for the bits per key', () => {
  const keys = 100_000;
  const hashes = Array.from({ length: 2 * keys }, (_, i) => {
    const key = new TextEncoder().encode(String(i).padStart(16, '0'));
    return hash32(key, 0, key.length);
  });
  for (const bitsPerKey of [4, 6, 8, 10, 12, 16]) {
    const filter = decode(build(bitsPerKey, hashes.slice(0, keys)));
    const rate = hashes.slice(keys).filter((hash) => filter.mayContain(hash)).length / keys;
    // An ordinary Bloom filter reaches 0.6185^bits; lines of 64 bytes cost up to the factor here.
    const theory = 0.6185 ** bitsPerKey;
    assert.ok(rate < theory * 1.3 + 0.001, `${bitsPerKey} bits: ${rate} against ${theory}`);
  }
});

test('the size follows the bits per key', () => {
  for (const bitsPerKey of [1, 5, 10, 20]) {
    const content = build(
      bitsPerKey,
      Array.from({ length: 10_000 }, (_, i) => i * 1000),
    );
    const bits = ((content.length - FILTER_HEADER_BYTES) * 8) / 10_000;
    assert.ok(bits >= bitsPerKey && bits < bitsPerKey + 0.1, `${bits} bits`);
  }
});

test('an empty filter knows nothing', () => {
  const filter = decode(build(10, []));
  assert.equal(filter.mayContain(1234), false);
});

test('content that cannot be a filter is refused', () => {
  const good = build(10, [1, 2, 3]);
  const damage: ((content: Uint8Array) => void)[] = [
    (content) => content.fill(2, 0, 1),
    (content) => content.fill(0, 1, 2),
    (content) => content.fill(17, 1, 2),
    (content) => writeU32(content, 4, 0),
    (content) => writeU32(content, 4, 2),
  ];
  for (const apply of damage) {
    const content = good.slice();
    apply(content);
    assert.equal(BloomFilter.decode(content, 0, content.length), undefined);
  }
  for (let len = 0; len < good.length; len++) {
    assert.equal(BloomFilter.decode(good, 0, len), undefined);
  }
});

test('bits per key out of range are refused', () => {
  for (const bits of [0, -1, 65, Number.NaN]) {
    assert.throws(() => new BloomFilterBuilder(bits), RangeError);
  }
});
