/**
 * Power cuts in more random workloads: a file of their own, so that two processes share them.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { cutEverywhere } from './crash-run.ts';
import { OPERATIONS_PER_WORKLOAD, randomWorkload } from './workloads.ts';

const RANDOM_SEEDS = [3, 4];

for (const seed of RANDOM_SEEDS) {
  test(`a power cut loses nothing that was synced (random workload ${seed})`, async (t) => {
    await cutEverywhere(t, randomWorkload(seed, OPERATIONS_PER_WORKLOAD), 1);
  });
}
