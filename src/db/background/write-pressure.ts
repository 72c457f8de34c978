/**
 * When writes have to give way to background work: how far the trees have fallen behind.
 *
 * A slowdown is a share of the writer's time that it leaves to others, from next to nothing at the
 * first threshold to all of it at the second, where writes stop. So a load that the background
 * cannot follow settles at the pace that it can, without jumps.
 * @module
 */
import {
  compactionDebtBytes,
  garbageOf,
  type Levels,
  l0Weight,
  obstaclesIn,
  totalBytes,
  workable,
} from '../../compaction/pick.ts';
import type { FamilyVersion } from '../../manifest/family-version.ts';
import type { DbCore } from '../core.ts';
import type { StallReason } from '../events.ts';
import type { Family } from '../family.ts';
import type { FamilySettings } from '../options.ts';

/** How strongly writes are held back. */
export interface Pressure {
  /** Of the writer's time: 0 not at all, 1 writes stop. */
  readonly share: number;
  readonly reason: StallReason;
}

/** Nothing holds writes back. */
const NONE: Pressure = { share: 0, reason: 'l0-count' };
/**
 * What deletes on their way down may keep on disk, by the live bytes: writes are slowed from the
 * first share on, which is about what levels within their limits may keep, and stop at the second.
 * A merge under way takes its output besides, and all together should stay below twice the live
 * bytes.
 */
const GARBAGE_SLOWDOWN_SHARE = 0.1;
const GARBAGE_STOP_SHARE = 0.4;

/**
 * Tells what the family that is worst off asks for. What each asks for is worked out when its
 * tables have changed: writes ask often, and there may be thousands of families.
 */
export class PressureGauge {
  readonly #core: DbCore;
  readonly #known: WeakMap<FamilyVersion, Pressure>;

  constructor(core: DbCore) {
    this.#core = core;
    this.#known = new WeakMap();
  }

  get worst(): Pressure {
    const { families, version } = this.#core;
    let worst = NONE;
    for (const family of families.values()) {
      const pressure = this.#of(family, version.families.get(family.handle.id)!);
      if (pressure.share > worst.share) worst = pressure;
    }
    return worst;
  }

  #of(family: Family, version: FamilyVersion): Pressure {
    const obstacles = obstaclesIn(version.levels, this.#core.requests.health.lost);
    // That may change while the tables stay the same.
    let pressure = obstacles.length > 0 ? undefined : this.#known.get(version);
    if (pressure !== undefined) return pressure;
    pressure = NONE;
    // What compaction cannot bring down does not get less by waiting.
    const levels = workable(version.levels, obstacles);
    for (const one of familyPressures(this.#core, family, levels)) {
      if (one.share > pressure.share) pressure = one;
    }
    if (obstacles.length === 0) this.#known.set(version, pressure);
    return pressure;
  }
}

function familyPressures(core: DbCore, { settings }: Family, levels: Levels): Pressure[] {
  const { compaction, l0SlowdownCount, l0StopCount } = settings;
  const { compactionDebtSlowdownBytes, compactionDebtStopBytes } = settings;
  // There all tables are in L0, and none of them is a debt.
  if (compaction.policy === 'fifo') return [];
  const debt = compactionDebtBytes(levels, settings, compaction);
  const l0 = levels[0]!;
  // Tables that were merged inside of L0 count for all that they hold.
  const l0Buffers = totalBytes(l0) / core.settings.writeBufferBytes;
  const isLeveled = compaction.policy === 'leveled';
  const byCount: Pressure = {
    reason: 'l0-count',
    share: shareOf(l0Weight(l0, settings) + 1, l0SlowdownCount, l0StopCount + 1),
  };
  return [
    { reason: 'garbage', share: isLeveled ? garbageShare(levels, settings) : 0 },
    byCount,
    {
      reason: 'l0-size',
      share: shareOf(l0Buffers, l0SlowdownCount, l0StopCount),
    },
    {
      reason: 'compaction-debt',
      share: shareOf(debt, compactionDebtSlowdownBytes, compactionDebtStopBytes),
    },
  ];
}

/**
 * A tree that deletes as much as it writes stays near the size of its live data only while deletes
 * come down to what they delete. A load without deletes is not held back by this. L0 need not go
 * down by its size below `baseLevelBytes`, so writes do not stop for less.
 */
function garbageShare(levels: Levels, { baseLevelBytes }: FamilySettings): number {
  const { liveBytes, deadBytes } = garbageOf(levels);
  const slowdown = Math.max(baseLevelBytes / 4, liveBytes * GARBAGE_SLOWDOWN_SHARE);
  const stop = Math.max(baseLevelBytes, liveBytes * GARBAGE_STOP_SHARE);
  return shareOf(deadBytes, slowdown, stop);
}

/** How far a value has come from one threshold to the other. */
function shareOf(value: number, slowdown: number, stop: number): number {
  if (value >= stop) return 1;
  return value <= slowdown ? 0 : (value - slowdown) / (stop - slowdown);
}
