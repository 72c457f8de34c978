/**
 * The cryptography of runtimes with node:crypto: Node, Deno, Bun and Electron. Each has an
 * implementation of its own behind that name, so each part of it is tried on a known vector when it
 * is used first, and the portable part stands in for one that fails.
 * @module
 */
import * as nodeApi from 'node:crypto';
import { assert, VarveError } from '../errors.ts';
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

/** What is used of node:crypto. */
export type NativeCrypto = Pick<
  typeof nodeApi,
  'createCipheriv' | 'createDecipheriv' | 'createSecretKey' | 'hkdfSync'
>;
type KeyObject = nodeApi.KeyObject;

const OPTIONS = { authTagLength: TAG_BYTES };

/** The tags of {@link TRIAL}, which OpenSSL and @noble/ciphers agree on. */
const TRIAL_TAGS: Readonly<Record<SuiteName, string>> = {
  'aes-256-gcm': '99a09767f1cbbd4c6dbbb4bee289101d',
  'chacha20-poly1305': 'd52a832524daf9d218d3857ecb0c3c02',
};
const TRIAL = {
  key: Uint8Array.from({ length: KEY_BYTES }, (_, i) => i * 5 + 1),
  nonce: Uint8Array.from({ length: NONCE_BYTES }, (_, i) => i * 3 + 2),
  aad: Uint8Array.from({ length: 37 }, (_, i) => i * 11),
  plaintext: Uint8Array.from({ length: 1000 }, (_, i) => (i * i) >>> 3),
};
/** RFC 5869, appendix A.1. */
const HKDF_TRIAL = {
  key: new Uint8Array(22).fill(0x0b),
  salt: Uint8Array.from({ length: 13 }, (_, i) => i),
  info: Uint8Array.from({ length: 10 }, (_, i) => 0xf0 + i),
  derived: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
};

/**
 * node:crypto, and @noble/ciphers for the suites that the runtime has not, or not right: Electron
 * lacks ChaCha20-Poly1305, as Bun and Deno did for long. Nothing is tried before it is used.
 * @param native what takes the place of node:crypto
 */
export function nodeCrypto(native: NativeCrypto = nodeApi): CryptoPrimitives {
  let derivesRight: boolean | undefined;
  return {
    suites: nobleCrypto.suites.map((portable) => makeSuite(native, portable)),
    hkdfSha256: (key, salt, info, lengthBytes) => {
      derivesRight ??= isHkdfRight(native);
      if (!derivesRight) return nobleCrypto.hkdfSha256(key, salt, info, lengthBytes);
      return nativeHkdf(native, key, salt, info, lengthBytes);
    },
  };
}

function makeSuite(native: NativeCrypto, portable: AeadSuite): AeadSuite {
  const { id, name } = portable;
  let isRight: boolean | undefined;
  return {
    id,
    name,
    cipher: (key) => {
      isRight ??= isSuiteRight(native, name);
      return isRight ? new NodeCipher(native, name, key) : portable.cipher(key);
    },
  };
}

/** `getCiphers` has named ciphers that then did not work, so this does not ask it. */
function isSuiteRight(native: NativeCrypto, name: SuiteName): boolean {
  const { key, nonce, aad, plaintext } = TRIAL;
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  const opened = new Uint8Array(plaintext.length);
  try {
    const cipher = new NodeCipher(native, name, key);
    cipher.seal(nonce, aad, plaintext, 0, plaintext.length, sealed, 0);
    if (hexOf(sealed.subarray(plaintext.length)) !== TRIAL_TAGS[name]) return false;
    if (!cipher.open(nonce, aad, sealed, 0, sealed.length, opened, 0)) return false;
    if (!opened.every((byte, i) => byte === plaintext[i])) return false;
    // The first byte of the ciphertext, and the last of the tag.
    return [0, sealed.length - 1].every((at) => {
      const forged = sealed.with(at, sealed[at]! ^ 1);
      return !cipher.open(nonce, aad, forged, 0, forged.length, opened, 0);
    });
  } catch {
    return false;
  }
}

function isHkdfRight(native: NativeCrypto): boolean {
  const { key, salt, info, derived } = HKDF_TRIAL;
  try {
    return hexOf(nativeHkdf(native, key, salt, info, derived.length / 2)) === derived;
  } catch {
    return false;
  }
}

function nativeHkdf(
  native: NativeCrypto,
  key: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  return expectLength(
    new Uint8Array(native.hkdfSync('sha256', key, salt, info, lengthBytes)),
    lengthBytes,
  );
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Returns what the runtime returned. @throws VarveError `UNSUPPORTED` if it is cut short */
function expectLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const what = `${bytes.length} bytes instead of ${length}`;
  throw new VarveError('UNSUPPORTED', `the cryptography of this runtime returned ${what}`);
}

class NodeCipher implements AeadCipher {
  readonly #native: NativeCrypto;
  readonly #name: SuiteName;
  /** Undefined once destroyed: the runtime owns the key bytes and frees them with the object. */
  #key: KeyObject | undefined;

  constructor(native: NativeCrypto, name: SuiteName, key: Uint8Array) {
    assertKey(key);
    this.#native = native;
    this.#name = name;
    this.#key = native.createSecretKey(key);
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
    const name = this.#name as 'aes-256-gcm';
    const cipher = this.#native.createCipheriv(name, this.#key, nonce, OPTIONS);
    cipher.setAAD(aad);
    const ciphertext = expectLength(cipher.update(buf.subarray(off, off + len)), len);
    expectLength(cipher.final(), 0);
    const tag = expectLength(cipher.getAuthTag(), TAG_BYTES);
    out.set(ciphertext, outOff);
    out.set(tag, outOff + len);
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
    const name = this.#name as 'aes-256-gcm';
    const decipher = this.#native.createDecipheriv(name, this.#key, nonce, OPTIONS);
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
    out.set(expectLength(plaintext, len - TAG_BYTES), outOff);
    return true;
  }

  destroy(): void {
    this.#key = undefined;
  }
}
