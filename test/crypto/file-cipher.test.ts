/**
 * The cipher of a file: its nonce and AAD byte by byte, what it refuses, and that no nonce repeats.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { deriveFileKey, type FileIdentity } from '../../src/crypto/derive.ts';
import { FileCipher, POSITION_END, type SealContext } from '../../src/crypto/file-cipher.ts';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import {
  type AeadCipher,
  type AeadSuite,
  type CryptoPrimitives,
  TAG_BYTES,
} from '../../src/crypto/port.ts';
import { bytes, IMPLEMENTATIONS, SUITE_NAMES, suiteOf } from './vectors.ts';

const EPOCH_KEY = Uint8Array.from({ length: 32 }, (_, index) => 0xff - index);
const CONTENT = new TextEncoder().encode('a varve is a yearly layer of sediment');
const IDENTITY: FileIdentity = {
  databaseId: bytes('d0d1d2d3d4d5d6d7d8d9dadbdcdddedf'),
  fileClass: 0x57,
  fileNumber: 0x1_2345_6789_abcd,
  salt: bytes('505152535455565758595a5b5c5d5e5f'),
  binding: bytes('010203'),
};
const CONTEXT: SealContext = {
  position: 0x6543_89ab_cdef,
  generation: 0x1234_5678_9abc,
  blockType: 16,
  codec: 2,
  dictionaryId: 0xdeadbeef,
  contentLen: 0x4030201,
};
/** Nonce and AAD of {@link CONTEXT}, written from the table and not by the code. */
const NONCE = bytes('efcdab894365 bc9a78563412');
const AAD = bytes(`01 02 0703 57 10 02 00 cdab896745230100 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf
  efcdab8943650000 bc9a785634120000 01020304 35000000 efbeadde 00000000`);

function cipherOf(
  primitives: CryptoPrimitives,
  aead: AeadSuite = suiteOf(primitives, 'chacha20-poly1305'),
  change: Partial<FileIdentity> = {},
): FileCipher {
  return new FileCipher(primitives, aead, 0x0307, EPOCH_KEY, { ...IDENTITY, ...change });
}

function sealed(cipher: FileCipher, context: SealContext = CONTEXT): Uint8Array {
  const out = new Uint8Array(CONTENT.length + TAG_BYTES);
  assert.equal(cipher.seal(context, CONTENT, 0, CONTENT.length, out, 0), out.length);
  return out;
}

function opens(cipher: FileCipher, payload: Uint8Array, change: Partial<SealContext>): boolean {
  const out = new Uint8Array(Math.max(0, payload.length - TAG_BYTES));
  const isOpen = cipher.open({ ...CONTEXT, ...change }, payload, 0, payload.length, out, 0);
  assert.deepEqual(out, isOpen ? CONTENT : new Uint8Array(out.length));
  return isOpen;
}

/** A suite that seals nothing and notes the nonces it is given. */
function recordingSuite(nonces: string[]): AeadSuite {
  const cipher: AeadCipher = {
    seal: (nonce) => void nonces.push(Buffer.from(nonce).toString('hex')),
    open: () => false,
    destroy: () => undefined,
  };
  return { id: 1, name: 'aes-256-gcm', cipher: () => cipher };
}

