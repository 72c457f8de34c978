/**
 * The cryptography of runtimes without a synchronous one of their own, by @noble/ciphers and
 * @noble/hashes. In browsers AES-256-GCM is slow; ChaCha20-Poly1305 is the suite for them.
 * @module
 */
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { assert, isError } from '../errors.ts';
import {
  type AeadCipher,
  type AeadSuite,
  assertKey,
  assertRanges,
  type CryptoPrimitives,
  SUITE_AES_256_GCM,
  SUITE_CHACHA20_POLY1305,
  TAG_BYTES,
} from './port.ts';

/** What this module needs of a cipher of the library, made for one nonce. */
interface NobleAead {
  encrypt(plaintext: Uint8Array, output?: Uint8Array): Uint8Array;
  decrypt(sealed: Uint8Array, output?: Uint8Array): Uint8Array;
}
type NobleAeadMaker = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array) => NobleAead;

/** @noble/ciphers and @noble/hashes: runs everywhere. */
export const nobleCrypto: CryptoPrimitives = {
  suites: [
    makeSuite(SUITE_AES_256_GCM, 'aes-256-gcm', gcm, false),
    makeSuite(SUITE_CHACHA20_POLY1305, 'chacha20-poly1305', chacha20poly1305, true),
  ],
  hkdfSha256: (key, salt, info, lengthBytes) => hkdf(sha256, key, salt, info, lengthBytes),
};

function makeSuite(
  id: number,
  name: AeadSuite['name'],
  make: NobleAeadMaker,
  writesToOutput: boolean,
): AeadSuite {
  return { id, name, cipher: (key) => new NobleCipher(make, writesToOutput, key) };
}

class NobleCipher implements AeadCipher {
  readonly #make: NobleAeadMaker;
  /** Whether the library takes a buffer for the result, which then need not be copied. */
  readonly #writesToOutput: boolean;
  readonly #key: Uint8Array;
  #isDestroyed: boolean;

  constructor(make: NobleAeadMaker, writesToOutput: boolean, key: Uint8Array) {
    assertKey(key);
    this.#make = make;
    this.#writesToOutput = writesToOutput;
    this.#key = Uint8Array.from(key);
    this.#isDestroyed = false;
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
    const outEnd = outOff + len + TAG_BYTES;
    assertRanges(nonce, off + len, buf, outEnd, out);
    const aead = this.#start(nonce, aad);
    const plaintext = buf.subarray(off, off + len);
    if (this.#writesToOutput) aead.encrypt(plaintext, out.subarray(outOff, outEnd));
    else out.set(aead.encrypt(plaintext), outOff);
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
    const outEnd = outOff + len - TAG_BYTES;
    assertRanges(nonce, off + len, buf, outEnd, out);
    const aead = this.#start(nonce, aad);
    const sealed = buf.subarray(off, off + len);
    try {
      if (this.#writesToOutput) aead.decrypt(sealed, out.subarray(outOff, outEnd));
      else out.set(aead.decrypt(sealed), outOff);
    } catch (error) {
      if (isTagMismatch(error)) return false;
      throw error;
    }
    return true;
  }

  destroy(): void {
    this.#key.fill(0);
    this.#isDestroyed = true;
  }

  #start(nonce: Uint8Array, aad: Uint8Array): NobleAead {
    assert(!this.#isDestroyed, 'a destroyed cipher is not used');
    return this.#make(this.#key, nonce, aad);
  }
}

/** The library says so with a plain Error; a more specific one is about something else. */
function isTagMismatch(error: unknown): boolean {
  return isError(error) && error.name === 'Error';
}
