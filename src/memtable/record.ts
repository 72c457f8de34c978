/**
 * The records of a memtable, in its arena. A position is as in `bytes/arena.ts`; integers are
 * 32-bit little-endian words on the platforms that exist, but never leave memory.
 *
 * The first entry of a user key is a key record, which the ordered tree and the hash index lead to:
 *
 *     offset  size  meaning
 *     0       4     seqno, low 32 bits
 *     4       4     bits 0-20: seqno, high bits; bits 21-28: kind
 *     8       4     value length in bytes
 *     12      4     position of the newest version record of this key; 0 while there is none
 *     16      4     key length in bytes
 *     20      n     key
 *     -       -     to the next multiple of 8: value, or the number of its large (4 bytes)
 *     -       0, 4  to the next multiple of 4: checksum of the entry
 *
 * Each later entry of the same key is a version record, linked from newest to oldest:
 *
 *     offset  size  meaning
 *     0       12    as above
 *     12      4     position of the next older record; the key record is the oldest
 *     16      4     position of an older record to jump to
 *     20      4     depth: number of older records of the key
 *     24      n     value, or the number of its large (4 bytes)
 *     -       0, 4  to the next multiple of 4: checksum of the entry
 *
 * All records of a memtable have a checksum, or none (key/entry-checksum.ts).
 *
 * A value longer than {@link VALUE_INLINE_BYTES_MAX} stands in a large. Values are aligned to 8,
 * because copies from and to shared memory are several times faster between aligned ranges.
 *
 * The jumps are those of skew-binary random access lists (E. W. Myers, "An applicative
 * random-access stack", 1983): with one extra link per record every older version is found in
 * O(log versions), so a snapshot under a hot key stays cheap.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';

/** Longest value that is stored inside its record. */
export const VALUE_INLINE_BYTES_MAX = 0x2_0000;

/**
 * Up to here, putting bytes together into words beats a native copy, which needs a view of its
 * source and copies single bytes from a source that is not aligned.
 */
const WORD_COPY_BYTES_MAX = 160;
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Word offsets inside a record. */
export const META_WORD = 1;
export const VALUE_LENGTH_WORD = 2;
const NEWEST_WORD = 3;
export const KEY_LENGTH_WORD = 4;
const OLDER_WORD = 3;
const JUMP_WORD = 4;
const DEPTH_WORD = 5;

/** Byte offsets inside a record. */
export const KEY_OFFSET = 20;
const VERSION_VALUE_OFFSET = 24;

export const KIND_SHIFT = 21;
export const SEQNO_HIGH_MASK = 0x1f_ffff;
const TWO_POW_32 = 0x1_0000_0000;

/** Byte offset, relative to the key record, of the value behind a key of `keyLen` bytes. */
function valueOffsetBehindKey(keyLen: number): number {
  return (KEY_OFFSET + keyLen + 7) & ~7;
}

/** Byte offset, relative to the record at word `base` of `words`, of its value. */
export function valueOffset(words: Int32Array, base: number, isKeyRecord: boolean): number {
  if (!isKeyRecord) return VERSION_VALUE_OFFSET;
  return valueOffsetBehindKey(words[base + KEY_LENGTH_WORD]!);
}

/** Seqno of the record at word `base` of `words`. */
export function seqnoIn(words: Int32Array, base: number): number {
  return (words[base + META_WORD]! & SEQNO_HIGH_MASK) * TWO_POW_32 + (words[base]! >>> 0);
}

/** Seqno of a record. */
export function recordSeqno(arena: Arena, record: number): number {
  return seqnoIn(arena.chunkWords[record >>> CHUNK_SHIFT]!, record & CHUNK_WORD_MASK);
}

/**
 * Copies key and value into a new key record; borrows both buffers for the call.
 * @param checksumBytes room for a checksum, which is stored next: 0 or a multiple of 4
 */
