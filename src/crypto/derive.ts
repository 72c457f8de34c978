/**
 * What is derived from an epoch's key, by HKDF-SHA256. The epoch's key itself encrypts nothing.
 *
 * The key of a file: 32 bytes, salt = the file's salt, info =
 *
 *     offset  size  meaning
 *     0       16    "varve file key 1"
 *     16      1     suite id
 *     17      1     file class
 *     18      2     key epoch
 *     20      8     file number
 *     28      16    database id
 *     44      n     what else the file is bound to
 *
 * The key check: 16 bytes, salt = the database id, info = "varve key check 1". It tells a wrong key
 * from damaged data and says nothing else about the key. The first 16 bytes of the two infos
 * differ, so no file key is a key check. Integers are little-endian.
 * @module
 */
import { writeU16, writeU64 } from '../bytes/fixed.ts';
import { assert } from '../errors.ts';
import { type CryptoPrimitives, KEY_BYTES } from './port.ts';

export const SALT_BYTES = 16;
export const DATABASE_ID_BYTES = 16;
export const KEY_CHECK_BYTES = 16;

const FILE_KEY_DOMAIN = new TextEncoder().encode('varve file key 1');
const KEY_CHECK_INFO = new TextEncoder().encode('varve key check 1');
const BINDING_OFF = 44;

/** Which file something is sealed for. A change of any part makes it unreadable. */
export interface FileIdentity {
  /** `DATABASE_ID_BYTES` bytes. */
  readonly databaseId: Uint8Array;
  /** 0 to 255. */
  readonly fileClass: number;
  readonly fileNumber: number;
  /** `SALT_BYTES` unpredictable bytes, fresh for every file that is written, never taken over. */
  readonly salt: Uint8Array;
  /** What else must not change, such as further fields of the file's header; may be empty. */
  readonly binding: Uint8Array;
}

/**
 * The key of one file; `KEY_BYTES` fresh bytes, which the caller wipes. Borrows its arguments.
 * @param epochKey `KEY_BYTES` bytes
 */
export function deriveFileKey(
  primitives: CryptoPrimitives,
  suiteId: number,
  epoch: number,
  epochKey: Uint8Array,
  identity: FileIdentity,
): Uint8Array {
  const { databaseId, salt, binding } = identity;
  assert(databaseId.length === DATABASE_ID_BYTES, 'a database id has 16 bytes');
  assert(salt.length === SALT_BYTES, 'a salt has 16 bytes');
  const info = new Uint8Array(BINDING_OFF + binding.length);
  info.set(FILE_KEY_DOMAIN, 0);
  info[16] = suiteId;
  info[17] = identity.fileClass;
  writeU16(info, 18, epoch);
  writeU64(info, 20, identity.fileNumber);
  info.set(databaseId, 28);
  info.set(binding, BINDING_OFF);
  return primitives.hkdfSha256(epochKey, salt, info, KEY_BYTES);
}

/**
 * The check value of an epoch's key in one database; `KEY_CHECK_BYTES` fresh bytes. It may stand on
 * disk in the clear. Borrows its arguments.
 */
export function deriveKeyCheck(
  primitives: CryptoPrimitives,
  epochKey: Uint8Array,
  databaseId: Uint8Array,
): Uint8Array {
  assert(databaseId.length === DATABASE_ID_BYTES, 'a database id has 16 bytes');
  return primitives.hkdfSha256(epochKey, databaseId, KEY_CHECK_INFO, KEY_CHECK_BYTES);
}
