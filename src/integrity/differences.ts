/**
 * Where the bytes of a file differ from what they should be, shard by shard.
 * @module
 */
import type { RestoredRange } from './finding.ts';

/** Bytes that are damaged and healed by themselves. */
export interface UnitRun {
  readonly lengthBytes: number;
  /** The last unit of the run may be shorter. */
  readonly unitBytes: number;
}

/**
 * The ranges in which `stored` differs from `right`: for each unit the bytes from the first that is
 * wrong to the last, so nothing outside of damaged units is ever written.
 * @param right what should stand at `position` of the file; the ranges are views of it
 * @param stored what does; shorter where the file ends before. Borrowed
 * @param runs how `right` is cut, front to back
 */
export function differences(
  right: Uint8Array,
  stored: Uint8Array,
  position: number,
  runs: readonly UnitRun[],
): RestoredRange[] {
  const ranges: RestoredRange[] = [];
  let from = 0;
  for (const { lengthBytes, unitBytes } of runs) {
    const runEnd = from + lengthBytes;
    for (; from < runEnd; from += unitBytes) {
      const to = Math.min(from + unitBytes, runEnd);
      const first = firstDifference(right, stored, from, to);
      if (first === to) continue;
      let end = to;
      while (end <= stored.length && right[end - 1] === stored[end - 1]) end--;
      ranges.push({ offset: position + first, bytes: right.subarray(first, end) });
    }
    from = runEnd;
  }
  return ranges;
}

function firstDifference(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  while (from < to && a[from] === b[from]) from++;
  return from;
}
