/**
 * Bytewise order, checked against Node's Buffer.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  compareBytes,
  compareKeys,
  equalBytes,
  sharedPrefixLength,
} from '../../src/bytes/compare.ts';

/** Few different bytes, so that prefixes and equal ranges are common. */
const bytes = fc
  .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { maxLength: 9 })
  .map((list) => Uint8Array.from(list));

/** The same bytes at an offset, between bytes that must not count. */
function padded(key: Uint8Array, off: number): Uint8Array {
  const buf = new Uint8Array(off + key.length + 3).fill(off % 2 === 0 ? 0xee : 0);
  buf.set(key, off);
  return buf;
}

suite('the order of byte ranges', () => {
  test('is that of memcmp with a prefix first', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(5), fc.nat(5), (a, b, aOff, bOff) => {
        const order = compareBytes(
          padded(a, aOff),
          aOff,
          a.length,
          padded(b, bOff),
          bOff,
          b.length,
        );
        assert.equal(Math.sign(order), Buffer.compare(a, b));
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(a, b));
      }),
    );
  });

  test('bytes count as unsigned', () => {
    assert.ok(compareKeys(Uint8Array.of(0x80), Uint8Array.of(0x7f)) > 0);
    assert.ok(compareKeys(new Uint8Array(0), Uint8Array.of(0)) < 0);
    assert.equal(compareKeys(new Uint8Array(0), new Uint8Array(0)), 0);
  });

  test('two ranges are equal exactly when they compare as equal', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(5), fc.nat(5), (a, b, aOff, bOff) => {
        const isEqual = equalBytes(
          padded(a, aOff),
          aOff,
          a.length,
          padded(b, bOff),
          bOff,
          b.length,
        );
        assert.equal(isEqual, Buffer.compare(a, b) === 0);
      }),
    );
  });

  test('the shared prefix is as long as both agree', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(5), fc.nat(5), (a, b, aOff, bOff) => {
        const length = sharedPrefixLength(
          padded(a, aOff),
          aOff,
          a.length,
          padded(b, bOff),
          bOff,
          b.length,
        );
        assert.deepEqual(a.slice(0, length), b.slice(0, length));
        const isWhole = length === Math.min(a.length, b.length);
        assert.ok(isWhole || a[length] !== b[length]);
      }),
    );
  });
});
