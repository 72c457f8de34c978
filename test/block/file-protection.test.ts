/**
 * The record of a file's protection.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type FileProtection,
  isSameProtection,
  PROTECTION_BYTES,
  readProtection,
  UNPROTECTED,
  writeProtection,
} from '../../src/block/file-protection.ts';
import { isVarveError } from '../../src/errors.ts';
import { protections } from './arbitraries.ts';

const FILE = 'd/000007.sst';

function written(protection: FileProtection): Uint8Array {
  const buf = new Uint8Array(PROTECTION_BYTES + 4).fill(0xee);
  writeProtection(buf, 2, protection);
  assert.deepEqual([buf[1], buf[10]], [0xee, 0xee]);
  return buf.slice(2, 10);
}

suite('the record of the protection', () => {
  test('round-trips, and differs where the protection does', () => {
    fc.assert(
      fc.property(protections, protections, (one, other) => {
        const record = written(one);
        assert.deepEqual(readProtection(record, 0, FILE, 0), one);
        const isSame = Buffer.from(record).equals(written(other));
        assert.equal(isSameProtection(one, other), isSame);
        assert.equal(isSame, JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  test('has the documented layout', () => {
    assert.deepEqual([...written(UNPROTECTED)], [0, 0, 0, 0, 0, 0, 0, 0]);
    const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
    const record = written({ suiteId: 2, epoch: 0x0102, ecc });
    assert.deepEqual([...record], [2, 0, 2, 1, 3, 4, 2, 0]);
    const secded = written({ suiteId: 0, epoch: 0, ecc: { scheme: 'secded' } });
    assert.deepEqual([...secded], [0, 0, 0, 0, 1, 0, 0, 0]);
  });

  test('may name a suite of a later version, which is not its business', () => {
    const protection = { suiteId: 200, epoch: 1, ecc: undefined };
    assert.deepEqual(readProtection(written(protection), 0, FILE, 0), protection);
  });

  test('that no writer makes is a typed error, and never a wrong protection', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
        let protection: FileProtection;
        try {
          protection = readProtection(bytes, 0, FILE, 48);
        } catch (error) {
          assert.ok(isVarveError(error) && error.file === FILE && error.offset === 48);
          assert.ok(error.code === 'CORRUPTION' || error.code === 'UNSUPPORTED');
          return;
        }
        assert.deepEqual(written(protection), bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('is refused with an epoch but no suite, the reverse, or reserved bits', () => {
    const wrong = [
      [0, 0, 1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 1, 1, 0, 0],
      [0, 0, 0, 0, 3, 4, 7, 0],
      [0, 0, 0, 0, 3, 4 + 32, 2 + 8, 0],
      [0, 0, 0, 0, 4, 0, 0, 0],
      [0, 0, 0, 0, 4, 32, 8 * 25, 0],
      [0, 0, 0, 0, 4, 32 * 7, 8, 0],
    ];
    for (const bytes of wrong) {
      assert.throws(
        () => readProtection(Uint8Array.from(bytes), 0, FILE, 48),
        (error) => isVarveError(error, 'CORRUPTION') && error.offset === 48,
      );
    }
    assert.throws(
      () => readProtection(Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0), 0, FILE, 48),
      (error) => isVarveError(error, 'UNSUPPORTED'),
    );
  });
});
