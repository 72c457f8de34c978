/**
 * Background work in trouble: what fails, stalls and comes back, by seeds.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runBackground } from './background-run.ts';

/** Each of them meets nearly everything that there is. */
const SEEDS = [12, 35, 60, 80, 110];
const REPEATED_SEED = 3;

test('background work under trouble loses nothing, and comes back', async (t) => {
  const sums = new Map<string, number>();
  for (const seed of SEEDS) {
    const { kinds, trace: _, ...counts } = await runBackground(seed);
    for (const [name, count] of [...Object.entries(counts), ...Object.entries(kinds)]) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(sums)));
  for (const [name, sum] of sums) assert.ok(sum > 0, `no ${name}`);
});

test('the same seed gives the same trouble, event for event', async () => {
  const first = await runBackground(REPEATED_SEED, 100);
  const again = await runBackground(REPEATED_SEED, 100);
  const other = await runBackground(REPEATED_SEED + 1, 100);
  assert.deepEqual(again, first);
  assert.notEqual(other.trace, first.trace);
});
