/**
 * The stripe section of a table, and what it says of the chunks of the file.
 * @module
 */
import { encodeFileHeader, type FileHeader } from '../block/file-header.ts';
import type { StripeReader } from '../block/stripe-reader.ts';
import { HEADER_COPY_BYTES } from '../ecc/stripe-layout.ts';
import { type ReadableFile, readAt } from '../fs/port.ts';
import type { DamagedShards, StripesPart } from './parts.ts';

/** Damaged chunks and units that are told by number. */
const NUMBERS_MAX = 16;

/**
 * Looks at every stripe.
 * @param file borrowed
 */
export function stripesPart(
  file: ReadableFile,
  header: FileHeader,
  stripes: StripeReader,
): StripesPart {
  const { layout } = stripes;
  const chunks = new Numbers();
  const units = new Numbers();
  let lostCount = 0;
  stripes.checkEach(0, layout.stripeCount, (stripe, damage) => {
    if (damage.state === 'lost') lostCount++;
    for (const chunk of damage.chunks) chunks.add(chunk);
    for (const j of damage.units) units.add(layout.unitOf(stripe, j));
  });
  return {
    part: 'stripes',
    offset: layout.bodyBytes,
    sizeBytes: layout.fileBytes - layout.bodyBytes,
    stripeCount: layout.stripeCount,
    dataChunks: layout.data,
    parityUnits: layout.parity,
    unitBytes: layout.unitBytes,
    holeBytesMax: layout.holeBytesMax,
    damagedChunks: chunks.listed(),
    damagedUnits: units.listed(),
    lostCount,
    headerCopy: headerCopyState(file, header, layout.headerCopyPosition),
  };
}

function headerCopyState(
  file: ReadableFile,
  header: FileHeader,
  position: number,
): StripesPart['headerCopy'] {
  const copy = encodeFileHeader(header).subarray(0, HEADER_COPY_BYTES);
  const stored = new Uint8Array(HEADER_COPY_BYTES);
  const got = readAt(file, stored, 0, stored.length, position);
  const isSame = got === stored.length && copy.every((byte, i) => byte === stored[i]);
  return isSame ? 'sound' : 'damaged';
}

/** Counts numbers, and keeps the lowest. */
class Numbers {
  #count: number;
  readonly #kept: number[];

  constructor() {
    this.#count = 0;
    this.#kept = [];
  }

  add(n: number): void {
    this.#count++;
    this.#kept.push(n);
    if (this.#kept.length <= NUMBERS_MAX) return;
    this.#kept.sort((a, b) => a - b);
    this.#kept.length = NUMBERS_MAX;
  }

  listed(): DamagedShards {
    return { count: this.#count, numbers: [...this.#kept].sort((a, b) => a - b) };
  }
}
