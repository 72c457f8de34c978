/**
 * The header of a Zstandard frame (RFC 8878, section 3.1.1), as far as it says how much content
 * the frame has.
 *
 *     offset  size  meaning
 *     0       4     magic number 0xFD2FB528
 *     4       1     descriptor: bits 0-1 size code of the dictionary id, 2 checksum, 3 reserved,
 *                   5 single segment, 6-7 size code of the content size
 *     5       0, 1  window size; absent in a single segment
 *             0-4   dictionary id
 *             0-8   content size
 *
 * Integers are little-endian.
 * @module
 */
import { readU16, readU32, readU64 } from '../bytes/fixed.ts';

/** What {@link frameContentBytes} returns when there is no header, or no content size in it. */
export const NO_CONTENT_SIZE = -1;

const FRAME_MAGIC = 0xfd2f_b528;
const RESERVED_BIT = 0x08;
const SINGLE_SEGMENT_BIT = 0x20;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];

/** The content size that the frame at `buf[off, off + len)` states. Borrows `buf`. */
export function frameContentBytes(buf: Uint8Array, off: number, len: number): number {
  if (len < 5 || readU32(buf, off) !== FRAME_MAGIC) return NO_CONTENT_SIZE;
  const descriptor = buf[off + 4]!;
  if ((descriptor & RESERVED_BIT) !== 0) return NO_CONTENT_SIZE;
  const isSingle = (descriptor & SINGLE_SEGMENT_BIT) !== 0;
  const at = off + 5 + (isSingle ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]!;
  const left = off + len - at;
  switch (descriptor >>> 6) {
    case 0:
      return isSingle && left >= 1 ? buf[at]! : NO_CONTENT_SIZE;
    case 1:
      return left >= 2 ? readU16(buf, at) + 256 : NO_CONTENT_SIZE;
    case 2:
      return left >= 4 ? readU32(buf, at) : NO_CONTENT_SIZE;
    default:
      // A size above 2^53 reads as -1 too.
      return left >= 8 ? readU64(buf, at) : NO_CONTENT_SIZE;
  }
}
