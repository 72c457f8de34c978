/**
 * The stripe section of a table, as a complete check reads it.
 * @module
 */
import type { BlockReader } from '../block/block-reader.ts';
import type { FileChecksum } from '../block/checksum.ts';
import { encodeFileHeader, type FileHeader } from '../block/file-header.ts';
import { compareBytes } from '../bytes/compare.ts';
import { HEADER_COPY_BYTES } from '../ecc/stripe-layout.ts';
import { corruption, type VarveError } from '../errors.ts';

/**
 * Looks at the stripe section, if there is one: each unit is sound, or what the rest of its stripe
 * says. That units are those of this body shows in the checksum of the file.
 * @param header of the file; undefined if it could not be read
 * @param checksum of the file so far; takes the section in, as it should be
 * @param onLost told of units that cannot be restored
 */
export function checkStripes(
  reader: BlockReader,
  header: FileHeader | undefined,
  checksum: FileChecksum,
  onLost: (fault: VarveError) => void,
): void {
  const { stripes } = reader;
  if (stripes === undefined) return;
  const { layout } = stripes;
  const unit = new Uint8Array(layout.unitBytes);
  for (let q = 0; q < layout.unitCount; q++) {
    const position = layout.bodyBytes + q * layout.unitBytes;
    const state = stripes.unit(q, unit, 0);
    if (state === 'lost') onLost(corruption('unit of a stripe is damaged', reader.path, position));
    if (state === 'restored') reader.noteCopyRepair(0, position);
    checksum.update(unit, 0, unit.length);
  }
  if (header === undefined) return;
  const position = layout.headerCopyPosition;
  const copy = encodeFileHeader(header).subarray(0, HEADER_COPY_BYTES);
  const stored = new Uint8Array(HEADER_COPY_BYTES);
  reader.fill(stored, 0, stored.length, position);
  if (compareBytes(copy, 0, copy.length, stored, 0, stored.length) !== 0) {
    reader.noteCopyRepair(0, position);
  }
  checksum.update(copy, 0, copy.length);
}
