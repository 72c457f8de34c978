/**
 * The keys of an open database, one for each epoch. The ring alone holds them and hands out ciphers
 * and key checks only. Keys are in private fields, which no printing, JSON or cloning reaches.
 * @module
 */
import { VarveError } from '../errors.ts';
import { deriveKeyCheck, type FileIdentity } from './derive.ts';
import { FileCipher } from './file-cipher.ts';
import {
  checkEncryptionOptions,
  checkKeyBytes,
  type EncryptionOptions,
  isProvider,
  type KeyProvider,
} from './key-options.ts';
import { type CryptoPrimitives, suiteById } from './port.ts';

/** Keys on their way to a ring on another thread. Whoever holds it keeps it from being printed. */
export interface KeySet {
  readonly suiteId: number;
  readonly epoch: number;
  /** By epoch; fresh copies. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
}

/** Owns its copies of the keys until {@link KeyRing.destroy}. */
export class KeyRing {
  /** The suite of new files: a `SUITE_*` number. */
  readonly suiteId: number;
  /** The epoch of new files. */
  readonly epoch: number;
  /** Whether a database in the clear may be opened. */
  readonly mayEncryptExisting: boolean;
  readonly #primitives: CryptoPrimitives;
  readonly #keys: Map<number, Uint8Array>;
  readonly #provider: KeyProvider | undefined;
  #isDestroyed: boolean;

  private constructor(
    primitives: CryptoPrimitives,
    { suiteId, epoch, keys }: KeySet,
    provider: KeyProvider | undefined,
    mayEncryptExisting: boolean,
  ) {
    this.#primitives = primitives;
    this.suiteId = suiteId;
    this.epoch = epoch;
    this.mayEncryptExisting = mayEncryptExisting;
    this.#keys = new Map(keys);
    this.#provider = provider;
    this.#isDestroyed = false;
  }

  /**
   * Checks the options, lets the provider load, and makes sure of the current epoch's key.
   * @throws TypeError, RangeError for wrong options or a wrong key of the provider; VarveError
   * `KEY` when the current epoch has no key or the provider fails (its error is the `cause`)
   */
  static async open(primitives: CryptoPrimitives, options: EncryptionOptions): Promise<KeyRing> {
    checkEncryptionOptions(options, primitives);
    const { epoch, keys, encryptExisting = false } = options;
    const suiteId = primitives.suites.find(({ name }) => name === options.suite)!.id;
    const known = new Map<number, Uint8Array>();
    const provider = isProvider(keys) ? keys : undefined;
    if (!isProvider(keys)) {
      for (const [name, key] of Object.entries(keys)) known.set(Number(name), Uint8Array.from(key));
    }
    const ring = new KeyRing(
      primitives,
      { suiteId, epoch, keys: known },
      provider,
      encryptExisting,
    );
    try {
      await ring.#load();
    } catch (error) {
      ring.destroy();
      throw error;
    }
    return ring;
  }

  /** The ring of a thread that works for another: it takes the keys it is given. */
  static of(primitives: CryptoPrimitives, set: KeySet): KeyRing {
    return new KeyRing(primitives, set, undefined, false);
  }

  /**
   * The keys of the given epochs, as far as they are known, for {@link KeyRing.of}.
   * @throws VarveError `KEY` when the provider fails, `CLOSED`
   */
  share(epochs: Iterable<number>): KeySet {
    const keys = new Map<number, Uint8Array>();
    for (const epoch of epochs) {
      const key = this.#find(epoch);
      if (key !== undefined) keys.set(epoch, Uint8Array.from(key));
    }
    return { suiteId: this.suiteId, epoch: this.epoch, keys };
  }

  /**
   * The cipher of one file; it stays usable when the ring is destroyed, and its owner destroys it.
   * A new file takes `ring.suiteId` and `ring.epoch`, an existing one what it says of itself.
   * @param path the file, for messages
   * @throws VarveError `KEY` when the epoch has no key, `UNSUPPORTED` for an unknown suite,
   * `CLOSED`
   */
  fileCipher(suiteId: number, epoch: number, identity: FileIdentity, path: string): FileCipher {
    const suite = suiteById(this.#primitives, suiteId);
    if (suite === undefined) {
      const message = `encryption suite ${suiteId} is not known (${path})`;
      throw new VarveError('UNSUPPORTED', message, { file: path });
    }
    const key = this.#need(epoch, path);
    return new FileCipher(this.#primitives, suite, epoch, key, identity);
  }

  /**
   * The value by which {@link KeyRing.expectKey} later recognises the key of `epoch`: 16 fresh
   * bytes, which may stand on disk in the clear.
   * @param databaseId 16 bytes; borrowed
   * @throws VarveError `KEY` when the epoch has no key, `CLOSED`
   */
  keyCheck(epoch: number, databaseId: Uint8Array, path: string): Uint8Array {
    return deriveKeyCheck(this.#primitives, this.#need(epoch, path), databaseId);
  }

  /**
   * Makes sure that the key of `epoch` is the one that `stored` was made with. Borrows the arrays.
   * @param stored what {@link KeyRing.keyCheck} returned
   * @param path the file that `stored` comes from, for messages
   * @throws VarveError `KEY` when the key is missing or another, `CLOSED`
   */
  expectKey(epoch: number, databaseId: Uint8Array, stored: Uint8Array, path: string): void {
    const own = this.keyCheck(epoch, databaseId, path);
    if (own.length === stored.length && own.every((byte, index) => byte === stored[index])) return;
    const message = `the key of epoch ${epoch} is not the one of this database (${path})`;
    throw new VarveError('KEY', message, { file: path });
  }

  /** Overwrites the keys. Calling it again is allowed; anything else throws `CLOSED`. */
  destroy(): void {
    for (const key of this.#keys.values()) key.fill(0);
    this.#keys.clear();
    this.#isDestroyed = true;
  }

  async #load(): Promise<void> {
    try {
      await this.#provider?.load?.();
    } catch (error) {
      throw providerFailure(error);
    }
    if (this.#find(this.epoch) === undefined) {
      throw new VarveError('KEY', `there is no key of the current epoch ${this.epoch}`);
    }
  }

  #need(epoch: number, path: string): Uint8Array {
    const key = this.#find(epoch);
    if (key !== undefined) return key;
    const message = `there is no key of epoch ${epoch}, which ${path} is encrypted under`;
    throw new VarveError('KEY', message, { file: path });
  }

  #find(epoch: number): Uint8Array | undefined {
    if (this.#isDestroyed) throw new VarveError('CLOSED', 'the database is closed');
    const known = this.#keys.get(epoch);
    if (known !== undefined || this.#provider === undefined) return known;
    const given = askProvider(this.#provider, epoch);
    if (given === undefined) return undefined;
    checkKeyBytes(given, epoch);
    const key = Uint8Array.from(given);
    this.#keys.set(epoch, key);
    return key;
  }
}

function askProvider(provider: KeyProvider, epoch: number): Uint8Array | undefined {
  try {
    return provider.keyFor(epoch);
  } catch (error) {
    throw providerFailure(error);
  }
}

function providerFailure(error: unknown): VarveError {
  return new VarveError('KEY', 'the key provider failed', { cause: error });
}
