/**
 * The footer: the last block of a table file. Its content has a fixed size, so it is found from the
 * size of the file.
 *
 *     offset  size  meaning
 *     0       8     "VRVTABLE"
 *     8       12    dictionary block: u64 offset, u32 length; length 0 if the table has none
 *     20      12    filter block, the same
 *     32      12    index block; u64 offset, u32 length
 *     44      12    properties block, the same
 *     56      4     number of data blocks
 *
 * The blocks of the file stand back to back, each with its parity section if the file has a code:
 * file header, data blocks, dictionary, filter, index, properties, footer. Integers are
 * little-endian; lengths are those of blocks without parity.
 * @module
 */

import { BLOCK_OVERHEAD_BYTES } from '../block/block-format.ts';
import type { FileProtection } from '../block/file-protection.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { readU32, readU64 } from '../bytes/fixed.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';

export const FOOTER_CONTENT_BYTES = 60;

const MAGIC = [0x56, 0x52, 0x56, 0x54, 0x41, 0x42, 0x4c, 0x45];

/** Length of the footer block of a file so protected. */
export function footerBlockBytes(protection: FileProtection): number {
  const tagBytes = protection.suiteId === SUITE_NONE ? 0 : TAG_BYTES;
  return FOOTER_CONTENT_BYTES + BLOCK_OVERHEAD_BYTES + tagBytes;
}

/** Gives the length of the parity section of a block. */
export interface ParityLengths {
  parityBytes(blockLen: number): number;
}

/** Where the parts of a table file stand, in bytes. */
export interface TableFooter {
  /** Where the data blocks end. */
  readonly dictionaryOff: number;
  /** 0 without a dictionary. */
  readonly dictionaryLen: number;
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
  out.u64(footer.dictionaryOff);
  out.u32(footer.dictionaryLen);
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
 * @param dataOff where the data blocks begin
 * @param footerOff where the footer block begins: the other parts must fill what is between
 * @returns undefined when the content cannot be the footer of such a file
 */
export function decodeFooter(
  buf: Uint8Array,
  off: number,
  len: number,
  dataOff: number,
  footerOff: number,
  parity: ParityLengths,
): TableFooter | undefined {
  if (len !== FOOTER_CONTENT_BYTES) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return undefined;
  const footer = {
    dictionaryOff: readU64(buf, off + 8),
    dictionaryLen: readU32(buf, off + 16),
    filterOff: readU64(buf, off + 20),
    filterLen: readU32(buf, off + 28),
    indexOff: readU64(buf, off + 32),
    indexLen: readU32(buf, off + 40),
    propertiesOff: readU64(buf, off + 44),
    propertiesLen: readU32(buf, off + 52),
    blockCount: readU32(buf, off + 56),
  };
  const { dictionaryOff, filterOff, indexOff, propertiesOff } = footer;
  const end = (start: number, length: number) =>
    length === 0 ? start : start + length + parity.parityBytes(length);
  const fits =
    dictionaryOff >= dataOff &&
    end(dictionaryOff, footer.dictionaryLen) === filterOff &&
    end(filterOff, footer.filterLen) === indexOff &&
    end(indexOff, footer.indexLen) === propertiesOff &&
    end(propertiesOff, footer.propertiesLen) === footerOff;
  return fits ? footer : undefined;
}
