/**
 * What the process that is going to be killed writes: all of it follows from a seed, so that its
 * parent knows it too. Even steps write pairs: the same value in both families, in one batch.
 * @module
 */
import type { DbOptions } from '../../src/db/options.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type ValueSpec, valueFor } from './operations.ts';
import { STAGES } from './settings.ts';

/** Small, so that flushes and compactions are under way when the process dies. */
const SMALL: DbOptions = {
  columnFamilies: ['second'],
  writeBufferBytes: 128 * 1024,
  targetTableBytes: 64 * 1024,
  baseLevelBytes: 64 * 1024,
  l0TriggerCount: 2,
};

/** What the process opens its database with, by name. */
export const SIGKILL_OPTIONS = {
  'the usual stages': SMALL,
  'every stage': { ...SMALL, ...STAGES.everything },
} as const satisfies Readonly<Record<string, DbOptions>>;

export type SigkillName = keyof typeof SIGKILL_OPTIONS;

/** One write of the process. */
export interface Step {
  readonly key: string;
  /** Undefined for a delete. */
  readonly value: Uint8Array | undefined;
  /** In both families as one batch; in the default one only otherwise. */
  readonly isPair: boolean;
  readonly sync: boolean;
  /** What to wait for when the write is done. */
  readonly awaits: 'sync' | 'flush' | undefined;
}

/** The steps of one life of the process, without end. */
export function* stepsOf(seed: number): Generator<Step> {
  const random = new SeededRandom(seed);
  for (;;) {
    const isPair = random.chance(0.5);
    const value: ValueSpec = {
      seed: random.u32(),
      length: random.chance(0.05) ? random.below(20_000) : random.below(300),
    };
    const wait = random.below(200);
    yield {
      key: `${isPair ? 'pair' : 'single'}-${random.below(500)}`,
      value: random.chance(0.2) ? undefined : valueFor(value),
      isPair,
      sync: random.chance(0.02),
      awaits: wait === 0 ? 'flush' : wait < 4 ? 'sync' : undefined,
    };
  }
}
