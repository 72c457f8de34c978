/**
 * Random operations, compared with a model.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type Operation, operationFrom, operationsFrom } from './operations.ts';
import { runOperations } from './runner.ts';
import { SETTINGS, STAGES } from './settings.ts';

const SEEDS = [1, 2, 3];
/** With stages. */
const STAGED_SEEDS = [1, 2];
const OPERATIONS_PER_RUN = 1200;

for (const [name, options] of Object.entries(SETTINGS)) {
  for (const seed of name in STAGES ? STAGED_SEEDS : SEEDS) {
    test(`a database behaves as the model does (${name}, seed ${seed})`, async (t) => {
      const operations = operationsFrom(seed, OPERATIONS_PER_RUN);
      const totals = await runOperations(operations, options, seed);
      t.diagnostic(JSON.stringify(totals));
      assert.equal(totals.operations, OPERATIONS_PER_RUN);
      if (name === 'roomy') return;
      assert.ok(totals.flushes > 20, `${totals.flushes} flushes`);
      assert.ok(totals.compactions > 10, `${totals.compactions} compactions`);
      // Of tables that shrink fewer reach the depth.
      const deepest = options.compression === 'none' || options.ecc !== undefined ? 3 : 2;
      assert.ok(totals.deepestLevel >= deepest, `deepest level ${totals.deepestLevel}`);
      assert.ok(totals.tablesMax >= 4, `${totals.tablesMax} tables`);
    });
  }
}

test('a verification finds tables though a compaction replaces its first ones', async () => {
  const put = (key: string): Operation => ({
    do: 'write',
    write: { family: 0, key, value: { seed: 1, length: 10 } },
    sync: false,
  });
  const flush: Operation = { do: 'flush', family: 0, wait: true };
  // The second flush makes a compaction due, which runs while the logs are verified.
  const operations: Operation[] = [put('b'), flush, put('a'), flush, { do: 'verify' }];
  await runOperations(operations, SETTINGS['unlogged']!, 1);
});

test('short runs behave as the model does, and shrink when they do not', async () => {
  // Every operation follows from a number of its own, so that leaving some out keeps the others.
  const operation = fc
    .noShrink(fc.integer({ min: 0, max: 2 ** 31 }))
    .map((seed) => operationFrom(new SeededRandom(seed)));
  const operations = fc.array(operation, { maxLength: 120, size: 'max' });
  const setting = fc.constantFrom(...Object.keys(SETTINGS));
  await fc.assert(
    fc.asyncProperty(operations, setting, async (list, name) => {
      await runOperations(list, SETTINGS[name]!, 1);
    }),
    { numRuns: 60, verbose: 1 },
  );
});
