/**
 * The cryptography of a runtime that is not what node:crypto promises: what it returns is never
 * stored, and never taken for authentic, when it is wrong.
 * @module
 */
import assert from 'node:assert/strict';
import * as nodeApi from 'node:crypto';
import { suite, test } from 'node:test';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { type NativeCrypto, nodeCrypto } from '../../src/crypto/node.ts';
import { type CryptoPrimitives, TAG_BYTES } from '../../src/crypto/port.ts';
import { isVarveError } from '../../src/errors.ts';
import { SUITE_NAMES, suiteOf } from './vectors.ts';

const KEY = new Uint8Array(32).fill(5);
const NONCE = new Uint8Array(12).fill(6);
const AAD = new Uint8Array(20).fill(7);
const PLAINTEXT = new TextEncoder().encode('a layer of sediment '.repeat(40));
const SALT = new Uint8Array(16).fill(8);

/** The methods of a cipher that are used; a spoiled one replaces some. */
interface CipherApi {
  setAAD(aad: Uint8Array): unknown;
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
  getAuthTag(): Uint8Array;
  setAuthTag(tag: Uint8Array): unknown;
}
type Spoil = (inner: CipherApi) => Partial<CipherApi>;

/** node:crypto whose ciphers are changed; `calls` counts those that were made. */
class SpoiledCrypto {
  calls = 0;
  readonly #forSeal: Spoil;
  readonly #forOpen: Spoil;
  readonly #first: number;

  /** @param first the call from which on they are spoiled */
  constructor(forSeal: Spoil, forOpen: Spoil = () => ({}), first = 1) {
    this.#forSeal = forSeal;
    this.#forOpen = forOpen;
    this.#first = first;
  }

  get native(): NativeCrypto {
    return {
      ...nodeApi,
      createCipheriv: this.#maker(nodeApi.createCipheriv, this.#forSeal),
      createDecipheriv: this.#maker(nodeApi.createDecipheriv, this.#forOpen),
    } as unknown as NativeCrypto;
  }

  #maker(make: unknown, spoil: Spoil) {
    return (...args: unknown[]): CipherApi => {
      this.calls++;
      const inner = (make as (...args: unknown[]) => CipherApi)(...args);
      const own: CipherApi = {
        setAAD: (aad) => inner.setAAD(aad),
        update: (bytes) => inner.update(bytes),
        final: () => inner.final(),
        getAuthTag: () => inner.getAuthTag(),
        setAuthTag: (tag) => inner.setAuthTag(tag),
      };
      return this.calls < this.#first ? own : { ...own, ...spoil(inner) };
    };
  }
}

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1);

/** Ways to spoil what sealing returns. */
const SEALS: Readonly<Record<string, Spoil>> = {
  'a tag of 12 bytes': (inner) => ({ getAuthTag: () => inner.getAuthTag().subarray(0, 12) }),
  'another tag': (inner) => ({ getAuthTag: () => flip(inner.getAuthTag()) }),
  'another ciphertext': (inner) => ({ update: (bytes) => flip(inner.update(bytes)) }),
  'no ciphertext before the end': (inner) => {
    let kept = new Uint8Array(0);
    return {
      update: (bytes) => {
        kept = Uint8Array.from(inner.update(bytes));
        return kept.subarray(0, 0);
      },
      final: () => Uint8Array.of(...kept, ...inner.final()),
    };
  },
  'the tag of no additional data': () => ({ setAAD: () => undefined }),
  'an error': () => ({
    update: () => {
      throw new Error('Unknown cipher');
    },
  }),
};
/** Ways to spoil what opening returns. */
const OPENS: Readonly<Record<string, Spoil>> = {
  'whatever the tag': (inner) => ({
    final: () => {
      try {
        return inner.final();
      } catch {
        return new Uint8Array(0);
      }
    },
  }),
  'another plaintext': (inner) => ({ update: (bytes) => flip(inner.update(bytes)) }),
  'a part of the plaintext': (inner) => ({ update: (bytes) => inner.update(bytes).subarray(1) }),
};