suite('file cipher', () => {
  test('seals with the documented nonce and AAD', () => {
    const payload = sealed(cipherOf(nobleCrypto));
    const fileKey = deriveFileKey(nobleCrypto, 2, 0x0307, EPOCH_KEY, IDENTITY);
    const raw = suiteOf(nodeCrypto(), 'chacha20-poly1305').cipher(fileKey);
    const out = new Uint8Array(CONTENT.length);
    assert.ok(raw.open(NONCE, AAD, payload, 0, payload.length, out, 0));
    assert.deepEqual(out, CONTENT);
  });

  test('keeps the bytes of its format', () => {
    const [gcm, chacha] = SUITE_NAMES.map((name) =>
      sealed(cipherOf(nobleCrypto, suiteOf(nobleCrypto, name))),
    );
    assert.deepEqual(
      gcm,
      bytes(`774322c32edc06e6cd0d0b13e99cfe9442a8827867a77bd3110a7ec3c165eb06d0df33f6e1
        7a4f668bc2ea9e0ecb65e426491d9a3d`),
    );
    assert.deepEqual(
      chacha,
      bytes(`f81914e514324de3e71a2fe683f2c6b068dc570af124532cb76cda800c27e6e283ef05accb
        e58b85194cdecaeaa0b590ca49398268`),
    );
  });

  for (const name of SUITE_NAMES) {
    test(`with ${name} reads the other implementation's bytes`, () => {
      const [one, other] = IMPLEMENTATIONS.map(({ primitives }) => primitives);
      const ofOne = cipherOf(one!, suiteOf(one!, name));
      const ofOther = cipherOf(other!, suiteOf(other!, name));
      assert.deepEqual(sealed(ofOne), sealed(ofOther));
      assert.ok(opens(ofOther, sealed(cipherOf(one!, suiteOf(one!, name))), {}));
    });

    test(`with ${name} refuses a change of any part of the context`, () => {
      const cipher = cipherOf(nodeCrypto(), suiteOf(nodeCrypto(), name));
      const payload = sealed(cipher);
      const changes: Partial<SealContext>[] = [
        { position: CONTEXT.position + 1 },
        { position: 0 },
        { generation: CONTEXT.generation + 1 },
        { generation: 0 },
        { blockType: 17 },
        { codec: 0 },
        { dictionaryId: 0 },
        { contentLen: CONTEXT.contentLen + 1 },
      ];
      for (const change of changes) {
        assert.equal(opens(cipher, payload, change), false, JSON.stringify(change));
      }
      assert.ok(opens(cipher, payload, {}));
    });
  }

  test('refuses a change of any part of the file, of suite, epoch and key', () => {
    const payload = sealed(cipherOf(nobleCrypto));
    const changes: Partial<FileIdentity>[] = [
      { databaseId: new Uint8Array(16) },
      { fileClass: 0x54 },
      { fileNumber: 7 },
      { salt: new Uint8Array(16) },
      { binding: bytes('010204') },
    ];
    for (const change of changes) {
      const other = cipherOf(nobleCrypto, suiteOf(nobleCrypto, 'chacha20-poly1305'), change);
      assert.equal(opens(other, payload, {}), false, JSON.stringify(change));
    }
    const [gcm, chacha] = SUITE_NAMES.map((name) => suiteOf(nobleCrypto, name));
    const others = [
      new FileCipher(nobleCrypto, gcm!, 0x0307, EPOCH_KEY, IDENTITY),
      new FileCipher(nobleCrypto, chacha!, 0x0308, EPOCH_KEY, IDENTITY),
      new FileCipher(nobleCrypto, chacha!, 0x0307, randomBytes(32), IDENTITY),
    ];
    for (const other of others) assert.equal(opens(other, payload, {}), false);
  });

  test('refuses positions and generations that no nonce can hold', () => {
    const cipher = cipherOf(nobleCrypto);
    const payload = sealed(cipher);
    for (const value of [POSITION_END, -1, Number.MAX_SAFE_INTEGER, CONTEXT.position + 2 ** 48]) {
      assert.equal(opens(cipher, payload, { position: value }), false);
      assert.equal(opens(cipher, payload, { generation: value }), false);
    }
    const fresh = cipherOf(nobleCrypto);
    const beyond = { ...CONTEXT, position: POSITION_END };
    assert.throws(() => sealed(fresh, beyond), /fits the nonce/);
  });

  test('never seals a position twice', () => {
    const cipher = cipherOf(nobleCrypto);
    sealed(cipher, { ...CONTEXT, generation: 0, position: 0 });
    sealed(cipher, { ...CONTEXT, generation: 0, position: 100 });
    for (const position of [100, 99, 0]) {
      const context = { ...CONTEXT, generation: 0, position };
      assert.throws(() => sealed(cipher, context), /no position is sealed twice/);
    }
    sealed(cipher, { ...CONTEXT, generation: 1, position: 0 });
    const earlier = { ...CONTEXT, generation: 0, position: 200 };
    assert.throws(() => sealed(cipher, earlier), /no position is sealed twice/);
  });

  test('never uses a nonce twice, whatever it is asked to seal', () => {
    const value = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(2 ** 16, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, POSITION_END - 1),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 40 }), (places) => {
        const nonces: string[] = [];
        const cipher = cipherOf(nobleCrypto, recordingSuite(nonces));
        for (const [generation, position] of places) {
          try {
            sealed(cipher, { ...CONTEXT, generation, position });
          } catch {
            // Refused: nothing was sealed.
          }
        }
        assert.equal(new Set(nonces).size, nonces.length);
      }),
    );
  });

  test('gives every place a nonce of its own', () => {
    const place = fc.integer({ min: 0, max: POSITION_END - 1 });
    fc.assert(
      fc.property(place, place, place, place, (generation, position, generation2, position2) => {
        fc.pre(generation !== generation2 || position !== position2);
        const nonces: string[] = [];
        for (const context of [
          { ...CONTEXT, generation, position },
          { ...CONTEXT, generation: generation2, position: position2 },
        ]) {
          sealed(cipherOf(nobleCrypto, recordingSuite(nonces)), context);
        }
        assert.notEqual(nonces[0], nonces[1]);
      }),
    );
  });

  test('opens in place', () => {
    const cipher = cipherOf(nodeCrypto());
    const buf = new Uint8Array(CONTENT.length + TAG_BYTES + 16);
    buf.set(CONTENT, 16);
    const length = cipher.seal(CONTEXT, buf, 16, CONTENT.length, buf, 16);
    assert.ok(cipher.open(CONTEXT, buf, 16, length, buf, 16));
    assert.deepEqual(buf.slice(16, 16 + CONTENT.length), CONTENT);
  });

  test('wipes the derived key once the suite has it', () => {
    const given: Uint8Array[] = [];
    const aead = recordingSuite([]);
    cipherOf(nobleCrypto, {
      ...aead,
      cipher: (key) => {
        given.push(key);
        assert.notDeepEqual(key, new Uint8Array(32));
        return aead.cipher(key);
      },
    });
    assert.deepEqual(given, [new Uint8Array(32)]);
  });

  test('forgets its key when it is destroyed', () => {
    const cipher = cipherOf(nobleCrypto);
    const payload = sealed(cipher);
    cipher.destroy();
    assert.throws(() => opens(cipher, payload, {}), /destroyed cipher/);
  });
});
