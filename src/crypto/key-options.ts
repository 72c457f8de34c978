/**
 * The encryption options of a database, where its keys come from, and their checks.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import { type CryptoPrimitives, KEY_BYTES, type SuiteName } from './port.ts';

/** Epochs are 1 to this; on disk 0 means not encrypted. */
export const EPOCH_MAX = 0xffff;

/**
 * Where keys come from when they do not stand in the options: a key management service, a key
 * store of the system. It keeps old epochs as long as anything is encrypted under them.
 */
export interface KeyProvider {
  /**
   * Called and awaited once, when the database opens, before any `keyFor`: the place to ask a
   * service. A provider that has its keys at hand leaves it out.
   */
  load?(): Promise<void>;

  /**
   * The key of an epoch, 32 bytes, or undefined if there is none. The engine copies it, remembers
   * it while the database is open, and leaves the provider's bytes alone. An epoch always has the
   * same key.
   */
  keyFor(epoch: number): Uint8Array | undefined;
}

/** How a database is encrypted. */
export interface EncryptionOptions {
  /** The suite of new files; existing ones stay readable whatever it is. */
  readonly suite: SuiteName;
  /** The epoch whose key encrypts new files, 1 to 65535. */
  readonly epoch: number;
  /**
   * Keys of 32 uniformly random bytes by epoch, the current one among them. They are copied when
   * the database opens.
   */
  readonly keys: Readonly<Record<number, Uint8Array>> | KeyProvider;
  /**
   * Also open a database that is not encrypted, and encrypt what is written from now on; false if
   * absent. Such a database is otherwise refused: anyone who can write to the directory could have
   * put it there.
   */
  readonly encryptExisting?: boolean;
}

const OPTION_NAMES = ['suite', 'epoch', 'keys', 'encryptExisting'];

/**
 * Checks everything but the provider's keys. No message contains any part of a key.
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value out of range
 */
export function checkEncryptionOptions(
  options: EncryptionOptions,
  primitives: CryptoPrimitives,
): void {
  if (!isObject(options)) throw new TypeError('encryption must be an object');
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name));
  if (unknown !== undefined) throw new TypeError(`unknown option of encryption: ${unknown}`);
  const names: readonly string[] = primitives.suites.map(({ name }) => name);
  if (!names.includes(options.suite)) {
    throw new RangeError(`encryption.suite must be one of ${names.join(', ')}`);
  }
  checkEpoch(options.epoch, 'encryption.epoch');
  const { encryptExisting = false } = options;
  if (typeof encryptExisting !== 'boolean') {
    throw new TypeError('encryption.encryptExisting must be true or false');
  }
  if (!isObject(options.keys)) {
    throw new TypeError('encryption.keys must hold keys by epoch, or be a KeyProvider');
  }
  if (isProvider(options.keys)) return;
  for (const [name, key] of Object.entries(options.keys)) {
    // A key under a name that is no epoch may be a key that stands in the wrong place: not shown.
    if (!/^[1-9]\d{0,4}$/.test(name)) {
      throw new TypeError('encryption.keys must have epochs for names');
    }
    checkEpoch(Number(name), 'an epoch in encryption.keys');
    checkKeyBytes(key, Number(name));
  }
}

/** Tells a provider from a plain collection of keys. */
export function isProvider(keys: EncryptionOptions['keys']): keys is KeyProvider {
  return typeof (keys as Partial<KeyProvider>).keyFor === 'function';
}

/**
 * Checks the type and size of a key.
 * @throws TypeError, RangeError; without any part of it
 */
export function checkKeyBytes(key: unknown, epoch: number): asserts key is Uint8Array {
  if (!isBytes(key)) {
    throw new TypeError(`the key of epoch ${epoch} must be a Uint8Array`);
  }
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`the key of epoch ${epoch} must have ${KEY_BYTES} bytes`);
  }
}

function checkEpoch(epoch: unknown, name: string): void {
  if (typeof epoch !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > EPOCH_MAX) {
    throw new RangeError(`${name} must be an integer of 1 to ${EPOCH_MAX}`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
