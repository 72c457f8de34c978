/**
 * The fuzzers for a moment.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzArguments } from '../../fuzz/arguments.ts';
import { fuzzDamagedFiles } from '../../fuzz/damaged-files.ts';
import { fuzzDecoders } from '../../fuzz/decoders.ts';
import { fuzzSealedBlocks } from '../../fuzz/sealed-blocks.ts';
import { STRUCTURES } from '../../fuzz/structures.ts';
import { fuzzWholeFiles } from '../../fuzz/whole-files.ts';

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

test('whoever looks at damaged files gives typed errors only, and heals for good', async (t) => {
  const counts = await fuzzWholeFiles(1, 60);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.parts > 10_000 && counts.findings > 20 && counts.refused > 5);
});

test('decoders take any bytes, those of the corpus too', async (t) => {
  const counts = await fuzzDecoders(1, 300);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.refused > 200);
  assert.deepEqual(
    Object.keys(counts.inputs),
    STRUCTURES.map(({ name }) => name),
  );
});

test('wrong options and arguments are told as what they are', async (t) => {
  const counts = await fuzzArguments(1, 150);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.optionsRefused > 50 && counts.commandsRefused > 50);
  assert.ok(counts.optionsRefused < 150 && counts.commandsRefused < 150);
});
