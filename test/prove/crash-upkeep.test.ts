/**
 * Power cuts while a database is looked after: upkeep.ts, under each executor.
 * @slow
 * @module
 */
import { suite, test } from 'node:test';
import { cutEverywhere } from '../copy/trouble.ts';
import {
  backupTrouble,
  checkpointTrouble,
  closedScrubTrouble,
  EXECUTORS,
  readHealTrouble,
  repairTrouble,
  restoreTrouble,
  scrubTrouble,
} from './upkeep.ts';

/** Every so many operations, another remainder of it for each executor: together they miss few. */
const STRIDE = 17;
const WORK = {
  'a scrub that heals': scrubTrouble,
  'reads that heal': readHealTrouble,
  'a checkpoint': checkpointTrouble,
  'a backup': backupTrouble,
  'a restore': restoreTrouble,
  'a repair': repairTrouble,
} as const;

for (const [executor, workerCount] of Object.entries(EXECUTORS)) {
  suite(`the power goes, ${executor}`, () => {
    for (const [name, troubleUnder] of Object.entries(WORK)) {
      test(`during ${name}`, async (t) => {
        await cutEverywhere(t, await troubleUnder(workerCount), STRIDE, 1 + workerCount);
      });
    }
  });
}

test('the power goes during a scrub of a closed directory', async (t) => {
  await cutEverywhere(t, await closedScrubTrouble(), 3);
});
