/**
 * Contents for the compression tests and the bench: what users store, and what codecs dislike.
 * @module
 */
import fc from 'fast-check';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const NAMES = ['Anna', 'Bert', 'Clara', 'David', 'Eva', 'Frank', 'Greta', 'Hans'];
const CITIES = ['Berlin', 'Lyon', 'London', 'Madrid', 'Torino'];

/** One JSON record, as an application may store it as a value. */
export function jsonRecord(random: SeededRandom, id: number): Uint8Array {
  const text = JSON.stringify({
    id,
    name: `${NAMES[random.below(NAMES.length)]} ${random.below(1e6).toString(36)}`,
    email: `${random.below(1e9).toString(36)}@example.com`,
    city: CITIES[random.below(CITIES.length)],
    balance: random.below(1e6) / 100,
    active: random.below(2) === 1,
    tags: [random.below(100), random.below(100)],
    created: `2026-${1 + random.below(12)}-${1 + random.below(28)}`,
  });
  return new TextEncoder().encode(text);
}

/** JSON records one behind the other, cut at `length`. */
export function jsonContent(length: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed);
  const content = new Uint8Array(length);
  for (let at = 0, id = 0; at < length; id++) {
    const record = jsonRecord(random, id);
    content.set(record.subarray(0, length - at), at);
    at += record.length;
  }
  return content;
}

/** Noise of which every 100 bytes repeat their first half. */
export function halfContent(length: number, seed = 1): Uint8Array {
  const content = noise(length, seed);
  for (let at = 50; at < length; at += 100) content.copyWithin(at, at - 50, at);
  return content.subarray(0, length);
}

/** Random bytes. */
export function noise(length: number, seed = 1): Uint8Array {
  const content = new Uint8Array(length);
  new SeededRandom(seed).fill(content);
  return content;
}

/** Any bytes of 1 to 200 KB: noise, repeats of any period, records, and mixtures of them. */
export function anyContent(): fc.Arbitrary<Uint8Array> {
  const seed = fc.integer({ min: 1, max: 1e6 });
  const length = fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 5000 }),
    fc.integer({ min: 60_000, max: 70_000 }),
    fc.integer({ min: 1, max: 200_000 }),
  );
  const repeats = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), length)
    .map(([period, n]) => Uint8Array.from({ length: n }, (_, i) => period[i % period.length]!));
  const single = fc.oneof(
    fc.tuple(length, seed).map(([n, s]) => noise(n, s)),
    fc.tuple(length, seed).map(([n, s]) => jsonContent(n, s)),
    fc.tuple(length, seed).map(([n, s]) => halfContent(n, s)),
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    repeats,
  );
  const mixed = fc
    .array(single, { minLength: 2, maxLength: 4 })
    .map((parts) => new Uint8Array(parts.flatMap((part) => [...part.subarray(0, 50_000)])));
  return fc.oneof({ weight: 4, arbitrary: single }, { weight: 1, arbitrary: mixed });
}
