/**
 * The AEAD suites of both implementations: published vectors, equality, tampering, buffers.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type AeadCipher, suiteById, TAG_BYTES } from '../../src/crypto/port.ts';
import { AEAD_VECTORS, IMPLEMENTATIONS, SUITE_NAMES, suiteOf } from './vectors.ts';

const EMPTY = new Uint8Array(0);
const FILLER = 0xcc;

function seal(
  cipher: AeadCipher,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  cipher.seal(nonce, aad, plaintext, 0, plaintext.length, sealed, 0);
  return sealed;
}

function open(
  cipher: AeadCipher,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const plaintext = new Uint8Array(Math.max(0, sealed.length - TAG_BYTES)).fill(FILLER);
  if (cipher.open(nonce, aad, sealed, 0, sealed.length, plaintext, 0)) return plaintext;
  assert.ok(
    plaintext.every((byte) => byte === FILLER),
    'a failed open writes nothing',
  );
  return undefined;
}

/** `bytes` with one bit turned. */
function flipped(source: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(source);
  copy[bit >>> 3]! ^= 1 << (bit & 7);
  return copy;
}

const input = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  nonce: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  aad: fc.uint8Array({ maxLength: 100 }),
  plaintext: fc.uint8Array({ maxLength: 700 }),
});

for (const { name, primitives } of IMPLEMENTATIONS) {
  suite(`AEAD suites of ${name}`, () => {
    for (const { source, suite: suiteName, key, nonce, aad, plaintext, sealed } of AEAD_VECTORS) {
      test(`meet ${source}`, () => {
        const cipher = suiteOf(primitives, suiteName).cipher(key);
        assert.deepEqual(seal(cipher, nonce, aad, plaintext), sealed);
        assert.deepEqual(open(cipher, nonce, aad, sealed), plaintext);
      });
    }

    for (const suiteName of SUITE_NAMES) {
      const aead = suiteOf(primitives, suiteName);

      test(`${suiteName} refuses every changed bit of key, nonce, AAD, ciphertext and tag`, () => {
        const key = randomBytes(32);
        const nonce = randomBytes(12);
        const aad = randomBytes(20);
        const cipher = aead.cipher(key);
        const sealed = seal(cipher, nonce, aad, randomBytes(40));
        for (let bit = 0; bit < sealed.length * 8; bit++) {
          assert.equal(open(cipher, nonce, aad, flipped(sealed, bit)), undefined);
        }
        for (let bit = 0; bit < aad.length * 8; bit++) {
          assert.equal(open(cipher, nonce, flipped(aad, bit), sealed), undefined);
        }
        for (let bit = 0; bit < nonce.length * 8; bit++) {
          assert.equal(open(cipher, flipped(nonce, bit), aad, sealed), undefined);
        }
        for (let bit = 0; bit < key.length * 8; bit++) {
          assert.equal(open(aead.cipher(flipped(key, bit)), nonce, aad, sealed), undefined);
        }
        assert.notEqual(open(cipher, nonce, aad, sealed), undefined);
      });

      test(`${suiteName} refuses what was cut or extended`, () => {
        const cipher = aead.cipher(randomBytes(32));
        const nonce = randomBytes(12);
        const sealed = seal(cipher, nonce, EMPTY, randomBytes(40));
        for (let length = 0; length < sealed.length; length++) {
          assert.equal(open(cipher, nonce, EMPTY, sealed.slice(0, length)), undefined);
        }
        assert.equal(open(cipher, nonce, EMPTY, Uint8Array.from([...sealed, 0])), undefined);
        assert.equal(open(cipher, nonce, new Uint8Array(1), sealed), undefined);
      });

      test(`${suiteName} seals and opens in place, overlapping and in shared memory`, () => {
        const shift = fc.integer({ min: 0, max: 40 });
        fc.assert(
          fc.property(input, shift, shift, fc.boolean(), (given, from, to, isShared) => {
            const { key, nonce, aad, plaintext } = given;
            const cipher = aead.cipher(key);
            const size = plaintext.length + TAG_BYTES + 40;
            const buf = new Uint8Array(
              isShared ? new SharedArrayBuffer(size) : new ArrayBuffer(size),
            );
            buf.fill(FILLER);
            buf.set(plaintext, from);
            const expected = Uint8Array.from(buf);
            cipher.seal(nonce, aad, buf, from, plaintext.length, buf, to);
            const sealed = seal(aead.cipher(key), nonce, aad, plaintext);
            expected.set(sealed, to);
            assert.deepEqual(Uint8Array.from(buf), expected);
            assert.ok(cipher.open(nonce, aad, buf, to, sealed.length, buf, from));
            expected.set(plaintext, from);
            assert.deepEqual(Uint8Array.from(buf), expected);
          }),
        );
      });

      test(`${suiteName} keeps a key of its own and does nothing once destroyed`, () => {
        const key = randomBytes(32);
        const nonce = randomBytes(12);
        const sealed = seal(aead.cipher(key), nonce, EMPTY, randomBytes(8));
        const cipher = aead.cipher(key);
        key.fill(0);
        assert.notEqual(open(cipher, nonce, EMPTY, sealed), undefined);
        cipher.destroy();
        cipher.destroy();
        assert.throws(() => open(cipher, nonce, EMPTY, sealed), /destroyed cipher/);
        assert.throws(() => seal(cipher, nonce, EMPTY, new Uint8Array(8)), /destroyed cipher/);
      });

      test(`${suiteName} stops on keys, nonces and ranges of a wrong size`, () => {
        assert.throws(() => aead.cipher(new Uint8Array(16)), /32 bytes/);
        const cipher = aead.cipher(new Uint8Array(32));
        const nonce = new Uint8Array(12);
        const buf = new Uint8Array(64);
        assert.throws(() => cipher.seal(new Uint8Array(16), EMPTY, buf, 0, 8, buf, 0), /12 bytes/);
        assert.throws(() => cipher.seal(nonce, EMPTY, buf, 60, 8, buf, 0), /its buffer/);
        assert.throws(() => cipher.seal(nonce, EMPTY, buf, 0, 8, buf, 48), /its buffer/);
        assert.throws(() => cipher.open(nonce, EMPTY, buf, 48, 24, buf, 0), /its buffer/);
        assert.throws(() => cipher.open(nonce, EMPTY, buf, 0, 24, buf, 60), /its buffer/);
      });
    }
  });
}

