/**
 * Tar (POSIX ustar), as far as export files need it: plain files with short names, all of whose
 * header bytes follow from name and size.
 *
 *     off size
 *     0   100  name, zeros behind it
 *     100   8  mode "0000644", 0
 *     108  16  owner and group "0000000", 0 each
 *     124  12  size in octal, 11 digits, 0; from 8 GiB on a byte 0x80 and the size as a big-endian
 *              integer of 11 bytes (GNU)
 *     136  12  time "00000000000", 0
 *     148   8  sum of all bytes of the header, these counted as spaces: 6 octal digits, 0, space
 *     156   1  "0": a file
 *     257   8  "ustar", 0, "00"
 *
 * All other bytes are 0. Content follows, with zeros up to a multiple of 512. Two blocks of zeros
 * end the file.
 * @module
 */

/** Everything in a tar takes a multiple of this. */
export const TAR_BLOCK_BYTES = 512;
/** Of the two blocks that end a tar. */
export const TAR_END_BYTES: number = 2 * TAR_BLOCK_BYTES;
const SIZE_OFF = 124;
const SIZE_BYTES = 12;
const CHECKSUM_OFF = 148;
const OCTAL_SIZE_MAX = 0o77777777777;
const BASE_256 = 0x80;

/** A file in a tar. */
export interface TarMember {
  /** At most 100 characters of ASCII. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** The header of a member; fresh. */
export function tarHeader({ name, sizeBytes }: TarMember): Uint8Array {
  const header = new Uint8Array(TAR_BLOCK_BYTES);
  writeText(header, 0, name);
  writeText(header, 100, '0000644');
  writeText(header, 108, '0000000');
  writeText(header, 116, '0000000');
  writeSize(header, sizeBytes);
  writeText(header, 136, '00000000000');
  writeText(header, CHECKSUM_OFF, '        ');
  writeText(header, 156, '0');
  writeText(header, 257, 'ustar\u000000');
  const sum = header.reduce((total, byte) => total + byte, 0);
  writeText(header, CHECKSUM_OFF, `${sum.toString(8).padStart(6, '0')}\u0000 `);
  return header;
}

/** The size that a header tells; undefined where there is none. Borrows the header. */
export function tarSize(header: Uint8Array): number | undefined {
  if (header[SIZE_OFF] === BASE_256) {
    let size = 0;
    for (let i = 1; i < SIZE_BYTES; i++) size = size * 256 + header[SIZE_OFF + i]!;
    return Number.isSafeInteger(size) ? size : undefined;
  }
  let size = 0;
  for (let i = 0; i < SIZE_BYTES - 1; i++) {
    const digit = header[SIZE_OFF + i]! - 0x30;
    if (digit < 0 || digit > 7) return undefined;
    size = size * 8 + digit;
  }
  return size;
}

/** Zeros behind a content of this size. */
export function tarPadding(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

function writeSize(header: Uint8Array, sizeBytes: number): void {
  if (sizeBytes <= OCTAL_SIZE_MAX) {
    writeText(header, SIZE_OFF, sizeBytes.toString(8).padStart(SIZE_BYTES - 1, '0'));
    return;
  }
  header[SIZE_OFF] = BASE_256;
  let rest = sizeBytes;
  for (let i = SIZE_BYTES - 1; i > 0; i--) {
    header[SIZE_OFF + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function writeText(header: Uint8Array, off: number, text: string): void {
  for (let i = 0; i < text.length; i++) header[off + i] = text.charCodeAt(i);
}
