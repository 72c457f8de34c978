/**
 * The fuzzers for a moment.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzDamagedFiles } from '../../fuzz/damaged-files.ts';
import { fuzzSealedBlocks } from '../../fuzz/sealed-blocks.ts';

test('files with several damages give right values or typed errors', async (t) => {
  const counts = await fuzzDamagedFiles(1, 1000);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.refused > 100 && counts.failed > 100);
});

test('wrong content under a right checksum gives typed errors only', async (t) => {
  const counts = await fuzzSealedBlocks(1, 1500);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.blocks > 20 && counts.refused > 100);
});
