/**
 * Options under which there is always background work to do, and often more than can be done.
 * @module
 */
import type { CompactionOptions } from '../../src/compaction/options.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SETTINGS } from './settings.ts';

const KIB = 1024;

const POLICIES: readonly CompactionOptions[] = [
  'leveled',
  'size-tiered',
  { policy: 'leveled', l0OverlapRatioMax: 1, tombstoneCountMin: 5, tombstonePercent: 10 },
  { policy: 'size-tiered', deepRunCountMax: 1, spaceAmplificationPercent: 10 },
];

/** How a database is opened. */
export interface BackgroundOptions {
  readonly options: DbOptions;
  /** Simulated threads; 0 for none. */
  readonly workerCount: number;
}

/** Consumes the random source. @param families that the options are to name */
export function backgroundOptions(
  random: SeededRandom,
  families: readonly string[],
): BackgroundOptions {
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)]!;
  const own = families.map((name) => [name, { compaction: pick(POLICIES) }] as const);
  const options: DbOptions = {
    ...SETTINGS['small'],
    writeBufferBytes: pick([16, 32, 64]) * KIB,
    targetTableBytes: pick([64, 64, 256]) * KIB,
    baseLevelBytes: pick([64, 128]) * KIB,
    levelRatio: pick([2, 3, 10]),
    l0TriggerCount: pick([1, 2, 4]),
    wal: random.chance(0.67),
    compaction: pick(POLICIES),
    columnFamilies: Object.fromEntries(own),
    rateLimitBytesPerSecond: pick([0, 0, 0, 64 * KIB]),
    ...(random.chance(0.33) ? { l0SlowdownCount: 4, l0StopCount: 5 } : {}),
  };
  return { options, workerCount: pick([0, 1, 2, 8]) };
}
