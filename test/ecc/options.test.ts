/**
 * The choice of a code: its checks and its record.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createEccCodec } from '../../src/ecc/codec.ts';
import {
  blockCodeOf,
  ECC_DESCRIPTOR_BYTES,
  type EccOptions,
  parseEcc,
  readEccDescriptor,
  writeEccDescriptor,
} from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';

/** Bytes of two numbers each. */
function bytesOf(low: number[], unit: number, high: number[]): number[] {
  return high.flatMap((times) => low.map((rest) => rest + unit * times));
}

function record(ecc: EccOptions | undefined): number[] {
  const buf = new Uint8Array(ECC_DESCRIPTOR_BYTES + 2).fill(0xee);
  writeEccDescriptor(buf, 1, ecc);
  assert.equal(buf[0], 0xee);
  assert.equal(buf.at(-1), 0xee);
  return [...buf.subarray(1, -1)];
}

suite('the record of a code', () => {
  test('has the documented bytes', () => {
    assert.deepEqual(record(undefined), [0, 0, 0]);
    assert.deepEqual(record({ scheme: 'secded' }), [1, 0, 0]);
    assert.deepEqual(record({ scheme: 'xor', data: 8 }), [2, 8, 1]);
    const code = { scheme: 'reed-solomon', data: 10, parity: 4 } as const;
    assert.deepEqual(record(code), [3, 10, 4]);
    const stripe = { data: 20, parity: 3 };
    assert.deepEqual(record({ scheme: 'none', stripe }), [4, 96, 160]);
    assert.deepEqual(record({ scheme: 'secded', stripe }), [5, 96, 160]);
    assert.deepEqual(record({ scheme: 'xor', data: 8, stripe }), [6, 104, 161]);
    assert.deepEqual(record({ ...code, stripe: { data: 24, parity: 6 } }), [7, 202, 196]);
  });

  test('is read back, or refused with a typed error, whatever it says', () => {
    let known = 0;
    for (let scheme = 0; scheme < 10; scheme++) {
      for (const data of bytesOf([0, 1, 3, 24, 25, 31], 32, [0, 1, 2, 3, 4, 5, 6, 7])) {
        for (const parity of bytesOf([0, 1, 2, 3, 4, 5, 6, 7], 8, [0, 1, 24, 25, 31])) {
          const bytes = Uint8Array.of(9, scheme, data, parity);
          try {
            const ecc = readEccDescriptor(bytes, 1, 'f.sst', 77);
            assert.deepEqual(record(ecc), [scheme, data, parity]);
            const code = blockCodeOf(ecc);
            if (code !== undefined) createEccCodec(code);
            known++;
          } catch (error) {
            assert.ok(isVarveError(error, scheme > 7 ? 'UNSUPPORTED' : 'CORRUPTION'));
            assert.equal(error.file, 'f.sst');
            assert.equal(error.offset, 77);
          }
        }
      }
    }
    assert.equal(known, (1 + 1 + 3 + 3 * 6) * (1 + 6 * 2));
  });
});

test('options that no code has are refused as the mistake that they are', () => {
  const make = (options: unknown) => () => parseEcc(options as EccOptions);
  const stripe = { data: 20, parity: 2 };
  assert.deepEqual(parseEcc({ scheme: 'none', stripe }), { scheme: 'none', stripe });
  assert.deepEqual(parseEcc({ scheme: 'secded', stripe }), { scheme: 'secded', stripe });
  assert.throws(make({ scheme: 'none' }), TypeError);
  assert.throws(make({ scheme: 'none', data: 2, stripe }), TypeError);
  for (const wrong of [4, null, 'yes', { ...stripe, scheme: 'xor' }]) {
    assert.throws(make({ scheme: 'secded', stripe: wrong }), TypeError);
  }
  for (const data of [0, 25, 1.5, '4', undefined]) {
    assert.throws(make({ scheme: 'secded', stripe: { data, parity: 2 } }), RangeError);
  }
  for (const parity of [0, 7, 1.5, '4', undefined]) {
    assert.throws(make({ scheme: 'secded', stripe: { data: 4, parity } }), RangeError);
  }
  assert.throws(make({ scheme: 'raid' }), TypeError);
  assert.throws(make({}), TypeError);
  for (const data of [0, 25, 2.5, '4', undefined]) {
    assert.throws(make({ scheme: 'xor', data }), RangeError);
    assert.throws(make({ scheme: 'reed-solomon', data, parity: 2 }), RangeError);
  }
  for (const parity of [0, 7, 1.5, undefined]) {
    assert.throws(make({ scheme: 'reed-solomon', data: 4, parity }), RangeError);
  }
});
