/**
 * Where to cut a merge into parts that can be done at the same time: at keys that give each part
 * about as many bytes of all inputs together.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';

/** Bytes of an input that stand from a key on, up to the next sample of the same input. */
export interface SizeSample {
  readonly key: Uint8Array;
  readonly sizeBytes: number;
}

/**
 * Up to `partCount - 1` keys, ascending and different: part n goes from cut n-1 (inclusive) to cut
 * n (exclusive). Fewer where the samples do not tell that many parts apart.
 * @param samples of all inputs, in any order; borrowed
 */
export function cutKeys(samples: readonly SizeSample[], partCount: number): Uint8Array[] {
  const sorted = [...samples].sort((a, b) => compareKeys(a.key, b.key));
  const total = sorted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const cuts: Uint8Array[] = [];
  let before = 0;
  let last = sorted[0]?.key;
  for (const { key, sizeBytes } of sorted) {
    const isDue = before >= (total * (cuts.length + 1)) / partCount;
    // The first part begins before all keys, so that it needs one of its own.
    if (isDue && cuts.length < partCount - 1 && compareKeys(key, last!) > 0) {
      cuts.push(key);
      last = key;
    }
    before += sizeBytes;
  }
  return cuts;
}
