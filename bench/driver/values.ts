/**
 * Values as db_bench makes them: slices of one megabyte of text that is made of pieces of 100
 * bytes, the first part of each random and repeated to its end, so that a block compresses to about
 * the ratio that was asked for.
 * @module
 */
import type { SeededRandom } from '../../src/testing/seeded-random.ts';

/** What keys and values are handed over as: plain views of memory, or Node's. */
export type KeyForm = 'view' | 'buffer';

const TEXT_BYTES_MIN = 1_048_576;
const PIECE_BYTES = 100;
/** db_bench draws from the printable characters. */
const FIRST_CHARACTER = 0x20;
const CHARACTERS = 95;

/** Values in turn; views that are made once. */
export class Values {
  readonly sizeBytes: number;
  readonly #views: readonly Uint8Array[];
  #next: number;

  /** @param compressionRatio what a value shrinks to, 0 to 1 */
  constructor(form: KeyForm, sizeBytes: number, compressionRatio: number, random: SeededRandom) {
    const text = makeText(Math.max(TEXT_BYTES_MIN, sizeBytes), compressionRatio, random);
    const count = sizeBytes === 0 ? 1 : Math.floor(text.length / sizeBytes);
    this.sizeBytes = sizeBytes;
    this.#views = Array.from({ length: count }, (_, i) =>
      form === 'buffer'
        ? Buffer.from(text.buffer, i * sizeBytes, sizeBytes)
        : text.subarray(i * sizeBytes, (i + 1) * sizeBytes),
    );
    this.#next = 0;
  }

  next(): Uint8Array {
    const value = this.#views[this.#next]!;
    this.#next = this.#next + 1 === this.#views.length ? 0 : this.#next + 1;
    return value;
  }
}

function makeText(minBytes: number, ratio: number, random: SeededRandom): Uint8Array {
  const text = new Uint8Array(Math.ceil(minBytes / PIECE_BYTES) * PIECE_BYTES);
  const rawBytes = Math.min(PIECE_BYTES, Math.max(1, Math.floor(PIECE_BYTES * ratio)));
  for (let piece = 0; piece < text.length; piece += PIECE_BYTES) {
    for (let i = 0; i < rawBytes; i++) text[piece + i] = FIRST_CHARACTER + random.below(CHARACTERS);
    for (let i = rawBytes; i < PIECE_BYTES; i++) text[piece + i] = text[piece + i - rawBytes]!;
  }
  return text;
}
