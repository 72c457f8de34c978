/**
 * CURRENT: which manifest is the database's. Two slots of 512 bytes; a write replaces the older one
 * and syncs, so one slot is whole at any moment, and no rename is needed.
 *
 *     offset  size  meaning
 *     0       8     "VARVECUR"
 *     8       2     format version: 1
 *     10      1     1 after a clean close, else 0
 *     11      5     reserved, 0
 *     16      8     generation, from 1: the higher one of the valid slots counts
 *     24      8     manifest number
 *     32      8     bytes of the manifest that are on stable storage: all of it after a clean
 *                   close, else what it began with
 *     40      16    database id, random
 *     56      448   reserved, 0
 *     504     8     XXH64, seed 0, of bytes 0 to 503
 *
 * Integers are little-endian. Generation g stands in slot (g - 1) mod 2.
 * @module
 */
import { checksum64, Digest64 } from '../block/checksum.ts';
import {
  readU16,
  readU32,
  readU64,
  U64_TOO_LARGE,
  writeU16,
  writeU32,
  writeU64,
} from '../bytes/fixed.ts';
import { VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { CURRENT_NAME } from './file-names.ts';

const SLOT_BYTES = 512;
const CHECKSUM_OFF = 504;
const FORMAT_VERSION = 1;
const DATABASE_ID_OFF = 40;
const MAGIC = new TextEncoder().encode('VARVECUR');

export const DATABASE_ID_BYTES = 16;

/** The content of one slot. */
export interface CurrentSlot {
  readonly generation: number;
  readonly manifestNumber: number;
  /** See the layout. */
  readonly manifestBytes: number;
  readonly isClean: boolean;
  /** `DATABASE_ID_BYTES` bytes. */
  readonly databaseId: Uint8Array;
}

/**
 * Reads CURRENT.
 * @returns the slot that counts; undefined when the file is missing or neither slot is valid
 * @throws VarveError of the `Fs`; `UNSUPPORTED` for a valid slot of another format version
 */
export function readCurrent(fs: Fs, directory: string): CurrentSlot | undefined {
  const path = joinPath(directory, CURRENT_NAME);
  if (!fs.exists(path)) return undefined;
  const buf = new Uint8Array(2 * SLOT_BYTES);
  const file = fs.open(path, 'read');
  try {
    file.read(buf, 0, buf.length, 0);
  } finally {
    file.close();
  }
  const first = decodeSlot(buf, 0, path);
  const second = decodeSlot(buf, 1, path);
  if (first === undefined || second === undefined) return first ?? second;
  return first.generation > second.generation ? first : second;
}

/** Creates CURRENT without a valid slot. */
export function createCurrent(fs: Fs, directory: string): void {
  fs.open(joinPath(directory, CURRENT_NAME), 'create').close();
}

/** Writes the slot that its generation belongs into, and blocks until it is on stable storage. */
export function writeCurrent(fs: Fs, directory: string, slot: CurrentSlot): void {
  const file = fs.open(joinPath(directory, CURRENT_NAME), 'update');
  try {
    file.write(encodeSlot(slot), 0, SLOT_BYTES, slotIndex(slot.generation) * SLOT_BYTES);
    file.sync();
  } finally {
    file.close();
  }
}

function slotIndex(generation: number): number {
  return (generation - 1) % 2;
}

function encodeSlot(slot: CurrentSlot): Uint8Array {
  const buf = new Uint8Array(SLOT_BYTES);
  buf.set(MAGIC, 0);
  writeU16(buf, 8, FORMAT_VERSION);
  buf[10] = slot.isClean ? 1 : 0;
  writeU64(buf, 16, slot.generation);
  writeU64(buf, 24, slot.manifestNumber);
  writeU64(buf, 32, slot.manifestBytes);
  buf.set(slot.databaseId, DATABASE_ID_OFF);
  const digest = new Digest64();
  checksum64(buf, 0, CHECKSUM_OFF, 0n, digest);
  writeU32(buf, CHECKSUM_OFF, digest.low);
  writeU32(buf, CHECKSUM_OFF + 4, digest.high);
  return buf;
}

function decodeSlot(buf: Uint8Array, index: number, path: string): CurrentSlot | undefined {
  const off = index * SLOT_BYTES;
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return undefined;
  const digest = new Digest64();
  checksum64(buf, off, CHECKSUM_OFF, 0n, digest);
  if (readU32(buf, off + CHECKSUM_OFF) !== digest.low) return undefined;
  if (readU32(buf, off + CHECKSUM_OFF + 4) !== digest.high) return undefined;
  const version = readU16(buf, off + 8);
  if (version !== FORMAT_VERSION) {
    throw new VarveError('UNSUPPORTED', `format version ${version} is not known (${path})`, {
      file: path,
      offset: off + 8,
    });
  }
  const generation = readU64(buf, off + 16);
  const manifestNumber = readU64(buf, off + 24);
  const manifestBytes = readU64(buf, off + 32);
  if (generation < 1 || slotIndex(generation) !== index) return undefined;
  if (manifestNumber === U64_TOO_LARGE || manifestBytes === U64_TOO_LARGE) return undefined;
  const idOff = off + DATABASE_ID_OFF;
  const databaseId = buf.slice(idOff, idOff + DATABASE_ID_BYTES);
  return { generation, manifestNumber, manifestBytes, isClean: buf[off + 10] === 1, databaseId };
}
