/**
 * Where merges are cut into parts.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import { cutKeys } from '../../src/compaction/split.ts';

test('cuts ascend, differ, are keys of samples and leave something before the first', () => {
  const sample = fc.record({
    key: fc.uint8Array({ minLength: 1, maxLength: 2, max: 9 }),
    sizeBytes: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.array(sample), fc.integer({ min: 1, max: 8 }), (samples, partCount) => {
      const cuts = cutKeys(samples, partCount);
      assert.ok(cuts.length < partCount);
      const smallest = samples.map(({ key }) => key).sort(compareKeys)[0];
      let last: Uint8Array | undefined = smallest;
      for (const cut of cuts) {
        assert.ok(samples.some(({ key }) => compareKeys(key, cut) === 0));
        assert.ok(compareKeys(cut, last!) > 0);
        last = cut;
      }
    }),
  );
});

test('parts have about the same size, across inputs of different sizes', () => {
  const key = (n: number): Uint8Array => Uint8Array.of(n >>> 8, n & 0xff);
  const even = Array.from({ length: 100 }, (_, i) => ({ key: key(i * 10), sizeBytes: 10 }));
  // Another input lies in the last fifth only.
  const late = Array.from({ length: 100 }, (_, i) => ({ key: key(800 + i * 2), sizeBytes: 30 }));
  const samples = [...late, ...even];
  const total = samples.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const partCount of [2, 3, 4, 7]) {
    const bounds = [undefined, ...cutKeys(samples, partCount), undefined];
    assert.equal(bounds.length, partCount + 1);
    for (let part = 0; part < partCount; part++) {
      const [from, to] = [bounds[part], bounds[part + 1]];
      const size = samples
        .filter((one) => from === undefined || compareKeys(one.key, from) >= 0)
        .filter((one) => to === undefined || compareKeys(one.key, to) < 0)
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assert.ok(Math.abs(size - total / partCount) <= 60, `part ${part} of ${partCount}: ${size}`);
    }
  }
});
