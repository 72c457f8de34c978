/**
 * The tests of compression, encryption and error correction over OPFS: every combination of them,
 * and random lives in which they change.
 * @module
 */
import fc from 'fast-check';
import type { Check } from '../executor/browser-checks.ts';
import { runChecks } from '../executor/browser-run.ts';
import { OpfsLives } from '../fs/opfs-lives.ts';
import { clearOpfs } from '../fs/opfs-world.ts';
import { checkCombination, combinations, nameOf } from '../pipeline/combinations.ts';
import { runScenario, scenarios } from '../pipeline/scenario.ts';

const SCENARIOS = 20;
const HANDLES_MAX = 32;

const checks: Record<string, Check> = {
  async 'every combination of the stages is in every file and reads back'() {
    for (const [n, combination] of combinations().entries()) {
      const lives = new OpfsLives(`combination-${n}`, HANDLES_MAX);
      try {
        await checkCombination(combination, lives);
      } catch (cause) {
        throw new Error(`${nameOf(combination)}: ${cause}`, { cause });
      }
      await lives.end();
    }
    return `${combinations().length} combinations`;
  },

  async 'a database whose options change from session to session holds what was written'() {
    let n = 0;
    const run = fc.asyncProperty(scenarios, async (scenario) => {
      const lives = new OpfsLives(`scenario-${n++}`, HANDLES_MAX);
      try {
        await runScenario(scenario, lives);
      } finally {
        await lives.end();
      }
    });
    await fc.assert(run, { numRuns: SCENARIOS });
    return `${SCENARIOS} lives`;
  },
};

await clearOpfs();
await runChecks(checks);