export function appendKeyRecord(
  arena: Arena,
  keyBuf: Uint8Array,
  keyOff: number,
  keyLen: number,
  seqno: number,
  kind: number,
  valBuf: Uint8Array,
  valOff: number,
  valLen: number,
  checksumBytes: number,
): number {
  const offset = valueOffsetBehindKey(keyLen);
  const record = arena.allocate(offset + inlineLength(valLen) + checksumBytes);
  const words = arena.chunkWords[record >>> CHUNK_SHIFT]!;
  const base = record & CHUNK_WORD_MASK;
  words[base] = seqno | 0;
  words[base + META_WORD] = (seqno / TWO_POW_32) | (kind << KIND_SHIFT);
  words[base + VALUE_LENGTH_WORD] = valLen;
  words[base + NEWEST_WORD] = 0;
  words[base + KEY_LENGTH_WORD] = keyLen;
  storeBytes(arena, record, KEY_OFFSET, keyBuf, keyOff, keyLen);
  storeValue(arena, record, offset, valBuf, valOff, valLen);
  return record;
}

/**
 * Copies a value into a new version record and makes it the newest of `keyRecord`; borrows the
 * buffer for the call. The seqno is higher than those of the key's other records.
 * @param checksumBytes as for {@link appendKeyRecord}
 */
export function appendVersionRecord(
  arena: Arena,
  keyRecord: number,
  seqno: number,
  kind: number,
  valBuf: Uint8Array,
  valOff: number,
  valLen: number,
  checksumBytes: number,
): number {
  const record = arena.allocate(VERSION_VALUE_OFFSET + inlineLength(valLen) + checksumBytes);
  const older = newestRecord(arena, keyRecord);
  const words = arena.chunkWords[record >>> CHUNK_SHIFT]!;
  const base = record & CHUNK_WORD_MASK;
  words[base] = seqno | 0;
  words[base + META_WORD] = (seqno / TWO_POW_32) | (kind << KIND_SHIFT);
  words[base + VALUE_LENGTH_WORD] = valLen;
  words[base + OLDER_WORD] = older;
  words[base + JUMP_WORD] = jumpAbove(arena, keyRecord, older);
  words[base + DEPTH_WORD] = depthOf(arena, keyRecord, older) + 1;
  storeValue(arena, record, VERSION_VALUE_OFFSET, valBuf, valOff, valLen);
  const keyWords = arena.chunkWords[keyRecord >>> CHUNK_SHIFT]!;
  keyWords[(keyRecord & CHUNK_WORD_MASK) + NEWEST_WORD] = record;
  return record;
}

/** Stores the checksum of a record that has room for it. */
export function storeChecksum(
  arena: Arena,
  record: number,
  isKeyRecord: boolean,
  checksum: number,
): void {
  const words = arena.chunkWords[record >>> CHUNK_SHIFT]!;
  words[checksumWord(words, record & CHUNK_WORD_MASK, isKeyRecord)] = checksum;
}

/** The checksum of a record that has one. */
export function recordChecksum(arena: Arena, record: number, isKeyRecord: boolean): number {
  const words = arena.chunkWords[record >>> CHUNK_SHIFT]!;
  return words[checksumWord(words, record & CHUNK_WORD_MASK, isKeyRecord)]! >>> 0;
}

/** The word that holds the checksum of the record at word `base` of `words`. */
function checksumWord(words: Int32Array, base: number, isKeyRecord: boolean): number {
  const valueBytes = inlineLength(words[base + VALUE_LENGTH_WORD]!);
  return base + ((valueOffset(words, base, isKeyRecord) + valueBytes + 3) >>> 2);
}

/** Newest record of a key, the key record itself when it is the only one. */
export function newestRecord(arena: Arena, keyRecord: number): number {
  const newest = wordOf(arena, keyRecord, NEWEST_WORD);
  return newest === 0 ? keyRecord : newest;
}

/** The next older record of a version record. */
export function olderRecord(arena: Arena, versionRecord: number): number {
  return wordOf(arena, versionRecord, OLDER_WORD);
}

