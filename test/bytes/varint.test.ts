/**
 * Varints: exact bytes, round trips, and reading from damaged bytes.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  VARINT_BYTES_MAX,
  VarintReader,
  varintLength,
  writeVarint,
} from '../../src/bytes/varint.ts';

/** Values around every change of the encoded length, and everything between. */
const edges = Array.from({ length: 7 }, (_, i) => 128 ** (i + 1)).flatMap((n) => [n - 1, n]);
const u53 = fc.oneof(
  fc.constantFrom(...edges, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
  fc.nat(300),
);

/** LEB128 by its definition, in BigInt. */
function leb128(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt(value);
  do {
    const more = rest >= 128n ? 0x80 : 0;
    out.push(Number(rest & 0x7fn) | more);
    rest >>= 7n;
  } while (rest > 0n);
  return out;
}

suite('varints', () => {
  test('are LEB128 of the predicted length', () => {
    fc.assert(
      fc.property(u53, fc.nat(4), (value, off) => {
        const buf = new Uint8Array(off + VARINT_BYTES_MAX + 1).fill(0xa5);
        const end = writeVarint(buf, off, value);
        assert.deepEqual([...buf.subarray(off, end)], leb128(value));
        assert.equal(varintLength(value), end - off);
        assert.equal(buf[end], 0xa5);
      }),
      { numRuns: 500 },
    );
  });

  test('are read back in sequence', () => {
    fc.assert(
      fc.property(fc.array(u53, { maxLength: 20 }), fc.nat(4), (values, off) => {
        const buf = new Uint8Array(off + values.length * VARINT_BYTES_MAX);
        let end = off;
        for (const value of values) end = writeVarint(buf, end, value);
        const reader = new VarintReader(buf, off, end);
        for (const value of values) assert.equal(reader.next(), value);
        assert.equal(reader.failed, false);
        assert.equal(reader.off, end);
      }),
    );
  });

  test('cut short at any byte fail, and stay failed', () => {
    fc.assert(
      fc.property(u53, (value) => {
        const whole = leb128(value);
        for (let cut = 0; cut < whole.length; cut++) {
          const reader = new VarintReader(Uint8Array.from(whole), 0, cut);
          assert.equal(reader.next(), 0);
          assert.ok(reader.failed);
          // What follows must not look like a value again.
          assert.equal(reader.next(), 0);
          assert.equal(reader.byte(), 0);
          reader.skip(0);
          assert.ok(reader.failed);
        }
      }),
    );
  });

  test('never give a value above 2^53-1 or read past the end, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.nat(24), (buf, cut) => {
        const end = Math.min(cut, buf.length);
        const reader = new VarintReader(buf, 0, end);
        while (!reader.failed) {
          const before = reader.off;
          const value = reader.next();
          assert.ok(Number.isSafeInteger(value) && value >= 0);
          assert.ok(reader.off <= end);
          if (reader.failed) break;
          const took = buf.subarray(before, reader.off);
          const bits = [...took].map((byte, i) => BigInt(byte & 0x7f) << BigInt(7 * i));
          const expected = bits.reduce((sum, part) => sum + part, 0n);
          assert.equal(BigInt(value), expected);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('the largest value is readable and the next one is not', () => {
    const largest = Uint8Array.from(leb128(Number.MAX_SAFE_INTEGER));
    const reader = new VarintReader(largest, 0, largest.length);
    assert.equal(reader.next(), Number.MAX_SAFE_INTEGER);
    const above = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);
    reader.reset(above, 0, above.length);
    assert.equal(reader.next(), 0);
    assert.ok(reader.failed);
  });
});

suite('skipping', () => {
  test('gives the place of the skipped bytes and refuses to pass the end', () => {
    const reader = new VarintReader(new Uint8Array(10), 2, 8);
    assert.equal(reader.skip(4), 2);
    assert.equal(reader.byte(), 0);
    assert.equal(reader.off, 7);
    reader.skip(2);
    assert.ok(reader.failed);
    assert.equal(reader.off, 7);
  });

  test('a length that overflows does not wrap around', () => {
    const reader = new VarintReader(new Uint8Array(10), 2, 8);
    reader.skip(Number.MAX_SAFE_INTEGER);
    assert.ok(reader.failed);
  });
});
