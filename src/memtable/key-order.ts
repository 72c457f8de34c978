/**
 * The order of key records by user key, and comparisons by it.
 *
 * Comparisons read 32-bit key words first: four key bytes from some depth on, big-endian, padded
 * with zeros, with the sign bit flipped so that signed comparison gives the bytewise order. Equal
 * words decide nothing when a key ends inside them.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';
import { compareBytes, sharedPrefixLength } from '../bytes/compare.ts';
import { KEY_LENGTH_WORD, KEY_OFFSET } from './record.ts';

/** The key word at `depth` of a key. Borrows `buf`. */
export function keyWord(buf: Uint8Array, off: number, len: number, depth: number): number {
  const at = off + depth;
  const left = len - depth;
  if (left >= 4) {
    const word = (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!;
    return word ^ 0x8000_0000;
  }
  let word = 0;
  if (left > 0) word |= buf[at]! << 24;
  if (left > 1) word |= buf[at + 1]! << 16;
  if (left > 2) word |= buf[at + 2]! << 8;
  return word ^ 0x8000_0000;
}

/** Key length of a key record. */
export function recordKeyLength(arena: Arena, record: number): number {
  return arena.chunkWords[record >>> CHUNK_SHIFT]![(record & CHUNK_WORD_MASK) + KEY_LENGTH_WORD]!;
}

/** The key word at `depth` of a key record. */
export function recordKeyWord(arena: Arena, record: number, depth: number): number {
  const chunk = record >>> CHUNK_SHIFT;
  const base = record & CHUNK_WORD_MASK;
  const keyLen = arena.chunkWords[chunk]![base + KEY_LENGTH_WORD]!;
  return keyWord(arena.chunkBytes[chunk]!, base * 4 + KEY_OFFSET, keyLen, depth);
}

/** Compares a user key with that of a key record; both share their first `depth` bytes. */
export function compareKeyWithRecord(
  arena: Arena,
  buf: Uint8Array,
  off: number,
  len: number,
  record: number,
  depth: number,
): number {
  const chunk = record >>> CHUNK_SHIFT;
  const base = record & CHUNK_WORD_MASK;
  const keyLen = arena.chunkWords[chunk]![base + KEY_LENGTH_WORD]!;
  const keyOff = base * 4 + KEY_OFFSET + depth;
  const bytes = arena.chunkBytes[chunk]!;
  return compareBytes(buf, off + depth, len - depth, bytes, keyOff, keyLen - depth);
}

/** Compares the user keys of two key records that share their first `depth` bytes. */
export function compareRecords(arena: Arena, a: number, b: number, depth: number): number {
  const chunk = a >>> CHUNK_SHIFT;
  const base = a & CHUNK_WORD_MASK;
  const keyLen = arena.chunkWords[chunk]![base + KEY_LENGTH_WORD]!;
  const bytes = arena.chunkBytes[chunk]!;
  return compareKeyWithRecord(arena, bytes, base * 4 + KEY_OFFSET, keyLen, b, depth);
}

/**
 * Number of leading bytes that the user keys of two key records have in common, of which `depth`
 * are known to be.
 */
export function recordsSharedPrefix(arena: Arena, a: number, b: number, depth: number): number {
  const aBase = a & CHUNK_WORD_MASK;
  const bBase = b & CHUNK_WORD_MASK;
  const further = sharedPrefixLength(
    arena.chunkBytes[a >>> CHUNK_SHIFT]!,
    aBase * 4 + KEY_OFFSET + depth,
    recordKeyLength(arena, a) - depth,
    arena.chunkBytes[b >>> CHUNK_SHIFT]!,
    bBase * 4 + KEY_OFFSET + depth,
    recordKeyLength(arena, b) - depth,
  );
  return depth + further;
}
