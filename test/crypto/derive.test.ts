/**
 * Key derivation: published vectors of HKDF, and what file keys and key checks depend on.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { deriveFileKey, deriveKeyCheck, type FileIdentity } from '../../src/crypto/derive.ts';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import { bytes, HKDF_VECTORS, IMPLEMENTATIONS } from './vectors.ts';

const EPOCH_KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const IDENTITY: FileIdentity = {
  databaseId: new Uint8Array(16).fill(0xdb),
  fileClass: 0x54,
  fileNumber: 0x1_2345_6789_abcd,
  salt: new Uint8Array(16).fill(0x5a),
  binding: bytes('b10c'),
};

suite('key derivation', () => {
  for (const { name, primitives } of IMPLEMENTATIONS) {
    for (const { source, key, salt, info, derived } of HKDF_VECTORS) {
      test(`of ${name} meets ${source}`, () => {
        assert.deepEqual(primitives.hkdfSha256(key, salt, info, derived.length), derived);
      });
    }
  }

  test('gives the same bytes in both implementations', () => {
    const some = fc.uint8Array({ maxLength: 90 });
    const length = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(some, some, some, length, (key, salt, info, lengthBytes) => {
        const derived = nobleCrypto.hkdfSha256(key, salt, info, lengthBytes);
        assert.deepEqual(nodeCrypto().hkdfSha256(key, salt, info, lengthBytes), derived);
      }),
    );
  });

  test('lays out the info of a file key as documented', () => {
    const info = bytes(`${Buffer.from('varve file key 1').toString('hex')}
      02 54 0703 cdab896745230100 ${'db'.repeat(16)} b10c`);
    assert.deepEqual(
      deriveFileKey(nobleCrypto, 2, 0x0307, EPOCH_KEY, IDENTITY),
      nodeCrypto().hkdfSha256(EPOCH_KEY, IDENTITY.salt, info, 32),
    );
    assert.deepEqual(
      deriveFileKey(nobleCrypto, 2, 0x0307, EPOCH_KEY, IDENTITY),
      bytes('edb4dc469112c3cab6fe2342f3e6898a55adf4e59c655c5498fc188527490c91'),
    );
  });

  test('lays out the info of a key check as documented', () => {
    const check = deriveKeyCheck(nobleCrypto, EPOCH_KEY, IDENTITY.databaseId);
    const info = new TextEncoder().encode('varve key check 1');
    const { databaseId } = IDENTITY;
    assert.deepEqual(check, nodeCrypto().hkdfSha256(EPOCH_KEY, databaseId, info, 16));
    assert.deepEqual(check, bytes('c3fd91d44a33244304a725c839a66385'));
  });

  test('makes a different file key of every different part', () => {
    const otherKey = Uint8Array.from(EPOCH_KEY).reverse();
    const keys = [
      deriveFileKey(nobleCrypto, 1, 1, EPOCH_KEY, IDENTITY),
      deriveFileKey(nobleCrypto, 2, 1, EPOCH_KEY, IDENTITY),
      deriveFileKey(nobleCrypto, 1, 2, EPOCH_KEY, IDENTITY),
      deriveFileKey(nobleCrypto, 1, 1, otherKey, IDENTITY),
      ...[
        { databaseId: new Uint8Array(16) },
        { fileClass: 0x57 },
        { fileNumber: 1 },
        { salt: new Uint8Array(16) },
        { binding: bytes('b10d') },
        { binding: new Uint8Array(0) },
      ].map((change) => deriveFileKey(nobleCrypto, 1, 1, EPOCH_KEY, { ...IDENTITY, ...change })),
    ];
    const distinct = new Set(keys.map((key) => Buffer.from(key).toString('hex')));
    assert.equal(distinct.size, keys.length);
  });

  test('stops on ids and salts of a wrong size', () => {
    for (const change of [{ databaseId: bytes('00') }, { salt: new Uint8Array(32) }]) {
      const identity = { ...IDENTITY, ...change };
      assert.throws(() => deriveFileKey(nobleCrypto, 1, 1, EPOCH_KEY, identity), /16 bytes/);
    }
    assert.throws(() => deriveKeyCheck(nobleCrypto, EPOCH_KEY, bytes('00')), /16 bytes/);
  });
});
