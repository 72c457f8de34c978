/**
 * CURRENT: which manifest is the database's. Two slots of 1024 bytes; a write replaces the older
 * one and syncs, so one slot is whole at any moment, and no rename is needed.
 *
 * A slot holds seven equal copies of 128 bytes (block/replicas.ts) and behind them a SEC-DED
 * section of 112 bytes; 16 bytes stay 0. One copy:
 *
 *     offset  size  meaning
 *     0       8     "VARVECUR"
 *     8       2     format version: 1
 *     10      1     1 after a clean close, else 0
 *     11      1     cipher suite of the manifest: 0 none
 *     12      2     its key epoch: 0 while the suite is none
 *     14      2     reserved, 0
 *     16      8     generation, from 1: the higher one of the valid slots counts
 *     24      8     manifest number
 *     32      8     bytes of the manifest that are on stable storage: all of it after a clean
 *                   close, else what it began with
 *     40      16    database id, random
 *     56      16    key check of the epoch (crypto/derive.ts); 0 while the suite is none
 *     72      16    salt: random with every write; 0 while the suite is none
 *     88      16    tag: vouches for the rest of bytes 0 to 119; 0 while the suite is none
 *     104     16    salt of the manifest's header: no other file of that number passes. 0 in a slot
 *                   of an older version, which says nothing about it
 *     120     8     XXH64, seed 0, of bytes 0 to 119
 *
 * A file that has another name too (a copy of the directory made of hard links) is not written to:
 * a new one with both slots takes its name.
 *
 * Integers are little-endian. Generation g stands in slot (g - 1) mod 2. The tag is that of an
 * empty content sealed at position 0 of file number 0, class 'C', with the salt. It is bound to
 * bytes 0 to 71 and 104 to 119; where those 16 are 0, to bytes 0 to 71 alone. The two bindings
 * differ in length, so taking the manifest's salt out makes no slot of an older version.
 * @module
 */
import { SALT_BYTES } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import {
  isSoundReplica,
  repairReplicas,
  writeReplicaParity,
  writeReplicas,
} from '../block/replicas.ts';
import { readU16, readU64, U64_TOO_LARGE, writeU16, writeU64 } from '../bytes/fixed.ts';
import { DATABASE_ID_BYTES, KEY_CHECK_BYTES } from '../crypto/derive.ts';
import type { FileCipher } from '../crypto/file-cipher.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import { corruption, VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath, readAt } from '../fs/port.ts';
import { CURRENT_NAME, CURRENT_REPLACEMENT_NAME } from './file-names.ts';

export const CURRENT_SLOTS = 2;
export const CURRENT_SLOT_BYTES = 1024;
export const CURRENT_COPY_BYTES = 128;
export const CURRENT_COPIES = 7;
/** How often CURRENT is read while it looks damaged. */
const READS_MAX = 3;
const FORMAT_VERSION = 1;
const FILE_CLASS_CURRENT = 0x43;
const MAGIC = new TextEncoder().encode('VARVECUR');

const DATABASE_ID_OFF = 40;
const KEY_CHECK_OFF = 56;
const SALT_OFF = 72;
const TAG_OFF = 88;
const MANIFEST_SALT_OFF = 104;
const CHECKSUM_OFF = 120;

/** What the tag is made of: an empty content at the beginning of the file. */
const TAG_CONTEXT = {
  position: 0,
  generation: 0,
  blockType: 0,
  codec: 0,
  dictionaryId: 0,
  contentLen: 0,
} as const;

/** The content of one slot. */
export interface CurrentSlot {
  readonly generation: number;
  readonly manifestNumber: number;
  /** See the layout. */
  readonly manifestBytes: number;
  readonly isClean: boolean;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** 0 when the manifest is in the clear. */
  readonly suiteId: number;
  readonly epoch: number;
  /** Of the manifest's header, 16 bytes; undefined in a slot that an older version wrote. */
  readonly manifestSalt: Uint8Array | undefined;
}

