/**
 * Power cuts at every file operation of chosen workloads.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { cutEverywhere } from './crash-run.ts';
import { CORNERS } from './workloads.ts';

for (const [name, workload] of Object.entries(CORNERS)) {
  test(`a power cut loses nothing that was synced (${name})`, async (t) => {
    await cutEverywhere(t, workload, 1);
  });
}
