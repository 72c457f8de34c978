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

/** Units that are read at once. */
const READ_BYTES = 0x4_0000;

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
  const { unitBytes, unitCount, bodyBytes } = layout;
  const step = Math.min(unitCount, Math.floor(READ_BYTES / unitBytes));
  const units = new Uint8Array(step * unitBytes);
  for (let first = 0; first < unitCount; first += step) {
    const count = Math.min(step, unitCount - first);
    stripes.units(first, count, units, (q, state) => {
      const position = bodyBytes + q * unitBytes;
      if (state === 'lost') {
        onLost(corruption('unit of a stripe is damaged', reader.path, position));
      }
      if (state === 'restored') reader.noteCopyRepair(0, position);
    });
    checksum.update(units, 0, count * unitBytes);
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