/**
 * Reads CURRENT, without its key.
 * @returns the copy that counts and what it says, damaged if either slot is; undefined when the
 * file is missing or neither slot is valid
 * @throws VarveError of the `Fs`; `UNSUPPORTED` for a valid slot of another format version
 */
export function readCurrent(fs: Fs, directory: string): FoundCurrent | undefined {
  const path = joinPath(directory, CURRENT_NAME);
  if (!fs.exists(path)) return undefined;
  let found = readSlots(fs, path);
  // A writer in the midst of a slot passes for damage.
  for (let i = 1; i < READS_MAX && found?.isDamaged !== false; i++) found = readSlots(fs, path);
  return found;
}

function readSlots(fs: Fs, path: string): FoundCurrent | undefined {
  const buf = new Uint8Array(CURRENT_SLOTS * CURRENT_SLOT_BYTES);
  const file = fs.open(path, 'read');
  try {
    readAt(file, buf, 0, buf.length, 0);
  } finally {
    closeFile(file);
  }
  const slots = decodeSlots(buf, path);
  let newest: FoundSlot | undefined;
  for (const found of slots) {
    if (newest === undefined || (found?.slot.generation ?? 0) > newest.slot.generation) {
      newest = found;
    }
  }
  if (newest === undefined) return undefined;
  const isDamaged = slots.some((found, index) => found?.isDamaged ?? !isBlankSlot(buf, index));
  return { ...newest, isDamaged, file: buf };
}

/**
 * The slots in the bytes of CURRENT, which are borrowed; undefined for those that are not valid.
 * @throws VarveError `UNSUPPORTED` for a valid slot of another format version
 */
export function decodeSlots(bytes: Uint8Array, path: string): (FoundSlot | undefined)[] {
  // A repair is made in place.
  const buf = bytes.slice();
  return Array.from({ length: CURRENT_SLOTS }, (_, index) => decodeSlot(buf, index, path));
}

/** A slot as it was found. */
export interface FoundSlot {
  readonly slot: CurrentSlot;
  /** A sound copy, fresh. */
  readonly bytes: Uint8Array;
  /** Some byte is wrong, if only because a write was cut off. */
  readonly isDamaged: boolean;
}

/** The slot that counts. */
export interface FoundCurrent extends FoundSlot {
  /** The whole file, fresh; zeros stand for what it lacks. */
  readonly file: Uint8Array;
}

/**
 * Makes sure that the key is the database's and that the slot is authentic.
 * @param found of an encrypted database
 * @throws VarveError `KEY` when the key is missing or another, `CORRUPTION` for a forged slot,
 * `UNSUPPORTED` for an unknown suite
 */
export function authenticateCurrent(found: FoundSlot, pipeline: Pipeline, path: string): void {
  const { slot, bytes } = found;
  const { keys } = pipeline;
  if (keys === undefined) {
    throw new VarveError('KEY', `the database is encrypted, and no keys were given (${path})`, {
      file: path,
    });
  }
  const check = bytes.subarray(KEY_CHECK_OFF, KEY_CHECK_OFF + KEY_CHECK_BYTES);
  keys.expectKey(slot.epoch, slot.databaseId, check, path);
  const cipher = slotCipher(bytes, slot, pipeline, path);
  const isAuthentic = cipher.open(TAG_CONTEXT, bytes, TAG_OFF, TAG_BYTES, new Uint8Array(0), 0);
  cipher.destroy();
  if (!isAuthentic) throw corruption('CURRENT is not authentic', path, 0);
}

/** Creates CURRENT without a valid slot. */
export function createCurrent(fs: Fs, directory: string): void {
  closeFile(fs.open(joinPath(directory, CURRENT_NAME), 'create'));
}

/**
 * Writes the slot that its generation belongs into, and blocks until it is on stable storage.
 * @param isSynced false leaves that to the next call
 * @throws VarveError of the `Fs`; `UNSUPPORTED` for a file with several names that cannot be
 * replaced
 */
