/**
 * Damage beyond what a code can put right.
 * @slow
 * @module
 */
import { describe, test } from 'node:test';
import type { EccOptions } from '../../src/ecc/options.ts';
import { runBeyond } from './damage-beyond.ts';
import { makeSample, RS_4_2, STAGES, XOR_3 } from './damage-sample.ts';

/** So many choices of shards and ways for each unit; `npm run test:long -- --damage` runs all. */
const CHOICES = 2;

describe('one shard more than the budget is a typed error, and never a wrong value', () => {
  for (const [code, ecc] of [
    ['reed-solomon', RS_4_2],
    ['xor', XOR_3],
  ] as [string, EccOptions][]) {
    for (const [at, name] of Object.keys(STAGES).entries()) {
      test(`${code}, ${name}`, async () => {
        const sample = await makeSample(ecc, STAGES[name]!);
        await runBeyond(sample, at % 2 === 0 ? 'dead' : 'closed', CHOICES, at);
      });
    }
  }
});
