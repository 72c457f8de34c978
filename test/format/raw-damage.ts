/**
 * Damages files as far as their codes promise to undo it: in every copied record all copies but
 * one, in every block as many shards as there are parity shards, with SEC-DED one bit of every
 * word.
 * @module
 */
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type RawCode, sectionBytes, shardBytes } from './raw-codes.ts';
import type { RawFile, RawSpan } from './raw-file.ts';

const CURRENT_SLOT_BYTES = 1024;
const CURRENT_COPY_BYTES = 128;
const CURRENT_COPIES = 7;

/** The bytes of CURRENT with damage in both slots. */
export function damagedCurrent(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const result = bytes.slice();
  for (const slot of [0, CURRENT_SLOT_BYTES]) {
    const end = slot + CURRENT_COPIES * CURRENT_COPY_BYTES;
    if (random.chance(0.5)) flipInWords(result, slot, end, result.length, random);
    else spoilCopies(result, slot, CURRENT_COPY_BYTES, CURRENT_COPIES, random);
  }
  return result;
}

/** The bytes of a file, which was read to its end, with damage in all of it. */
export function damaged(file: RawFile, random: SeededRandom): Uint8Array {
  const result = file.bytes.slice();
  const { code } = file.header.protection;
  if (code.scheme === 1) flipInWords(result, 0, 128, file.start, random);
  else spoilCopies(result, 0, 64, file.start / 64, random);
  for (const span of file.spans) {
    if (code.scheme === 1) damageWords(result, code, span, random);
    else if (span.kind === 'block') damageShards(result, code, span, random);
    else spoilCopies(result, span.position, 8, span.length / 8, random);
  }
  return result;
}

/** One wrong bit in each word, or in the check byte of the word. */
function damageWords(bytes: Uint8Array, code: RawCode, span: RawSpan, random: SeededRandom): void {
  const length = span.kind === 'frame' ? 8 : span.length;
  const end = span.position + length;
  flipInWords(bytes, span.position, end, end + sectionBytes(code, length), random);
}

function flipInWords(
  bytes: Uint8Array,
  from: number,
  end: number,
  sectionEnd: number,
  random: SeededRandom,
): void {
  for (let word = 0; from + 8 * word < end; word++) {
    const check = end + word;
    const wordBytes = Math.min(8, end - from - 8 * word);
    const place = random.below(wordBytes + 1);
    const at = place === wordBytes ? check : from + 8 * word + place;
    if (at < sectionEnd) bytes[at]! ^= 1 << random.below(8);
  }
}

function damageShards(
  bytes: Uint8Array,
  code: RawCode,
  { position, length }: RawSpan,
  random: SeededRandom,
): void {
  const [data, parity] = shardBytes(code, length);
  const shards: [number, number][] = [];
  for (let at = 0; at < length; at += data) shards.push([at, Math.min(at + data, length)]);
  for (let j = 0; j < code.m; j++) {
    shards.push([length + j * parity, length + (j + 1) * parity]);
  }
  for (let left = code.m; left > 0; left--) {
    const [[from, end]] = shards.splice(random.below(shards.length), 1) as [[number, number]];
    spoil(bytes, position + from, position + end, random);
  }
}

/** Leaves one of the copies as it is. */
function spoilCopies(
  bytes: Uint8Array,
  from: number,
  size: number,
  count: number,
  random: SeededRandom,
): void {
  const spared = random.below(count);
  for (let i = 0; i < count; i++) {
    if (i !== spared) spoil(bytes, from + i * size, from + (i + 1) * size, random);
  }
}

/** One bit, or everything. */
function spoil(bytes: Uint8Array, from: number, end: number, random: SeededRandom): void {
  if (random.chance(0.5)) bytes[from + random.below(end - from)]! ^= 1 << random.below(8);
  else random.fill(bytes.subarray(from, end));
}
