/**
 * The kinds of an internal key and the limits of user keys, values and sequence numbers.
 *
 * An internal key is (user key, seqno, kind). Order: user key ascending bytewise, then seqno
 * descending, so that the newest version of a key comes first. No two entries share a user key and
 * a seqno, so the kind never decides.
 *
 * The numbers reach the disk and never change; new kinds get new numbers.
 * @module
 */

/** A tombstone: the key is absent as of its seqno. */
export const KIND_DELETE = 0;
/** A value. */
export const KIND_PUT = 1;
/** Kinds from here on are unknown to this version. */
export const KIND_UNKNOWN_MIN = 2;

/** Longest user key: 64 KiB. */
export const KEY_BYTES_MAX = 65_536;
/** Longest value: 256 MiB. */
export const VALUE_BYTES_MAX = 268_435_456;
/** Largest seqno: 2^53 - 1. Zero means "older than every snapshot" in compacted tables. */
export const SEQNO_MAX: number = Number.MAX_SAFE_INTEGER;
