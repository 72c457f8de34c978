/**
 * The footer: the last block of a table file. Its content has a fixed size, so it is found from the
 * size of the file.
 *
 *     offset  size  meaning
 *     0       8     "VRVTABLE"
 *     8       12    filter block: u64 offset, u32 length; length 0 if the table has none
 *     20      12    index block, the same
 *     32      12    properties block, the same
 *     44      4     number of data blocks
 *
 * The blocks of the file stand back to back: file header, data blocks, filter, index, properties,
 * footer. Integers are little-endian; lengths are those of whole blocks.
 * @module
 */

import { BLOCK_OVERHEAD_BYTES } from '../block/block-codec.ts';
import { FILE_HEADER_BYTES } from '../block/file-header.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { readU32, readU64 } from '../bytes/fixed.ts';

export const FOOTER_CONTENT_BYTES = 48;
/** The footer block on disk. */
export const FOOTER_BLOCK_BYTES: number = FOOTER_CONTENT_BYTES + BLOCK_OVERHEAD_BYTES;

const MAGIC = [0x56, 0x52, 0x56, 0x54, 0x41, 0x42, 0x4c, 0x45];

/** Where the parts of a table file stand, in bytes. */
export interface TableFooter {
  readonly filterOff: number;
  /** 0 without a filter. */
  readonly filterLen: number;
  readonly indexOff: number;
  readonly indexLen: number;
  readonly propertiesOff: number;
  readonly propertiesLen: number;
  readonly blockCount: number;
}

/** Appends the content of the footer block. */
export function encodeFooter(out: ByteWriter, footer: TableFooter): void {
  for (const byte of MAGIC) out.u8(byte);
  out.u64(footer.filterOff);
  out.u32(footer.filterLen);
  out.u64(footer.indexOff);
  out.u32(footer.indexLen);
  out.u64(footer.propertiesOff);
  out.u32(footer.propertiesLen);
  out.u32(footer.blockCount);
}

/**
 * Decodes the content of a footer block; borrows `buf`.
 * @param fileBytes size of the file, which the parts must fill
 * @returns undefined when the content cannot be the footer of such a file
 */
export function decodeFooter(
  buf: Uint8Array,
  off: number,
  len: number,
  fileBytes: number,
): TableFooter | undefined {
  if (len !== FOOTER_CONTENT_BYTES) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return undefined;
  const footer = {
    filterOff: readU64(buf, off + 8),
    filterLen: readU32(buf, off + 16),
    indexOff: readU64(buf, off + 20),
    indexLen: readU32(buf, off + 28),
    propertiesOff: readU64(buf, off + 32),
    propertiesLen: readU32(buf, off + 40),
    blockCount: readU32(buf, off + 44),
  };
  const fits =
    footer.filterOff >= FILE_HEADER_BYTES &&
    footer.filterOff + footer.filterLen === footer.indexOff &&
    footer.indexOff + footer.indexLen === footer.propertiesOff &&
    footer.propertiesOff + footer.propertiesLen === fileBytes - FOOTER_BLOCK_BYTES;
  return fits ? footer : undefined;
}
