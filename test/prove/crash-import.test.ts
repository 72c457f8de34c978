/**
 * Power cuts while an import flushes and compacts, and while a manifest is rewritten.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { cutEverywhere } from './crash-run.ts';
import { IMPORT, MANIFEST_REWRITE } from './workloads.ts';

test('a power cut while an import flushes and compacts loses nothing', async (t) => {
  await cutEverywhere(t, IMPORT, 9);
});

test('a power cut while the manifest is rewritten loses nothing', async (t) => {
  await cutEverywhere(t, MANIFEST_REWRITE, 6);
});