suite('AEAD implementations', () => {
  for (const suiteName of SUITE_NAMES) {
    test(`of ${suiteName} write the same bytes and read each other`, () => {
      const [one, other] = IMPLEMENTATIONS.map(({ primitives }) => suiteOf(primitives, suiteName));
      fc.assert(
        fc.property(input, ({ key, nonce, aad, plaintext }) => {
          const sealed = seal(one!.cipher(key), nonce, aad, plaintext);
          assert.deepEqual(seal(other!.cipher(key), nonce, aad, plaintext), sealed);
          assert.deepEqual(open(one!.cipher(key), nonce, aad, sealed), plaintext);
          assert.deepEqual(open(other!.cipher(key), nonce, aad, sealed), plaintext);
        }),
      );
    });
  }

  test('write the same bytes for blocks of 64 KiB', () => {
    for (const suiteName of SUITE_NAMES) {
      const key = randomBytes(32);
      const plaintext = randomBytes(65_536);
      const [one, other] = IMPLEMENTATIONS.map(({ primitives }) =>
        seal(suiteOf(primitives, suiteName).cipher(key), new Uint8Array(12), EMPTY, plaintext),
      );
      assert.deepEqual(one, other);
    }
  });

  test('have the ids that stand on disk', () => {
    for (const { primitives } of IMPLEMENTATIONS) {
      assert.equal(suiteById(primitives, 1)?.name, 'aes-256-gcm');
      assert.equal(suiteById(primitives, 2)?.name, 'chacha20-poly1305');
      assert.equal(suiteById(primitives, 0), undefined);
      assert.equal(suiteById(primitives, 3), undefined);
    }
  });
});
