/**
 * Sorted keys, values and random orders for the table benches.
 * @module
 */
import { SeededRandom } from '../../src/testing/seeded-random.ts';

export const KEY_BYTES = 16;
export const VALUE_BYTES = 100;

/** How keys look: zero-padded decimals, or random bytes. */
export type KeyStyle = 'decimal' | 'binary';

/** Sorted distinct keys of 16 bytes, back to back, and the seqno of each. */
export interface Workload {
  readonly count: number;
  readonly keys: Uint8Array;
  /** Keys of the same look that are not in `keys`, as many. */
  readonly missing: Uint8Array;
  /** As if the keys had been inserted in random order. */
  readonly seqnos: Float64Array;
  /** Half random, half zeros, as values of db_bench are. */
  readonly value: Uint8Array;
  /** A permutation of 0 to count-1. */
  readonly order: Int32Array;
}

export function makeWorkload(style: KeyStyle, count: number, seed: number): Workload {
  const random = new SeededRandom(seed);
  const order = shuffled(count, random);
  const seqnos = new Float64Array(count);
  const inserted = shuffled(count, random);
  for (let i = 0; i < count; i++) seqnos[i] = inserted[i]! + 1;
  const value = new Uint8Array(VALUE_BYTES);
  random.fill(value.subarray(0, VALUE_BYTES / 2));
  const both = style === 'decimal' ? decimalKeys(count * 2) : binaryKeys(count * 2, random);
  const keys = new Uint8Array(count * KEY_BYTES);
  const missing = new Uint8Array(count * KEY_BYTES);
  for (let i = 0; i < count; i++) {
    const at = 2 * i * KEY_BYTES;
    keys.set(both.subarray(at, at + KEY_BYTES), i * KEY_BYTES);
    missing.set(both.subarray(at + KEY_BYTES, at + 2 * KEY_BYTES), i * KEY_BYTES);
  }
  return { count, keys, missing, seqnos, value, order };
}

function decimalKeys(count: number): Uint8Array {
  const keys = new Uint8Array(count * KEY_BYTES);
  for (let i = 0; i < count; i++) {
    const digits = String(i >>> 1).padStart(KEY_BYTES, '0');
    // Odd ones are the missing keys: among the present ones, which stay dense.
    const text = i % 2 === 0 ? digits : `${digits.slice(0, -1)}~`;
    for (let j = 0; j < KEY_BYTES; j++) keys[i * KEY_BYTES + j] = text.charCodeAt(j);
  }
  return keys;
}

function binaryKeys(count: number, random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(count * KEY_BYTES);
  random.fill(bytes);
  const sorted = Array.from({ length: count }, (_, i) =>
    Buffer.from(bytes.buffer, i * KEY_BYTES, KEY_BYTES),
  ).sort(Buffer.compare);
  return new Uint8Array(Buffer.concat(sorted));
}

function shuffled(count: number, random: SeededRandom): Int32Array {
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const other = order[i]!;
    order[i] = order[j]!;
    order[j] = other;
  }
  return order;
}
