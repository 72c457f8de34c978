/**
 * The inventory of a backup: what it consists of. It is written last, so a backup is whole where
 * there is one.
 *
 *     JSON, UTF-8 | \n | 16 hexadecimal digits | \n
 *
 * The digits are the XXH64, seed 0, of the bytes before them up to and with the line end. The JSON
 * is an object:
 *
 *     format        "varve backup 1"
 *     number        1 and up: one more than the highest in the target
 *     id            16 hexadecimal digits, as in the name of the object
 *     createdAtMs   when it was begun, in milliseconds since 1970
 *     databaseId    32 hexadecimal digits
 *     seqno         the newest write in it; null where a key would have been needed to know
 *     files         CURRENT last; each an object:
 *       name          in the directory of the database
 *       object        in the target
 *       sizeBytes
 *       checksum      XXH64, seed 0, of the object: 16 hexadecimal digits
 *       salt          of the file's header, 32 hexadecimal digits; null for CURRENT, or where the
 *                     header is damaged
 *       isDamaged     true where the file was not what the manifest says of it when it was stored
 * @module
 */
import { checksum64, Digest64 } from '../block/checksum.ts';
import { corruption, VarveError } from '../errors.ts';
import { CURRENT_NAME, parseFileName } from '../manifest/file-names.ts';
import { parseObjectName } from './object-names.ts';

/** No inventory is longer: more than a million files. */
export const INVENTORY_BYTES_MAX: number = 512 * 1024 * 1024;
const FORMAT = 'varve backup 1';
const CHECKSUM_LINE_BYTES = 17;

/** A file of a backup. */
export interface StoredFile {
  /** In the directory of the database. */
  readonly name: string;
  /** In the target; backups share objects. */
  readonly object: string;
  /** Bytes of the object. */
  readonly sizeBytes: number;
  /** XXH64, seed 0, of the object, as 16 hexadecimal digits. */
  readonly checksum: string;
  /** Of the file's header, 32 hexadecimal digits; null where there is none. */
  readonly salt: string | null;
  /** True where the file was damaged when it was stored. */
  readonly isDamaged: boolean;
}

/** See the module head. */
export interface Inventory {
  readonly number: number;
  readonly id: string;
  readonly createdAtMs: number;
  readonly databaseId: string;
  readonly seqno: number | null;
  readonly files: readonly StoredFile[];
}

/** The digits of a checksum. */
export function digestText({ low, high }: Digest64): string {
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
}

/** Fresh bytes. */
export function encodeInventory(inventory: Inventory): Uint8Array {
  const text = `${JSON.stringify({ format: FORMAT, ...inventory })}\n`;
  const body = new TextEncoder().encode(text);
  return new TextEncoder().encode(`${text}${checksumOf(body)}\n`);
}

/**
 * @param name of the object, for messages and to hold it against
 * @throws VarveError `CORRUPTION` for bytes that are no inventory of that name, `UNSUPPORTED` for
 * one of a later version
 */
export function decodeInventory(bytes: Uint8Array, name: string): Inventory {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_LINE_BYTES));
  const line = new TextDecoder().decode(bytes.subarray(body.length));
  if (line !== `${checksumOf(body)}\n`) throw corruption('the inventory is damaged', name, 0);
  const found = parsed(new TextDecoder().decode(body), name);
  const format = isRecord(found) ? found['format'] : undefined;
  if (typeof format === 'string' && format !== FORMAT && format.startsWith('varve backup ')) {
    throw new VarveError('UNSUPPORTED', `${name} is a ${format}`, { file: name });
  }
  const own = parseObjectName(name);
  const isSound = format === FORMAT && isInventory(found) && own?.kind === 'backup';
  if (!isSound || found.number !== own.number || found.id !== own.id) {
    throw corruption('the inventory does not hold what it should', name, 0);
  }
  const { number, id, createdAtMs, databaseId, seqno, files } = found;
  return { number, id, createdAtMs, databaseId, seqno, files };
}

function checksumOf(bytes: Uint8Array): string {
  const digest = new Digest64();
  checksum64(bytes, 0, bytes.length, 0n, digest);
  return digestText(digest);
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VarveError('CORRUPTION', `the inventory is no JSON (${name})`, { file: name, cause });
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isInventory(value: Readonly<Record<string, unknown>> | unknown): value is Inventory {
  if (!isRecord(value)) return false;
  const { number, id, createdAtMs, databaseId, seqno, files } = value;
  if (!isCount(number) || typeof id !== 'string' || !isCount(createdAtMs)) return false;
  if (!isHex(databaseId, 32) || !(seqno === null || isCount(seqno))) return false;
  if (!Array.isArray(files) || !files.every(isStoredFile)) return false;
  const names = new Set(files.map((file) => file.name));
  return names.size === files.length && files.at(-1)?.name === CURRENT_NAME;
}

function isStoredFile(value: unknown): value is StoredFile {
  if (!isRecord(value)) return false;
  const { name, object, sizeBytes, checksum, salt, isDamaged } = value;
  if (typeof name !== 'string' || typeof object !== 'string') return false;
  // Names become paths: nothing else may be there.
  const kind = parseFileName(name)?.kind;
  if (kind === undefined || kind === 'lock') return false;
  if (kind === 'current' && name !== CURRENT_NAME) return false;
  if (parseObjectName(object)?.kind !== 'file' || typeof isDamaged !== 'boolean') return false;
  return isCount(sizeBytes) && isHex(checksum, 16) && (salt === null || isHex(salt, 32));
}

/** True for an integer of at least 0. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isHex(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length === length && /^[0-9a-f]*$/.test(value);
}
