/**
 * The block: the unit in which every byte of every file is checked.
 *
 *     offset  size  meaning
 *     0       1     block type (BLOCK_*)
 *     1       1     codec of the payload: 0 none, 1 lz4, 2 zstd, 3 zstd with the file's dictionary
 *     2       1     cipher suite of the payload: that of the file's header
 *     3       1     checksum kind: 1 XXH64
 *     4       2     key epoch: that of the file's header
 *     6       1     mask of the payload (mask.ts); 0 but in some records of logs
 *     7       1     reserved, 0
 *     8       4     payload length n in bytes, as stored
 *     12      4     content length in bytes, as before compression and encryption
 *     16      n     payload
 *     16+n    8     checksum
 *     24+n    p     parity section, if the file's header names an error-correcting code
 *
 * Integers are little-endian. The content is compressed if that is worthwhile, then encrypted if
 * the file is (the payload is then ciphertext and tag; nonce and additional data: file-cipher.ts),
 * then masked if there is a mask.
 * The checksum is the XXH64, seeded with the first 8 bytes of the file's salt, of header and
 * payload, XORed with the block's position in the file: a block that is read from another place or
 * another file fails. The parity section is a function of the 24+n bytes before it (src/ecc); a
 * reader looks at it only when they are not sound. A stage that is off leaves no trace but the zero
 * in its header field.
 *
 * "Length of a block" is 24+n everywhere: the parity section's follows from it.
 * @module
 */
import { TAG_BYTES } from '../crypto/port.ts';

export const BLOCK_DATA = 1;
export const BLOCK_INDEX = 2;
export const BLOCK_FILTER = 3;
export const BLOCK_PROPERTIES = 4;
export const BLOCK_FOOTER = 5;
export const BLOCK_DICTIONARY = 6;
export const BLOCK_WAL_RECORD = 16;
export const BLOCK_MANIFEST_EDIT = 32;

export const BLOCK_HEADER_BYTES = 16;
export const BLOCK_TRAILER_BYTES = 8;
/** Where in a block's header its mask stands. */
export const BLOCK_MASK_OFF = 6;
/** Where in a block's header the length of its content stands. */
export const BLOCK_CONTENT_LEN_OFF = 12;
/** What a block costs beyond its payload. */
export const BLOCK_OVERHEAD_BYTES: number = BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES;
/** Largest content: 1 GiB, which holds a write batch of the largest permitted size. */
export const BLOCK_CONTENT_BYTES_MAX = 0x4000_0000;
/**
 * Largest record of a log that is written, with all that stands around its block: buffers and
 * offsets of this size are sound everywhere.
 */
export const RECORD_BYTES_MAX = 0x7fff_ffff;
export const BLOCK_PAYLOAD_BYTES_MAX: number = BLOCK_CONTENT_BYTES_MAX + TAG_BYTES;

export const CHECKSUM_KIND_XXH64 = 1;
