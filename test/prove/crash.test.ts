import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { countOperations, cutAndCheck, type Workload } from './crash-run.ts';
import { STAGES } from './settings.ts';
import { CHANGES, CORNERS, IMPORT, MANIFEST_REWRITE, randomWorkload } from './workloads.ts';

const RANDOM_SEEDS = [1, 2, 3, 4];
const FIRST_STAGED_SEED = 5;
const OPERATIONS_PER_WORKLOAD = 60;
/** With stages only every so many cuts: what is cut are the same operations. */
const STAGED_STRIDE = 4;
const CHANGE_STRIDE = 4;

/** Cuts the power at every `stride`-th file operation of a workload. */
async function cutEverywhere(t: TestContext, workload: Workload, stride: number): Promise<void> {
  const total = await countOperations(workload, 1);
  let cuts = 0;
  let disks = 0;
  for (let cut = 1; cut <= total; cut += stride) {
    disks += await cutAndCheck(workload, 1, cut);
    cuts++;
  }
  t.diagnostic(`${cuts} power cuts, ${disks} disks`);
  assert.ok(cuts >= 20, `only ${cuts} cuts`);
}

for (const seed of RANDOM_SEEDS) {
  test(`a power cut loses nothing that was synced (random workload ${seed})`, async (t) => {
    await cutEverywhere(t, randomWorkload(seed, OPERATIONS_PER_WORKLOAD), 1);
  });
}

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

for (const [name, workload] of Object.entries(CORNERS)) {
  test(`a power cut loses nothing that was synced (${name})`, async (t) => {
    await cutEverywhere(t, workload, 1);
  });
}

test('a power cut while an import flushes and compacts loses nothing', async (t) => {
  await cutEverywhere(t, IMPORT, 9);
});

test('a power cut while the manifest is rewritten loses nothing', async (t) => {
  await cutEverywhere(t, MANIFEST_REWRITE, 6);
});