export function writeCurrent(
  fs: Fs,
  directory: string,
  slot: CurrentSlot,
  pipeline: Pipeline,
  isSynced = true,
): void {
  const path = joinPath(directory, CURRENT_NAME);
  const bytes = encodeSlot(slot, pipeline, path);
  const off = slotIndex(slot.generation) * CURRENT_SLOT_BYTES;
  const file = fs.open(path, 'update');
  try {
    if (file.linkCount() > 1) {
      replaceCurrent(fs, directory, file, bytes, off, pipeline);
    } else {
      file.write(bytes, 0, CURRENT_SLOT_BYTES, off);
      if (isSynced) file.sync();
    }
  } finally {
    pipeline.closeFile(file);
  }
}

/** The same for a file whose bytes somebody else sees under another name; borrows `slot`. */
function replaceCurrent(
  fs: Fs,
  directory: string,
  shared: FileHandle,
  slot: Uint8Array,
  off: number,
  pipeline: Pipeline,
): void {
  if (!fs.capabilities.atomicRename) {
    const text = `${shared.path} has a second name (a hard link), and cannot be replaced here`;
    throw new VarveError('UNSUPPORTED', text, { file: shared.path });
  }
  const whole = new Uint8Array(CURRENT_SLOTS * CURRENT_SLOT_BYTES);
  readAt(shared, whole, 0, whole.length, 0);
  whole.set(slot, off);
  const path = joinPath(directory, CURRENT_REPLACEMENT_NAME);
  if (fs.exists(path)) fs.remove(path);
  const file = fs.open(path, 'create');
  try {
    file.write(whole, 0, whole.length, 0);
    file.sync();
  } finally {
    pipeline.closeFile(file);
  }
  fs.rename(path, shared.path);
  fs.syncDirectory(directory);
}

function slotIndex(generation: number): number {
  return (generation - 1) % 2;
}

function encodeSlot(slot: CurrentSlot, pipeline: Pipeline, path: string): Uint8Array {
  const buf = new Uint8Array(CURRENT_SLOT_BYTES);
  buf.set(MAGIC, 0);
  writeU16(buf, 8, FORMAT_VERSION);
  buf[10] = slot.isClean ? 1 : 0;
  buf[11] = slot.suiteId;
  writeU16(buf, 12, slot.epoch);
  writeU64(buf, 16, slot.generation);
  writeU64(buf, 24, slot.manifestNumber);
  writeU64(buf, 32, slot.manifestBytes);
  buf.set(slot.databaseId, DATABASE_ID_OFF);
  if (slot.manifestSalt !== undefined) buf.set(slot.manifestSalt, MANIFEST_SALT_OFF);
  if (slot.suiteId !== SUITE_NONE) {
    buf.set(pipeline.keys!.keyCheck(slot.epoch, slot.databaseId, path), KEY_CHECK_OFF);
    // With every write: what is sealed differs, so the key has to.
    buf.set(pipeline.newSalt(), SALT_OFF);
    const cipher = slotCipher(buf, slot, pipeline, path);
    cipher.seal(TAG_CONTEXT, buf, TAG_OFF, 0, buf, TAG_OFF);
    cipher.destroy();
  }
  completeSlot(buf);
  return buf;
}

/** Adds to the first copy what a slot has beside it. */
function completeSlot(slot: Uint8Array): void {
  writeReplicas(slot, 0, CURRENT_COPY_BYTES, CURRENT_COPIES);
  writeReplicaParity(slot, 0, CURRENT_COPIES * CURRENT_COPY_BYTES);
}

function slotCipher(
  copy: Uint8Array,
  slot: CurrentSlot,
  pipeline: Pipeline,
  path: string,
): FileCipher {
  const identity = {
    databaseId: slot.databaseId,
    fileClass: FILE_CLASS_CURRENT,
    fileNumber: 0,
    salt: copy.slice(SALT_OFF, TAG_OFF),
    binding: slotBinding(copy, slot),
  };
  return pipeline.keys!.fileCipher(slot.suiteId, slot.epoch, identity, path);
}