/** Oldest record of a key with a seqno of at least `seqno`; 0 when all are older. */
export function oldestRecordFrom(arena: Arena, keyRecord: number, seqno: number): number {
  let record = newestRecord(arena, keyRecord);
  if (recordSeqno(arena, record) < seqno) return 0;
  while (record !== keyRecord) {
    const jump = wordOf(arena, record, JUMP_WORD);
    if (recordSeqno(arena, jump) >= seqno) {
      record = jump;
      continue;
    }
    const older = wordOf(arena, record, OLDER_WORD);
    if (recordSeqno(arena, older) < seqno) break;
    record = older;
  }
  return record;
}

/** Newest record of a key with a seqno of at most `seqno`; 0 when all are newer. */
export function newestRecordUpTo(arena: Arena, keyRecord: number, seqno: number): number {
  const newest = newestRecord(arena, keyRecord);
  if (recordSeqno(arena, newest) <= seqno) return newest;
  const newer = oldestRecordFrom(arena, keyRecord, seqno + 1);
  return newer === keyRecord ? 0 : olderRecord(arena, newer);
}

function wordOf(arena: Arena, record: number, word: number): number {
  return arena.chunkWords[record >>> CHUNK_SHIFT]![(record & CHUNK_WORD_MASK) + word]!;
}

function depthOf(arena: Arena, keyRecord: number, record: number): number {
  return record === keyRecord ? 0 : wordOf(arena, record, DEPTH_WORD);
}

function jumpOf(arena: Arena, keyRecord: number, record: number): number {
  return record === keyRecord ? keyRecord : wordOf(arena, record, JUMP_WORD);
}

/** Jump of a new record above `older`: two equal jumps in a row merge into one of both lengths. */
function jumpAbove(arena: Arena, keyRecord: number, older: number): number {
  const near = jumpOf(arena, keyRecord, older);
  const far = jumpOf(arena, keyRecord, near);
  const nearDepth = depthOf(arena, keyRecord, near);
  const first = depthOf(arena, keyRecord, older) - nearDepth;
  return first === nearDepth - depthOf(arena, keyRecord, far) ? far : older;
}

function inlineLength(valLen: number): number {
  return valLen > VALUE_INLINE_BYTES_MAX ? 4 : valLen;
}

function storeValue(
  arena: Arena,
  record: number,
  offset: number,
  valBuf: Uint8Array,
  valOff: number,
  valLen: number,
): void {
  if (valLen <= VALUE_INLINE_BYTES_MAX) {
    storeBytes(arena, record, offset, valBuf, valOff, valLen);
    return;
  }
  const large = arena.allocateLarge(valLen);
  arena.largeBytes[large]!.set(valBuf.subarray(valOff, valOff + valLen));
  const word = (record & CHUNK_WORD_MASK) + (offset >>> 2);
  arena.chunkWords[record >>> CHUNK_SHIFT]![word] = large;
}

/** Copies bytes to `offset` in a record, a multiple of 4. */
function storeBytes(
  arena: Arena,
  record: number,
  offset: number,
  src: Uint8Array,
  off: number,
  len: number,
): void {
  const chunk = record >>> CHUNK_SHIFT;
  const bytes = arena.chunkBytes[chunk]!;
  const to = (record & CHUNK_WORD_MASK) * 4 + offset;
  if (len > WORD_COPY_BYTES_MAX || !IS_LITTLE_ENDIAN) {
    bytes.set(src.subarray(off, off + len), to);
    return;
  }
  const words = arena.chunkWords[chunk]!;
  const shift = to - off;
  const end = off + len;
  let at = off;
  for (const wordsEnd = end - 3; at < wordsEnd; at += 4) {
    words[(at + shift) >>> 2] =
      src[at]! | (src[at + 1]! << 8) | (src[at + 2]! << 16) | (src[at + 3]! << 24);
  }
  for (; at < end; at++) bytes[at + shift] = src[at]!;
}
