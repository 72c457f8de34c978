/**
 * Power cuts in workloads with every stage of blocks.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { cutEverywhere } from './crash-run.ts';
import { STAGES } from './settings.ts';
import { CHANGES, OPERATIONS_PER_WORKLOAD, randomWorkload } from './workloads.ts';

const FIRST_STAGED_SEED = 5;
/** With stages only every so many cuts: what is cut are the same operations. */
const STAGED_STRIDE = 4;
const CHANGE_STRIDE = 4;

for (const [i, [name, stages]] of Object.entries(STAGES).entries()) {
  test(`a power cut loses nothing that was synced (random workload, ${name})`, async (t) => {
    await cutEverywhere(
      t,
      randomWorkload(FIRST_STAGED_SEED + i, OPERATIONS_PER_WORKLOAD, stages),
      STAGED_STRIDE,
    );
  });
}

for (const [name, workload] of Object.entries(CHANGES)) {
  test(`a power cut during a change of stages loses nothing (${name})`, async (t) => {
    await cutEverywhere(t, workload, name === 'from the clear to encryption' ? 1 : CHANGE_STRIDE);
  });
}
