/**
 * The choice of a code: its checks and its record.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createEccCodec } from '../../src/ecc/codec.ts';
import {
  ECC_DESCRIPTOR_BYTES,
  type EccOptions,
  readEccDescriptor,
  writeEccDescriptor,
} from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';

/** All numbers of shards that some code has, and more. */
const BYTES = [...Array(30).keys(), 127, 255];

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
    assert.deepEqual(record({ scheme: 'reed-solomon', data: 10, parity: 4 }), [3, 10, 4]);
  });

  test('is read back, or refused with a typed error, whatever it says', () => {
    let known = 0;
    for (let scheme = 0; scheme < 6; scheme++) {
      for (const data of BYTES) {
        for (const parity of BYTES) {
          const bytes = Uint8Array.of(9, scheme, data, parity);
          try {
            const ecc = readEccDescriptor(bytes, 1, 'f.sst', 77);
            assert.deepEqual(record(ecc), [scheme, data, parity]);
            if (ecc !== undefined) createEccCodec(ecc);
            known++;
          } catch (error) {
            assert.ok(isVarveError(error, scheme > 3 ? 'UNSUPPORTED' : 'CORRUPTION'));
            assert.equal(error.file, 'f.sst');
            assert.equal(error.offset, 77);
          }
        }
      }
    }
    assert.equal(known, 1 + 1 + 24 + 24 * 6);
  });
});

test('options that no code has are refused as the mistake that they are', () => {
  const make = (options: unknown) => () => createEccCodec(options as EccOptions);
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
