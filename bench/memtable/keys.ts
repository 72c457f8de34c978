/**
 * Keys for the memtable's bench: distinct, all of one length, back to back.
 * @module
 */
import { SeededRandom } from '../../src/testing/seeded-random.ts';

/** How keys look, and the order in which they are put. */
export type KeyShape = 'binary' | 'decimal' | 'prefixed' | 'sequential';

export interface Keys {
  readonly count: number;
  readonly keyBytes: number;
  /** In the order of the puts. */
  readonly present: Uint8Array;
  /** The same keys in another random order, as lookups ask for them. */
  readonly asked: Uint8Array;
  /** As many keys of the same look that are not present. */
  readonly missing: Uint8Array;
}

const PREFIX = 'application/tenant/user:';
const DIGITS = 16;

export function makeKeys(shape: KeyShape, count: number): Keys {
  const random = new SeededRandom(count);
  const keyBytes = shape === 'prefixed' ? PREFIX.length + DIGITS : DIGITS;
  const order = shape === 'sequential' ? ascending(count) : shuffled(count, random);
  const present = new Uint8Array(count * keyBytes);
  const missing = new Uint8Array(count * keyBytes);
  if (shape === 'binary') {
    random.fill(present);
    random.fill(missing);
  } else {
    const prefix = shape === 'prefixed' ? PREFIX : '';
    for (let i = 0; i < count; i++) {
      const digits = prefix + String(order[i]!).padStart(DIGITS, '0');
      for (let j = 0; j < keyBytes; j++) present[i * keyBytes + j] = digits.charCodeAt(j);
      missing.set(present.subarray(i * keyBytes, (i + 1) * keyBytes), i * keyBytes);
      missing[(i + 1) * keyBytes - 1]! ^= 0x40;
    }
  }
  const asked = new Uint8Array(count * keyBytes);
  const questions = shuffled(count, random);
  for (let i = 0; i < count; i++) {
    const at = questions[i]! * keyBytes;
    asked.set(present.subarray(at, at + keyBytes), i * keyBytes);
  }
  return { count, keyBytes, present, asked, missing };
}

export function ascending(count: number): Int32Array {
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  return order;
}

export function shuffled(count: number, random: SeededRandom): Int32Array {
  const order = ascending(count);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const other = order[i]!;
    order[i] = order[j]!;
    order[j] = other;
  }
  return order;
}
