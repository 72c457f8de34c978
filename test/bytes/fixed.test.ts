/**
 * Fixed-width integers, checked against DataView.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  readU16,
  readU32,
  readU64,
  U53_MAX,
  U64_TOO_LARGE,
  writeU16,
  writeU32,
  writeU64,
} from '../../src/bytes/fixed.ts';

const GUARD = 0xa5;

/** What `write` puts into a guarded buffer at 3, after checking that it touched nothing else. */
function written(sizeBytes: number, write: (buf: Uint8Array, off: number) => void): DataView {
  const buf = new Uint8Array(sizeBytes + 6).fill(GUARD);
  write(buf, 3);
  const around = [...buf.subarray(0, 3), ...buf.subarray(3 + sizeBytes)];
  assert.deepEqual(around, new Array(6).fill(GUARD));
  return new DataView(buf.buffer, 3, sizeBytes);
}

const u53 = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff, 0x8000_0000, U53_MAX, U53_MAX - 1),
);

suite('fixed-width integers', () => {
  test('of 16 and 32 bits are little-endian and round-trip', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), (value) => {
        const view = written(2, (buf, off) => writeU16(buf, off, value));
        assert.equal(view.getUint16(0, true), value);
        assert.equal(readU16(new Uint8Array(view.buffer), 3), value);
      }),
    );
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (value) => {
        const view = written(4, (buf, off) => writeU32(buf, off, value));
        assert.equal(view.getUint32(0, true), value);
        assert.equal(readU32(new Uint8Array(view.buffer), 3), value);
      }),
    );
  });

  test('of 64 bits are little-endian and round-trip up to 2^53-1', () => {
    fc.assert(
      fc.property(u53, (value) => {
        const view = written(8, (buf, off) => writeU64(buf, off, value));
        assert.equal(view.getBigUint64(0, true), BigInt(value));
        assert.equal(readU64(new Uint8Array(view.buffer), 3), value);
      }),
    );
  });

  test('stored values above 2^53-1 are told apart from all others', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const buf = new Uint8Array(8);
        new DataView(buf.buffer).setBigUint64(0, value, true);
        const expected = value > BigInt(U53_MAX) ? U64_TOO_LARGE : Number(value);
        assert.equal(readU64(buf, 0), expected);
      }),
    );
    const smallest = Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0);
    assert.equal(readU64(smallest, 0), U64_TOO_LARGE);
  });
});
