/**
 * What the page and the worker that derives a key say to each other.
 * @module
 */

/** Of scrypt; JSON. */
export interface KeyParameters {
  readonly function: 'scrypt';
  /** Cost: 128 * N * r bytes of memory. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** 16 random bytes, new for every database. */
  readonly salt: readonly number[];
}

/** What a passphrase gives. */
export interface DerivedKey {
  /** Of the database. */
  readonly key: Uint8Array;
  /**
   * Tells a wrong passphrase before anything is opened: 8 bytes of HMAC-SHA-256 under the key. It
   * helps whoever guesses no more than the files do.
   */
  readonly check: string;
}

/** What the worker is asked. */
export interface KeyOrder {
  readonly passphrase: string;
  readonly parameters: KeyParameters;
}

/** What it answers: how far it is, and at the end the key or why there is none. */
export type KeyAnswer = { readonly share: number } | DerivedKey | { readonly problem: string };
