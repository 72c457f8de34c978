import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzDamage } from '../../fuzz/damage.ts';
import { makeSample } from '../prove/damage.ts';

const DATABASES = 300;

test('a database that is damaged in many places answers right or with an error', async () => {
  const sample = await makeSample();
  let refused = 0;
  for (let seed = 1; seed <= DATABASES; seed++) if (await fuzzDamage(sample, seed)) refused++;
  assert.ok(refused > 0 && refused < DATABASES, `${refused} of ${DATABASES} refused to open`);
});