function sealedBy(primitives: CryptoPrimitives, name: (typeof SUITE_NAMES)[number]): Uint8Array {
  const sealed = new Uint8Array(PLAINTEXT.length + TAG_BYTES);
  const cipher = suiteOf(primitives, name).cipher(KEY);
  cipher.seal(NONCE, AAD, PLAINTEXT, 0, PLAINTEXT.length, sealed, 0);
  return sealed;
}

function isOpened(
  primitives: CryptoPrimitives,
  name: (typeof SUITE_NAMES)[number],
  sealed: Uint8Array,
): boolean {
  const out = new Uint8Array(PLAINTEXT.length);
  const cipher = suiteOf(primitives, name).cipher(KEY);
  if (!cipher.open(NONCE, AAD, sealed, 0, sealed.length, out, 0)) return false;
  assert.deepEqual(out, PLAINTEXT);
  return true;
}

for (const name of SUITE_NAMES) {
  const right = sealedBy(nobleCrypto, name);

  suite(`${name} of a runtime`, () => {
    for (const [what, spoil] of Object.entries(SEALS)) {
      test(`that seals with ${what} is not used`, () => {
        const spoiled = new SpoiledCrypto(spoil);
        const primitives = nodeCrypto(spoiled.native);
        assert.deepEqual(sealedBy(primitives, name), right);
        assert.ok(isOpened(primitives, name, right));
        assert.equal(spoiled.calls, what === 'another ciphertext' ? 2 : 1);
      });
    }

    for (const [what, spoil] of Object.entries(OPENS)) {
      test(`that opens ${what} is not used`, () => {
        const primitives = nodeCrypto(new SpoiledCrypto(() => ({}), spoil).native);
        assert.ok(isOpened(primitives, name, right));
        assert.equal(isOpened(primitives, name, right.with(-1, right.at(-1)! ^ 1)), false);
      });
    }

    test('that is right is used, and nothing is tried before', () => {
      const spoiled = new SpoiledCrypto(() => ({}));
      const primitives = nodeCrypto(spoiled.native);
      assert.equal(spoiled.calls, 0);
      assert.deepEqual(sealedBy(primitives, name), right);
      const trial = spoiled.calls;
      assert.deepEqual(sealedBy(primitives, name), right);
      assert.equal(spoiled.calls, trial + 1);
    });

    for (const what of ['a tag of 12 bytes', 'no ciphertext before the end']) {
      test(`that later seals with ${what} stores nothing`, () => {
        const spoiled = new SpoiledCrypto(SEALS[what]!, () => ({}), 6);
        const primitives = nodeCrypto(spoiled.native);
        assert.deepEqual(sealedBy(primitives, name), right);
        const out = new Uint8Array(right.length);
        const cipher = suiteOf(primitives, name).cipher(KEY);
        assert.throws(
          () => cipher.seal(NONCE, AAD, PLAINTEXT, 0, PLAINTEXT.length, out, 0),
          (error) => isVarveError(error, 'UNSUPPORTED'),
        );
        assert.deepEqual(out, new Uint8Array(right.length));
      });
    }
  });
}

test('an HKDF that is wrong, short or missing is not used', () => {
  const right = nobleCrypto.hkdfSha256(KEY, SALT, AAD, 32);
  const ways: ((length: number) => ArrayBuffer)[] = [
    (length) => new ArrayBuffer(length),
    (length) => new ArrayBuffer(length - 1),
    () => {
      throw new Error('not implemented');
    },
  ];
  for (const way of ways) {
    let calls = 0;
    const hkdfSync = (...args: unknown[]): ArrayBuffer => {
      calls++;
      return way(args[4] as number);
    };
    const primitives = nodeCrypto({ ...nodeApi, hkdfSync } as unknown as NativeCrypto);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(primitives.hkdfSha256(KEY, SALT, AAD, 32), right);
    }
    assert.equal(calls, 1);
  }
});
