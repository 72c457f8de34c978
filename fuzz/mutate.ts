/**
 * Changes of bytes of which nobody knows what they mean.
 * @module
 */
import type { SeededRandom } from '../src/testing/seeded-random.ts';

/** Lengths, counts and kinds break at their edges. */
const EDGES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const NOISE_BYTES_MAX = 16;
const CHANGES_MAX = 4;

/**
 * A copy with a few changes; borrows both.
 * @param other of which a piece may be taken
 * @param bytesMax no result is longer
 */
export function mutate(
  bytes: Uint8Array,
  other: Uint8Array,
  bytesMax: number,
  random: SeededRandom,
): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let left = 1 + random.below(CHANGES_MAX); left > 0; left--) {
    changed = changedOnce(changed, other, random);
  }
  return changed.subarray(0, bytesMax);
}

function changedOnce(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.below(bytes.length + 1);
  const kind = random.below(9);
  if (kind === 0) return bytes.slice(0, at);
  if (kind === 1) return spliced(bytes, at, at, noise(random));
  if (kind === 2) return spliced(bytes, at, at + random.below(NOISE_BYTES_MAX), new Uint8Array(0));
  if (kind === 3) {
    const from = random.below(other.length + 1);
    const piece = other.subarray(from, from + random.below(64));
    return spliced(bytes, at, random.chance(0.5) ? at : at + piece.length, piece);
  }
  if (at === bytes.length) return bytes;
  if (kind === 4) bytes[at] = EDGES[random.below(EDGES.length)]!;
  else if (kind === 5) bytes[at] = random.below(256);
  else if (kind === 6) bytes[at]! += random.chance(0.5) ? 1 : 255;
  else if (kind === 7) bytes.fill(EDGES[random.below(EDGES.length)]!, at, at + 4);
  else bytes[at]! ^= 1 << random.below(8);
  return bytes;
}

function noise(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(1 + random.below(NOISE_BYTES_MAX));
  random.fill(bytes);
  return bytes;
}

/** `bytes` with `piece` instead of `[from, to)`. */
function spliced(bytes: Uint8Array, from: number, to: number, piece: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(to, bytes.length));
  const result = new Uint8Array(from + piece.length + rest.length);
  result.set(bytes.subarray(0, from));
  result.set(piece, from);
  result.set(rest, from + piece.length);
  return result;
}
