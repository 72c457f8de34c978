/**
 * What zstd is used for, on every runtime.
 * @module
 */

/** Largest content: what one runtime writes, all can read. */
export const ZSTD_CONTENT_BYTES_MAX = 0x10_0000;
export const ZSTD_LEVEL_MIN = 1;
export const ZSTD_LEVEL_MAX = 19;
