/**
 * The garbage collector on demand.
 * @module
 */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turn } from './held-workers.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const ROUNDS_MAX = 200;

/** Lets the collector work until the condition holds, and the host tell what it led to. */
export async function collectUntil(condition: () => boolean): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX && !condition(); round++) await collectGarbage(1);
  assert.ok(condition(), 'the garbage collector found nothing');
  await turn();
}

/** Some rounds of it: whatever nobody has is gone afterwards. */
export async function collectGarbage(rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    collect();
    await turn();
  }
}
