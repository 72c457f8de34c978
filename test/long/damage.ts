/**
 * `npm run test:long -- --damage`: error correction over whole databases without leaving anything
 * out. Every unit of every file meets every choice of up to two shards, with every way to damage
 * them; every choice of one shard more than its code restores; every bit of every word. Codes that
 * are less usual follow, with a part of the choices.
 * @module
 */
import type { EccOptions } from '../../src/ecc/options.ts';
import { runBeyond } from '../pipeline/damage-beyond.ts';
import { runBitRounds } from '../pipeline/damage-bits.ts';
import { runRounds } from '../pipeline/damage-rounds.ts';
import { makeSample, RS_4_2, SECDED, STAGES, XOR_3 } from '../pipeline/damage-sample.ts';

/** Codes whose choices are all made. */
const CODES: readonly EccOptions[] = [RS_4_2, XOR_3];
/** Codes of which a part must do. */
const OTHER_CODES: readonly EccOptions[] = [
  { scheme: 'reed-solomon', data: 10, parity: 4 },
  { scheme: 'reed-solomon', data: 2, parity: 3 },
  { scheme: 'reed-solomon', data: 1, parity: 1 },
  { scheme: 'reed-solomon', data: 24, parity: 6 },
  { scheme: 'xor', data: 1 },
  { scheme: 'xor', data: 24 },
];
/** Choices of shards beyond the budget for each unit: all that a code of 4+2 has. */
const BEYOND_CHOICES = 120;
const OTHER_BEYOND_CHOICES = 5;
const OTHER_STEP = 11;
const STATES = ['dead', 'closed'] as const;

/**
 * Runs all of it.
 * @param tell receives a line about each part that is done
 * @throws Error that names the damage that was not put right
 */
export async function damageEverything(tell: (line: string) => void): Promise<void> {
  for (const [name, stages] of Object.entries(STAGES)) {
    const sample = await makeSample(SECDED, stages);
    for (const state of STATES) {
      await runBitRounds(sample, sample[state], 1, false);
      await runBitRounds(sample, sample[state], 9, true);
    }
    tell(`secded, ${name}: every bit`);
  }
  for (const ecc of CODES) await damageShards(ecc, 1, BEYOND_CHOICES, tell);
  for (const ecc of OTHER_CODES) await damageShards(ecc, OTHER_STEP, OTHER_BEYOND_CHOICES, tell);
}

async function damageShards(
  ecc: EccOptions,
  step: number,
  choices: number,
  tell: (line: string) => void,
): Promise<void> {
  for (const [at, name] of Object.keys(STAGES).entries()) {
    const sample = await makeSample(ecc, STAGES[name]!);
    for (const state of STATES) {
      const rounds = await runRounds(sample, sample[state], at, step);
      const runs = await runBeyond(sample, state, choices, 1);
      tell(`${JSON.stringify(ecc)}, ${name}, ${state}: ${rounds} rounds, ${runs} beyond`);
    }
  }
}
