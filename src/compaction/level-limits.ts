/**
 * How large the levels of a leveled tree may be. The limits follow the bytes that are there: the
 * last level holds what it holds, and each level above it `levelRatio` times less, so that what
 * overwrites and deletes leave behind stays near a tenth of the data. With limits that were fixed
 * from the top, a last level that has just been opened would be smaller than the one above it, and
 * half of the tree could be garbage.
 *
 * L0 goes to the *base level*: the topmost one whose limit is not far below `baseLevelBytes`, or
 * else the last. A level smaller than what L0 brings at a time would be rewritten each time and
 * sort nothing; with a much larger one each time takes long, and L0 fills up meanwhile. So the
 * limit of the base level lies within a factor of the root of the ratio. The levels above it are
 * empty, or being emptied.
 *
 * A level is opened below the last one when that outgrows `baseLevelBytes * levelRatio^(n-1)`. Its
 * limit then falls to a share, and its tables move down: nothing is below them, so nothing is
 * written.
 * @module
 */
import { type Levels, totalBytes } from './plan.ts';

/**
 * An output ends when it overlaps more than this many target sizes of the level below it, and does
 * not move above more unmerged.
 */
export const GRANDPARENT_TABLES_MAX = 10;

/** Shape of the tree: options of a column family that several policies read. */
export interface LeveledOptions {
  /** L0 tables at which a compaction starts. */
  readonly l0TriggerCount: number;
  /** About the limit of the level that L0 goes to, in bytes. */
  readonly baseLevelBytes: number;
  /** Limit of a level by that of the level above it. */
  readonly levelRatio: number;
  /** Size at which an output table ends. */
  readonly targetTableBytes: number;
}

/** What the levels of one tree may hold. */
export interface LevelLimits {
  /** Where L0 goes, unless a level above it still holds tables: 1 or deeper. */
  readonly baseLevel: number;
  /** Deepest level that is or will be in use. */
  readonly lastLevel: number;
  /**
   * Bytes by level. L0: `baseLevelBytes`. Above the base level: 0. The last level of all has no
   * limit.
   */
  readonly limitBytes: readonly number[];
}

/** The limits for the bytes that the levels hold now. */
export function levelLimits(levels: Levels, options: LeveledOptions): LevelLimits {
  const { baseLevelBytes, levelRatio } = options;
  const deepest = levels.length - 1;
  const sizes = levels.map(totalBytes);
  // Not the last level's: while tables move into a new one, most are above it still.
  const bulk = Math.max(0, ...sizes.slice(1));
  let lastLevel = Math.max(
    1,
    sizes.findLastIndex((size) => size > 0),
  );
  while (lastLevel < deepest && bulk > baseLevelBytes * levelRatio ** (lastLevel - 1)) lastLevel++;
  const shareOf = (level: number) => bulk / levelRatio ** (lastLevel - level);
  let baseLevel = 1;
  const baseBytesMin = baseLevelBytes / Math.sqrt(levelRatio);
  while (baseLevel < lastLevel && shareOf(baseLevel) < baseBytesMin) baseLevel++;
  const limitBytes = levels.map((_, level) => {
    if (level === 0) return baseLevelBytes;
    if (level < baseLevel) return 0;
    return level < lastLevel ? shareOf(level) : Number.POSITIVE_INFINITY;
  });
  return { baseLevel, lastLevel, limitBytes };
}
