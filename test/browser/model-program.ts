/**
 * The model tests of the engine over OPFS: random operations on a database and on a plain model,
 * under all settings, with many files of the browser and with few.
 * @module
 */
import type { Check } from '../executor/browser-checks.ts';
import { runChecks } from '../executor/browser-run.ts';
import { check } from '../executor/browser-world.ts';
import { OpfsLives } from '../fs/opfs-lives.ts';
import { clearOpfs } from '../fs/opfs-world.ts';
import { operationsFrom } from '../prove/operations.ts';
import { runOperations } from '../prove/runner.ts';
import { SETTINGS } from '../prove/settings.ts';

const OPERATIONS_PER_RUN = 1200;
const MANY = 128;
/** So few that files share those of the browser. */
const FEW = 10;

async function run(name: string, seed: number, handlesMax: number): Promise<string> {
  const lives = new OpfsLives(`model-${name}-${seed}`, handlesMax);
  const operations = operationsFrom(seed, OPERATIONS_PER_RUN);
  const totals = await runOperations(operations, SETTINGS[name]!, seed, lives);
  await lives.end();
  check(totals.reopenings > 5, `${totals.reopenings} reopenings`);
  check(name === 'roomy' || totals.compactions > 10, `${totals.compactions} compactions`);
  const { comparisons, flushes, compactions, reopenings } = totals;
  return JSON.stringify({ comparisons, flushes, compactions, reopenings });
}

const checks: Record<string, Check> = {};
for (const name of Object.keys(SETTINGS)) {
  checks[`a database in OPFS behaves as the model does (${name}, few handles)`] = () =>
    run(name, 2, FEW);
}
for (const name of ['small', 'everything']) {
  checks[`a database in OPFS behaves as the model does (${name}, many handles)`] = () =>
    run(name, 1, MANY);
}

await clearOpfs();
await runChecks(checks);
