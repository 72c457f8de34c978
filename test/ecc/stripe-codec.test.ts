/**
 * One stripe: every pattern of losses within the budget comes back, none beyond passes for right.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { StripeCodec } from '../../src/ecc/stripe-codec.ts';
import { CHUNK_BYTES, StripeLayout } from '../../src/ecc/stripe-layout.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const SALT = 0xfffffff0;

interface Stripe {
  readonly codec: StripeCodec;
  readonly chunks: Uint8Array[];
  readonly units: Uint8Array[];
}

/** @param present chunks that the stripe has; the others stand nowhere */
function stripeOf(data: number, parity: number, present: number, seed: number): Stripe {
  const codec = new StripeCodec({ data, parity });
  const random = new SeededRandom(seed);
  const sums = new Int32Array(data);
  const chunks = Array.from({ length: present }, (_, i) => {
    const chunk = new Uint8Array(i === 0 ? 1 + random.below(CHUNK_BYTES) : CHUNK_BYTES);
    random.fill(chunk);
    return chunk;
  });
  for (let i = 0; i < data; i++) {
    const chunk = chunks[i] ?? new Uint8Array(0);
    codec.setChunk(i, chunk, 0, chunk.length);
    if (i < present) sums[i] = codec.chunkSum(i);
  }
  codec.encode(sums);
  const { unitBytes } = new StripeLayout({ data, parity }, 1);
  const units = Array.from({ length: parity }, (_, j) => {
    const unit = new Uint8Array(unitBytes);
    codec.writeUnit(j, unit, 0, SALT + j);
    return unit;
  });
  return { codec, chunks, units };
}

/** Sets everything, and says what is damaged, as bits. */
function load({ codec, chunks, units }: Stripe): number {
  let lost = 0;
  let hasList = false;
  for (const [j, unit] of units.entries()) {
    if (codec.setUnit(j, unit, 0, SALT + j, !hasList)) hasList = true;
    else lost |= 1 << (codec.data + j);
  }
  for (let i = 0; i < codec.data; i++) {
    const chunk = chunks[i] ?? new Uint8Array(0);
    codec.setChunk(i, chunk, 0, chunk.length);
    if (hasList && i < chunks.length && !codec.isListed(i)) lost |= 1 << i;
  }
  return hasList ? lost : -1;
}

suite('a stripe', () => {
  const cases = fc.record({
    data: fc.integer({ min: 1, max: 24 }),
    parity: fc.integer({ min: 1, max: 6 }),
    present: fc.nat(24),
    seed: fc.nat(),
    losses: fc.array(fc.nat(1000), { maxLength: 6 }),
  });

  test('comes back from any losses within its budget', () => {
    fc.assert(
      fc.property(cases, ({ data, parity, present, seed, losses }) => {
        const stripe = stripeOf(data, parity, Math.min(present, data), seed);
        const { codec, chunks, units } = stripe;
        const parts = [...chunks, ...units];
        const whole = parts.map((part) => part.slice());
        const damaged = new Set(losses.slice(0, parity).map((n) => n % parts.length));
        for (const n of damaged)
          parts[n]![(n * 7919 + seed) % parts[n]!.length]! ^= 1 + (seed % 255);
        const lost = load(stripe);
        if (lost === -1) {
          assert.ok(units.every((_, j) => damaged.has(chunks.length + j)));
          return;
        }
        const expected = [...damaged].map((n) =>
          n < chunks.length ? 1 << n : 1 << (data + n - chunks.length),
        );
        assert.equal(
          lost,
          expected.reduce((mask, bit) => mask | bit, 0),
        );
        assert.ok(codec.restore(lost));
        for (const [i, chunk] of chunks.entries()) {
          assert.deepEqual(codec.chunk(i).slice(0, chunk.length), whole[i]);
        }
        for (const [j, unit] of units.entries()) {
          codec.writeUnit(j, unit, 0, SALT + j);
          assert.deepEqual(unit, whole[chunks.length + j]);
        }
      }),
    );
  });

  test('beyond its budget is not restored', () => {
    const stripe = stripeOf(5, 2, 5, 1);
    for (const n of [0, 2, 4]) stripe.chunks[n]![100]! ^= 8;
    const lost = load(stripe);
    assert.equal(lost, 0b10101);
    assert.equal(stripe.codec.restore(lost), false);
  });

  test('does not take a unit of another place or file for its own', () => {
    const { codec, units } = stripeOf(4, 2, 4, 2);
    assert.ok(codec.setUnit(0, units[0]!, 0, SALT, true));
    assert.ok(!codec.setUnit(0, units[0]!, 0, SALT + 1, true));
    assert.ok(!codec.setUnit(1, units[0]!, 0, SALT + 1, true));
    const other = stripeOf(4, 2, 4, 3);
    assert.ok(codec.setUnit(0, units[0]!, 0, SALT, true));
    assert.ok(!codec.setUnit(1, other.units[1]!, 0, SALT + 1, false), 'it lists other chunks');
  });

  test('has the parity of the code of blocks', () => {
    const { chunks, units } = stripeOf(3, 1, 3, 4);
    for (let at = 0; at < CHUNK_BYTES; at++) {
      const sum = chunks.reduce((xor, chunk) => xor ^ (chunk[at] ?? 0), 0);
      assert.equal(units[0]![at], sum);
    }
  });
});
