/**
 * The check of CURRENT: every copy in both slots, and the section behind them.
 * @module
 */
import { readAt, sizeOf } from '../fs/port.ts';
import {
  CURRENT_COPIES,
  CURRENT_COPY_BYTES,
  CURRENT_SLOT_BYTES,
  CURRENT_SLOTS,
  decodeSlots,
  isBlankSlot,
  slotAround,
} from '../manifest/current.ts';
import { differences } from './differences.ts';
import type { PatchyFile } from './patchy-file.ts';
import type { Report } from './report.ts';

const CURRENT_BYTES = CURRENT_SLOTS * CURRENT_SLOT_BYTES;
const COPIES_BYTES = CURRENT_COPIES * CURRENT_COPY_BYTES;
const RUNS = [
  { lengthBytes: COPIES_BYTES, unitBytes: CURRENT_COPY_BYTES },
  { lengthBytes: CURRENT_SLOT_BYTES - COPIES_BYTES, unitBytes: 1 },
];

/**
 * Checks the whole file.
 * @returns its size
 * @throws VarveError `UNSUPPORTED` for a slot of another format version; of the `Fs`
 */
export function checkCurrent(file: PatchyFile, report: Report): number {
  const sizeBytes = sizeOf(file);
  const bytes = new Uint8Array(CURRENT_BYTES);
  const length = readAt(file, bytes, 0, Math.min(sizeBytes, CURRENT_BYTES), 0);
  const slots = decodeSlots(bytes, file.path);
  if (slots.every((slot) => slot === undefined)) {
    const cause = 'both slots of CURRENT are damaged';
    report.lost({ part: 'file', offset: 0, lengthBytes: sizeBytes, blockType: 0, cause });
    return sizeBytes;
  }
  for (const [index, found] of slots.entries()) {
    const offset = index * CURRENT_SLOT_BYTES;
    const place = { part: 'slot', offset, lengthBytes: CURRENT_SLOT_BYTES, blockType: 0 } as const;
    if (found !== undefined) {
      const stored = bytes.subarray(offset, Math.min(length, offset + CURRENT_SLOT_BYTES));
      const right = slotAround(found.bytes);
      file.spoil(stored, right, offset);
      const restored = differences(right, stored, offset, RUNS);
      const cause = 'copies in a slot of CURRENT are damaged';
      if (restored.length > 0) report.healable({ ...place, cause }, 'copies', restored);
    } else if (!isBlankSlot(bytes, index)) {
      report.lost({ ...place, cause: 'a slot of CURRENT is damaged; the other one counts' });
    }
  }
  const lengthBytes = sizeBytes - CURRENT_BYTES;
  if (lengthBytes > 0) {
    const cause = 'something stands behind the end of CURRENT';
    const place = { part: 'end', offset: CURRENT_BYTES, lengthBytes, blockType: 0, cause } as const;
    report.healable(place, 'copies', []);
  }
  return sizeBytes;
}
