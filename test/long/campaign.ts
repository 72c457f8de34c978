/**
 * `npm run test:long -- --campaign [--seed N] [--runs N | --minutes M]`: the damage campaign of
 * test/prove/campaign.ts, a seed for each run.
 * @module
 */
import { noCounts, runCampaign } from '../prove/campaign.ts';
import { campaignSamples } from '../prove/campaign-sample.ts';

const REPORT_INTERVAL_MS = 10_000;

/** See the module head. */
export interface CampaignPlan {
  readonly first: number;
  /** Ends after so many runs, or the minutes. */
  readonly runs: number;
  readonly minutes: number;
}

/** Runs it; a failure prints the command that replays it. @returns false after a failure */
export async function campaign({ first, runs, minutes }: CampaignPlan): Promise<boolean> {
  const samples = await campaignSamples();
  const counts = noCounts();
  const begin = performance.now();
  let reportedMs = begin;
  for (let i = 0; i < runs && performance.now() - begin < minutes * 60_000; i++) {
    const seed = first + i;
    try {
      await runCampaign(samples, seed, counts);
    } catch (error) {
      console.error(error);
      console.error(`\nTo replay: npm run test:long -- --campaign --seed ${seed} --runs 1`);
      return false;
    }
    if (performance.now() - reportedMs < REPORT_INTERVAL_MS) continue;
    reportedMs = performance.now();
    console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  }
  console.log(`${JSON.stringify(counts)}, no failure`);
  return true;
}
