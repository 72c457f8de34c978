/**
 * What the engine asks of cryptography: AEAD suites and a key derivation function. A runtime's
 * entry module passes in one implementation; all of them write the same bytes.
 *
 * | suite id | name              | defined in                     |
 * |----------|-------------------|--------------------------------|
 * | 0        | (not encrypted)   |                                |
 * | 1        | aes-256-gcm       | NIST SP 800-38D, 128-bit tag   |
 * | 2        | chacha20-poly1305 | RFC 8439                       |
 *
 * Ids stand on disk and keep their meaning for ever. Every suite takes keys of 32 bytes and nonces
 * of 12, and puts a tag of 16 bytes behind a ciphertext as long as the plaintext.
 * @module
 */
import { assert } from '../errors.ts';

export const SUITE_NONE = 0;
export const SUITE_AES_256_GCM = 1;
export const SUITE_CHACHA20_POLY1305 = 2;

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
/** What sealing adds to the length. */
export const TAG_BYTES = 16;

/** The names under which users choose a suite. */
export type SuiteName = 'aes-256-gcm' | 'chacha20-poly1305';

/** One key, ready for use; owns its copy of the key. Not reentrant. */
export interface AeadCipher {
  /**
   * Encrypts `buf[off, off + len)` and authenticates it together with `aad`: writes the ciphertext
   * and behind it the tag, `len + TAG_BYTES` bytes, to `out` from `outOff`. `out` may be `buf`, and
   * the ranges may overlap. Borrows all buffers.
   *
   * A nonce must never be used for two seals: that would give both contents away.
   * @param nonce `NONCE_BYTES` bytes
   */
  seal(
    nonce: Uint8Array,
    aad: Uint8Array,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): void;

  /**
   * Checks and decrypts `buf[off, off + len)`, ciphertext and tag: writes the plaintext,
   * `len - TAG_BYTES` bytes, to `out` from `outOff`. `out` may be `buf`, and the ranges may
   * overlap. Borrows all buffers.
   * @param nonce `NONCE_BYTES` bytes
   * @returns false, with `out` untouched, unless key, nonce, `aad` and every byte are those of a
   * seal
   */
  open(
    nonce: Uint8Array,
    aad: Uint8Array,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): boolean;

  /** Forgets the key, as far as the runtime lets us; no other call may follow but this one. */
  destroy(): void;
}

/** One AEAD algorithm. */
export interface AeadSuite {
  /** A `SUITE_*` number. */
  readonly id: number;
  /** What users call it. */
  readonly name: SuiteName;
  /** @param key `KEY_BYTES` bytes; borrowed for the call */
  cipher(key: Uint8Array): AeadCipher;
}

/** All the cryptography of one runtime. */
export interface CryptoPrimitives {
  /** The AEAD suites, each with the id that stands on disk. */
  readonly suites: readonly AeadSuite[];
  /**
   * HKDF-SHA256 (RFC 5869), extract and expand. Borrows its arguments; the result is fresh.
   * @param lengthBytes 1 to 8160
   */
  hkdfSha256(key: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array;
}

/** The suite with this id, or undefined: the id may come from disk. */
export function suiteById(primitives: CryptoPrimitives, id: number): AeadSuite | undefined {
  return primitives.suites.find((suite) => suite.id === id);
}

/** For implementations of {@link AeadCipher}: the key has its size. */
export function assertKey(key: Uint8Array): void {
  assert(key.length === KEY_BYTES, 'a key has 32 bytes');
}

/**
 * For implementations of {@link AeadCipher}: the nonce has its size, and the ranges of input and
 * output lie in their buffers. Views would otherwise be cut short in silence.
 */
export function assertRanges(
  nonce: Uint8Array,
  inputEnd: number,
  buf: Uint8Array,
  outputEnd: number,
  out: Uint8Array,
): void {
  assert(nonce.length === NONCE_BYTES, 'a nonce has 12 bytes');
  assert(inputEnd <= buf.length && outputEnd <= out.length, 'what is sealed lies in its buffer');
}
