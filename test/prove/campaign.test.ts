/**
 * The damage campaign for a moment; `npm run test:long -- --campaign` for as long as one likes.
 * @slow
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noCounts, runCampaign } from './campaign.ts';
import { campaignSamples } from './campaign-sample.ts';

const RUNS = 200;

test('several damages end in right values, typed errors, or a whole database', async (t) => {
  const samples = await campaignSamples();
  const counts = noCounts();
  for (let seed = 1; seed <= RUNS; seed++) await runCampaign(samples, seed, counts);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.whole > 0 && counts.repaired > 0 && counts.restored > 0);
  assert.ok(counts.refused > 0 && counts.failed > 0 && counts.healed > 0);
});
