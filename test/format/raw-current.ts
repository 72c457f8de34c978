/**
 * CURRENT, read as docs/FORMAT.md says.
 * @module
 */
import assert from 'node:assert/strict';
import { ascii, Bytes, compare, xxh64 } from './raw-bytes.ts';
import { correct, SEC_DED, section } from './raw-codes.ts';
import { decrypt, fileKey, keyCheck } from './raw-stages.ts';

const SLOT_BYTES = 1024;
const COPY_BYTES = 128;
const COPIES_BYTES = 7 * COPY_BYTES;

/** The slot that counts. */
export interface RawSlot {
  readonly generation: number;
  readonly manifestNumber: number;
  readonly durableBytes: number;
  readonly isClean: boolean;
  readonly databaseId: Uint8Array;
  readonly suite: number;
  readonly epoch: number;
  /** Of the manifest's header; undefined in a slot of an older version. */
  readonly manifestSalt: Uint8Array | undefined;
  /** Some bytes of it are not what was written. */
  readonly isDamaged: boolean;
  readonly copy: Uint8Array;
}

/** The slot that counts; throws when it is not authentic. */
export function readCurrent(file: Uint8Array, keys: ReadonlyMap<number, Uint8Array>): RawSlot {
  const slots = [0, 1].map((index) => readSlot(file, index));
  const found = slots.filter((slot) => slot !== undefined);
  found.sort((a, b) => b.generation - a.generation);
  const slot = found[0];
  assert.ok(slot !== undefined, 'CURRENT has no valid slot');
  authenticate(slot, keys);
  return slot;
}

function readSlot(file: Uint8Array, index: number): RawSlot | undefined {
  const bytes = file.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES);
  if (bytes.length < SLOT_BYTES) return undefined;
  const copies = bytes.subarray(0, COPIES_BYTES);
  const stored = bytes.subarray(COPIES_BYTES, COPIES_BYTES + COPIES_BYTES / 8);
  const newest = (of: Uint8Array): RawSlot | undefined => newestCopy(of, index);
  const corrected = correct(SEC_DED, copies, stored, (each) => newest(each) !== undefined);
  const slot = newest(copies) ?? (corrected === undefined ? undefined : newest(corrected));
  if (slot === undefined) return undefined;
  const whole = Buffer.concat(Array<Uint8Array>(7).fill(slot.copy));
  const wanted = Buffer.concat([whole, section(SEC_DED, whole), new Uint8Array(16)]);
  return { ...slot, isDamaged: compare(bytes, wanted) !== 0 };
}

function newestCopy(copies: Uint8Array, index: number): RawSlot | undefined {
  const found: RawSlot[] = [];
  for (let at = 0; at < copies.length; at += COPY_BYTES) {
    const slot = readCopy(copies.slice(at, at + COPY_BYTES));
    if (slot !== undefined && (slot.generation - 1) % 2 === index) found.push(slot);
  }
  return found.sort((a, b) => b.generation - a.generation)[0];
}

function readCopy(copy: Uint8Array): RawSlot | undefined {
  if (ascii(copy.subarray(0, 8)) !== 'VARVECUR') return undefined;
  if (new Bytes(copy, 120).wide() !== xxh64(copy.subarray(0, 120))) return undefined;
  const reader = new Bytes(copy, 8);
  assert.equal(reader.u16(), 1, 'format version');
  const isClean = reader.u8() === 1;
  const suite = reader.u8();
  const epoch = reader.u16();
  reader.take(2);
  const generation = reader.u64();
  const manifestNumber = reader.u64();
  const durableBytes = reader.u64();
  const databaseId = reader.take(16);
  const isDamaged = false;
  const salt = copy.slice(104, 120);
  const manifestSalt = salt.some((byte) => byte !== 0) ? salt : undefined;
  return {
    ...{ generation, manifestNumber, durableBytes, isClean, databaseId, suite, epoch },
    ...{ manifestSalt, isDamaged, copy },
  };
}

function authenticate(slot: RawSlot, keys: ReadonlyMap<number, Uint8Array>): void {
  const { suite, epoch, databaseId, manifestSalt, copy } = slot;
  const [check, salt, tag] = [copy.subarray(56, 72), copy.subarray(72, 88), copy.subarray(88, 104)];
  if (suite === 0) {
    assert.ok(copy.subarray(56, 104).every((byte) => byte === 0));
    return;
  }
  const key = keys.get(epoch);
  assert.ok(key !== undefined, 'there is a key of the epoch');
  assert.equal(compare(keyCheck(key, databaseId), check), 0, 'it is the right one');
  const binding = Buffer.concat([copy.subarray(0, 72), manifestSalt ?? new Uint8Array(0)]);
  const identity = { suite, epoch, fileClass: 'C', fileNumber: 0, databaseId, salt, binding };
  const place = { position: 0, blockType: 0, codec: 0, contentBytes: 0, dictionaryId: 0 };
  assert.equal(decrypt(fileKey(key, identity), identity, place, tag).length, 0);
}
