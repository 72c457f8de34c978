/**
 * XXH32: published vectors, and xxhash-wasm as the oracle for everything else.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { hash32 } from '../../src/bytes/hash32.ts';

const { h32Raw } = await xxhash();

/** The generator of the sanity buffer in the reference implementation. */
function sanityBuffer(length: number): Uint8Array {
  let state = 2_654_435_761n;
  return Uint8Array.from({ length }, () => {
    const byte = Number(state >> 56n);
    state = BigInt.asUintN(64, state * 11_400_714_785_074_694_797n);
    return byte;
  });
}

function hashOf(bytes: Uint8Array): number {
  return hash32(bytes, 0, bytes.length);
}

suite('hash32', () => {
  test('gives the published values of XXH32', () => {
    const vectors: [string, number][] = [
      ['', 0x02cc5d05],
      ['a', 0x550d7456],
      ['abc', 0x32d153ff],
      ['Nobody inspects the spammish repetition', 0xe2293b2f],
    ];
    for (const [text, expected] of vectors) {
      assert.equal(hashOf(new TextEncoder().encode(text)), expected, text);
    }
  });

  test("passes the reference implementation's sanity check", () => {
    assert.equal(hashOf(sanityBuffer(1)), 0xcf65b03e);
    assert.equal(hashOf(sanityBuffer(14)), 0x1208e7e2);
    assert.equal(hashOf(sanityBuffer(222)), 0x5bd11dbd);
  });

  test('agrees with xxhash-wasm at every length up to 300 bytes', () => {
    const buffer = sanityBuffer(300);
    for (let length = 0; length <= buffer.length; length++) {
      assert.equal(hash32(buffer, 0, length), h32Raw(buffer.subarray(0, length), 0), `${length}`);
    }
  });

  test('agrees with xxhash-wasm on any bytes at any offset', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.nat(400),
        fc.nat(400),
        (buffer, from, to) => {
          const off = Math.min(from, to, buffer.length);
          const end = Math.min(Math.max(from, to), buffer.length);
          assert.equal(hash32(buffer, off, end - off), h32Raw(buffer.subarray(off, end), 0));
        },
      ),
      { numRuns: 500 },
    );
  });
});
