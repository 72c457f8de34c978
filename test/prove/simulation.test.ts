/**
 * Whole lives of databases, by seeds.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulation.ts';

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);
const REPEATED_SEED = 5;

test('whatever happens to a database, reads are right and nothing durable is lost', async (t) => {
  const sums = new Map<string, number>();
  for (const seed of SEEDS) {
    const totals = await simulate(seed).catch((cause: Error) => {
      const command = `npm run test:long -- --simulation --seed ${seed} --seeds 1`;
      throw new Error(`${cause.message}\nTo replay: ${command}`, { cause });
    });
    for (const [name, count] of Object.entries(totals)) {
      if (typeof count === 'number') sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(sums)));
  for (const [name, sum] of sums) assert.ok(sum > 0, `no ${name}`);
});

test('the same seed gives the same events, byte for byte', async () => {
  const first = await simulate(REPEATED_SEED);
  const again = await simulate(REPEATED_SEED);
  const other = await simulate(REPEATED_SEED + 1);
  assert.deepEqual(again, first);
  assert.notEqual(other.trace, first.trace);
});
