/**
 * The layout of a data block's content: values, keys and versions stand in areas of their own, so
 * that a search touches a few adjacent cache lines and never a value it does not return.
 *
 *     size    area
 *     v       value area: the values, back to back
 *     k       key area: the key entries, back to back
 *     n or 0  kinds: one byte an entry; left out when all entries have the same kind
 *     n * w   seqnos: (seqno - base seqno) of each entry in w bytes
 *     n * 4   entry checksums, a u32 each (key/entry-checksum.ts); left out without flag bit 0
 *     12 * r  restart array, one element for every `interval` entries:
 *               u32 offset in the key area, u32 offset in the value area, u32 head word
 *     32      tail:
 *       0       4   n, entry count, at least 1
 *       4       4   v
 *       8       4   k
 *       12      2   interval, at least 1
 *       14      1   w, 0 to 7
 *       15      1   the kind of all entries, or 255 when each has its own
 *       16      8   base seqno: the smallest of the block
 *       24      4   p, head prefix length
 *       28      4   flags: bit 0 entry checksums; a reader refuses bits that it does not know
 *
 * r = ceil(n / interval). Integers are little-endian. A key entry is
 *
 *     varint shared | varint unshared | varint value length | the unshared bytes of the user key
 *
 * Its key begins with `shared` bytes of the key before it, as many as the two have in common. At
 * the restart points (entries 0, interval, 2 * interval, ...) that is the *first key of the block*
 * instead: a search jumps to any restart with the first key in hand, and as entries ascend, a scan
 * running across needs no special case, because the previous key has at least as much in common
 * with the first key.
 *
 * p is the number of bytes that the first key shares with every restart key; the head word of a
 * restart is the four bytes of its key behind that prefix, big-endian, zeros where the key ends.
 * Head words ascend, so a search is over integers, and keys are compared only where words tie.
 * @module
 */

export const RESTART_BYTES = 12;
export const RESTART_WORD = 8;
export const TAIL_BYTES = 32;
export const TAIL_VALUE_BYTES = 4;
export const TAIL_KEY_BYTES = 8;
export const TAIL_INTERVAL = 12;
export const TAIL_SEQNO_WIDTH = 14;
export const TAIL_KIND = 15;
export const TAIL_BASE_SEQNO = 16;
export const TAIL_HEAD_PREFIX = 24;
export const TAIL_FLAGS = 28;

/** Flag: the block stores a checksum of each entry. */
export const FLAG_ENTRY_CHECKSUMS = 1;

/** In the tail: every entry has a kind of its own. */
export const KIND_MIXED = 255;
/** Widest stored seqno difference: 56 bits hold any. */
export const SEQNO_WIDTH_MAX = 7;
/** The shortest key entry: three one-byte varints and no key bytes. */
export const KEY_ENTRY_BYTES_MIN = 3;
export const RESTART_INTERVAL_MAX = 1024;
