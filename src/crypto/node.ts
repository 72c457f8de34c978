/**
 * The cryptography of runtimes with node:crypto: Node, Deno, Bun and Electron.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { assert } from '../errors.ts';
import { nobleCrypto } from './noble.ts';
import {
  type AeadCipher,
  type AeadSuite,
  assertKey,
  assertRanges,
  type CryptoPrimitives,
  KEY_BYTES,
  NONCE_BYTES,
  type SuiteName,
  TAG_BYTES,
} from './port.ts';

const EMPTY = new Uint8Array(0);
const OPTIONS = { authTagLength: TAG_BYTES };

/**
 * node:crypto, and @noble/ciphers for the suites that the runtime has not: Electron lacks
 * ChaCha20-Poly1305, as Bun and Deno did for long.
 * @param has whether the runtime has a suite; absent: tries it
 */
export function nodeCrypto(has: (name: SuiteName) => boolean = canOpenOwnSeal): CryptoPrimitives {
  return {
    suites: nobleCrypto.suites.map((suite) =>
      has(suite.name) ? makeSuite(suite.id, suite.name) : suite,
    ),
    hkdfSha256: (key, salt, info, lengthBytes) =>
      new Uint8Array(hkdfSync('sha256', key, salt, info, lengthBytes)),
  };
}

function makeSuite(id: number, name: SuiteName): AeadSuite {
  return { id, name, cipher: (key) => new NodeCipher(name, key) };
}

/** `getCiphers` has named ciphers that then did not work, so this does not ask it. */
function canOpenOwnSeal(name: SuiteName): boolean {
  const nonce = new Uint8Array(NONCE_BYTES);
  const sealed = new Uint8Array(TAG_BYTES);
  try {
    const cipher = new NodeCipher(name, new Uint8Array(KEY_BYTES));
    cipher.seal(nonce, EMPTY, EMPTY, 0, 0, sealed, 0);
    return cipher.open(nonce, EMPTY, sealed, 0, TAG_BYTES, sealed, 0);
  } catch {
    return false;
  }
}

class NodeCipher implements AeadCipher {
  readonly #name: SuiteName;
  /** Undefined once destroyed: the runtime owns the key bytes and frees them with the object. */
  #key: KeyObject | undefined;

  constructor(name: SuiteName, key: Uint8Array) {
    assertKey(key);
    this.#name = name;
    this.#key = createSecretKey(key);
  }

  seal(
    nonce: Uint8Array,
    aad: Uint8Array,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): void {
    assertRanges(nonce, off + len, buf, outOff + len + TAG_BYTES, out);
    assert(this.#key !== undefined, 'a destroyed cipher is not used');
    // The overloads of createCipheriv tell the suites apart; both take these arguments.
    const cipher = createCipheriv(this.#name as 'aes-256-gcm', this.#key, nonce, OPTIONS);
    cipher.setAAD(aad);
    out.set(cipher.update(buf.subarray(off, off + len)), outOff);
    cipher.final();
    out.set(cipher.getAuthTag(), outOff + len);
  }

  open(
    nonce: Uint8Array,
    aad: Uint8Array,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): boolean {
    if (len < TAG_BYTES) return false;
    const tagOff = off + len - TAG_BYTES;
    assertRanges(nonce, off + len, buf, outOff + len - TAG_BYTES, out);
    assert(this.#key !== undefined, 'a destroyed cipher is not used');
    const decipher = createDecipheriv(this.#name as 'aes-256-gcm', this.#key, nonce, OPTIONS);
    decipher.setAAD(aad);
    decipher.setAuthTag(buf.subarray(tagOff, off + len));
    const plaintext = decipher.update(buf.subarray(off, tagOff));
    try {
      decipher.final();
    } catch {
      // Nobody may see bytes that were not authenticated.
      plaintext.fill(0);
      return false;
    }
    out.set(plaintext, outOff);
    return true;
  }

  destroy(): void {
    this.#key = undefined;
  }
}
