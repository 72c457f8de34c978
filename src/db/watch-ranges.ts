/**
 * What a call of `watch` asks for.
 * @module
 */
import { WATCH_OPTIONS, WATCH_RANGE } from './call-checks.ts';
import { type ColumnFamily, DEFAULT_FAMILY_NAME } from './column-family.ts';
import type { DbCore } from './core.ts';
import { familyOf } from './find-family.ts';
import { keyRangeOf, type RangeOptions } from './range.ts';
import type { Watch, WatchOptions } from './watch.ts';
import type { WatchedRange } from './watch-feed.ts';

/** Keys to watch. At most one lower and one upper bound count besides the prefix. */
export interface WatchRange extends Pick<RangeOptions, 'gte' | 'gt' | 'lte' | 'lt' | 'prefix'> {
  /** The family, or its name; the default one if absent. */
  readonly columnFamily?: ColumnFamily | string;
}

const BUFFER_BYTES_MIN = 0x400;
const BUFFER_BYTES_MAX = 0x4000_0000;

/** See `Db.watch`. */
export function watchDatabase(
  core: DbCore,
  ranges: WatchRange | readonly WatchRange[],
  options: WatchOptions,
): Watch {
  WATCH_OPTIONS.check(options);
  checkBufferBytes(options.bufferBytes);
  const all = Array.isArray(ranges) ? ranges : [ranges];
  if (all.length === 0) throw new RangeError('watch takes at least one range');
  return core.watchers.open(
    all.map((one) => watchedRange(core, one)),
    options,
    () => core.lastSeqno,
  );
}

function watchedRange(core: DbCore, range: WatchRange = {}): WatchedRange {
  WATCH_RANGE.check(range);
  return {
    family: familyOf(core, range.columnFamily ?? DEFAULT_FAMILY_NAME).handle,
    range: keyRangeOf(range),
  };
}

function checkBufferBytes(bytes: number | undefined): void {
  if (bytes === undefined) return;
  if (!Number.isInteger(bytes) || bytes < BUFFER_BYTES_MIN || bytes > BUFFER_BYTES_MAX) {
    const text = `bufferBytes must be an integer of ${BUFFER_BYTES_MIN} to ${BUFFER_BYTES_MAX}`;
    throw new RangeError(text);
  }
}
