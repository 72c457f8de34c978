/**
 * Choosing among the tables of L0, which may overlap: as how many they count, what can go down
 * together, and which neighbours are merged into one.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import type { Claims } from './claims.ts';
import type { LeveledOptions } from './level-limits.ts';
import { keyRange, meets, rangeOf, totalBytes } from './plan.ts';

/** Tables of L0 that one plan takes at most: each is open and has a read buffer. */
export const L0_INPUTS_MAX = 64;

/** Below this share of the target size, L0 as a whole is tiny. */
const TINY_SHARE = 1 / 64;
/** As a share of a table, what one of a tiny L0 counts at least. */
export const TINY_WEIGHT_MIN: number = 1 / 4;

/**
 * As how many tables some of L0 count. Each of them costs every read a look at a filter, so they
 * are to be few. But a merge, however small, costs a few syncs: where a program has a thousand
 * families, of which each gets a few KiB at a time, the merges would be all that it does. So where
 * they are tiny even together, they count less, down to a quarter.
 */
export function l0Weight(
  tables: readonly TableMeta[],
  { targetTableBytes }: LeveledOptions,
): number {
  const share = totalBytes(tables) / (TINY_SHARE * targetTableBytes);
  return tables.length * Math.min(1, Math.max(TINY_WEIGHT_MIN, share));
}

/**
 * The oldest tables of L0 that can leave it now: neither claimed nor above a claimed one that they
 * overlap, for then a newer version would go past an older one. A lost one is stepped around.
 * Newest first, at most `L0_INPUTS_MAX`.
 */
export function freeToLeave(l0: readonly TableMeta[], claims: Claims): TableMeta[] {
  const held: TableMeta[] = [];
  const free: TableMeta[] = [];
  for (const table of l0.slice(-L0_INPUTS_MAX).reverse()) {
    if (claims.isLost(table)) continue;
    const isHeld = claims.has(table) || held.some((below) => meets(rangeOf(table), rangeOf(below)));
    (isHeld ? held : free).push(table);
  }
  return free.reverse();
}

/**
 * A table and all others that overlap it, directly or through others. Taking less would let an
 * older version of a key stay above a newer one.
 * @param tables from {@link freeToLeave}
 */
export function closureOf(seed: TableMeta, tables: readonly TableMeta[]): TableMeta[] {
  let chosen = [seed];
  for (;;) {
    const range = keyRange(chosen);
    const wider = tables.filter((table) => meets(rangeOf(table), range));
    if (wider.length === chosen.length) return wider;
    chosen = wider;
  }
}

/**
 * Which neighbours to merge so that there are fewer runs: those that cost the least bytes for each
 * run that goes away; of equals, the most. Runs of like size so find together, and a large one is
 * left alone until its neighbours have grown.
 * @param sizes bytes of the runs in their order; infinite for one that cannot take part
 * @param allows whether the runs of `[from, end)` may become one
 * @returns `[from, end)`; undefined when no two neighbours can be merged
 */
export function cheapestSpan(
  sizes: readonly number[],
  allows: (from: number, end: number, bytes: number) => boolean = () => true,
): [from: number, end: number] | undefined {
  let best: [from: number, end: number] | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let from = 0; from < sizes.length - 1; from++) {
    let bytes = sizes[from]!;
    const last = Math.min(sizes.length, from + L0_INPUTS_MAX);
    for (let end = from + 2; end <= last; end++) {
      bytes += sizes[end - 1]!;
      if (bytes === Number.POSITIVE_INFINITY) break;
      const cost = bytes / (end - from - 1);
      if (cost > bestCost) continue;
      if (cost === bestCost && best !== undefined && end - from <= best[1] - best[0]) continue;
      if (!allows(from, end, bytes)) continue;
      best = [from, end];
      bestCost = cost;
    }
  }
  return best;
}
