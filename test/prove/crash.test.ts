/**
 * Power cuts at every file operation of chosen workloads.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { cutEverywhere } from './crash-run.ts';
import { CORNERS, IMPORT, MANIFEST_REWRITE } from './workloads.ts';

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
