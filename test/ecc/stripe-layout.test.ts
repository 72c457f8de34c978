/**
 * Which bytes of a table belong to which stripe: sizes lead back to bodies, and no hole of the
 * stated length touches a stripe too often.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { StripeOptions } from '../../src/ecc/options.ts';
import { CHUNK_BYTES, HEADER_COPY_BYTES, StripeLayout } from '../../src/ecc/stripe-layout.ts';

const stripes: fc.Arbitrary<StripeOptions> = fc.record(
  { data: fc.integer({ min: 1, max: 24 }), parity: fc.integer({ min: 1, max: 6 }) },
  { noNullPrototype: true },
);
const bodies = fc.oneof(
  fc.integer({ min: 1, max: 40_000 }),
  fc.integer({ min: 1, max: 4_000_000 }),
  fc
    .tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: -2, max: 2 }))
    .map(([chunks, by]) => Math.max(1, chunks * CHUNK_BYTES + by)),
);

/** Stripe of each chunk and unit, in the order of the file, with the range that it takes. */
function parts(layout: StripeLayout): { stripe: number; from: number; to: number }[] {
  const found = [];
  for (let chunk = 0; chunk < layout.chunkCount; chunk++) {
    const from = chunk * CHUNK_BYTES;
    found.push({ stripe: layout.stripeOf(chunk), from, to: from + layout.chunkBytes(chunk) });
  }
  for (let j = 0; j < layout.parity; j++) {
    for (let stripe = 0; stripe < layout.stripeCount; stripe++) {
      const from = layout.unitPosition(stripe, j);
      found.push({ stripe, from, to: from + layout.unitBytes });
    }
  }
  return found;
}

suite('the stripes of a table', () => {
  test('cover the file without a gap, each chunk once', () => {
    fc.assert(
      fc.property(stripes, fc.integer({ min: 1, max: 600_000 }), (stripe, bodyBytes) => {
        const layout = new StripeLayout(stripe, bodyBytes);
        let end = 0;
        for (const { from, to } of parts(layout)) {
          assert.equal(from, end);
          end = to;
        }
        assert.equal(end, layout.headerCopyPosition);
        assert.equal(end + HEADER_COPY_BYTES, layout.fileBytes);
        const chunks: number[] = [];
        for (let r = 0; r < layout.stripeCount; r++) {
          for (let i = 0; i < layout.data; i++) {
            const chunk = layout.chunkOf(r, i);
            if (chunk < 0) continue;
            assert.equal(layout.stripeOf(chunk), r);
            chunks.push(chunk);
          }
        }
        chunks.sort((a, b) => a - b);
        assert.deepEqual(chunks, [...Array(layout.chunkCount).keys()]);
      }),
    );
  });

  test('are found from the size of the file alone', () => {
    fc.assert(
      fc.property(stripes, bodies, (stripe, bodyBytes) => {
        const { fileBytes } = new StripeLayout(stripe, bodyBytes);
        assert.equal(StripeLayout.ofFile(stripe, fileBytes)?.bodyBytes, bodyBytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('are none where no body leads to the size', () => {
    const stripe = { data: 3, parity: 2 };
    const sizes = new Set<number>();
    for (let body = 1; body <= 60_000; body++) sizes.add(new StripeLayout(stripe, body).fileBytes);
    for (let size = 0; size <= 60_000; size++) {
      const found = StripeLayout.ofFile(stripe, size);
      assert.equal(found !== undefined, sizes.has(size), `${size}`);
    }
  });

  test('lose no more than they can restore to a hole of the stated length, wherever it is', () => {
    fc.assert(
      fc.property(stripes, bodies, fc.nat(), (stripe, bodyBytes, seed) => {
        const layout = new StripeLayout(stripe, bodyBytes);
        const { holeBytesMax: length } = layout;
        assert.ok(length > CHUNK_BYTES);
        const all = parts(layout);
        const begins = [0, layout.bodyBytes - 1, layout.bodyBytes - CHUNK_BYTES];
        for (const begin of [...begins, layout.bodyBytes, seed % layout.fileBytes]) {
          const from = Math.max(0, begin);
          const losses = new Map<number, number>();
          for (const part of all) {
            if (part.from >= from + length || part.to <= from) continue;
            losses.set(part.stripe, (losses.get(part.stripe) ?? 0) + 1);
          }
          assert.ok(Math.max(...losses.values()) <= stripe.parity, `hole from ${from}`);
        }
      }),
    );
  });
});