/** Fresh bytes; see the layout. */
function slotBinding(copy: Uint8Array, { manifestSalt }: CurrentSlot): Uint8Array {
  if (manifestSalt === undefined) return copy.slice(0, SALT_OFF);
  const binding = new Uint8Array(SALT_OFF + SALT_BYTES);
  binding.set(copy.subarray(0, SALT_OFF), 0);
  binding.set(manifestSalt, SALT_OFF);
  return binding;
}

function decodeSlot(buf: Uint8Array, index: number, path: string): FoundSlot | undefined {
  const off = index * CURRENT_SLOT_BYTES;
  const found = newestCopy(buf, index, path);
  if (found !== undefined) return { ...found, isDamaged: !isIntactSlot(buf, off, found.bytes) };
  if (!repairReplicas(buf, off, CURRENT_COPY_BYTES, CURRENT_COPIES)) return undefined;
  const repaired = newestCopy(buf, index, path);
  return repaired === undefined ? undefined : { ...repaired, isDamaged: true };
}

/**
 * The newest of a slot's sound copies; undefined without one. A write that was torn, or did not
 * reach all of the slot, leaves older ones, one that went astray those of the other slot.
 */
function newestCopy(
  buf: Uint8Array,
  index: number,
  path: string,
): Omit<FoundSlot, 'isDamaged'> | undefined {
  let newest: Omit<FoundSlot, 'isDamaged'> | undefined;
  for (let i = 0; i < CURRENT_COPIES; i++) {
    const at = index * CURRENT_SLOT_BYTES + i * CURRENT_COPY_BYTES;
    const isOurs = MAGIC.every((byte, j) => buf[at + j] === byte);
    if (!isOurs || !isSoundReplica(buf, at, CURRENT_COPY_BYTES)) continue;
    const bytes = buf.slice(at, at + CURRENT_COPY_BYTES);
    const slot = decodeCopy(bytes, path);
    if (slot === undefined || slotIndex(slot.generation) !== index) continue;
    if (newest === undefined || slot.generation > newest.slot.generation) newest = { slot, bytes };
  }
  return newest;
}

/** True if the slot at `buf[off]` is what this copy of it stands in. */
function isIntactSlot(buf: Uint8Array, off: number, copy: Uint8Array): boolean {
  return slotAround(copy).every((byte, i) => byte === buf[off + i]);
}

/** The whole slot in which a copy stands; fresh. Borrows the copy. */
export function slotAround(copy: Uint8Array): Uint8Array {
  const slot = new Uint8Array(CURRENT_SLOT_BYTES);
  slot.set(copy, 0);
  completeSlot(slot);
  return slot;
}

/** True for a slot that was never written. Borrows the bytes of CURRENT. */
export function isBlankSlot(buf: Uint8Array, index: number): boolean {
  const off = index * CURRENT_SLOT_BYTES;
  return buf.subarray(off, off + CURRENT_SLOT_BYTES).every((byte) => byte === 0);
}

function decodeCopy(buf: Uint8Array, path: string): CurrentSlot | undefined {
  const version = readU16(buf, 8);
  if (version !== FORMAT_VERSION) {
    throw new VarveError('UNSUPPORTED', `format version ${version} is not known (${path})`, {
      file: path,
      offset: 8,
    });
  }
  const generation = readU64(buf, 16);
  const manifestNumber = readU64(buf, 24);
  const manifestBytes = readU64(buf, 32);
  if (generation < 1) return undefined;
  if (manifestNumber === U64_TOO_LARGE || manifestBytes === U64_TOO_LARGE) return undefined;
  const databaseId = buf.slice(DATABASE_ID_OFF, DATABASE_ID_OFF + DATABASE_ID_BYTES);
  const suiteId = buf[11]!;
  const epoch = readU16(buf, 12);
  const isClean = buf[10] === 1;
  const salt = buf.slice(MANIFEST_SALT_OFF, CHECKSUM_OFF);
  const manifestSalt = salt.some((byte) => byte !== 0) ? salt : undefined;
  return {
    ...{ generation, manifestNumber, manifestBytes, isClean, databaseId, suiteId, epoch },
    manifestSalt,
  };
}
