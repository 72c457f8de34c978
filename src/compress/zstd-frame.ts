/**
 * The outside of a Zstandard frame (RFC 8878, section 3.1.1): what its header says, and where its
 * blocks end.
 *
 *     offset  size  meaning
 *     0       4     magic number 0xFD2FB528
 *     4       1     descriptor: bits 0-1 size code of the dictionary id, 2 checksum, 3 reserved,
 *                   5 single segment, 6-7 size code of the content size
 *     5       0, 1  window size; absent in a single segment
 *             0-4   dictionary id
 *             0-8   content size
 *             then blocks: 3 bytes (bit 0 last, 1-2 type, 3-23 size) and what they hold
 *
 * Integers are little-endian.
 * @module
 */
import { readU16, readU32, readU64 } from '../bytes/fixed.ts';

/** What {@link frameContentBytes} returns when there is no sound header. */
export const NO_FRAME = -1;
/** What {@link frameContentBytes} returns when the header does not say. */
export const NO_CONTENT_SIZE = -2;

const FRAME_MAGIC = 0xfd2f_b528;
const DICTIONARY_ID_BITS = 0x03;
const CHECKSUM_BIT = 0x04;
const RESERVED_BIT = 0x08;
const SINGLE_SEGMENT_BIT = 0x20;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const BLOCK_HEADER_BYTES = 3;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** The content size that the frame at `buf[off, off + len)` states. Borrows `buf`. */
export function frameContentBytes(buf: Uint8Array, off: number, len: number): number {
  const end = headerEnd(buf, off, len);
  if (end < 0) return NO_FRAME;
  switch (contentSizeBytes(buf[off + 4]!)) {
    case 1:
      return buf[end - 1]!;
    case 2:
      return readU16(buf, end - 2) + 256;
    case 4:
      return readU32(buf, end - 4);
    case 8:
      // A size above 2^53 reads as -1: no frame.
      return readU64(buf, end - 8);
    default:
      return NO_CONTENT_SIZE;
  }
}

/**
 * True if `buf[off, off + len)` is, from the outside, what we store: one whole frame that states
 * `contentLen`, without a dictionary id and a checksum. What the blocks hold is not looked at.
 * Borrows `buf`.
 */
export function isPlainFrame(
  buf: Uint8Array,
  off: number,
  len: number,
  contentLen: number,
): boolean {
  if (frameContentBytes(buf, off, len) !== contentLen) return false;
  if ((buf[off + 4]! & (DICTIONARY_ID_BITS | CHECKSUM_BIT)) !== 0) return false;
  const end = off + len;
  let at = headerEnd(buf, off, len);
  let isLast = false;
  while (!isLast) {
    if (end - at < BLOCK_HEADER_BYTES) return false;
    const header = readU16(buf, at) | (buf[at + 2]! << 16);
    const type = (header >>> 1) & 3;
    if (type === BLOCK_RESERVED) return false;
    isLast = (header & 1) !== 0;
    at += BLOCK_HEADER_BYTES + (type === BLOCK_RLE ? 1 : header >>> 3);
  }
  return at === end;
}

/** Where the header that begins at `off` ends; -1 when it is cut off or none. */
function headerEnd(buf: Uint8Array, off: number, len: number): number {
  if (len < 5 || readU32(buf, off) !== FRAME_MAGIC) return -1;
  const descriptor = buf[off + 4]!;
  if ((descriptor & RESERVED_BIT) !== 0) return -1;
  const windowBytes = (descriptor & SINGLE_SEGMENT_BIT) !== 0 ? 0 : 1;
  const idBytes = DICTIONARY_ID_BYTES[descriptor & DICTIONARY_ID_BITS]!;
  const length = 5 + windowBytes + idBytes + contentSizeBytes(descriptor);
  return length <= len ? off + length : -1;
}

/** A single segment states its size in any case. */
function contentSizeBytes(descriptor: number): number {
  const isSingle = (descriptor & SINGLE_SEGMENT_BIT) !== 0;
  const code = descriptor >>> 6;
  return code === 0 && isSingle ? 1 : CONTENT_SIZE_BYTES[code]!;
}
