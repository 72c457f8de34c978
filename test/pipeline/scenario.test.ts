import { test } from 'node:test';
import fc from 'fast-check';
import { runScenario, scenarios } from './scenario.ts';

const RUNS = 60;

test('a database whose options change from session to session holds what was written', async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, (one) => runScenario(one)),
    { numRuns: RUNS },
  );
});
